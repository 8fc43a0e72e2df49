//! Entropy decoding of progressive scans (SOF2): a band of coefficients, or one more bit of them.
//!
//! In and out: the coefficients of the whole picture, in natural order, which each scan makes more precise. The four
//! procedures are those of T.81, G.1.2; what follows from damaged data is libjpeg-turbo's (`jdphuff.c`).

use std::rc::Rc;

use crate::bits::Bits;
use crate::block::{Extent, coefficient};
use crate::coefficients::Coefficients;
use crate::frame::{Place, Scan};
use crate::huffman::{Kind, Table, extend};
use crate::markers::Parser;
use crate::scan::Coding;
use crate::{Error, Result};

/// The first scan of DC coefficients.
pub(crate) struct DcFirst {
    /// The tables of the scan's members.
    tables: Vec<Rc<Table>>,
    /// The last DC coefficient of each member.
    dc: [i32; 4],
    low: u32,
}

impl DcFirst {
    pub(crate) fn new(parser: &Parser<'_>, scan: &Scan) -> Result<Self> {
        let tables = scan.members.iter().map(|&(_, dc, _)| parser.tables.huffman(Kind::Dc, dc, false));
        Ok(Self { tables: tables.collect::<Result<_>>()?, dc: [0; 4], low: scan.low.into() })
    }
}

impl Coding<Coefficients> for DcFirst {
    fn restart(&mut self) {
        self.dc = [0; 4];
    }

    #[inline(always)]
    fn decode(&mut self, bits: &mut Bits<'_, '_>, member: usize, place: Place, out: &mut Coefficients) -> Result<()> {
        let difference = self.tables[member].difference(bits);
        let dc = self.dc[member].checked_add(difference).ok_or_else(|| overflow(bits))?;
        self.dc[member] = dc;
        out.block_mut(place)[0] = (dc << self.low) as i16;
        Ok(())
    }
}

#[cold]
fn overflow(bits: &Bits<'_, '_>) -> Error {
    Error::broken("a DC coefficient that overflows").at(bits.window.at())
}

/// One more bit of DC coefficients.
pub(crate) struct DcRefine {
    low: u32,
}

impl DcRefine {
    pub(crate) fn new(scan: &Scan) -> Self {
        Self { low: scan.low.into() }
    }
}

impl Coding<Coefficients> for DcRefine {
    #[inline(always)]
    fn decode(&mut self, bits: &mut Bits<'_, '_>, _: usize, place: Place, out: &mut Coefficients) -> Result<()> {
        bits.refill();
        out.block_mut(place)[0] |= (bits.take(1) << self.low) as i16;
        Ok(())
    }
}

/// A band of AC coefficients: what both of their procedures know.
struct AcBand {
    table: Rc<Table>,
    start: usize,
    end: usize,
    low: u32,
    /// How many more blocks have no further new coefficient in this band.
    end_of_band_run: u32,
}

impl AcBand {
    fn new(parser: &Parser<'_>, scan: &Scan) -> Result<Self> {
        let &(_, _, ac) = scan.members.first().ok_or_else(|| Error::broken("a scan of no component"))?;
        Ok(Self {
            table: parser.tables.huffman(Kind::AcBand, ac, false)?,
            start: scan.start.into(),
            end: scan.end.into(),
            low: scan.low.into(),
            end_of_band_run: 0,
        })
    }
}

/// The first scan of a band of AC coefficients.
pub(crate) struct AcFirst(AcBand);

impl AcFirst {
    pub(crate) fn new(parser: &Parser<'_>, scan: &Scan) -> Result<Self> {
        AcBand::new(parser, scan).map(Self)
    }
}

impl Coding<Coefficients> for AcFirst {
    fn restart(&mut self) {
        self.0.end_of_band_run = 0;
    }

    #[inline(always)]
    fn decode(&mut self, bits: &mut Bits<'_, '_>, _: usize, place: Place, out: &mut Coefficients) -> Result<()> {
        let band = &mut self.0;
        if band.end_of_band_run > 0 {
            band.end_of_band_run -= 1;
            return Ok(());
        }
        let block = out.block_mut(place);
        let mut k = band.start;
        while k <= band.end {
            let symbol = band.table.symbol(bits);
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size > 0 {
                k += run as usize;
                *coefficient(block, k) = (extend(bits.take(size), size) << band.low) as i16;
                k += 1;
            } else if run == 15 {
                k += 16;
            } else {
                band.end_of_band_run = (1 << run) + bits.take(run) - 1;
                break;
            }
        }
        Ok(())
    }
}

/// One more bit of a band of AC coefficients.
pub(crate) struct AcRefine(AcBand);

impl AcRefine {
    pub(crate) fn new(parser: &Parser<'_>, scan: &Scan) -> Result<Self> {
        AcBand::new(parser, scan).map(Self)
    }
}

impl Coding<Coefficients> for AcRefine {
    fn restart(&mut self) {
        self.0.end_of_band_run = 0;
    }

    #[inline(always)]
    fn decode(&mut self, bits: &mut Bits<'_, '_>, _: usize, place: Place, out: &mut Coefficients) -> Result<()> {
        let band = &mut self.0;
        let block = out.block_mut(place);
        let bit = 1i16 << band.low;
        let mut k = band.start;
        if band.end_of_band_run == 0 {
            while k <= band.end {
                let symbol = band.table.symbol(bits);
                let (mut run, size) = (u32::from(symbol >> 4), symbol & 15);
                let mut new = 0;
                if size > 0 {
                    // The size is always taken for 1.
                    new = if bits.take(1) == 1 { bit } else { -bit };
                } else if run != 15 {
                    band.end_of_band_run = (1 << run) + bits.take(run);
                    break;
                }
                // Past all coefficients that are known already, which get their next bit, and `run` that are 0.
                while k <= band.end {
                    let known = coefficient(block, k);
                    if *known != 0 {
                        refine(known, bits, bit);
                    } else if run == 0 {
                        break;
                    } else {
                        run -= 1;
                    }
                    k += 1;
                }
                if new != 0 {
                    *coefficient(block, k) = new;
                }
                k += 1;
            }
        }
        if band.end_of_band_run > 0 {
            band.end_of_band_run -= 1;
            // Most such blocks have nothing to refine, and there may be very many.
            if k == band.start && Extent::of(block).is_dc() {
                return Ok(());
            }
            while k <= band.end {
                let known = coefficient(block, k);
                if *known != 0 {
                    refine(known, bits, bit);
                }
                k += 1;
            }
        }
        Ok(())
    }
}

/// Reads one more bit of a coefficient that isn't 0.
#[inline(always)]
fn refine(known: &mut i16, bits: &mut Bits<'_, '_>, bit: i16) {
    bits.refill();
    if bits.take(1) == 1 && *known & bit == 0 {
        *known = known.wrapping_add(if *known >= 0 { bit } else { -bit });
    }
}
