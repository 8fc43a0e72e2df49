//! LZMA in TIFF: a file in the XZ format for each strip, of LZMA2 behind a delta filter, as libtiff writes it
//! (<https://tukaani.org/xz/xz-file-format.txt>).
//!
//! What is unpacked goes where it belongs, and is its own dictionary: this takes no memory but that of the probabilities.
//! Check sums are not looked at, since libtiff stops reading where it has what it needs.

mod decoder;

use self::decoder::{Decoder, Window};

/// What forgetting all that was learned takes, in bytes read.
const RESET: usize = 1024;

/// Fills `out`. Returns the bytes that were read, with [`RESET`] more for each time that the decoder was reset after the first;
/// and whether there were enough. What is missing is zero.
pub(super) fn decode(input: &[u8], out: &mut [u8]) -> (usize, bool) {
    let mut reader = Reader { input, at: 0, resets: 0 };
    let mut made = 0;
    let complete = stream(&mut reader, out, &mut made).is_some() && made == out.len();
    out[made..].fill(0);
    (reader.at.saturating_add(reader.resets.saturating_sub(1).saturating_mul(RESET)), complete)
}

/// A walk through the bytes; past the end there is nothing.
struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    resets: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let found = self.input.get(self.at..)?.get(..count)?;
        self.at += count;
        Some(found)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).and_then(|one| one.first().copied())
    }

    fn word(&mut self) -> Option<usize> {
        self.take(2).and_then(|two| two.first_chunk()).map(|two| usize::from(u16::from_be_bytes(*two)))
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

/// The blocks of a stream, until `out` is full. `None` for what is broken or not read.
fn stream(reader: &mut Reader<'_>, out: &mut [u8], made: &mut usize) -> Option<()> {
    let header = reader.take(12)?;
    if !header.starts_with(b"\xfd7zXZ\0\0") {
        return None;
    }
    // The sizes of all check sums that there are or may be.
    let check = match header[7] & 15 {
        0 => 0,
        kind => 4usize << ((kind - 1) / 3),
    };
    while *made < out.len() {
        let Some(delta) = block_header(reader)? else { break };
        let start = reader.at;
        let first = *made;
        let unpacked = chunks(reader, out, made);
        if let Some(distance) = delta {
            let block = &mut out[first..*made];
            for index in distance..block.len() {
                block[index] = block[index].wrapping_add(block[index - distance]);
            }
        }
        unpacked?;
        reader.at = start + (reader.at - start).next_multiple_of(4) + check;
    }
    Some(())
}

/// The distance of a block's delta filter, if it has one; of the index that follows the last block `None`.
fn block_header(reader: &mut Reader<'_>) -> Option<Option<Option<usize>>> {
    const DELTA: u64 = 3;
    const LZMA2: u64 = 0x21;
    let start = reader.at;
    let size = (usize::from(reader.byte()?) + 1) * 4;
    if size == 4 {
        return Some(None);
    }
    let flags = reader.byte()?;
    for bit in [0x40, 0x80] {
        if flags & bit != 0 {
            reader.number()?;
        }
    }
    let mut delta = None;
    for index in 0..=flags & 3 {
        let (id, length) = (reader.number()?, reader.number()?);
        let properties = reader.take(usize::try_from(length).ok()?)?;
        match (id, properties, index == flags & 3) {
            (DELTA, &[distance], false) if delta.is_none() => delta = Some(usize::from(distance) + 1),
            (LZMA2, &[_], true) => {}
            _ => return None,
        }
    }
    reader.at = start + size;
    Some(Some(delta))
}

/// The LZMA2 chunks of a block.
fn chunks(reader: &mut Reader<'_>, out: &mut [u8], made: &mut usize) -> Option<()> {
    let mut decoder: Option<Decoder> = None;
    let mut start = None;
    while *made < out.len() {
        let control = reader.byte()?;
        match control {
            0 => break,
            1 | 2 => {
                if control == 1 {
                    start = Some(*made);
                }
                start?;
                let size = reader.word()? + 1;
                let left = out.len() - *made;
                let bytes = reader.take(size.min(left))?;
                out[*made..][..bytes.len()].copy_from_slice(bytes);
                *made += bytes.len();
            }
            3..0x80 => return None,
            _ => {
                let size = (usize::from(control & 31) << 16) + reader.word()? + 1;
                let packed = reader.word()? + 1;
                let reset = control >> 5 & 3;
                if reset == 3 {
                    start = Some(*made);
                }
                reader.resets += usize::from(reset > 0);
                if reset >= 2 {
                    let properties = reader.byte()?;
                    match &mut decoder {
                        Some(decoder) => decoder.restart(properties)?,
                        None => decoder = Some(Decoder::new(properties)?),
                    }
                } else if reset == 1 {
                    decoder.as_mut().map(Decoder::reset)?;
                }
                let end = (*made + size).min(out.len());
                let whole = end == *made + size;
                // Of what is needed but in part, what there is will do.
                let packed = packed.min(reader.input.len().checked_sub(reader.at)?);
                let bytes = reader.take(packed)?;
                let mut window = Window { out: &mut out[..end], start: start?, at: *made };
                let decoded = decoder.as_mut()?.decode(bytes, &mut window);
                *made = window.at;
                decoded?;
                if !whole {
                    break;
                }
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of chunks that each unpack to a zero, and of which each begins with such a reset: 1 forgets what was learned, 2
    /// says what the properties are as well.
    fn zeros(resets: impl Iterator<Item = u8>) -> Vec<u8> {
        let mut stream = b"\xfd7zXZ\0\0\0\0\0\0\0".to_vec();
        stream.extend([2, 0, 0x21, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        for (index, reset) in resets.enumerate() {
            let reset = if index == 0 { 3 } else { reset };
            stream.extend([0x80 | reset << 5, 0, 0, 0, 5]);
            if reset >= 2 {
                // By turns the usual ones, and ones with the most contexts.
                stream.push([0x5d, 4, 0][index % 3]);
            }
            stream.extend([0; 6]);
        }
        stream.push(0);
        stream
    }

    #[test]
    fn resets_are_work() {
        const COUNT: usize = 1000;
        for reset in [1, 2] {
            let stream = zeros(std::iter::repeat_n(reset, COUNT));
            let mut out = [1; COUNT];
            let (work, complete) = decode(&stream, &mut out);
            assert!(complete && out == [0; COUNT]);
            assert!(work > stream.len() - 8 + (COUNT - 1) * RESET, "{work}");
        }
        // The first is what every stream has, and no reset costs nothing.
        let stream = zeros(std::iter::repeat_n(0, COUNT));
        assert_eq!(decode(&stream, &mut [1; COUNT]), ((stream.len() - 1).next_multiple_of(4), true));
    }
}
