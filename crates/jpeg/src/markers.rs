//! The marker segments of a JPEG file: tables, frame and scans, in the order in which they come.
//!
//! In: the whole file. Out: [`Event`]s, each the start of a scan or the end of the picture; the tables that hold at
//! that moment are in [`Parser`]. What is forgiven and what is not follows libjpeg-turbo (`jdmarker.c`): garbage and
//! fill bytes between markers are skipped, unknown application data too; a wrong length is an error.

use std::rc::Rc;

use crate::arithmetic::Conditioning;
use crate::block::ZIGZAG;
use crate::color::Colors;
use crate::frame::{Component, Frame, Process, Scan};
use crate::huffman::{Code, Kind};
use crate::tables::Tables;
use crate::{Error, ErrorKind, Result};

/// The greatest width or height that libjpeg reads.
const MAX_DIMENSION: usize = 65_500;

pub(crate) mod code {
    pub(crate) const SOF0: u8 = 0xc0;
    pub(crate) const DHT: u8 = 0xc4;
    pub(crate) const DAC: u8 = 0xcc;
    pub(crate) const RST0: u8 = 0xd0;
    pub(crate) const RST7: u8 = 0xd7;
    pub(crate) const SOI: u8 = 0xd8;
    pub(crate) const EOI: u8 = 0xd9;
    pub(crate) const SOS: u8 = 0xda;
    pub(crate) const DQT: u8 = 0xdb;
    pub(crate) const DNL: u8 = 0xdc;
    pub(crate) const DRI: u8 = 0xdd;
    pub(crate) const APP0: u8 = 0xe0;
    pub(crate) const APP1: u8 = 0xe1;
    pub(crate) const APP14: u8 = 0xee;
    pub(crate) const APP15: u8 = 0xef;
    pub(crate) const COM: u8 = 0xfe;
    pub(crate) const TEM: u8 = 0x01;
}

/// What comes next in a file.
pub(crate) enum Event {
    /// A scan, whose entropy-coded data begin at [`Parser::at`].
    Scan(Scan),
    /// The end-of-image marker, after a picture.
    End,
    /// The same after tables only, to which a picture may follow.
    Tables,
}

