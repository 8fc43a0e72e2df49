//! Arithmetic-coded scans, sequential (SOF9) and progressive (SOF10): what the decisions mean (T.81, F.1.4 and G.1.3).
//!
//! What follows from damaged data is libjpeg-turbo's (`jdarith.c`): after a code that can't be, all further blocks up to
//! the next restart are missing.

use super::{Arithmetic, Context, FIXED};
use crate::Result;
use crate::bits::Bits;
use crate::block::{Block, Extent, coefficient};
use crate::coefficients::Coefficients;
use crate::frame::{Place, Scan};
use crate::markers::Parser;
use crate::scan::{BlockSink, Coding};
use crate::script::Allowance;

/// How contexts are chosen (DAC): for DC coefficients where small and large differences begin, for AC coefficients where
/// the high ones begin. One for each of sixteen tables.
#[derive(Clone)]
pub(crate) struct Conditioning {
    pub(crate) dc: [(u8, u8); 16],
    pub(crate) ac: [u8; 16],
}

impl Default for Conditioning {
    fn default() -> Self {
        Self { dc: [(0, 1); 16], ac: [5; 16] }
    }
}

/// The contexts of each table.
#[derive(Clone)]
struct Contexts {
    dc: [[Context; 64]; 16],
    ac: [[Context; 256]; 16],
}

impl Contexts {
    const NONE: Self = Self { dc: [[0; 64]; 16], ac: [[0; 256]; 16] };
}

/// A scan's state.
pub(crate) struct ArithmeticScan {
    arithmetic: Arithmetic,
    contexts: Box<Contexts>,
    conditioning: Conditioning,
    members: [Member; 4],
    /// Whether there was an impossible code.
    broken: bool,
    start: usize,
    end: usize,
    low: u32,
    procedure: Procedure,
    allowance: Allowance,
}

/// What is known of a component of the scan.
#[derive(Clone, Copy, Default)]
struct Member {
    dc_table: usize,
    ac_table: usize,
    /// The last DC coefficient, and the first context for the next one.
    dc: u16,
    context: usize,
}

/// What a scan brings.
#[derive(Clone, Copy)]
enum Procedure {
    Whole,
    DcFirst,
    DcRefine,
    AcFirst,
    AcRefine,
}

impl ArithmeticScan {
    /// What a restart costs, since all contexts are begun again, in decisions.
    const RESTART: u32 = 32;

    /// `scan` must have been checked if the picture is progressive.
    pub(crate) fn new(parser: &Parser<'_>, scan: &Scan, progressive: bool, allowance: Allowance) -> Self {
        let mut members = [Member::default(); 4];
        for (member, &(_, dc, ac)) in members.iter_mut().zip(&scan.members) {
            (member.dc_table, member.ac_table) = (usize::from(dc & 15), usize::from(ac & 15));
        }
        let procedure = match (progressive, scan.start == 0, scan.high != 0) {
            (false, ..) => Procedure::Whole,
            (true, true, false) => Procedure::DcFirst,
            (true, true, true) => Procedure::DcRefine,
            (true, false, false) => Procedure::AcFirst,
            (true, false, true) => Procedure::AcRefine,
        };
        Self {
            arithmetic: Arithmetic::new(),
            contexts: Box::new(Contexts::NONE),
            conditioning: parser.conditioning.clone(),
            members,
            broken: false,
            start: scan.start.into(),
            end: scan.end.into(),
            // A sequential picture has all bits at once, whatever its scan says.
            low: if progressive { scan.low.into() } else { 0 },
            procedure,
            allowance,
        }
    }

    fn begin_again(&mut self) {
        self.arithmetic = Arithmetic { made: Self::RESTART, ..Arithmetic::new() };
        *self.contexts = Contexts::NONE;
        self.members.iter_mut().for_each(|member| (member.dc, member.context) = (0, 0));
        self.broken = false;
    }

