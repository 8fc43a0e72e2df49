//! Entropy decoding of progressive scans (SOF2): a band of coefficients, or one more bit of them.
//!
//! In and out: the coefficients of the whole picture, in natural order, which each scan makes more precise. The four
//! procedures are those of T.81, G.1.2; what follows from damaged data is libjpeg-turbo's (`jdphuff.c`).

use super::bits::{RestartCounter, Source, Window, out_of_range};
use super::coefficients::Plane;
use super::frame::{Frame, McuLayout, Scan};
use super::huffman::{LOOKAHEAD, Table, extend};
use super::markers::Parser;
use super::{ZIGZAG, broken};
use crate::Result;

/// A scan being decoded.
pub(super) struct Progressive<'a> {
    source: Source<'a>,
    window: Window,
    restarts: RestartCounter,
    layout: McuLayout,
    /// The components of the scan's members.
    components: Vec<usize>,
    /// The tables of the scan's members; refinements of DC coefficients need none.
    tables: Vec<Table>,
    /// The last DC coefficient of each member.
    dc: [i32; 4],
    /// How many more blocks have no further new coefficient in this band.
    end_of_band_run: u32,
    /// Whether a former scan began these coefficients.
    refines: bool,
    start: usize,
    end: usize,
    low: u32,
    last_good: Option<usize>,
}

impl<'a> Progressive<'a> {
    /// Begins `scan`, whose data are the parser's next bytes.
    ///
    /// # Errors
    /// `Decode` for an impossible scan or one whose tables are missing.
    pub(super) fn new(parser: &Parser<'a>, frame: &Frame, scan: &Scan) -> Result<Self> {
        let dc = scan.start == 0;
        let refines = scan.high != 0;
        let band = if dc { scan.end == 0 } else { scan.start <= scan.end && scan.end < 64 && scan.members.len() == 1 };
        if !band || scan.low > 13 || (refines && scan.low + 1 != scan.high) {
            let (start, end, high, low) = (scan.start, scan.end, scan.high, scan.low);
            return Err(broken(format!(
                "a scan of coefficients {start} to {end}, bits {high} to {low}, is impossible"
            )));
        }
        let layout = McuLayout::new(frame, scan)?;
        let mut tables = Vec::new();
        if !(dc && refines) {
            for &(_, dc_index, ac_index) in &scan.members {
                let (codes, index) = if dc { (&parser.dc_codes, dc_index) } else { (&parser.ac_codes, ac_index) };
                let code = codes.get(usize::from(index)).and_then(Option::as_ref);
                let code = code.ok_or_else(|| broken(format!("Huffman table {index} is missing")))?;
                tables.push(Table::new(code, dc, dc)?);
            }
        }
        Ok(Self {
            source: Source::new(parser.bytes),
            window: Window::new(parser.at),
            restarts: RestartCounter::new(parser.restart_interval),
            layout,
            components: scan.members.iter().map(|&(index, ..)| index).collect(),
            tables,
            dc: [0; 4],
            end_of_band_run: 0,
            refines,
            start: usize::from(scan.start),
            end: usize::from(scan.end),
            low: u32::from(scan.low),
            last_good: None,
        })
    }

    /// Decodes the next band, `band`, into `planes`.
    pub(super) fn band(&mut self, frame: &Frame, band: usize, planes: &mut [Plane]) -> Result<()> {
        match (self.start == 0, self.refines) {
            (true, false) => self.run(frame, band, planes, Self::dc_first),
            (true, true) => self.run(frame, band, planes, Self::dc_refine),
            (false, false) => self.run(frame, band, planes, Self::ac_first),
            (false, true) => self.run(frame, band, planes, Self::ac_refine),
        }
    }

    /// The last band that was not missing data.
    pub(super) fn last_good(&self) -> Option<usize> {
        self.last_good
    }

    /// Ends the scan: see [`Source::finish`].
    pub(super) fn finish(self) -> (usize, u8) {
        self.source.finish(self.window)
    }

