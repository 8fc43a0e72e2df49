//! Entropy decoding of baseline and extended sequential scans (SOF0, SOF1): all 64 coefficients of a block at once.
//!
//! Out: blocks of coefficients in natural order, not yet dequantized. What follows from damaged data is libjpeg's
//! (`jdhuff.c`): an impossible code is a zero, a run beyond the block ends up in its last place.

use std::rc::Rc;

use crate::Result;
use crate::bits::Bits;
use crate::block::{Block, Extent};
use crate::frame::{Place, Scan};
use crate::huffman::{Ac, Kind, Table};
use crate::markers::Parser;
use crate::scan::{BlockSink, Coding};

/// The coding of such a scan.
pub(crate) struct Sequential {
    /// The tables of the scan's members, for DC and AC coefficients.
    tables: Vec<(Rc<Table>, Rc<Table>)>,
    /// The last DC coefficient of each member.
    dc: [i32; 4],
}

impl Sequential {
    pub(crate) fn new(parser: &Parser<'_>, scan: &Scan) -> Result<Self> {
        let table = |kind, index| parser.tables.huffman(kind, index, true);
        let tables = scan.members.iter().map(|&(_, dc, ac)| Ok((table(Kind::Dc, dc)?, table(Kind::Ac, ac)?)));
        Ok(Self { tables: tables.collect::<Result<_>>()?, dc: [0; 4] })
    }
}

impl<S: BlockSink> Coding<S> for Sequential {
    fn restart(&mut self) {
        self.dc = [0; 4];
    }

    #[inline(always)]
    fn decode(&mut self, bits: &mut Bits<'_, '_>, member: usize, place: Place, out: &mut S) -> Result<()> {
        let (dc, ac) = &self.tables[member];
        let mut block = Block::ZERO;
        self.dc[member] = self.dc[member].wrapping_add(dc.difference(bits));
        block.0[0] = self.dc[member] as i16;
        let mut last = 0;
        let mut k = 1;
        while k < 64 {
            match ac.coefficient(bits) {
                Ac::Value(zeros, value) => {
                    k += zeros;
                    block.set(k, value);
                    last = k;
                    k += 1;
                }
                Ac::SixteenZeros => k += 16,
                Ac::EndOfBlock => break,
            }
        }
        out.put(place, &block.0, Extent::up_to(last));
        Ok(())
    }

    fn missing(&mut self, place: Place, out: &mut S) {
        out.missing(place);
    }
}
