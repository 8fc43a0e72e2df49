//! Old-style JPEG (compression 6), from before TIFF knew how: a JPEG whose parts lie about in the file. A stream that a tag
//! points to may have its headers or all of it; the tables may be tags; what follows the headers is in the strips. As
//! libtiff does it (`tif_ojpeg.c`), the parts are put together to one JPEG, with restart markers between the strips,
//! and its components taken as they are: libtiff makes RGB of them.

use super::chunks::Chunks;
use super::directory::{Directory, broken, tag};
use super::kind::{Kind, Meaning, unsupported};
use super::ycbcr::{Tables, pixels_to_rgb};
use crate::decode::check_memory;
use crate::limits::Limits;
use crate::pixels::Area;
use crate::{Error, Result, memory};
use ::jpeg::{Colors, Decoder, Scale};

/// The bytes that there are beside the directory, one part after the other.
struct Parts<'a> {
    parts: Vec<&'a [u8]>,
    /// Which of them are strips: the first of these.
    strips: usize,
    part: usize,
    at: usize,
}

impl<'a> Parts<'a> {
    /// The stream that a tag points to, and the strips: of `most` bytes together, and `None` where they are more.
    fn of(directory: &Directory<'a>, chunks: Option<&Chunks<'a>>, most: usize) -> Option<Self> {
        let mut parts = Self { parts: Vec::new(), strips: 0, part: 0, at: 0 };
        let mut left = most;
        let mut add = |part: &'a [u8]| {
            left = left.checked_sub(part.len())?;
            parts.parts.try_reserve(1).ok()?;
            parts.parts.push(part);
            Some(())
        };
        let offset = |which| directory.number(which).and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
        let start = offset(tag::JPEG_STREAM);
        let stream = directory.bytes.get(start..).filter(|rest| start != 0 && !rest.is_empty());
        if let Some(rest) = stream {
            let length = Some(offset(tag::JPEG_STREAM_LENGTH)).filter(|&length| length > 0 && length <= rest.len());
            add(&rest[..length.unwrap_or(rest.len())])?;
        }
        chunks.into_iter().flat_map(Chunks::lenient_parts).try_for_each(add)?;
        parts.strips = usize::from(stream.is_some());
        Some(parts)
    }

    fn peek(&self) -> Option<u8> {
        self.parts[self.part..].iter().enumerate().find_map(|(index, part)| {
            let at = if index == 0 { self.at } else { 0 };
            part.get(at).copied()
        })
    }

    fn byte(&mut self) -> Option<u8> {
        while self.at >= self.parts.get(self.part)?.len() {
            self.part += 1;
            self.at = 0;
        }
        self.at += 1;
        Some(self.parts[self.part][self.at - 1])
    }

    /// The content of a segment that begins with its length.
    fn segment(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?])).checked_sub(2)?;
        (0..length).map(|_| self.byte()).collect()
    }

    /// How many bytes there are in all.
    fn length(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// What has not been read, with restart markers before all strips but the first.
    fn rest(&self, marked: bool) -> impl Iterator<Item = &[u8]> {
        const MARKERS: [[u8; 2]; 8] = [
            [0xff, 0xd0],
            [0xff, 0xd1],
            [0xff, 0xd2],
            [0xff, 0xd3],
            [0xff, 0xd4],
            [0xff, 0xd5],
            [0xff, 0xd6],
            [0xff, 0xd7],
        ];
        let first = (self.strips + 1).max(self.part);
        self.parts.iter().enumerate().skip(self.part).flat_map(move |(index, part)| {
            let marker = (marked && index > self.strips).then(|| MARKERS[(index - first) % 8].as_slice());
            let rest = part.get(if index == self.part { self.at } else { 0 }..);
            marker.into_iter().chain(rest)
        })
    }
}

/// What is known of the JPEG.
struct Found {
    /// A JPEG's beginning, and segments of tables, as they are.
    tables: Vec<u8>,
    /// The frame header's marker and content.
    frame: Option<(u8, Vec<u8>)>,
    scan: Option<Vec<u8>>,
    restart_interval: usize,
}