    /// Visits all blocks of the band with `visit`, which gets the member's number and the block.
    #[inline(always)]
    fn run(
        &mut self,
        frame: &Frame,
        band: usize,
        planes: &mut [Plane],
        visit: impl Fn(&mut Self, usize, &mut [i16; 64]) -> Result<()>,
    ) -> Result<()> {
        for row in 0..self.layout.rows(frame, band) {
            for mcu in 0..self.layout.wide {
                if !self.source.exhausted {
                    self.last_good = Some(band);
                }
                if self.restarts.due() {
                    self.window = self.source.restart(self.window)?;
                    self.dc = [0; 4];
                    self.end_of_band_run = 0;
                }
                if self.source.exhausted {
                    continue;
                }
                for i in 0..self.layout.blocks.len() {
                    let place = self.layout.blocks[i];
                    let index = self.components[place.member];
                    let horizontal = frame.components[index].horizontal;
                    let (x, y) = if self.layout.single { (mcu, row) } else { (mcu * horizontal + place.x, place.y) };
                    visit(self, place.member, planes[index].block_mut(x, (band, y)))?;
                }
                self.source.check(&self.window)?;
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn dc_first(&mut self, member: usize, block: &mut [i16; 64]) -> Result<()> {
        let table = &self.tables[member];
        let mut window = self.window;
        self.source.refill(&mut window);
        let entry = table.lookup[(window.peek() >> (64 - LOOKAHEAD)) as usize];
        let difference = if entry.has_value() {
            window.skip(entry.bits());
            i32::from(entry.get())
        } else {
            let (symbol, bits) = match entry.bits() {
                0 => table.long(window.peek()),
                bits => (entry.get_symbol(), bits),
            };
            window.skip(bits);
            let size = u32::from(symbol & 15);
            extend(window.take(size), size)
        };
        self.window = window;
        self.dc[member] = self.dc[member].checked_add(difference).ok_or_else(out_of_range)?;
        block[0] = (self.dc[member] << self.low) as i16;
        Ok(())
    }

    #[inline(always)]
    fn dc_refine(&mut self, _: usize, block: &mut [i16; 64]) -> Result<()> {
        self.source.refill(&mut self.window);
        block[0] |= (self.window.take(1) << self.low) as i16;
        Ok(())
    }

    #[inline(always)]
    fn ac_first(&mut self, _: usize, block: &mut [i16; 64]) -> Result<()> {
        if self.end_of_band_run > 0 {
            self.end_of_band_run -= 1;
            return Ok(());
        }
        let table = &self.tables[0];
        let mut window = self.window;
        let mut k = self.start;
        while k <= self.end {
            self.source.refill(&mut window);
            let (symbol, bits) = symbol(table, window);
            window.skip(bits);
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size > 0 {
                k += run as usize;
                let value = extend(window.take(size), size) << self.low;
                block[usize::from(ZIGZAG[k & 127] & 63)] = value as i16;
                k += 1;
            } else if run == 15 {
                k += 16;
            } else {
                self.end_of_band_run = (1 << run) + window.take(run) - 1;
                break;
            }
        }
        self.window = window;
        Ok(())
    }

    #[inline(always)]
    fn ac_refine(&mut self, _: usize, block: &mut [i16; 64]) -> Result<()> {
        let table = &self.tables[0];
        let bit = 1i16 << self.low;
        let mut window = self.window;
        let mut k = self.start;
        if self.end_of_band_run == 0 {
            while k <= self.end {
                self.source.refill(&mut window);
                let (symbol, bits) = symbol(table, window);
                window.skip(bits);
                let (mut run, size) = (u32::from(symbol >> 4), symbol & 15);
                let mut new = 0;
                if size > 0 {
                    // The size is always taken for 1.
                    new = if window.take(1) == 1 { bit } else { -bit };
                } else if run != 15 {
                    self.end_of_band_run = (1 << run) + window.take(run);
                    break;
                }
                // Past all coefficients that are known already, which get their next bit, and `run` that are 0.
                while k <= self.end {
                    let known = &mut block[usize::from(ZIGZAG[k & 127] & 63)];
                    if *known != 0 {
                        self.source.refill(&mut window);
                        refine(known, &mut window, bit);
                    } else if run == 0 {
                        break;
                    } else {
                        run -= 1;
                    }
                    k += 1;
                }
                if new != 0 {
                    block[usize::from(ZIGZAG[k & 127] & 63)] = new;
                }
                k += 1;
            }
        }
        if self.end_of_band_run > 0 {
            while k <= self.end {
                let known = &mut block[usize::from(ZIGZAG[k & 127] & 63)];
                if *known != 0 {
                    self.source.refill(&mut window);
                    refine(known, &mut window, bit);
                }
                k += 1;
            }
            self.end_of_band_run -= 1;
        }
        self.window = window;
        Ok(())
    }
}

/// The next symbol and its length, of a table without values.
#[inline(always)]
fn symbol(table: &Table, window: Window) -> (u8, u32) {
    let entry = table.lookup[(window.peek() >> (64 - LOOKAHEAD)) as usize];
    match entry.bits() {
        0 => table.long(window.peek()),
        bits => (entry.get_symbol(), bits),
    }
}

/// Reads one more bit of a coefficient that isn't 0.
#[inline(always)]
fn refine(known: &mut i16, window: &mut Window, bit: i16) {
    if window.take(1) == 1 && *known & bit == 0 {
        *known = known.wrapping_add(if *known >= 0 { bit } else { -bit });
    }
}
