//! The bits of fax data, the first one lowest.

use super::codes::Code;

/// The end of the data.
pub(super) struct Ended;

/// Bits from the first one on, which is held lowest.
pub(super) struct Bits<'a> {
    input: &'a [u8],
    /// The next byte to be read.
    pub(super) at: usize,
    held: u32,
    count: u32,
    /// Is the first bit the lowest in its byte, too?
    reversed: bool,
    /// Where in the file the first byte is.
    start: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(input: &'a [u8], start: usize, reversed: bool) -> Self {
        Self { input, at: 0, held: 0, count: 0, reversed, start }
    }

    pub(super) fn rewind(&mut self) {
        (self.at, self.held, self.count) = (0, 0, 0);
    }

    /// Sees to it that `width` bits are held; zeros are taken for those that lack, if there is any at all.
    pub(super) fn need(&mut self, width: u32) -> Result<(), Ended> {
        while self.count < width {
            match self.input.get(self.at) {
                Some(&byte) => {
                    let byte = if self.reversed { byte } else { byte.reverse_bits() };
                    self.held |= u32::from(byte) << self.count;
                    self.count += 8;
                    self.at += 1;
                }
                None if self.count == 0 => return Err(Ended),
                None => self.count = width,
            }
        }
        Ok(())
    }

    pub(super) fn peek(&self, width: u32) -> u32 {
        self.held & ((1 << width) - 1)
    }

    pub(super) fn skip(&mut self, width: u32) {
        self.held >>= width;
        self.count = self.count.saturating_sub(width);
    }

    #[inline]
    pub(super) fn look_up(&mut self, table: &[Code], width: u32) -> Result<Code, Ended> {
        self.need(width)?;
        let code = table[self.peek(width) as usize];
        self.skip(u32::from(code.width));
        Ok(code)
    }

    /// Goes to the next eleven zeros.
    pub(super) fn find_mark(&mut self) -> Result<(), Ended> {
        loop {
            self.need(11)?;
            if self.peek(11) == 0 {
                return Ok(());
            }
            self.skip(1);
        }
    }

    /// Passes zeros and the one that ends a mark.
    pub(super) fn pass_mark(&mut self) -> Result<(), Ended> {
        loop {
            self.need(8)?;
            if self.peek(8) != 0 {
                break;
            }
            self.skip(8);
        }
        self.skip(self.held.trailing_zeros() + 1);
        Ok(())
    }

    pub(super) fn pass_byte(&mut self) {
        self.skip(self.count % 8);
    }

    /// To an even byte of the file.
    pub(super) fn pass_word(&mut self) {
        self.skip(self.count % 16);
        if self.count == 0 && (self.start + self.at) % 2 == 1 {
            self.at += 1;
        }
    }
}
