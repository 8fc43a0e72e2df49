//! A picture's scans, and in which order they are decoded.
//!
//! Each scan adds to the coefficients of the whole picture, so libjpeg keeps all of them: 128 bytes a block, twice the
//! finished pixels at 4:4:4. But where a scan's data end can be seen without decoding them (at the next marker), and the
//! whole file is at hand. So every scan has a reader of its own here, and they take turns: for each band of MCUs the first
//! scan brings its part, then the second refines it, and so on; then the band is finished, and its memory used again. That
//! takes as little memory as a picture in one scan, and less time, since the coefficients stay in the cache.
//!
//! It gives what one scan after the other gives, in damaged files too: a scan's reader does not pass the marker at which
//! its data end, nor does its result depend on other blocks. [`Order::of`] steps back where that is not sure, and
//! from pictures that need their neighboring blocks (see `smooth.rs`).

use std::cell::Cell;
use std::rc::Rc;

use crate::arithmetic::{ArithmeticScan, WholeBlocks};
use crate::coefficients::Coefficients;
use crate::frame::{Frame, Process, Scan};
use crate::markers::{Event, Parser, code, next_marker};
use crate::scan::{Mcus, ScanReader};
use crate::sequential::Sequential;
use crate::smooth::Progress;
use crate::{Error, ErrorKind, Result};

/// The quantizers of each component, in natural order, as they are at its first scan.
pub(crate) type Quantizers = Vec<Option<Rc<[u16; 64]>>>;

/// A walk through a picture's scans.
pub(crate) struct Script<'a> {
    pub(crate) parser: Parser<'a>,
    pub(crate) frame: Rc<Frame>,
    pub(crate) quantizers: Quantizers,
    /// What is known of a progressive picture's coefficients.
    progress: Option<Progress>,
    work: Work,
    allowance: Allowance,
}

impl<'a> Script<'a> {
    /// Begins before the first scan.
    pub(crate) fn new(parser: Parser<'a>, frame: Rc<Frame>) -> Self {
        let quantizers = vec![None; frame.components.len()];
        let progress = frame.is_progressive().then(|| Progress::new(&frame));
        let work = Work::new(&frame, parser.bytes.len());
        let allowance = Allowance::new(&frame, parser.lenient);
        Self { parser, frame, quantizers, progress, work, allowance }
    }

    /// Begins `scan`, which the parser has just met.
    fn begin(&mut self, scan: &Scan) -> Result<ScanReader<'a>> {
        let at = self.parser.at;
        let mut reader = || {
            self.latch_quantizers(scan)?;
            ScanReader::new(&self.parser, &self.frame, scan, &self.allowance)
        };
        let reader = reader().map_err(|error| error.at(at))?;
        self.work.add(reader.visits(&self.frame)).map_err(|error| error.at(at))?;
        if let Some(progress) = &mut self.progress {
            progress.begin(scan);
        }
        Ok(reader)
    }

    /// Begins the only scan of a picture.
    pub(crate) fn only(&mut self, scan: &Scan) -> Result<(Mcus<'a>, OnlyCoding)> {
        let at = self.parser.at;
        let mut begin = || {
            self.latch_quantizers(scan)?;
            let coding = if self.frame.is_arithmetic() {
                let coding = WholeBlocks(ArithmeticScan::new(&self.parser, scan, false, self.allowance.clone()));
                OnlyCoding::Arithmetic(Box::new(coding))
            } else {
                OnlyCoding::Huffman(Sequential::new(&self.parser, scan)?)
            };
            Ok((Mcus::new(&self.parser, &self.frame, scan)?, coding))
        };
        begin().map_err(|error: Error| error.at(at))
    }

    /// Keeps the quantizers of those of the scan's components that had no scan before.
    fn latch_quantizers(&mut self, scan: &Scan) -> Result<()> {
        for &(index, ..) in &scan.members {
            if self.quantizers[index].is_none() {
                let table = self.frame.components[index].quantization;
                let found = self.parser.tables.quantization.get(table).cloned().flatten();
                let missing = || Error::broken(format!("quantization table {table} is missing"));
                self.quantizers[index] = Some(found.ok_or_else(missing)?);
            }
        }
        Ok(())
    }

    /// The next scan, if there is one, where the data of the last one end: see [`ScanReader::finish`].
    fn next(&mut self, end: (usize, u8)) -> Result<Option<Scan>> {
        (self.parser.at, self.parser.pending) = end;
        Ok(match self.parser.next()? {
            Event::Scan(scan) => Some(scan),
            Event::End | Event::Tables => None,
        })
    }

    /// What is known of the coefficients, where that asks for smoothing.
    fn smoothing(&mut self) -> Option<Progress> {
        self.progress.take().filter(|progress| progress.needs_smoothing(&self.quantizers))
    }

    /// Decodes all scans, beginning with `first`, one after the other. There is [`Progress`] if the picture needs
    /// smoothing.
    pub(crate) fn decode_all(&mut self, first: Scan) -> Result<(Coefficients, Option<Progress>)> {
        let mut coefficients = Coefficients::of_all_bands(&self.frame)?;
        let mut next = Some(first);
        while let Some(scan) = next {
            let mut reader = self.begin(&scan)?;
            for band in 0..self.frame.bands {
                coefficients.begin_band(band);
                reader.band(&self.frame, band, &mut coefficients)?;
            }
            if let Some(progress) = &mut self.progress {
                progress.end(reader.last_good());
            }
            next = self.next(reader.finish())?;
        }
        Ok((coefficients, self.smoothing()))
    }
}

