//! Lossless pictures (SOF3; ITU-T T.81, annex H): each sample is what its neighbors let expect, plus a difference that is
//! Huffman-coded.
//!
//! A data unit is a single sample here, not a block. Samples are decoded a band at a time, first all differences, then
//! what they are differences from: as in libjpeg-turbo (`jddiffct.c`, `jdlossls.c`), whose order shows where a restart
//! falls into a band. All arithmetic is modulo 2^16, and what comes out is cut to 8 bits.

use std::rc::Rc;

use crate::bits::{Bits, RestartCounter, Source, Window};
use crate::frame::{Frame, McuLayout, Scan};
use crate::huffman::{Kind, Table};
use crate::markers::{Event, Parser};
use crate::rows::Rows;
use crate::script::Work;
use crate::{Error, Result, memory};

/// A lossless picture, band by band.
pub(crate) enum Lossless<'a> {
    /// Its one scan brings all components.
    OneScan(Box<LosslessScan<'a>>),
    /// All samples of each component, from several scans.
    Planes(Vec<Vec<u8>>),
}

impl<'a> Lossless<'a> {
    /// Begins a picture whose first scan is the one that `parser` has just met; decodes the scans if there are several.
    pub(crate) fn new(mut parser: Parser<'a>, frame: &Frame, first: Scan) -> Result<Self> {
        if is_one_scan(frame, &first) {
            let scan = LosslessScan::new(&parser, frame, &first)?;
            return Ok(Self::OneScan(Box::new(scan)));
        }
        let rows = |index: usize| frame.bands * frame.components[index].vertical;
        let size = |index: usize| rows(index).saturating_mul(row_length(frame, index));
        let mut planes = vec![Vec::new(); frame.components.len()];
        let mut work = Work::new(frame, parser.bytes.len(), parser.lenient);
        let mut next = Some(first);
        while let Some(header) = next {
            let mut scan = LosslessScan::new(&parser, frame, &header)?;
            work.add(scan.layout.visits(frame)).map_err(|error| error.at(parser.at))?;
            for &(index, ..) in &header.members {
                if planes[index].is_empty() {
                    planes[index] = memory::filled(size(index), 0)?;
                }
            }
            for band in 0..frame.bands {
                scan.band(frame, band, |index, y, samples| {
                    let y = band * frame.components[index].vertical + y;
                    let start = y * row_length(frame, index);
                    planes[index][start..start + samples.len()].copy_from_slice(samples);
                })?;
            }
            (parser.at, parser.pending) = scan.source.finish(scan.window);
            next = match parser.next()? {
                Event::Scan(scan) => Some(scan),
                Event::End | Event::Tables => None,
            };
        }
        if planes.iter().any(Vec::is_empty) {
            return Err(Error::broken("a component without any scan"));
        }
        Ok(Self::Planes(planes))
    }

    /// How many bytes it takes.
    pub(crate) fn memory(frame: &Frame, first: &Scan) -> u64 {
        let (mut bands, mut planes) = (0, 0);
        for (index, component) in frame.components.iter().enumerate() {
            let band = (component.vertical * row_length(frame, index)) as u64;
            bands += 2 * size_of::<u16>() as u64 * band;
            planes += band * frame.bands as u64;
        }
        if is_one_scan(frame, first) { bands } else { bands + planes }
    }

    /// Reads band `band`, the next one, into `rows`.
    pub(crate) fn read(&mut self, frame: &Frame, band: usize, rows: &mut Rows) -> Result<()> {
        match self {
            Self::OneScan(scan) => scan.band(frame, band, |index, y, samples| rows.put_row(index, y, samples)),
            Self::Planes(planes) => {
                for (index, (plane, component)) in planes.iter().zip(&frame.components).enumerate() {
                    for y in 0..component.rows_in(band) {
                        let row = &plane[(band * component.vertical + y) * row_length(frame, index)..];
                        rows.put_row(index, y, &row[..component.blocks_wide]);
                    }
                }
                Ok(())
            }
        }
    }

    /// Ends the only scan: see [`Source::finish`].
    pub(crate) fn finish(self) -> Option<(usize, u8)> {
        if let Self::OneScan(scan) = self { Some(scan.source.finish(scan.window)) } else { None }
    }
}

fn is_one_scan(frame: &Frame, first: &Scan) -> bool {
    first.members.len() == frame.components.len()
}

/// Samples of a row of a component, padded to whole MCUs.
fn row_length(frame: &Frame, index: usize) -> usize {
    frame.mcus_wide * frame.components[index].horizontal
}

/// One scan.
pub(crate) struct LosslessScan<'a> {
    source: Source<'a>,
    window: Window,
    restarts: RestartCounter,
    layout: McuLayout,
    members: Vec<Member>,
    /// The number of the predictor, 1 to 7 (T.81, table H.1).
    predictor: u8,
    /// By how many bits samples are shifted to the left at the end.
    low: u32,
    /// Whether the next row is predicted as the first one of a picture.
    first: bool,
    /// A finished row.
    row: Vec<u8>,
}

/// What is known of a component of a scan.
struct Member {
    index: usize,
    table: Rc<Table>,
    /// The differences of a band, and its samples; of those the last row of the band before, too.
    differences: Vec<u16>,
    samples: Vec<u16>,
    row_length: usize,
}

impl<'a> LosslessScan<'a> {
    fn new(parser: &Parser<'a>, frame: &Frame, scan: &Scan) -> Result<Self> {
        Self::checked(parser, frame, scan).map_err(|error| error.at(parser.at))
    }

