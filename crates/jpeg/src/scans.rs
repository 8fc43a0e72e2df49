//! Pictures in several scans, all of which are decoded side by side, band by band.
//!
//! Each scan adds to the coefficients of the whole picture, so libjpeg keeps all of them: 128 bytes a block, twice the
//! finished pixels at 4:4:4. But where a scan's data end can be seen without decoding them (at the next marker), and the
//! whole file is at hand. So every scan has a reader of its own here, and they take turns: for each band of MCUs the first
//! scan brings its part, then the second refines it, and so on; then the band is finished, and its room used again. That
//! takes as little memory as a picture in one scan, and less time, since the coefficients stay in the cache.
//!
//! It gives what one scan after the other gives, in damaged files too: a scan's reader does not pass the marker at which
//! its data end, nor does its result depend on other blocks. [`SideBySide::new`] steps back where that is not sure, and
//! from pictures that need their neighbouring blocks (see `smooth.rs`).

use super::coefficients::Plane;
use super::frame::{Frame, McuLayout, Scan};
use super::markers::{Event, Parser, code, next_marker};
use super::progressive::Progressive;
use super::sequential::{Extent, Sequential};
use super::smooth::Progress;
use super::{Work, latch_quantisers};
use crate::Result;

/// The most scans that are decoded side by side: each has its tables, 6 kB each. Encoders write about ten.
const MOST: usize = 64;

/// The reader of one of several scans.
pub(super) enum Reader<'a> {
    /// A scan's, and the components of its members.
    Sequential(Sequential<'a>, Vec<usize>),
    Progressive(Progressive<'a>),
}

impl<'a> Reader<'a> {
    /// Begins `scan`, whose data are the parser's next bytes.
    pub(super) fn new(parser: &Parser<'a>, frame: &Frame, scan: &Scan) -> Result<Self> {
        if frame.progressive {
            return Progressive::new(parser, frame, scan).map(Self::Progressive);
        }
        let components = scan.members.iter().map(|&(index, ..)| index).collect();
        Ok(Self::Sequential(Sequential::new(parser, frame, scan)?, components))
    }

    /// Decodes the next band, `band`, into `planes`.
    pub(super) fn band(&mut self, frame: &Frame, band: usize, planes: &mut [Plane]) -> Result<()> {
        let (entropy, components) = match self {
            Self::Progressive(scan) => return scan.band(frame, band, planes),
            Self::Sequential(entropy, components) => (entropy, components),
        };
        let single = entropy.layout().single;
        for mcu_row in 0..entropy.layout().rows(frame, band) {
            entropy.mcu_row(|mcu, place, block, extent| {
                let index = components[place.member];
                let horizontal = frame.components[index].horizontal;
                let (x, y) = if single { (mcu, mcu_row) } else { (mcu * horizontal + place.x, place.y) };
                let kept = planes[index].block_mut(x, (band, y));
                if extent != Extent::NOTHING {
                    // A second scan of the same block overwrites what it holds, and leaves the rest.
                    kept[0] = block.0[0];
                    let new = kept.iter_mut().zip(block.0);
                    new.filter(|(_, new)| *new != 0).for_each(|(kept, new)| *kept = new);
                }
            })?;
        }
        Ok(())
    }

    /// The last band for which a progressive scan had data.
    pub(super) fn last_good(&self) -> Option<usize> {
        match self {
            Self::Sequential(..) => None,
            Self::Progressive(scan) => scan.last_good(),
        }
    }

    /// Where the scan ends: see [`super::bits::Source::finish`].
    pub(super) fn finish(self) -> (usize, u8) {
        match self {
            Self::Sequential(entropy, _) => entropy.finish(),
            Self::Progressive(scan) => scan.finish(),
        }
    }
}

/// All scans of a picture, each at its beginning.
pub(super) struct SideBySide<'a> {
    pub(super) readers: Vec<Reader<'a>>,
    /// Each component's, as they were at its first scan.
    pub(super) quantisers: Vec<Option<[u16; 64]>>,
}

impl<'a> SideBySide<'a> {
    /// Looks for all scans, of which `first` is the one that `parser` has just met. None where they have to be decoded one
    /// after the other, to the same pixels or to an error.
    pub(super) fn new(mut parser: Parser<'a>, frame: &Frame, first: &Scan) -> Option<Self> {
        let mut quantisers = vec![None; frame.components.len()];
        let mut progress = frame.progressive.then(|| Progress::new(frame));
        let mut work = Work::new(frame);
        let mut readers = Vec::new();
        let mut scan = first.clone();
        loop {
            work.add(&McuLayout::new(frame, &scan).ok()?, frame).ok()?;
            latch_quantisers(&parser, frame, &scan, &mut quantisers).ok()?;
            readers.push(Reader::new(&parser, frame, &scan).ok()?);
            if let Some(progress) = &mut progress {
                progress.begin(&scan);
            }
            (parser.at, parser.pending) = end_of_data(parser.bytes, parser.at)?;
            scan = match parser.next().ok()? {
                Event::Scan(_) if readers.len() == MOST => return None,
                Event::Scan(next) => next,
                Event::End => break,
            };
        }
        let smooth = progress.is_some_and(|progress| progress.needs_smoothing(&quantisers));
        (!smooth).then_some(Self { readers, quantisers })
    }
}

/// Where the entropy-coded data end that begin at `at`: past their end marker, and that marker.
///
/// Readers stop at markers; what they skip to find the next restart are restart markers, the reserved ones below
/// SOF0, and data. Of the reserved ones it depends on the data what they do, so there is no answer.
fn end_of_data(bytes: &[u8], mut at: usize) -> Option<(usize, u8)> {
    loop {
        match next_marker(bytes, &mut at)? {
            code::RST0..=code::RST7 | code::TEM => {}
            ..code::SOF0 => return None,
            marker => return Some((at, marker)),
        }
    }
}