/// A walk through a file's markers.
#[derive(Clone)]
pub(crate) struct Parser<'a> {
    pub(crate) bytes: &'a [u8],
    /// The next byte to be read.
    pub(crate) at: usize,
    /// A marker that the reader of entropy-coded data has met and taken; 0 is none.
    pub(crate) pending: u8,
    pub(crate) tables: Tables,
    /// Whether the bytes' end stands for an end-of-image marker, as in TIFF.
    pub(crate) lenient: bool,
    pub(crate) conditioning: Conditioning,
    /// MCUs between restart markers; 0 is none.
    pub(crate) restart_interval: u32,
    pub(crate) frame: Option<Rc<Frame>>,
    /// All of the file's EXIF data, with the first `Exif\0\0`.
    pub(crate) exif: Option<Vec<u8>>,
    pub(crate) xmp: Option<Vec<u8>>,
    jfif: bool,
    adobe_transform: Option<u8>,
    scans: usize,
    /// Whether the file ended where nothing of importance was begun.
    ended: bool,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(bytes: &'a [u8], tables: Tables, lenient: bool) -> Result<Self> {
        if !bytes.starts_with(&[0xff, code::SOI]) {
            return Err(Error::broken("it does not begin with a start-of-image marker").at(0));
        }
        Ok(Self {
            bytes,
            at: 2,
            pending: 0,
            conditioning: Conditioning::default(),
            tables,
            lenient,
            restart_interval: 0,
            frame: None,
            exif: None,
            xmp: None,
            jfif: false,
            adobe_transform: None,
            scans: 0,
            ended: false,
        })
    }

    /// Reads on to the next scan or to the end of the picture.
    pub(crate) fn next(&mut self) -> Result<Event> {
        loop {
            let marker = match std::mem::take(&mut self.pending) {
                0 => match next_marker(self.bytes, &mut self.at) {
                    Some(marker) => marker,
                    None if self.lenient => code::EOI,
                    None => {
                        self.ended = true;
                        return Err(Error::cut_short("the file ends between its segments").at(self.bytes.len()));
                    }
                },
                pending => pending,
            };
            let start = self.at - 2;
            if let Some(event) = self.marker(marker).map_err(|error| error.at(start))? {
                return Ok(event);
            }
        }
    }

    /// Reads on to the first scan, past streams of nothing but tables: libjpeg keeps the tables.
    ///
    /// # Errors
    /// `Broken` where there is no picture.
    pub(crate) fn first(&mut self) -> Result<Scan> {
        loop {
            match self.next()? {
                Event::Scan(scan) => return Ok(scan),
                Event::End => return Err(Error::broken("it has no scan")),
                Event::Tables => {}
            }
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            if !rest.starts_with(&[0xff, code::SOI]) {
                return Err(Error::broken("it ends before its first scan").at(self.at.saturating_sub(2)));
            }
            self.at += 2;
            self.conditioning = Conditioning::default();
            (self.restart_interval, self.jfif, self.adobe_transform) = (0, false, None);
        }
    }

    /// Reads the segment of `marker`, which lies just before.
    fn marker(&mut self, marker: u8) -> Result<Option<Event>> {
        match marker {
            code::SOS => return self.scan().map(|scan| Some(Event::Scan(scan))),
            code::EOI if self.frame.is_none() => return Ok(Some(Event::Tables)),
            code::EOI if self.scans == 0 => return Err(Error::broken("it ends before its first scan")),
            code::EOI => return Ok(Some(Event::End)),
            code::SOI => return Err(Error::broken("a second start-of-image marker")),
            code::DHT => self.huffman_tables()?,
            code::DQT => self.quantization_tables()?,
            code::DRI => self.restart_interval()?,
            code::RST0..=code::RST7 | code::TEM => {}
            code::DAC => self.conditioning()?,
            // 0xc8 (JPG) is no frame, but leads to no picture that is read here either.
            code::SOF0..=0xcf => self.frame_header(marker)?,
            code::APP0..=code::APP15 => self.application_data(marker)?,
            code::DNL | code::COM => drop(self.skippable()?),
            other => return Err(Error::broken(format!("an unknown marker, ff {other:02x}"))),
        }
        Ok(None)
    }

    /// What the components mean, by libjpeg's rules (`jdapimin.c`, `default_decompress_parms`).
    pub(crate) fn colors(&self, frame: &Frame) -> Result<Colors> {
        let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        match (ids.as_slice(), self.adobe_transform) {
            ([_], _) => Ok(Colors::Gray),
            ([_, _, _], _) if self.jfif => Ok(Colors::YCbCr),
            ([_, _, _], Some(0)) | ([b'R', b'G', b'B'], None) => Ok(Colors::Rgb),
            ([_, _, _], None) if frame.process == Process::Lossless => Ok(Colors::Rgb),
            ([_, _, _], _) => Ok(Colors::YCbCr),
            ([_, _, _, _], None | Some(0)) => Ok(Colors::Cmyk),
            ([_, _, _, _], Some(_)) => Ok(Colors::Ycck),
            ([_, _], _) => Ok(Colors::Stored),
            (other, _) => Err(Error::unsupported(format!("{} components; read are 1, 3 and 4", other.len()))),
        }
    }

    /// Looks whether what follows the only scan makes sense, as Pillow does: another scan, for one, does not. An end
    /// without end marker is fine.
    pub(crate) fn check_end(&mut self) -> Result<()> {
        // Pillow looks no further than what it has read: it reads 64 KiB at a time.
        let known = self.at.next_multiple_of(1 << 16).min(self.bytes.len());
        self.bytes = &self.bytes[..known];
        match self.next() {
            Ok(Event::End | Event::Tables) => Ok(()),
            Ok(Event::Scan(_)) => Err(Error::broken("a further scan after a whole picture")),
            Err(_) if self.ended => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Like [`segment`](Self::segment), for what may be cut short after a picture.
    fn skippable(&mut self) -> Result<&'a [u8]> {
        let segment = self.segment();
        self.ended |= segment.is_err();
        segment
    }

    /// The next segment's content, past which the walk goes on. A length of 0 or 1 is taken for none, as libjpeg does.
    fn segment(&mut self) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)).max(2));
        let segment = length
            .and_then(|length| rest.get(..length))
            .ok_or_else(|| Error::cut_short("the file ends in a marker segment"))?;
        self.at += segment.len();
        Ok(&segment[2..])
    }

    fn application_data(&mut self, marker: u8) -> Result<()> {
        const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
        let content = self.skippable()?;
        match marker {
            code::APP0 => self.jfif |= content.len() >= 14 && content.starts_with(b"JFIF\0"),
            code::APP14 => {
                if let Some(&transform) = content.get(11).filter(|_| content.starts_with(b"Adobe")) {
                    self.adobe_transform = Some(transform);
                }
            }
            code::APP1 if self.scans == 0 => {
                // Pillow joins all EXIF segments, and takes the last XMP one.
                if let Some(more) = content.strip_prefix(b"Exif\0\0") {
                    self.exif.get_or_insert_with(|| b"Exif\0\0".to_vec()).extend_from_slice(more);
                } else if let Some(xmp) = content.strip_prefix(XMP) {
                    self.xmp = Some(xmp.to_vec());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn quantization_tables(&mut self) -> Result<()> {
        let mut content = self.skippable()?;
        while let Some((&head, rest)) = content.split_first() {
            let (wide, index) = (head >> 4 != 0, usize::from(head & 15));
            let length = if wide { 128 } else { 64 };
            let (Some(values), Some(table)) = (rest.get(..length), self.tables.quantization.get_mut(index)) else {
                return Err(Error::broken("a bad quantization table"));
            };
            let mut natural = [0; 64];
            for (i, &position) in ZIGZAG.iter().take(64).enumerate() {
                natural[usize::from(position)] =
                    if wide { u16::from_be_bytes([values[2 * i], values[2 * i + 1]]) } else { u16::from(values[i]) };
            }
            *table = Some(Rc::new(natural));
            content = &rest[length..];
        }
        Ok(())
    }

    fn huffman_tables(&mut self) -> Result<()> {
        let mut content = self.skippable()?;
        // As in libjpeg, what is too short for a table is no table.
        while content.len() > 16 {
            let (head, rest) = (content[0], &content[1..]);
            let (counts, rest) = rest.split_at(16);
            let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let kind = if head & 0x10 == 0 { Kind::Dc } else { Kind::Ac };
            let place = self.tables.code_mut(kind, usize::from(head & !0x10));
            let (Some(symbols), Some(place)) = (rest.get(..total), place) else {
                return Err(Error::broken("a bad Huffman table"));
            };
            let code =
                Code::new(counts, symbols).ok_or_else(|| Error::broken("a Huffman table of over 256 symbols"))?;
            *place = Some(Rc::new(code));
            content = &rest[total..];
        }
        if content.is_empty() { Ok(()) } else { Err(Error::broken("a Huffman table of a wrong length")) }
    }

    fn restart_interval(&mut self) -> Result<()> {
        let &[high, low] = self.segment()? else {
            return Err(Error::broken("a restart interval of a wrong length"));
        };
        self.restart_interval = u32::from(u16::from_be_bytes([high, low]));
        Ok(())
    }

    fn conditioning(&mut self) -> Result<()> {
        let (entries, rest) = self.skippable()?.as_chunks::<2>();
        for &[index, value] in entries {
            let (small, large) = (value & 15, value >> 4);
            match (usize::from(index), small <= large) {
                (table @ 0..16, true) => self.conditioning.dc[table] = (small, large),
                (table @ 16..32, _) => self.conditioning.ac[table - 16] = value,
                _ => return Err(Error::broken("a bad conditioning of arithmetic coding")),
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(Error::broken("a conditioning of a wrong length")) }
    }

    fn frame_header(&mut self, marker: u8) -> Result<()> {
        let coding = match marker {
            0xc0 | 0xc1 => Ok(Process::Sequential),
            0xc2 => Ok(Process::Progressive),
            0xc3 => Ok(Process::Lossless),
            0xc9 => Ok(Process::ArithmeticSequential),
            0xca => Ok(Process::ArithmeticProgressive),
            0xc5..=0xc7 | 0xcd..=0xcf => Err("hierarchical"),
            0xcb => Err("lossless and arithmetically coded"),
            _ => Err("of a reserved kind"),
        };
        let process = coding.map_err(|kind| Error::unsupported(format!("it is {kind} (marker ff {marker:02x})")))?;
        if self.frame.is_some() {
            return Err(Error::broken("a second frame header"));
        }
        let content = self.segment()?;
        let (Some(&[precision, y1, y0, x1, x0, count]), Some(list)) = (content.first_chunk::<6>(), content.get(6..))
        else {
            return Err(Error::broken("a frame header of a wrong length"));
        };
        let height = usize::from(u16::from_be_bytes([y1, y0]));
        let width = usize::from(u16::from_be_bytes([x1, x0]));
        if width == 0 || height == 0 || count == 0 {
            return Err(Error::broken(format!("a frame of {width}x{height} pixels and {count} components")));
        }
        if list.len() != usize::from(count) * 3 {
            return Err(Error::broken("a frame header of a wrong length"));
        }
        if precision != 8 {
            return Err(Error::unsupported(format!("samples of {precision} bits; read are those of 8, as in Pillow")));
        }
        if width > MAX_DIMENSION || height > MAX_DIMENSION {
            let what = format!("{width}x{height} pixels; libjpeg's limit is {MAX_DIMENSION} a side");
            return Err(Error::new(ErrorKind::TooLarge, what));
        }
        let components = list
            .as_chunks::<3>()
            .0
            .iter()
            .map(|&[id, sampling, quantization]| Component::new(id, sampling >> 4, sampling & 15, quantization));
        self.frame = Some(Rc::new(Frame::new(process, width, height, components.collect())?));
        Ok(())
    }

    fn scan(&mut self) -> Result<Scan> {
        let content = self.segment()?;
        let Some(frame) = &self.frame else {
            return Err(Error::broken("a scan before the frame header"));
        };
        let count = usize::from(content.first().copied().unwrap_or(0));
        if count == 0 || count > 4 || content.len() != 2 * count + 4 {
            return Err(Error::broken("a scan header of a wrong length"));
        }
        let mut members: Vec<(usize, u8, u8)> = Vec::with_capacity(count);
        for &[id, tables] in content[1..=2 * count].as_chunks::<2>().0 {
            // libjpeg's way of telling components of the same id apart: place i must not be taken in the scan yet.
            let found = frame
                .components
                .iter()
                .take(4)
                .enumerate()
                .find(|(i, component)| component.id == id && *i >= members.len())
                .map(|(i, _)| i)
                .filter(|found| members.iter().all(|(taken, ..)| taken != found));
            let Some(found) = found else {
                return Err(Error::broken(format!("a scan of a component {id} that is not there")));
            };
            members.push((found, tables >> 4, tables & 15));
        }
        let (start, end, approximation) = (content[2 * count + 1], content[2 * count + 2], content[2 * count + 3]);
        self.scans += 1;
        Ok(Scan { members, start, end, high: approximation >> 4, low: approximation & 15 })
    }
}

/// The next marker's code, never 0 or 0xff, from `at` on, which is moved past it. None where the bytes end before.
pub(crate) fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let rest = bytes.get(*at..)?;
        let skipped = rest.iter().position(|&byte| byte == 0xff)?;
        let fill = rest[skipped..].iter().position(|&byte| byte != 0xff)?;
        let marker = rest[skipped + fill];
        *at += skipped + fill + 1;
        if marker != 0 {
            return Some(marker);
        }
    }
}
