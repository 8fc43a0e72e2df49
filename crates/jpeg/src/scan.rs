//! One scan, read band by band.
//!
//! [`Mcus`] walks through a scan's MCUs: it knows where each block lies, when a restart marker is due and what happens
//! where data are missing. What the bits of a block mean is a [`Coding`]'s business, of which there are six: baseline
//! (`sequential.rs`), the four procedures of progressive scans (`progressive.rs`), and arithmetic coding.

use crate::arithmetic::ArithmeticScan;
use crate::bits::{Bits, RestartCounter, Source, Window};
use crate::block::Extent;
use crate::coefficients::Coefficients;
use crate::frame::{Frame, McuLayout, Place, Scan};
use crate::markers::Parser;
use crate::progressive::{AcFirst, AcRefine, DcFirst, DcRefine};
use crate::script::Allowance;
use crate::sequential::Sequential;
use crate::{Error, Result};

/// How the blocks of a scan are coded, and made in `Out`.
pub(crate) trait Coding<Out> {
    /// Begins anew behind a restart marker.
    fn restart(&mut self) {}

    /// Decodes the next block, that of the scan's member `member` at `place`.
    fn decode(&mut self, bits: &mut Bits<'_, '_>, member: usize, place: Place, out: &mut Out) -> Result<()>;

    /// There are no data for the block at `place`.
    fn missing(&mut self, _place: Place, _out: &mut Out) {}
}

/// Where blocks go that are decoded at once.
pub(crate) trait BlockSink {
    /// Takes the block at `place`, of whose coefficients those in `extent` can be other than 0.
    fn put(&mut self, place: Place, block: &[i16; 64], extent: Extent);

    /// There are no data for the block at `place`.
    fn missing(&mut self, _place: Place) {}
}

/// A walk through the MCUs of a scan.
pub(crate) struct Mcus<'a> {
    source: Source<'a>,
    window: Window,
    restarts: RestartCounter,
    layout: McuLayout,
    /// The last band that was not missing data.
    last_good: Option<usize>,
}

impl<'a> Mcus<'a> {
    /// Those of `scan`, whose data are the parser's next bytes.
    pub(crate) fn new(parser: &Parser<'a>, frame: &Frame, scan: &Scan) -> Result<Self> {
        Ok(Self {
            source: Source::new(parser.bytes, parser.lenient),
            window: Window::new(parser.at),
            restarts: RestartCounter::new(parser.restart_interval),
            layout: McuLayout::new(frame, scan)?,
            last_good: None,
        })
    }

    /// Decodes the next band, `band`, into `out`.
    #[inline(always)]
    pub(crate) fn band<Out>(
        &mut self,
        frame: &Frame,
        band: usize,
        coding: &mut impl Coding<Out>,
        out: &mut Out,
    ) -> Result<()> {
        for row in 0..self.layout.rows(frame, band) {
            for mcu in 0..self.layout.wide {
                if !self.source.exhausted {
                    self.last_good = Some(band);
                }
                if self.restarts.due() {
                    self.window = self.source.restart(self.window)?;
                    coding.restart();
                }
                if self.source.exhausted {
                    self.layout.blocks.iter().for_each(|block| coding.missing(block.place(mcu, row), out));
                    continue;
                }
                let mut bits = Bits { source: &mut self.source, window: self.window };
                for block in &self.layout.blocks {
                    coding.decode(&mut bits, block.member, block.place(mcu, row), out)?;
                }
                self.window = bits.window;
                self.source.check(&self.window)?;
            }
        }
        Ok(())
    }

    /// Ends the scan: see [`Source::finish`].
    pub(crate) fn finish(self) -> (usize, u8) {
        self.source.finish(self.window)
    }
}

/// The reader of one of several scans.
pub(crate) struct ScanReader<'a> {
    mcus: Mcus<'a>,
    coding: AnyCoding,
}

enum AnyCoding {
    Sequential(Sequential),
    DcFirst(DcFirst),
    DcRefine(DcRefine),
    AcFirst(AcFirst),
    AcRefine(AcRefine),
    Arithmetic(Box<ArithmeticScan>),
}

impl<'a> ScanReader<'a> {
    /// Begins `scan`, whose data are the parser's next bytes.
    ///
    /// # Errors
    /// `Broken` for an impossible scan or one whose tables are missing.
    pub(crate) fn new(parser: &Parser<'a>, frame: &Frame, scan: &Scan, allowance: &Allowance) -> Result<Self> {
        if frame.is_progressive() {
            scan.check_progression()?;
        }
        let coding = if frame.is_arithmetic() {
            let scan = ArithmeticScan::new(parser, scan, frame.is_progressive(), allowance.clone());
            AnyCoding::Arithmetic(Box::new(scan))
        } else if !frame.is_progressive() {
            AnyCoding::Sequential(Sequential::new(parser, scan)?)
        } else {
            match (scan.start == 0, scan.high != 0) {
                (true, false) => AnyCoding::DcFirst(DcFirst::new(parser, scan)?),
                (true, true) => AnyCoding::DcRefine(DcRefine::new(scan)),
                (false, false) => AnyCoding::AcFirst(AcFirst::new(parser, scan)?),
                (false, true) => AnyCoding::AcRefine(AcRefine::new(parser, scan)?),
            }
        };
        Ok(Self { mcus: Mcus::new(parser, frame, scan)?, coding })
    }

    /// Decodes the next band, `band`, into `out`.
    pub(crate) fn band(&mut self, frame: &Frame, band: usize, out: &mut Coefficients) -> Result<()> {
        let mcus = &mut self.mcus;
        match &mut self.coding {
            AnyCoding::Sequential(coding) => mcus.band(frame, band, coding, out),
            AnyCoding::DcFirst(coding) => mcus.band(frame, band, coding, out),
            AnyCoding::DcRefine(coding) => mcus.band(frame, band, coding, out),
            AnyCoding::AcFirst(coding) => mcus.band(frame, band, coding, out),
            AnyCoding::AcRefine(coding) => mcus.band(frame, band, coding, out),
            AnyCoding::Arithmetic(coding) => mcus.band(frame, band, coding.as_mut(), out),
        }
    }

    /// How many blocks it visits in all.
    pub(crate) fn visits(&self, frame: &Frame) -> u64 {
        self.mcus.layout.visits(frame)
    }

    /// The last band that was not missing data.
    pub(crate) fn last_good(&self) -> Option<usize> {
        self.mcus.last_good
    }

    /// Ends the scan: see [`Source::finish`].
    pub(crate) fn finish(self) -> (usize, u8) {
        self.mcus.finish()
    }
}

impl Scan {
    /// Is this a possible scan of a progressive picture?
    fn check_progression(&self) -> Result<()> {
        let &Self { start, end, high, low, .. } = self;
        let band = if start == 0 { end == 0 } else { start <= end && end < 64 && self.members.len() == 1 };
        if band && low <= 13 && (high == 0 || low + 1 == high) {
            return Ok(());
        }
        let what = format!("a scan of coefficients {start} to {end}, bits {high} to {low}, is impossible");
        Err(Error::broken(what))
    }
}