    /// To be called after each block: what was decided without data is counted.
    #[inline]
    fn check(&mut self, bits: &Bits<'_, '_>) -> Result<()> {
        let made = std::mem::take(&mut self.arithmetic.made);
        if bits.source.is_over() { self.allowance.spend(made) } else { Ok(()) }
    }

    /// Decodes the next DC coefficient of a member (F.1.4.4.1). None for an impossible code.
    fn dc(&mut self, bits: &mut Bits<'_, '_>, member: usize) -> Result<Option<i16>> {
        let member = &mut self.members[member];
        let contexts = &mut self.contexts.dc[member.dc_table];
        let mut decide = |at: usize| self.arithmetic.decide(bits, &mut contexts[at & 63]);
        let first = member.context;
        if !decide(first)? {
            member.context = 0;
            return Ok(Some(member.dc as i16));
        }
        let negative = decide(first + 1)?;
        let mut at = first + 2 + usize::from(negative);
        let mut magnitude = u32::from(decide(at)?);
        if magnitude != 0 {
            at = 20;
            while decide(at)? {
                magnitude <<= 1;
                if magnitude == 0x8000 {
                    return Ok(None);
                }
                at += 1;
            }
        }
        let (small, large) = self.conditioning.dc[member.dc_table];
        let sign = 4 * usize::from(negative);
        member.context = if magnitude < 1 << small >> 1 {
            0
        } else if magnitude > 1 << large >> 1 {
            12 + sign
        } else {
            4 + sign
        };
        let difference = 1 + rest(magnitude, || decide(at + 14))?;
        member.dc = if negative { member.dc.wrapping_sub(difference) } else { member.dc.wrapping_add(difference) };
        Ok(Some(member.dc as i16))
    }

    /// Decodes an AC coefficient that is not 0, the `k`th, whose contexts begin at `at` (F.1.4.4.2). None for an
    /// impossible code.
    fn ac(&mut self, bits: &mut Bits<'_, '_>, table: usize, k: usize, at: usize) -> Result<Option<i16>> {
        let negative = self.arithmetic.decide(bits, &mut { FIXED })?;
        let contexts = &mut self.contexts.ac[table];
        let mut decide = |at: usize| self.arithmetic.decide(bits, &mut contexts[at & 255]);
        let mut at = at + 2;
        let mut magnitude = u32::from(decide(at)?);
        if magnitude != 0 && decide(at)? {
            magnitude = 2;
            at = if k <= usize::from(self.conditioning.ac[table]) { 189 } else { 217 };
            while decide(at)? {
                magnitude <<= 1;
                if magnitude == 0x8000 {
                    return Ok(None);
                }
                at += 1;
            }
        }
        let size = 1 + rest(magnitude, || decide(at + 14))?;
        Ok(Some(if negative { size.wrapping_neg() } else { size } as i16))
    }

    /// Decodes the coefficients `start` to `end`, shifted to the left by `low`; returns the last one's place, or
    /// `start` − 1. After an impossible code there are no more.
    fn band(&mut self, bits: &mut Bits<'_, '_>, member: usize, block: &mut [i16; 64]) -> Result<usize> {
        let table = self.members[member].ac_table;
        let (start, end) = if let Procedure::Whole = self.procedure { (1, 63) } else { (self.start, self.end) };
        let (mut k, mut last) = (start, start - 1);
        while k <= end {
            if self.context(bits, table, 3 * (k - 1))? {
                break;
            }
            while !self.context(bits, table, 3 * (k - 1) + 1)? {
                k += 1;
                if k > end {
                    self.broken = true;
                    return Ok(last);
                }
            }
            let Some(value) = self.ac(bits, table, k, 3 * (k - 1))? else {
                self.broken = true;
                return Ok(last);
            };
            *coefficient(block, k) = value << self.low;
            last = k;
            k += 1;
        }
        Ok(last)
    }

