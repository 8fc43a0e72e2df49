//! Entropy decoding of baseline and extended sequential scans (SOF0, SOF1): all 64 coefficients of a block at once.
//!
//! Out: blocks of coefficients in natural order, not yet dequantised. What follows from damaged data is libjpeg's
//! (`jdhuff.c`): an impossible code is a zero, a run beyond the block ends up in its last place.

use super::bits::{RestartCounter, Source, Window};
use super::frame::{Frame, McuBlock, McuLayout, Scan};
use super::huffman::{LOOKAHEAD, Table, extend};
use super::markers::Parser;
use super::{ZIGZAG, broken};
use crate::Result;

/// A scan being decoded.
pub(super) struct Sequential<'a> {
    source: Source<'a>,
    window: Window,
    restarts: RestartCounter,
    layout: McuLayout,
    /// For each of `layout.blocks`: where its tables are in `tables`.
    tables_of: Vec<(usize, usize)>,
    tables: Vec<Table>,
    /// The last DC coefficient of each member of the scan.
    dc: [i32; 4],
}

/// A block of coefficients, aligned for the inverse DCT.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(super) struct Block(pub(super) [i16; 64]);

/// Which of a block's coefficients can be other than 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent(u8);

impl Extent {
    /// The block was not decoded: all are 0.
    pub(super) const NOTHING: Self = Self(0);
    /// The DC coefficient only.
    const DC: Self = Self(1);
    /// The first ten in zigzag order: they lie in the first four rows and columns.
    const CORNER: Self = Self(10);
    /// Any.
    const ALL: Self = Self(64);

    /// The extent of coefficients in natural order.
    pub(super) fn of(block: &[i16; 64]) -> Self {
        let (rows, _) = block.as_chunks::<8>();
        let any = |coefficients: &[i16]| coefficients.iter().fold(0, |any, coefficient| any | coefficient);
        let outside = rows[..4].iter().fold(any(&block[32..]), |outside, row| outside | any(&row[4..]));
        if outside != 0 {
            Self::ALL
        } else if any(&block[1..32]) != 0 {
            Self::CORNER
        } else {
            Self::DC
        }
    }

    /// Do all lie in the first four rows and columns?
    #[inline(always)]
    pub(super) fn is_corner(self) -> bool {
        self.0 <= Self::CORNER.0
    }

    /// Is the DC coefficient the only one?
    #[inline(always)]
    pub(super) fn is_dc(self) -> bool {
        self.0 <= Self::DC.0
    }
}

impl<'a> Sequential<'a> {
    /// Begins `scan`, whose data are the parser's next bytes.
    pub(super) fn new(parser: &Parser<'a>, frame: &Frame, scan: &Scan) -> Result<Self> {
        let layout = McuLayout::new(frame, scan)?;
        let mut tables = Vec::new();
        let mut known: Vec<(bool, u8)> = Vec::new();
        let mut table = |dc: bool, index: u8| -> Result<usize> {
            if let Some(found) = known.iter().position(|&entry| entry == (dc, index)) {
                return Ok(found);
            }
            let codes = if dc { &parser.dc_codes } else { &parser.ac_codes };
            let code = codes.get(usize::from(index)).and_then(Option::as_ref);
            let code = code.ok_or_else(|| broken(format!("Huffman table {index} is missing")))?;
            tables.push(Table::new(code, dc, true)?);
            known.push((dc, index));
            Ok(tables.len() - 1)
        };
        let mut of_member = Vec::with_capacity(scan.members.len());
        for &(_, dc, ac) in &scan.members {
            of_member.push((table(true, dc)?, table(false, ac)?));
        }
        let tables_of = layout.blocks.iter().map(|block| of_member[block.member]).collect();
        Ok(Self {
            source: Source::new(parser.bytes),
            window: Window::new(parser.at),
            restarts: RestartCounter::new(parser.restart_interval),
            layout,
            tables_of,
            tables,
            dc: [0; 4],
        })
    }

    /// Decodes one row of MCUs, and hands each block with its MCU's number in the row to `block_done`.
    pub(super) fn mcu_row(&mut self, mut block_done: impl FnMut(usize, McuBlock, &mut Block, Extent)) -> Result<()> {
        let mut block = Block([0; 64]);
        for mcu in 0..self.layout.wide {
            if self.restarts.due() {
                self.window = self.source.restart(self.window)?;
                self.dc = [0; 4];
            }
            if self.source.exhausted {
                for &place in &self.layout.blocks {
                    block.0 = [0; 64];
                    block_done(mcu, place, &mut block, Extent::NOTHING);
                }
                continue;
            }
            let mut window = self.window;
            for (&place, &(dc, ac)) in self.layout.blocks.iter().zip(&self.tables_of) {
                block.0 = [0; 64];
                let predicted = &mut self.dc[place.member];
                let extent;
                (window, extent) =
                    decode_block(&mut self.source, window, &self.tables[dc], &self.tables[ac], predicted, &mut block);
                block_done(mcu, place, &mut block, extent);
            }
            self.window = window;
            self.source.check(&self.window)?;
        }
        Ok(())
    }

    pub(super) fn layout(&self) -> &McuLayout {
        &self.layout
    }

    /// Ends the scan: see [`Source::finish`].
    pub(super) fn finish(self) -> (usize, u8) {
        self.source.finish(self.window)
    }
}

/// Decodes one block, which must be all zeros.
#[inline(always)]
fn decode_block(
    source: &mut Source<'_>,
    mut window: Window,
    dc: &Table,
    ac: &Table,
    predicted: &mut i32,
    block: &mut Block,
) -> (Window, Extent) {
    source.refill(&mut window);
    let entry = dc.lookup[(window.peek() >> (64 - LOOKAHEAD)) as usize];
    let difference = if entry.has_value() {
        window.skip(entry.bits());
        i32::from(entry.get())
    } else {
        let (symbol, bits) = match entry.bits() {
            0 => dc.long(window.peek()),
            bits => (entry.get_symbol(), bits),
        };
        window.skip(bits);
        let size = u32::from(symbol & 15);
        extend(window.take(size), size)
    };
    *predicted = predicted.wrapping_add(difference);
    block.0[0] = *predicted as i16;

    let mut last = 0;
    let mut k = 1;
    while k < 64 {
        source.refill(&mut window);
        let entry = ac.lookup[(window.peek() >> (64 - LOOKAHEAD)) as usize];
        let value = if entry.has_value() {
            window.skip(entry.bits());
            k += entry.run();
            entry.get()
        } else {
            let (symbol, bits) = match entry.bits() {
                0 => ac.long(window.peek()),
                bits => (entry.get_symbol(), bits),
            };
            window.skip(bits);
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if run != 15 {
                    break;
                }
                k += 16;
                continue;
            }
            k += run;
            extend(window.take(size), size) as i16
        };
        block.0[usize::from(ZIGZAG[k & 127] & 63)] = value;
        last = k;
        k += 1;
    }
    (window, Extent(last as u8 + 1))
}
