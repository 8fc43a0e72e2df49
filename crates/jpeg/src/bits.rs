//! The bits of entropy-coded data, and what interrupts them: stuffed zeros, restart markers, the end.
//!
//! A [`Window`] is 64 bits of look-ahead that a decoding loop keeps in registers; [`Source`] is where it is refilled
//! from. Eight bytes without 0xff are taken at once, all else byte by byte.
//!
//! Past a marker the source gives zeros, and [`Window::overdrawn`] says so afterwards: libjpeg too decodes the MCU at
//! which the data end with zeros, and leaves out all others up to the next restart (`jdhuff.c`, `jdmarker.c`). Where
//! the file itself ends, Pillow gives up, and so does [`Source::check`].

use crate::markers::{code, next_marker};
use crate::{Error, Result};

/// The next bits.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// The next bit is the most significant one; unused bits are 0.
    bits: u64,
    /// How many bits are real; below 0, how many were read beyond the end.
    left: i32,
    /// The next byte to be taken.
    at: usize,
}

impl Window {
    pub(crate) fn new(at: usize) -> Self {
        Self { bits: 0, left: 0, at }
    }

    /// All bits, left-aligned: 32 valid ones after a refill.
    #[inline(always)]
    pub(crate) fn peek(self) -> u64 {
        self.bits
    }

    /// The next `count` (0 to 31) bits.
    #[inline(always)]
    fn peek_bits(self, count: u32) -> u32 {
        ((self.bits >> 1) >> (63 - count)) as u32
    }

    /// Moves on by `count` (0 to 32) bits.
    #[inline(always)]
    pub(crate) fn skip(&mut self, count: u32) {
        self.bits <<= count;
        self.left -= count as i32;
    }

    /// The place of the next byte to be taken.
    pub(crate) fn at(self) -> usize {
        self.at
    }

    /// Have more bits been read than there are?
    #[inline(always)]
    fn overdrawn(self) -> bool {
        self.left < 0
    }
}

