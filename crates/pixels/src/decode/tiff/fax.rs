//! Bilevel pictures as fax machines send them: Group 3 (T.4) with one or two dimensions, Group 4 (T.6), and TIFF's own
//! two without ends of lines. A row is runs of white and black pixels by turns; in two dimensions their ends are given
//! relative to those of the row above.
//!
//! Damaged data are treated as libtiff treats them (`tif_fax3.c`, `tif_fax3.h`): after a bad code a row is filled up with
//! white, and reading goes on.

mod bits;
mod codes;
mod runs;

use self::bits::{Bits, Ended};
use self::codes::{BLACK_BITS, Code, MODE_BITS, Meaning, Tables, WHITE_BITS};
use self::runs::Runs;
use super::directory::broken;
use crate::{Result, memory};

/// The kinds of coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Rows that begin at a byte (compression 2).
    Bytes,
    /// Rows that begin at an even byte of the file (32771).
    Words,
    /// Group 3, with rows of one or two dimensions.
    Group3 {
        two_dimensional: bool,
    },
    Group4,
}

/// A decoder of rows of `width` pixels.
pub(super) struct Fax {
    tables: Tables,
    coding: Coding,
    width: i32,
    /// Whether a strip was met whose rows have no marks at their ends.
    no_marks: bool,
    runs: Runs,
    above: Vec<u32>,
}

/// Why a row ended before its time.
enum Stop {
    /// The data ended. What there is of the row is kept.
    Ended,
    /// More runs than a row can have: damage that libtiff gives up at.
    Overflow,
}

impl From<Ended> for Stop {
    fn from(_: Ended) -> Self {
        Self::Ended
    }
}

impl Fax {
    /// # Errors
    /// `Decode` for rows that are too wide, `OutOfMemory`.
    pub(super) fn new(coding: Coding, width: usize) -> Result<Self> {
        let wide = i32::try_from(width).ok().filter(|width| *width < 1 << 28);
        let wide = wide.ok_or_else(|| broken(format_args!("rows of {width} pixels")))?;
        let both = matches!(coding, Coding::Group4 | Coding::Group3 { two_dimensional: true });
        // libtiff's size of a row's list of runs, which damaged rows run into.
        let most = (width + 1).next_multiple_of(32) * if both { 2 } else { 1 };
        let runs = Runs::new(most)?;
        let above = memory::zeroed_u32(if both { most } else { 0 })?;
        Ok(Self { tables: Tables::new(), coding, width: wide, no_marks: false, runs, above })
    }

    /// Bytes that decoding rows of `width` pixels takes.
    pub(super) fn memory(width: usize) -> u64 {
        (width as u64).saturating_mul(16).saturating_add(1 << 17)
    }

    /// Fills `out`, rows of whole bytes; 1 is black. The data begin at byte `start` of the file. Returns the bytes that were
    /// read, and whether there were rows enough, as libtiff sees it.
    pub(super) fn decode(&mut self, input: &[u8], start: usize, reversed: bool, out: &mut [u8]) -> (usize, bool) {
        let mut bits = Bits::new(input, start, reversed);
        if let [first, second, ..] = self.above.as_mut_slice() {
            (*first, *second) = (self.width.cast_unsigned(), 0);
        }
        let row_bytes = (self.width as usize).div_ceil(8);
        let result = match self.coding {
            Coding::Bytes | Coding::Words => self.rows(&mut bits, out, row_bytes, Self::plain_row),
            Coding::Group4 => self.group4(&mut bits, out, row_bytes),
            Coding::Group3 { .. } => self.rows(&mut bits, out, row_bytes, Self::group3_row),
        };
        (bits.at, result.is_ok())
    }