    /// One more bit of the coefficients `start` to `end`.
    fn refine(&mut self, bits: &mut Bits<'_, '_>, block: &mut [i16; 64]) -> Result<()> {
        let table = self.members[0].ac_table;
        let bit = 1i16 << self.low;
        let known_to = (1..=self.end).rev().find(|&k| *coefficient(block, k) != 0).unwrap_or(0);
        let mut k = self.start;
        while k <= self.end {
            if k > known_to && self.context(bits, table, 3 * (k - 1))? {
                break;
            }
            loop {
                let at = 3 * (k - 1);
                let known = coefficient(block, k);
                if *known != 0 {
                    if self.context(bits, table, at + 2)? {
                        *known = known.wrapping_add(if *known < 0 { -bit } else { bit });
                    }
                    break;
                }
                if self.context(bits, table, at + 1)? {
                    *known = if self.arithmetic.decide(bits, &mut { FIXED })? { -bit } else { bit };
                    break;
                }
                k += 1;
                if k > self.end {
                    self.broken = true;
                    return Ok(());
                }
            }
            k += 1;
        }
        Ok(())
    }

    /// Decides by the AC context `at` of a table.
    #[inline]
    fn context(&mut self, bits: &mut Bits<'_, '_>, table: usize, at: usize) -> Result<bool> {
        self.arithmetic.decide(bits, &mut self.contexts.ac[table][at & 255])
    }

    /// Decodes a whole block into `out`.
    fn whole<S: BlockSink>(&mut self, bits: &mut Bits<'_, '_>, member: usize, place: Place, out: &mut S) -> Result<()> {
        let dc = if self.broken { None } else { self.dc(bits, member)? };
        let Some(dc) = dc else {
            self.broken = true;
            out.missing(place);
            return Ok(());
        };
        let mut block = Block::ZERO;
        block.0[0] = dc;
        let last = self.band(bits, member, &mut block.0)?;
        out.put(place, &block.0, Extent::up_to(last));
        Ok(())
    }
}

/// The bits of a value below its highest one, `magnitude`, together with it (figure F.24).
#[inline]
fn rest(magnitude: u32, mut decide: impl FnMut() -> Result<bool>) -> Result<u16> {
    let (mut value, mut bit) = (magnitude as u16, magnitude as u16 >> 1);
    while bit != 0 {
        if decide()? {
            value |= bit;
        }
        bit >>= 1;
    }
    Ok(value)
}

/// A scan of whole blocks, which go where they are wanted.
pub(crate) struct WholeBlocks(pub(crate) ArithmeticScan);

impl<S: BlockSink> Coding<S> for WholeBlocks {
    fn restart(&mut self) {
        self.0.begin_again();
    }

    fn decode(&mut self, bits: &mut Bits<'_, '_>, member: usize, place: Place, out: &mut S) -> Result<()> {
        self.0.whole(bits, member, place, out)?;
        self.0.check(bits)
    }
}

impl Coding<Coefficients> for ArithmeticScan {
    fn restart(&mut self) {
        self.begin_again();
    }

    fn decode(&mut self, bits: &mut Bits<'_, '_>, member: usize, place: Place, out: &mut Coefficients) -> Result<()> {
        if let Procedure::Whole = self.procedure {
            self.whole(bits, member, place, out)?;
            return self.check(bits);
        }
        if self.broken {
            return Ok(());
        }
        let block = out.block_mut(place);
        match self.procedure {
            Procedure::DcFirst => match self.dc(bits, member)? {
                Some(dc) => block[0] = dc << self.low,
                None => self.broken = true,
            },
            Procedure::DcRefine => {
                if self.arithmetic.decide(bits, &mut { FIXED })? {
                    block[0] |= 1 << self.low;
                }
            }
            Procedure::AcRefine => self.refine(bits, block)?,
            Procedure::AcFirst | Procedure::Whole => drop(self.band(bits, member, block)?),
        }
        self.check(bits)
    }
}
