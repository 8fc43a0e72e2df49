//! The bands of a picture, one after the other, whatever the order of its scans.

use std::rc::Rc;

use crate::Result;
use crate::block::Extent;
use crate::coefficients::Coefficients;
use crate::frame::{Frame, Place, Scan};
use crate::lossless::Lossless;
use crate::markers::Parser;
use crate::rows::Rows;
use crate::scan::{BlockSink, Mcus, ScanReader};
use crate::script::{OnlyCoding, Order, Quantizers, Script};
use crate::smooth::Progress;

/// Reads bands of blocks into [`Rows`].
pub(crate) struct Bands<'a> {
    script: Script<'a>,
    source: Source<'a>,
}

/// Where the blocks of a band come from.
enum Source<'a> {
    /// The only scan.
    Scan(Mcus<'a>, OnlyCoding),
    /// All scans, by way of one band's coefficients.
    Scans(Vec<ScanReader<'a>>, Coefficients),
    /// The coefficients of the whole picture; smoothed where there is [`Progress`].
    Coefficients(Coefficients, Option<Progress>),
    /// No blocks, but samples.
    Lossless(Lossless<'a>),
}

impl<'a> Bands<'a> {
    /// Begins to decode a picture, whose first scan is the one that `parser` has just met.
    pub(crate) fn new(order: Order<'a>, parser: Parser<'a>, frame: Rc<Frame>, first: Scan) -> Result<Self> {
        let mut script = Script::new(parser, frame);
        let source = match order {
            Order::OneScan => {
                let (mcus, coding) = script.only(&first)?;
                Source::Scan(mcus, coding)
            }
            Order::SideBySide(scans) => {
                script.quantizers = scans.quantizers;
                Source::Scans(scans.readers, Coefficients::of_one_band(&script.frame)?)
            }
            Order::OneByOne => {
                let (coefficients, progress) = script.decode_all(first)?;
                Source::Coefficients(coefficients, progress)
            }
            Order::Lossless => Source::Lossless(Lossless::new(script.parser.clone(), &script.frame, first)?),
        };
        Ok(Self { script, source })
    }

    /// Each component's quantizers.
    pub(crate) fn quantizers(&self) -> &Quantizers {
        &self.script.quantizers
    }

    /// Reads band `band`, the next one.
    pub(crate) fn read(&mut self, band: usize, rows: &mut Rows) -> Result<()> {
        let frame = &self.script.frame;
        match &mut self.source {
            Source::Lossless(lossless) => lossless.read(frame, band, rows)?,
            Source::Scan(mcus, OnlyCoding::Huffman(coding)) => mcus.band(frame, band, coding, rows)?,
            Source::Scan(mcus, OnlyCoding::Arithmetic(coding)) => mcus.band(frame, band, coding.as_mut(), rows)?,
            Source::Scans(readers, coefficients) => {
                coefficients.clear_for(band);
                readers.iter_mut().try_for_each(|reader| reader.band(frame, band, coefficients))?;
                put(&self.script, coefficients, None, band, rows);
            }
            Source::Coefficients(coefficients, progress) => {
                put(&self.script, coefficients, progress.as_ref(), band, rows);
                // Smoothing looks two bands back.
                if let Some(done) = band.checked_sub(2) {
                    coefficients.release(done);
                }
            }
        }
        Ok(())
    }

    /// Looks whether what follows the only scan makes sense.
    pub(crate) fn finish(self) -> Result<()> {
        let end = match self.source {
            Source::Scan(mcus, _) => Some(mcus.finish()),
            Source::Lossless(lossless) => lossless.finish(),
            Source::Scans(..) | Source::Coefficients(..) => None,
        };
        let (Some(end), mut parser) = (end, self.script.parser) else { return Ok(()) };
        (parser.at, parser.pending) = end;
        parser.check_end()
    }
}

/// Puts the blocks of band `band` in `rows`.
fn put(script: &Script<'_>, held: &Coefficients, progress: Option<&Progress>, band: usize, rows: &mut Rows) {
    if !rows.needs_band() {
        return;
    }
    let frame = &script.frame;
    for (index, component) in frame.components.iter().enumerate() {
        for y in 0..component.rows_in(band) {
            let mut put = |x, block: &[i16; 64]| rows.put(Place { component: index, x, y }, block, Extent::of(block));
            match (progress, &script.quantizers[index]) {
                (Some(progress), Some(quantizers)) => {
                    progress.smooth_row(frame, index, held, quantizers, (band, y), put);
                }
                _ => {
                    let blocks = held.row(index, band * component.vertical + y);
                    (0..component.blocks_wide).zip(blocks).for_each(|(x, block)| put(x, block));
                }
            }
        }
    }
}