/// Fills `data` with gray or RGB.
///
/// # Errors
/// `Decode` for what is broken, `UnsupportedFormat` for planes and tiles, `TooLarge`.
pub(super) fn decode(
    directory: &Directory<'_>,
    kind: Kind,
    size: (usize, usize),
    chunks: Option<Chunks<'_>>,
    data: &mut [u8],
    limits: &Limits,
) -> Result<()> {
    let channels = kind.meaning.channels();
    if kind.planar && channels > 1 || chunks.as_ref().is_some_and(|chunks| chunks.columns > 1) {
        return Err(unsupported("old-style JPEG in planes, or in tiles side by side"));
    }
    let (width, rows) = chunks.as_ref().map_or(size, |chunks| (chunks.width, chunks.height));
    let most = directory.bytes.len().saturating_mul(2).saturating_add(4096);
    let shared = || broken("its strips share their bytes");
    let mut parts = Parts::of(directory, chunks.as_ref(), most).ok_or_else(shared)?;
    check_memory(size, parts.length() as u64, limits)?;
    let head = head(directory, &mut parts, kind, (width, size.1), rows);
    let (head, marked) = head.ok_or_else(|| broken("its JPEG's headers make no sense"))?;
    let length = head.len().saturating_add(parts.rest(marked).map(<[u8]>::len).sum());
    check_memory(size, length as u64, limits)?;
    if length > most {
        return Err(shared());
    }
    let mut file = memory::reserved::<u8>(length, 1, 1)?;
    file.extend(&head);
    parts.rest(marked).for_each(|part| file.extend(part));
    drop(head);
    let within = |error: ::jpeg::Error| Error::from(error).within("in TIFF");
    let decoder = Decoder::abbreviated(&file, &::jpeg::Tables::default()).map_err(within)?;
    let plain = decoder.sampling().skip(1).all(|factors| factors == (1, 1));
    let known = decoder.sampling().take(1).all(|(h, v)| matches!(h, 1 | 2 | 4) && matches!(v, 1 | 2 | 4));
    let decoder = decoder.with_colors(if plain && known { Colors::Repeated } else { Colors::Stored });
    let found = decoder.size(Scale::Full);
    if found.0 != width || found.1 < size.1 || decoder.components() != channels {
        return Err(broken(format_args!("a JPEG of {}x{} pixels in it", found.0, found.1)));
    }
    check_memory(found, decoder.memory(Scale::Full).saturating_add(file.len() as u64), limits)?;
    let mut missing = data;
    let result = decoder.decode(Scale::Full, Area { columns: 0..size.0, rows: 0..size.1 }, |decoded| {
        let (now, later) = std::mem::take(&mut missing).split_at_mut(decoded.len());
        now.copy_from_slice(decoded);
        missing = later;
        Ok::<(), Error>(())
    });
    let complete = missing.is_empty();
    result.or_else(|error| if complete { Ok(()) } else { Err(error.within("in TIFF")) })
}

/// Of the components in `data`, RGB.
pub(super) fn to_rgb(directory: &Directory<'_>, kind: Kind, data: &mut [u8]) -> Result<()> {
    if kind.meaning == Meaning::YCbCr {
        pixels_to_rgb(&Tables::of(directory)?, data);
    }
    Ok(())
}

/// All of the JPEG up to the scan's data, which is what there is still to be read; and whether restart markers belong there.
fn head(
    directory: &Directory<'_>,
    parts: &mut Parts<'_>,
    kind: Kind,
    size: (usize, usize),
    rows: usize,
) -> Option<(Vec<u8>, bool)> {
    let mut found = headers(parts)?;
    let factors = match directory.numbers(tag::YCBCR_SUBSAMPLING, 2).as_slice() {
        _ if kind.samples == 1 => (1, 1),
        &[horizontal, vertical] => (horizontal as u8, vertical as u8),
        _ => (2, 2),
    };
    if found.frame.is_none() {
        from_tags(directory, kind, size, factors, &mut found)?;
    }
    let (marker, frame) = found.frame?;
    let factors = frame.get(7).copied()?;
    let (horizontal, vertical) = (usize::from(factors >> 4).max(1), usize::from(factors & 15).max(1));
    if found.restart_interval == 0 && rows < size.1 {
        found.restart_interval = size.0.div_ceil(horizontal * 8) * (rows / (vertical * 8));
    }
    let mut out = found.tables;
    let mut segment = |marker: u8, content: &[u8]| -> Option<()> {
        out.extend([0xff, marker]);
        out.extend(u16::try_from(content.len() + 2).ok()?.to_be_bytes());
        out.extend(content);
        Some(())
    };
    if found.restart_interval != 0 {
        segment(0xdd, &u16::try_from(found.restart_interval).ok()?.to_be_bytes())?;
    }
    segment(marker, &frame)?;
    segment(0xda, &found.scan?)?;
    Some((out, found.restart_interval != 0))
}