/// The entropy-coded data of one scan.
pub(crate) struct Source<'a> {
    bytes: &'a [u8],
    /// `bytes` until a marker or the end is met, then nothing.
    open: &'a [u8],
    /// The marker that was met; 0 is none.
    marker: u8,
    /// The number of the next restart marker.
    restart: u8,
    /// Whether data are missing up to the next restart.
    pub(crate) exhausted: bool,
    /// Whether the bytes' end stands for an end-of-image marker.
    lenient: bool,
}

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8], lenient: bool) -> Self {
        Self { bytes, open: bytes, marker: 0, restart: 0, exhausted: false, lenient }
    }

    #[inline(always)]
    fn fill(&mut self, window: Window) -> Window {
        const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
        const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
        if let Some(next) = self.open.get(window.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_be_bytes(*next);
            // A byte of 0xff is one of 0 in the complement.
            if (!word).wrapping_sub(ONES) & word & HIGH == 0 {
                let bytes = (63 - window.left) as u32 / 8;
                let bits = window.bits | word >> window.left;
                // Bits beyond the whole bytes taken stay in place: the next refill brings the same again.
                return Window { bits, left: window.left + bytes as i32 * 8, at: window.at + bytes as usize };
            }
        }
        self.fill_slowly(window)
    }

    #[cold]
    #[inline(never)]
    fn fill_slowly(&mut self, mut window: Window) -> Window {
        if self.open.is_empty() {
            return window;
        }
        // The fast way may have left bits of a byte that it did not take.
        if window.left < 64 {
            window.bits &= !(u64::MAX >> window.left);
        }
        while window.left <= 56 {
            let Some(&byte) = self.bytes.get(window.at) else {
                self.end();
                break;
            };
            let mut after = window.at + 1;
            if byte == 0xff {
                // Any number of 0xff before the 0 counts as one, before a marker as fill.
                while self.bytes.get(after) == Some(&0xff) {
                    after += 1;
                }
                match self.bytes.get(after) {
                    None => {
                        self.end();
                        break;
                    }
                    Some(0) => after += 1,
                    Some(&marker) => {
                        self.open = &[];
                        self.marker = marker;
                        window.at = after + 1;
                        break;
                    }
                }
            }
            window.bits |= u64::from(byte) << (56 - window.left);
            window.left += 8;
            window.at = after;
        }
        window
    }

    /// The next byte, for codings that know no [`Window`] of bits; 0 past a marker.
    #[cold]
    #[inline(never)]
    fn byte_slowly(&mut self, at: &mut usize) -> Result<u8> {
        if self.open.is_empty() {
            return if self.marker == 0 { Err(self.ends("the file ends in the middle of the picture")) } else { Ok(0) };
        }
        let Some(skipped) = self.bytes.get(*at..).and_then(|rest| rest.iter().position(|&byte| byte != 0xff)) else {
            self.end();
            return self.byte_slowly(at);
        };
        let byte = self.bytes[*at + skipped];
        *at += skipped + 1;
        if skipped == 0 || byte == 0 {
            return Ok(if skipped == 0 { byte } else { 0xff });
        }
        self.marker = byte;
        self.open = &[];
        Ok(0)
    }

    /// Are there no more bytes up to the next restart?
    #[inline(always)]
    pub(crate) fn is_over(&self) -> bool {
        self.open.is_empty()
    }

    /// There are no more bytes.
    fn end(&mut self) {
        self.open = &[];
        if self.lenient {
            self.marker = code::EOI;
        }
    }

    /// To be called after each MCU: notes whether it took more bits than there are.
    ///
    /// # Errors
    /// `CutShort` where it is the file that has ended, not just the segment.
    #[inline(always)]
    pub(crate) fn check(&mut self, window: &Window) -> Result<()> {
        if window.overdrawn() { self.exhaust() } else { Ok(()) }
    }

    #[cold]
    #[inline(never)]
    fn exhaust(&mut self) -> Result<()> {
        self.exhausted = true;
        if self.marker == 0 { Err(self.ends("the file ends in the middle of the picture")) } else { Ok(()) }
    }

    /// Goes on behind the next restart marker; if another marker is there, does what libjpeg does
    /// (`jdmarker.c`, `jpeg_resync_to_restart`).
    #[cold]
    pub(crate) fn restart(&mut self, window: Window) -> Result<Window> {
        let mut at = window.at;
        let mut marker = match self.marker {
            0 => self.next_marker(&mut at)?,
            met => met,
        };
        let expected = self.restart;
        self.restart = (expected + 1) & 7;
        let stays = loop {
            let ahead = marker.wrapping_sub(code::RST0).wrapping_sub(expected) & 7;
            match marker {
                ..code::SOF0 => {}
                code::RST0..=code::RST7 => match ahead {
                    // One of the next two: the expected one was lost, and its segment with it.
                    1 | 2 => break true,
                    // One of the last two: a leftover.
                    6 | 7 => {}
                    _ => break false,
                },
                _ => break true,
            }
            marker = self.next_marker(&mut at)?;
        };
        if stays {
            self.marker = marker;
            self.open = &[];
        } else {
            self.marker = 0;
            self.open = self.bytes;
            self.exhausted = false;
        }
        Ok(Window::new(at))
    }

    fn next_marker(&self, at: &mut usize) -> Result<u8> {
        let implied = self.lenient.then_some(code::EOI);
        next_marker(self.bytes, at).or(implied).ok_or_else(|| self.ends("the file ends before a restart marker"))
    }

    fn ends(&self, what: &'static str) -> Error {
        Error::cut_short(what).at(self.bytes.len())
    }

    /// Ends the scan: where the next segment is looked for, and the marker that was met already.
    pub(crate) fn finish(self, window: Window) -> (usize, u8) {
        (window.at, self.marker)
    }
}

/// A scan's data while an MCU is decoded: the window is a copy, for the compiler to keep in registers.
pub(crate) struct Bits<'s, 'a> {
    pub(crate) source: &'s mut Source<'a>,
    pub(crate) window: Window,
}

impl Bits<'_, '_> {
    /// Makes sure of 32 bits at least.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        if self.window.left < 32 {
            self.window = self.source.fill(self.window);
        }
    }

    /// The next byte, for codings that know no bits; 0 past a marker.
    ///
    /// # Errors
    /// `CutShort` where it is the file that has ended.
    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8> {
        match self.source.open.get(self.window.at) {
            Some(&byte) if byte != 0xff => {
                self.window.at += 1;
                Ok(byte)
            }
            _ => self.source.byte_slowly(&mut self.window.at),
        }
    }

    /// The next `count` (0 to 31) bits, and moves on.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> u32 {
        let bits = self.window.peek_bits(count);
        self.window.skip(count);
        bits
    }
}

/// Counts MCUs between restart markers.
pub(crate) struct RestartCounter {
    interval: u32,
    left: u32,
}

impl RestartCounter {
    pub(crate) fn new(interval: u32) -> Self {
        Self { interval, left: interval }
    }

    /// To be called before each MCU: is a restart marker due?
    #[inline(always)]
    pub(crate) fn due(&mut self) -> bool {
        if self.interval == 0 {
            return false;
        }
        let due = self.left == 0;
        if due {
            self.left = self.interval;
        }
        self.left -= 1;
        due
    }
}