    fn checked(parser: &Parser<'a>, frame: &Frame, scan: &Scan) -> Result<Self> {
        let &Scan { start, end, high, low, .. } = scan;
        if !(1..=7).contains(&start) || end != 0 || high != 0 || low > 7 {
            let what = format!("a lossless scan of predictor {start}, end {end}, bits {high} to {low}, is impossible");
            return Err(Error::broken(what));
        }
        let layout = McuLayout::new(frame, scan)?;
        let interval = parser.restart_interval;
        if !(interval as usize).is_multiple_of(layout.wide) {
            return Err(Error::broken(format!("restarts after {interval} samples, in rows of {}", layout.wide)));
        }
        let member = |&(index, table, _): &(usize, u8, u8)| {
            let row_length = row_length(frame, index);
            let length = row_length * frame.components[index].vertical;
            Ok(Member {
                index,
                table: parser.tables.huffman(Kind::Lossless, table, false)?,
                differences: memory::filled(length, 0)?,
                samples: memory::filled(length, 0)?,
                row_length,
            })
        };
        Ok(Self {
            source: Source::new(parser.bytes, parser.lenient),
            window: Window::new(parser.at),
            restarts: RestartCounter::new(interval / layout.wide as u32),
            members: scan.members.iter().map(member).collect::<Result<_>>()?,
            layout,
            predictor: start,
            low: low.into(),
            first: true,
            row: memory::filled(frame.mcus_wide * frame.horizontal, 0)?,
        })
    }

    /// Decodes the next band, `band`, and hands on the rows of each component, not padded: its index in the frame, the
    /// row's place in the band, and the samples.
    fn band(&mut self, frame: &Frame, band: usize, mut put: impl FnMut(usize, usize, &[u8])) -> Result<()> {
        for row in 0..self.layout.rows(frame, band) {
            self.differences(row)?;
        }
        let first = std::mem::take(&mut self.first);
        for member in &mut self.members {
            let component = &frame.components[member.index];
            let (length, width) = (member.row_length, component.blocks_wide);
            for y in 0..component.rows_in(band) {
                let differences = &member.differences[y * length..][..width];
                if y == 0 && first {
                    let center = 1 << (7 - self.low);
                    undo_first(differences, &mut member.samples[..width], center);
                } else {
                    let before = (y + component.vertical - 1) % component.vertical * length;
                    member.undo(self.predictor, before, y * length, width);
                }
                let samples = &member.samples[y * length..][..width];
                let row = &mut self.row[..width];
                row.iter_mut().zip(samples).for_each(|(to, sample)| *to = (sample << self.low) as u8);
                put(member.index, y, row);
            }
        }
        Ok(())
    }

    /// Decodes the differences of the band's row `row` of MCUs.
    fn differences(&mut self, row: usize) -> Result<()> {
        if self.restarts.due() {
            self.window = self.source.restart(self.window)?;
            self.first = true;
        }
        if self.source.exhausted {
            self.first = true;
            for unit in &self.layout.blocks {
                let (y, member) = (unit.place(0, row).y, &mut self.members[unit.member]);
                member.differences[y * member.row_length..][..member.row_length].fill(0);
            }
            return Ok(());
        }
        let mut bits = Bits { source: &mut self.source, window: self.window };
        if let ([member], [_]) = (self.members.as_mut_slice(), self.layout.blocks.as_slice()) {
            let start = row * member.row_length;
            for difference in &mut member.differences[start..][..self.layout.wide] {
                *difference = member.table.wrapping_difference(&mut bits);
            }
        } else {
            for mcu in 0..self.layout.wide {
                for unit in &self.layout.blocks {
                    let (place, member) = (unit.place(mcu, row), &mut self.members[unit.member]);
                    member.differences[place.y * member.row_length + place.x] =
                        member.table.wrapping_difference(&mut bits);
                }
            }
        }
        self.window = bits.window;
        self.source.check(&self.window)
    }
}

/// The samples of a picture's first row: each is predicted by the one before, the first by `center`.
fn undo_first(differences: &[u16], samples: &mut [u16], center: u16) {
    let mut left = center;
    for (sample, difference) in samples.iter_mut().zip(differences) {
        left = left.wrapping_add(*difference);
        *sample = left;
    }
}

impl Member {
    /// The samples of a later row, which begins at `at` and follows the one at `before`: maybe in the same place.
    fn undo(&mut self, predictor: u8, before: usize, at: usize, width: usize) {
        // One loop a predictor.
        match predictor {
            1 => self.undo_by(before, at, width, |left, _, _| left),
            2 => self.undo_by(before, at, width, |_, above, _| above),
            3 => self.undo_by(before, at, width, |_, _, corner| corner),
            4 => self.undo_by(before, at, width, |left, above, corner| left + above - corner),
            5 => self.undo_by(before, at, width, |left, above, corner| left + ((above - corner) >> 1)),
            6 => self.undo_by(before, at, width, |left, above, corner| above + ((left - corner) >> 1)),
            _ => self.undo_by(before, at, width, |left, above, _| (left + above) >> 1),
        }
    }

    #[inline(always)]
    fn undo_by(&mut self, before: usize, at: usize, width: usize, predict: impl Fn(i32, i32, i32) -> i32) {
        let differences = &self.differences[at..at + width];
        let (mut left, mut corner) = (0, 0);
        for (x, difference) in differences.iter().enumerate() {
            let above = i32::from(self.samples[before + x]);
            let predicted = if x == 0 { above } else { predict(left, above, corner) };
            left = (predicted + i32::from(*difference)) & 0xffff;
            corner = above;
            self.samples[at + x] = left as u16;
        }
    }
}