/// Reads segments up to the scan's, or until there are none.
fn headers(parts: &mut Parts<'_>) -> Option<Found> {
    let mut found = Found { tables: vec![0xff, 0xd8], frame: None, scan: None, restart_interval: 0 };
    while found.scan.is_none() && parts.peek()? == 0xff {
        parts.byte()?;
        let mut marker = parts.byte()?;
        while marker == 0xff {
            marker = parts.byte()?;
        }
        match marker {
            0xd8 => {}
            0xfe | 0xe0..=0xef => drop(parts.segment()?),
            0xdd => {
                let content = parts.segment()?;
                found.restart_interval = usize::from(u16::from_be_bytes(*content.first_chunk()?));
            }
            0xdb | 0xc4 => {
                let content = parts.segment()?;
                found.tables.try_reserve(content.len() + 4).ok()?;
                found.tables.extend([0xff, marker]);
                found.tables.extend(u16::try_from(content.len() + 2).ok()?.to_be_bytes());
                found.tables.extend(content);
            }
            0xc0 | 0xc1 if found.frame.is_none() => found.frame = Some((marker, parts.segment()?)),
            0xda => {
                let mut content = parts.segment()?;
                // What a baseline scan says at its end does not count.
                let end = content.len().checked_sub(3)?;
                content[end..].copy_from_slice(&[0, 63, 0]);
                found.scan = Some(content);
            }
            _ => return None,
        }
    }
    Some(found)
}

/// Makes headers of what is in tags: offsets of quantization tables and of Huffman codes, for each component one.
fn from_tags(
    directory: &Directory<'_>,
    kind: Kind,
    (width, height): (usize, usize),
    (horizontal, vertical): (u8, u8),
    found: &mut Found,
) -> Option<()> {
    let samples = kind.samples as u8;
    let rest = |offset: u64| directory.bytes.get(usize::try_from(offset).ok()?..);
    let mut frame = vec![8];
    frame.extend(u16::try_from(height).ok()?.to_be_bytes());
    frame.extend(u16::try_from(width).ok()?.to_be_bytes());
    frame.push(samples);
    let mut scan = vec![samples];
    let mut chosen = [0; 3];
    for (which, (number, class)) in
        [(tag::JPEG_Q_TABLES, 0), (tag::JPEG_DC_TABLES, 0), (tag::JPEG_AC_TABLES, 0x10)].into_iter().enumerate()
    {
        let offsets = directory.numbers(number, kind.samples);
        for index in 0..samples {
            let offset = offsets.get(usize::from(index)).copied().unwrap_or(0);
            let before = usize::from(index).checked_sub(1).and_then(|before| offsets.get(before)).copied();
            let own = offset != 0 && before != Some(offset);
            if own {
                let table = rest(offset)?;
                let length = if which == 0 {
                    64
                } else {
                    16 + table.get(..16)?.iter().map(|&count| usize::from(count)).sum::<usize>()
                };
                let content = table.get(..length)?;
                found.tables.extend([0xff, if which == 0 { 0xdb } else { 0xc4 }]);
                found.tables.extend(u16::try_from(length + 3).ok()?.to_be_bytes());
                found.tables.push(class | index);
                found.tables.extend(content);
                chosen[which] = index;
            } else if index == 0 {
                return None;
            }
            match which {
                0 => frame.extend([index, if index == 0 { horizontal << 4 | vertical } else { 0x11 }, chosen[0]]),
                1 => scan.extend([index, chosen[1] << 4]),
                _ => *scan.get_mut(2 + 2 * usize::from(index))? |= chosen[2],
            }
        }
    }
    scan.extend([0, 63, 0]);
    (found.frame, found.scan) = (Some((0xc0, frame)), Some(scan));
    Some(())
}