/// How the only scan of a picture is coded.
pub(crate) enum OnlyCoding {
    Huffman(Sequential),
    Arithmetic(Box<WholeBlocks>),
}

/// In which order a picture is decoded.
pub(crate) enum Order<'a> {
    /// It has one scan, whose blocks become pixels at once.
    OneScan,
    /// Of all scans a band, then of all the next.
    SideBySide(SideBySide<'a>),
    /// All of a scan, then all of the next.
    OneByOne,
    /// Samples instead of blocks.
    Lossless,
}

/// All scans of a picture, each at its beginning.
pub(crate) struct SideBySide<'a> {
    pub(crate) readers: Vec<ScanReader<'a>>,
    pub(crate) quantizers: Quantizers,
}

impl<'a> Order<'a> {
    /// The best order for a picture whose first scan is the one that `parser` has just met.
    pub(crate) fn of(parser: &Parser<'a>, frame: &Rc<Frame>, first: &Scan) -> Self {
        if frame.process == Process::Lossless {
            return Self::Lossless;
        }
        if !frame.is_progressive() && first.members.len() == frame.components.len() {
            return Self::OneScan;
        }
        let script = Script::new(parser.clone(), frame.clone());
        SideBySide::new(script, first.clone()).map_or(Self::OneByOne, Self::SideBySide)
    }
}

impl<'a> SideBySide<'a> {
    /// The most scans that are decoded side by side: each has its tables, 6 kB each. Encoders write about ten.
    const MOST: usize = 64;

    /// Looks for all scans. None where they have to be decoded one after the other, to the same pixels or to an error.
    fn new(mut script: Script<'a>, first: Scan) -> Option<Self> {
        let mut readers = Vec::new();
        let mut next = Some(first);
        while let Some(scan) = next {
            if readers.len() == Self::MOST {
                return None;
            }
            readers.push(script.begin(&scan).ok()?);
            let end = end_of_data(&script.parser)?;
            next = script.next(end).ok()?;
        }
        script.smoothing().is_none().then_some(Self { readers, quantizers: script.quantizers })
    }
}

/// Where the entropy-coded data end that the parser has come to: past their end marker, and that marker.
///
/// Readers stop at markers; what they skip to find the next restart are restart markers, the reserved ones below
/// SOF0, and data. Of the reserved ones it depends on the data what they do, so there is no answer.
fn end_of_data(parser: &Parser<'_>) -> Option<(usize, u8)> {
    let (mut at, implied) = (parser.at, parser.lenient.then_some(code::EOI));
    loop {
        match next_marker(parser.bytes, &mut at).or(implied)? {
            code::RST0..=code::RST7 | code::TEM => {}
            ..code::SOF0 => return None,
            marker => return Some((at, marker)),
        }
    }
}

/// Bounds what the scans of a hostile file may cost.
pub(crate) struct Work {
    left: u64,
}

impl Work {
    /// Data units that scans may visit, of a small picture each as often as it likes.
    const LEAST: u64 = 1 << 24;
    /// How often they may visit each of a large one. Encoders write about ten scans.
    const SCANS: u64 = 20;
    /// And what they may visit besides for each byte of the file: a scan that has as little as one bit for eight blocks
    /// is never too much. A visit without data takes a nanosecond or two; where it takes more, there is [`Allowance`].
    const A_BYTE: u64 = 64;

    /// What the scans of a file of `bytes` bytes may cost.
    pub(crate) fn new(frame: &Frame, bytes: usize) -> Self {
        // A sample costs less than a block, but it has a bit at least.
        let scans = if frame.process == Process::Lossless { 2 } else { Self::SCANS };
        let units = frame.blocks_in_band() as u64 * frame.bands as u64;
        Self { left: (units * scans).max(Self::LEAST) + bytes as u64 * Self::A_BYTE }
    }

    pub(crate) fn add(&mut self, visits: u64) -> Result<()> {
        let left = self.left.checked_sub(visits);
        self.left = left.ok_or_else(|| Error::new(ErrorKind::TooLarge, "more scans than any picture needs"))?;
        Ok(())
    }
}

/// How much may be decided without data, in all scans of an arithmetic-coded picture together. There encoders leave out
/// zeros at the end, so a file of few bytes may say what is in any number of blocks; but in one that was made in good
/// faith they are plain, and a plain block takes two decisions.
#[derive(Clone)]
pub(crate) struct Allowance(Rc<Cell<u64>>);

impl Allowance {
    /// Decisions that any picture has, so that damaged ones have their pixels too; but not a part of a TIFF file, which may
    /// have many.
    const LEAST: u64 = 1 << 24;
    /// And those for each block of a large one.
    const A_BLOCK: u64 = 64;

    pub(crate) fn new(frame: &Frame, is_part: bool) -> Self {
        let blocks = frame.blocks_in_band() as u64 * frame.bands as u64;
        let least = if is_part { 0 } else { Self::LEAST };
        Self(Rc::new(Cell::new((blocks * Self::A_BLOCK).max(least))))
    }

    /// # Errors
    /// `TooLarge` where there are not so many left.
    pub(crate) fn spend(&self, decisions: u32) -> Result<()> {
        let left = self.0.get().checked_sub(decisions.into());
        let what = "far more blocks without data than any picture has";
        self.0.set(left.ok_or_else(|| Error::new(ErrorKind::TooLarge, what))?);
        Ok(())
    }
}