    /// Rows, each by `row`. An error of `None` says that there are no marks between rows: on with this row, but with the
    /// first data, and without.
    fn rows(
        &mut self,
        bits: &mut Bits<'_>,
        out: &mut [u8],
        row_bytes: usize,
        row: impl Fn(&mut Self, &mut Bits<'_>, &mut bool) -> Result<(), Option<Stop>>,
    ) -> Result<(), Option<Stop>> {
        let mut marked = false;
        for to in out.chunks_exact_mut(row_bytes) {
            self.runs.clear();
            let mut result = row(self, bits, &mut marked);
            if matches!(result, Err(None)) {
                (self.no_marks, marked) = (true, false);
                bits.rewind();
                self.runs.clear();
                result = row(self, bits, &mut marked);
            }
            if !matches!(result, Err(None | Some(Stop::Overflow))) {
                self.paint(to);
            }
            result?;
            self.keep();
        }
        Ok(())
    }

    fn plain_row(&mut self, bits: &mut Bits<'_>, marked: &mut bool) -> Result<(), Option<Stop>> {
        self.one_dimension(bits, marked).map_err(Some)?;
        match self.coding {
            Coding::Words => bits.pass_word(),
            _ => bits.pass_byte(),
        }
        Ok(())
    }

    fn group3_row(&mut self, bits: &mut Bits<'_>, marked: &mut bool) -> Result<(), Option<Stop>> {
        let ended = |this: &mut Self| match this.clean_up() {
            Ok(()) => Some(Stop::Ended),
            Err(stop) => Some(stop),
        };
        if !self.no_marks {
            if !*marked && bits.find_mark().is_err() {
                return Err(ended(self));
            }
            bits.pass_mark().map_err(|Ended| None)?;
            *marked = false;
        }
        if self.coding == (Coding::Group3 { two_dimensional: false }) {
            return self.one_dimension(bits, marked).map_err(Some);
        }
        if bits.need(1).is_err() {
            return Err(ended(self));
        }
        let one = bits.peek(1) == 1;
        bits.skip(1);
        let row = if one { self.one_dimension(bits, marked) } else { self.two_dimensions(bits, marked) };
        row.map_err(Some)
    }

    fn group4(&mut self, bits: &mut Bits<'_>, out: &mut [u8], row_bytes: usize) -> Result<(), Option<Stop>> {
        for (index, to) in out.chunks_exact_mut(row_bytes).enumerate() {
            self.runs.clear();
            let mut marked = false;
            match self.two_dimensions(bits, &mut marked) {
                Ok(()) if !marked => self.paint(to),
                Ok(()) | Err(Stop::Ended) => {
                    // What lacks after the end of the data is as it was before.
                    self.paint(to);
                    return if index > 0 { Ok(()) } else { Err(Some(Stop::Ended)) };
                }
                Err(stop) => return Err(Some(stop)),
            }
            self.runs.push(0).map_err(Some)?;
            std::mem::swap(&mut self.runs.list, &mut self.above);
        }
        Ok(())
    }

    /// Makes the row that was read the one above the next.
    fn keep(&mut self) {
        if !self.above.is_empty() {
            // An end to be found beyond the last one; a full list has none.
            let _ = self.runs.push(0);
            std::mem::swap(&mut self.runs.list, &mut self.above);
        }
    }

    /// A row of runs, white first.
    fn one_dimension(&mut self, bits: &mut Bits<'_>, marked: &mut bool) -> Result<(), Stop> {
        'row: loop {
            for white in [true, false] {
                loop {
                    let Ok(code) = self.run_code(bits, white) else {
                        self.clean_up()?;
                        return Err(Stop::Ended);
                    };
                    match code.meaning {
                        Meaning::Ends => {
                            self.runs.set(i32::from(code.pixels))?;
                            break;
                        }
                        Meaning::GoesOn => self.runs.extend(code.pixels),
                        Meaning::EndOfLine => {
                            *marked = true;
                            break 'row;
                        }
                        _ => break 'row,
                    }
                }
                if self.runs.at >= self.width {
                    break 'row;
                }
            }
            self.runs.drop_empty_pair();
        }
        self.clean_up()
    }

    fn run_code(&self, bits: &mut Bits<'_>, white: bool) -> Result<Code, Ended> {
        let (table, width) = if white { (&self.tables.white, WHITE_BITS) } else { (&self.tables.black, BLACK_BITS) };
        bits.look_up(table, width)
    }

    /// A row whose changes are given relative to those above.
    fn two_dimensions(&mut self, bits: &mut Bits<'_>, marked: &mut bool) -> Result<(), Stop> {
        match self.changes(bits, marked) {
            Ok(()) => {}
            Err(Some(Stop::Overflow)) => return Err(Stop::Overflow),
            Err(Some(Stop::Ended)) => {
                self.clean_up()?;
                return Err(Stop::Ended);
            }
            // A bad code: the row ends here.
            Err(None) => {}
        }
        self.clean_up()
    }

