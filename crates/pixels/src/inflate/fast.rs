//! Symbols where there is plenty of input, and of space: neither is looked at while one is decoded, and rounds of the loop overlap,
//! since the next table entry is on its way while the bits are filled up.

use super::huffman::{DISTANCE_BITS, LITERAL_BITS, LITERALS, LONG, SPECIAL};
use super::{Broken, Inflate, NO_SUCH_DISTANCE, TOO_FAR, Tables};

/// The fast loop reads no more input in a round, nor writes more.
pub(super) const FAST_INPUT: usize = 16;
pub(super) const FAST_OUTPUT: usize = 8 + 258 + 16;

impl Inflate {
    /// Takes symbols up to the block's end, or for as long as there are [`FAST_INPUT`] and [`FAST_OUTPUT`].
    pub(super) fn symbols(&mut self, input: &mut &[u8], output: &mut [u8], start: usize) -> Result<usize, Broken> {
        if input.len() < FAST_INPUT {
            return Ok(start);
        }
        let Tables { literals, distances, .. } = &*self.tables;
        let (mut bits, mut count) = (self.bits, self.count);
        let (mut at, mut used) = (start, 0);
        let mut ended = None;
        // At least 56 bits. Those above `count` are the next ones of the input, or zeros: read again they are the same.
        macro_rules! refill {
            () => {
                // SAFETY: `used` grows by no more than 7 a time, and before each first of two times there are 16 bytes.
                let next = unsafe { input.as_ptr().add(used).cast::<u64>().read_unaligned() };
                bits |= u64::from_le(next) << count;
                used += (63 - count as usize) / 8;
                count |= 56;
            };
        }
        macro_rules! next_literal_entry {
            () => {
                literals.entries[bits as usize & ((1 << LITERAL_BITS) - 1)]
            };
        }
        macro_rules! write_literals {
            ($entry:ident) => {
                // SAFETY: a round writes 6 literals at most, and then a repetition; at its beginning there is space for more.
                unsafe { output.as_mut_ptr().add(at).cast::<[u8; 2]>().write_unaligned((($entry >> 16) as u16).to_le_bytes()) };
                at += ($entry >> 12 & 3) as usize;
                bits >>= $entry & 0xff;
                count -= $entry & 0xff;
            };
        }
        refill!();
        let mut entry = next_literal_entry!();
        while input.len() - used >= FAST_INPUT && output.len() - at >= FAST_OUTPUT {
            // Three times twelve bits, and as many once more: the next round's entry is on its way while the bits are filled up.
            if entry & LITERALS != 0 {
                write_literals!(entry);
                entry = next_literal_entry!();
                if entry & LITERALS != 0 {
                    write_literals!(entry);
                    entry = next_literal_entry!();
                    if entry & LITERALS != 0 {
                        write_literals!(entry);
                        entry = next_literal_entry!();
                        refill!();
                        continue;
                    }
                }
            }
            // A length and a distance with all that belongs to them take 48.
            refill!();
            if entry & SPECIAL != 0 {
                if entry & LONG != 0 {
                    entry = literals.long_entry(entry, bits, LITERAL_BITS);
                }
                if entry & LITERALS != 0 {
                    write_literals!(entry);
                    entry = next_literal_entry!();
                    continue;
                }
                if entry & SPECIAL != 0 {
                    bits >>= entry & 0xff;
                    count -= entry & 0xff;
                    ended = Some(entry);
                    break;
                }
            }
            let length = (entry >> 16) as usize + extra(bits, entry);
            bits >>= entry & 0xff;
            count -= entry & 0xff;
            let mut second = distances.entries[bits as usize & ((1 << DISTANCE_BITS) - 1)];
            if second & SPECIAL != 0 {
                second = if second & LONG != 0 { distances.long_entry(second, bits, DISTANCE_BITS) } else { second };
                if second & SPECIAL != 0 {
                    self.reached = at;
                    return Err(NO_SUCH_DISTANCE);
                }
            }
            let distance = (second >> 16) as usize + extra(bits, second);
            bits >>= second & 0xff;
            count -= second & 0xff;
            if distance > at {
                self.reached = at;
                return Err(TOO_FAR);
            }
            refill!();
            entry = next_literal_entry!();
            // SAFETY: `distance` is not 0 and no more than `at`. A length is 258 at most, and for that and 16 bytes more there is
            // space: 6 literals at most have been written since that was found.
            unsafe { repeat(output.as_mut_ptr().add(at), distance, length) };
            at += length;
        }
        self.bits = bits & ((1 << count) - 1);
        self.count = count;
        *input = &input[used..];
        self.reached = at;
        ended.map_or(Ok(()), |entry| self.end_block(entry))?;
        Ok(at)
    }
}

/// The extra bits of a symbol.
#[inline(always)]
fn extra(bits: u64, entry: u32) -> usize {
    ((bits & ((1 << (entry & 0xff)) - 1)) >> (entry >> 8 & 15)) as usize
}

/// Writes `length` bytes to `to`, each the same as that `distance` bytes before it, and up to 15 more of no meaning.
///
/// # Safety
/// `to` is valid for writing `length + 15` bytes, and for reading `distance` bytes, at least one, before it.
#[inline(always)]
unsafe fn repeat(to: *mut u8, distance: usize, length: usize) {
    const STEP: usize = 16;
    // SAFETY: what is read lies between `to - distance` and what has been written, and no more is written than is allowed.
    unsafe {
        let step = |done: usize, back: usize| {
            let bytes = to.add(done).sub(back).cast::<[u8; STEP]>().read_unaligned();
            to.add(done).cast::<[u8; STEP]>().write_unaligned(bytes);
        };
        if distance >= STEP {
            step(0, distance);
            let mut done = STEP;
            while done < length {
                step(done, distance);
                done += STEP;
            }
        } else if distance == 1 {
            let same = [to.sub(1).read(); STEP];
            let mut done = 0;
            while done < length {
                to.add(done).cast::<[u8; STEP]>().write_unaligned(same);
                done += STEP;
            }
        } else {
            // What repeats itself after few bytes does so after a multiple of them, too, once these are there.
            let back = STEP.next_multiple_of(distance);
            let mut done = 0;
            while done < back.min(length) {
                to.add(done).write(to.add(done).sub(distance).read());
                done += 1;
            }
            while done < length {
                step(done, back);
                done += STEP;
            }
        }
    }
}