    /// The changes of a row; an error of `None` is a bad code, or a mark that ends the row.
    fn changes(&mut self, bits: &mut Bits<'_>, marked: &mut bool) -> Result<(), Option<Stop>> {
        // The run above that is to the right, and where it ends.
        let mut next = 1;
        let mut end = self.above[0].cast_signed();
        let above =
            |this: &Self, next: usize| this.above.get(next).map(|&run| run.cast_signed()).ok_or(Some(Stop::Overflow));
        let ended = |Ended| Some(Stop::Ended);
        while self.runs.at < self.width {
            if self.runs.is_full() {
                return Err(Some(Stop::Overflow));
            }
            let code = bits.look_up(&self.tables.mode, MODE_BITS).map_err(ended)?;
            let pixels = i32::from(code.pixels);
            match code.meaning {
                Meaning::Pass => {
                    self.catch_up(&mut end, &mut next)?;
                    end = end.wrapping_add(above(self, next)?);
                    let further = above(self, next + 1)?;
                    self.runs.run = self.runs.run.wrapping_add(end.wrapping_sub(self.runs.at));
                    self.runs.at = end;
                    end = end.wrapping_add(further);
                    next += 2;
                }
                Meaning::Horizontal => {
                    let white_first = self.runs.length.is_multiple_of(2);
                    for white in [white_first, !white_first] {
                        loop {
                            let code = self.run_code(bits, white).map_err(ended)?;
                            match code.meaning {
                                Meaning::Ends => {
                                    self.runs.set(i32::from(code.pixels)).map_err(Some)?;
                                    break;
                                }
                                Meaning::GoesOn => self.runs.extend(code.pixels),
                                _ => return Err(None),
                            }
                        }
                    }
                    self.catch_up(&mut end, &mut next)?;
                }
                Meaning::Right => {
                    self.catch_up(&mut end, &mut next)?;
                    self.runs.set(end.wrapping_sub(self.runs.at).wrapping_add(pixels)).map_err(Some)?;
                    end = end.wrapping_add(above(self, next)?);
                    next += 1;
                }
                Meaning::Left => {
                    self.catch_up(&mut end, &mut next)?;
                    if end < self.runs.at.wrapping_add(pixels) {
                        return Err(None);
                    }
                    self.runs.set(end.wrapping_sub(self.runs.at).wrapping_sub(pixels)).map_err(Some)?;
                    next = next.checked_sub(1).ok_or(Some(Stop::Overflow))?;
                    end = end.wrapping_sub(above(self, next)?);
                }
                Meaning::EndOfLine => {
                    self.runs.store(self.width.wrapping_sub(self.runs.at)).map_err(Some)?;
                    bits.need(4).map_err(ended)?;
                    bits.skip(4);
                    *marked = true;
                    return Err(None);
                }
                Meaning::Extension => {
                    self.runs.store(self.width.wrapping_sub(self.runs.at)).map_err(Some)?;
                    return Err(None);
                }
                _ => return Err(None),
            }
        }
        if self.runs.run != 0 {
            if self.runs.run.wrapping_add(self.runs.at) < self.width {
                // A last change at the one above is expected.
                bits.need(1).map_err(ended)?;
                if bits.peek(1) == 0 {
                    return Err(None);
                }
                bits.skip(1);
            }
            self.runs.set(0).map_err(Some)?;
        }
        Ok(())
    }

    /// Moves on to the first change above that lies to the right of the present place.
    fn catch_up(&self, end: &mut i32, next: &mut usize) -> Result<(), Option<Stop>> {
        if self.runs.length > 0 {
            while *end <= self.runs.at && *end < self.width {
                let Some(&[first, second]) = self.above.get(*next..).and_then(|rest| rest.first_chunk()) else {
                    return Err(Some(Stop::Overflow));
                };
                *end = end.wrapping_add(first.wrapping_add(second).cast_signed());
                *next += 2;
            }
        }
        Ok(())
    }

    /// Makes the runs as long as the row, whatever they were.
    fn clean_up(&mut self) -> Result<(), Stop> {
        let Self { runs, width, .. } = self;
        if runs.run != 0 {
            runs.set(0)?;
        }
        if runs.at == *width {
            return Ok(());
        }
        while runs.at > *width && runs.length > 0 {
            runs.length -= 1;
            runs.at = runs.at.wrapping_sub(runs.list[runs.length].cast_signed());
        }
        if runs.at < *width {
            runs.at = runs.at.max(0);
            if !runs.length.is_multiple_of(2) {
                runs.set(0)?;
            }
            runs.set(*width - runs.at)
        } else if runs.at > *width {
            runs.set(*width)?;
            runs.set(0)
        } else {
            Ok(())
        }
    }

    /// Sets the bits of a row by its runs, of which none goes beyond its end.
    fn paint(&mut self, row: &mut [u8]) {
        let width = self.width as usize;
        let mut at = 0;
        let count = self.runs.length;
        for (index, run) in self.runs.list[..count].iter_mut().enumerate() {
            let left = (width - at) as u32;
            *run = (*run).min(left);
            set_bits(row, at..at + *run as usize, index % 2 == 1);
            at += *run as usize;
        }
    }
}

/// Makes the bits of `range` black or white.
fn set_bits(row: &mut [u8], range: std::ops::Range<usize>, black: bool) {
    if range.is_empty() {
        return;
    }
    let (first, last) = (range.start / 8, (range.end - 1) / 8);
    let (head, tail) = (0xff >> (range.start % 8), 0xff << (7 - (range.end - 1) % 8));
    let mut set = |index: usize, mask: u8| row[index] = if black { row[index] | mask } else { row[index] & !mask };
    if first == last {
        set(first, head & tail);
        return;
    }
    set(first, head);
    set(last, tail);
    row[first + 1..last].fill(if black { 0xff } else { 0 });
}
