//! The file around the picture: which chunk is its first frame, and what is said about it.
//!
//! A file is taken or refused as libwebp takes it for Pillow, which asks three times: whether the beginning makes sense
//! (`WebPGetFeatures`, src/dec/webp_dec.c), where the chunks are (`WebPDemux`, src/demux/demux.c), and the frame itself.
//! Each is strict where another is lax: flags may lie about chunks, names may be unknown, and anything may follow the
//! end that the header gives; but a chunk that does not fit, a bit without a meaning or two sizes are an error.

use crate::chunk::{Chunk, HEADER, u24};
use crate::{Error, Result};

const ALPHA: u8 = 0x10;
const EXIF: u8 = 0x08;
const XMP: u8 = 0x04;
const ANIMATION: u8 = 0x02;
/// The flags that have a meaning: these, and one for a color profile.
const FLAGS: u8 = 0x3e;

/// Bytes before the first chunk.
const RIFF: usize = 12;

/// A file whose chunks have been found.
pub(crate) struct File<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Whether its pixels are to be read as ones with alpha.
    pub(crate) has_alpha: bool,
    pub(crate) frame: Frame<'a>,
    pub(crate) exif: Option<&'a [u8]>,
    pub(crate) xmp: Option<&'a [u8]>,
}

/// The first frame: where it lies in the picture, and its chunks.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) info: Info,
    /// With the padding.
    pub(crate) data: &'a [u8],
    pub(crate) alpha: Option<&'a [u8]>,
}

/// What the first bytes of a frame's chunk say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) lossless: bool,
    pub(crate) width: usize,
    pub(crate) height: usize,
    has_alpha: bool,
}

/// The chunk that says what an extended file has.
struct Extended {
    flags: u8,
    width: u32,
    height: u32,
}

impl<'a> File<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self> {
        let Some((header, _)) = bytes.split_first_chunk::<RIFF>() else {
            return Err(Error::cut_short(format!("{} bytes", bytes.len())));
        };
        let (b"RIFF", [a, b, c, d], b"WEBP") =
            (&header[..4], [header[4], header[5], header[6], header[7]], &header[8..])
        else {
            return Err(Error::broken("this is no WebP file"));
        };
        let size = u64::from(u32::from_le_bytes([a, b, c, d]));
        let end = size + HEADER as u64;
        if end < (RIFF + HEADER) as u64 {
            return Err(Error::broken(format!("it says that it has {end} bytes")));
        }
        if end > bytes.len() as u64 {
            return Err(Error::cut_short(format!("it says that it has {end} bytes, and has {}", bytes.len())));
        }
        // What follows the end is not looked at.
        let chunks = &bytes[RIFF..end as usize];
        match &chunks[..4] {
            b"VP8 " | b"VP8L" => Self::simple(chunks),
            b"VP8X" => Self::extended(chunks),
            other => Err(Error::broken(format!("it begins with \"{}\"", other.escape_ascii()))),
        }
    }

    fn simple(chunks: &'a [u8]) -> Result<Self> {
        let mut parts = Parts::default();
        parts.read(chunks)?;
        let frame = parts.opaque().frame(0, 0)?;
        let Info { width, height, has_alpha, .. } = frame.info;
        Ok(Self { width, height, has_alpha, frame, exif: None, xmp: None })
    }

    fn extended(chunks: &'a [u8]) -> Result<Self> {
        let (header, rest) = Chunk::split(chunks)?;
        let &[flags, ..] = header.data else { return Err(Error::broken("a VP8X chunk without flags")) };
        if header.data.len() != 10 {
            return Err(Error::broken(format!("a VP8X chunk of {} bytes, not 10", header.data.len())));
        }
        if flags & !FLAGS != 0 {
            return Err(Error::broken(format!("flags that there are not: {flags:#04x}")));
        }
        let header = Extended { flags, width: u24(header.data, 4) + 1, height: u24(header.data, 7) + 1 };
        if u64::from(header.width) * u64::from(header.height) > u64::from(u32::MAX) {
            return Err(Error::broken(format!("{}x{} pixels", header.width, header.height)));
        }
        let mut found = Found::default();
        found.read(&header, rest)?;
        let Some(frame) = found.frame else { return Err(Error::broken("it has no frame")) };
        let has_alpha = match (header.is_animation(), header.flags & ALPHA != 0) {
            (true, has_alpha) => has_alpha,
            (false, has_alpha) => stated_alpha(has_alpha, rest)?,
        };
        let (width, height) = (header.width as usize, header.height as usize);
        Ok(Self { width, height, has_alpha, frame, exif: found.exif, xmp: found.xmp })
    }
}

impl Extended {
    fn is_animation(&self) -> bool {
        self.flags & ANIMATION != 0
    }

    /// Is the frame within the picture? One that is alone has to be as large.
    fn fits(&self, frame: &Frame<'_>) -> bool {
        let (width, height) = (self.width as usize, self.height as usize);
        let (right, bottom) = (frame.left + frame.info.width, frame.top + frame.info.height);
        if self.is_animation() { right <= width && bottom <= height } else { (right, bottom) == (width, height) }
    }
}

/// Whether a picture that is no animation has alpha: a lossless one knows itself, of a lossy one either the flag or a
/// chunk before it is enough.
fn stated_alpha(flag: bool, mut chunks: &[u8]) -> Result<bool> {
    let mut has_alpha = flag;
    loop {
        let (chunk, rest) = Chunk::split(chunks)?;
        match &chunk.name {
            b"ALPH" => has_alpha = true,
            b"VP8 " => return Ok(has_alpha),
            b"VP8L" => return Ok(Info::of(&chunk)?.has_alpha),
            _ => {}
        }
        chunks = rest;
    }
}

/// The chunks of one frame.
#[derive(Default)]
struct Parts<'a> {
    alpha: Option<&'a [u8]>,
    image: Option<(Info, &'a [u8])>,
    /// Did the alpha come after the image?
    late_alpha: bool,
}

impl<'a> Parts<'a> {
    /// Reads up to the first chunk that is none of a frame's; gives what begins with that.
    fn read(&mut self, mut chunks: &'a [u8]) -> Result<&'a [u8]> {
        loop {
            let (chunk, rest) = Chunk::split(chunks)?;
            match &chunk.name {
                b"ALPH" if self.alpha.is_none() => {
                    self.late_alpha = self.image.is_some();
                    self.alpha = Some(chunk.data);
                }
                b"VP8L" if self.alpha.is_some() => return Err(Error::broken("a lossless picture after an ALPH chunk")),
                b"VP8 " | b"VP8L" if self.image.is_none() => self.image = Some((Info::of(&chunk)?, chunk.padded)),
                _ => return Ok(chunks),
            }
            if rest.is_empty() {
                return Ok(rest);
            }
            chunks = rest;
        }
    }

    /// Without its alpha.
    fn opaque(self) -> Self {
        Self { image: self.image, ..Self::default() }
    }

    fn frame(self, left: usize, top: usize) -> Result<Frame<'a>> {
        let Some((info, data)) = self.image else { return Err(Error::broken("a frame without a picture")) };
        if self.late_alpha {
            return Err(Error::broken("the ALPH chunk comes after the picture"));
        }
        Ok(Frame { left, top, info, data, alpha: self.alpha })
    }
}

/// What there is in an extended file.
#[derive(Default)]
struct Found<'a> {
    frame: Option<Frame<'a>>,
    has_animation_header: bool,
    exif: Option<&'a [u8]>,
    xmp: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    fn read(&mut self, header: &Extended, mut chunks: &'a [u8]) -> Result<()> {
        loop {
            let (chunk, mut rest) = Chunk::split(chunks)?;
            match &chunk.name {
                b"VP8X" => return Err(Error::broken("a second VP8X chunk")),
                b"ALPH" | b"VP8 " | b"VP8L" => {
                    if self.has_animation_header || header.is_animation() {
                        return Err(Error::broken("an animation's picture outside of its frames"));
                    }
                    if self.frame.is_some() {
                        return Err(Error::broken("a second picture"));
                    }
                    let mut parts = Parts::default();
                    rest = parts.read(chunks)?;
                    if header.flags & ALPHA == 0 {
                        parts = parts.opaque();
                    }
                    self.add(header, parts.frame(0, 0)?)?;
                }
                b"ANIM" if chunk.padded.len() < 6 => return Err(Error::broken("an ANIM chunk that is too short")),
                b"ANIM" => self.has_animation_header = true,
                b"ANMF" => rest = self.animation_frame(header, &chunks[HEADER..], chunk.padded.len())?,
                b"EXIF" if header.flags & EXIF != 0 => self.exif = self.exif.or(Some(chunk.data)),
                b"XMP " if header.flags & XMP != 0 => self.xmp = self.xmp.or(Some(chunk.data)),
                _ => {}
            }
            if rest.is_empty() {
                return Ok(());
            }
            chunks = rest;
        }
    }

    /// Reads the frame of an animation whose data begin with `data`, `length` bytes of the file's rest; gives what follows.
    /// All frames have to be right, though only the first counts.
    fn animation_frame(&mut self, header: &Extended, data: &'a [u8], length: usize) -> Result<&'a [u8]> {
        if !self.has_animation_header {
            return Err(Error::broken("a frame before the ANIM chunk"));
        }
        let (Some((place, chunks)), Some(length)) = (data.split_first_chunk::<16>(), length.checked_sub(16)) else {
            return Err(Error::broken("an ANMF chunk that is too short"));
        };
        let at = |at| u24(place, at) as usize;
        if (at(6) as u64 + 1) * (at(9) as u64 + 1) > u64::from(u32::MAX) {
            return Err(Error::broken(format!("a frame of {}x{} pixels", at(6) + 1, at(9) + 1)));
        }
        // libwebp goes on with chunks of the frame that it does not know as if they were the file's own.
        let mut parts = Parts::default();
        let rest = parts.read(chunks)?;
        if chunks.len() - rest.len() > length {
            return Err(Error::broken("a frame that is longer than its chunk"));
        }
        if header.is_animation() && (parts.image.is_some() || parts.alpha.is_some()) {
            self.add(header, parts.frame(2 * at(0), 2 * at(3))?)?;
        }
        Ok(rest)
    }

    fn add(&mut self, header: &Extended, frame: Frame<'a>) -> Result<()> {
        if !header.fits(&frame) {
            let Info { width, height, .. } = frame.info;
            let what = format!("a frame of {width}x{height} pixels in a picture of {}x{}", header.width, header.height);
            return Err(Error::broken(what));
        }
        self.frame = self.frame.or(Some(frame));
        Ok(())
    }
}

impl Info {
    fn of(chunk: &Chunk<'_>) -> Result<Self> {
        if chunk.name == *b"VP8L" { Self::of_lossless(chunk.padded) } else { Self::of_lossy(chunk) }
    }

    fn of_lossless(data: &[u8]) -> Result<Self> {
        let &[0x2f, a, b, c, d, ..] = data else { return Err(Error::broken("lossless data that begin otherwise")) };
        let bits = u32::from_le_bytes([a, b, c, d]);
        if bits >> 29 != 0 {
            return Err(Error::broken(format!("lossless data of version {}", bits >> 29)));
        }
        let side = |bits: u32| (bits & 0x3fff) as usize + 1;
        Ok(Self { lossless: true, width: side(bits), height: side(bits >> 14), has_alpha: bits >> 28 & 1 != 0 })
    }

    fn of_lossy(chunk: &Chunk<'_>) -> Result<Self> {
        let &[a, b, c, 0x9d, 0x01, 0x2a, d, e, f, g, ..] = chunk.padded else {
            return Err(Error::broken("lossy data that begin otherwise"));
        };
        let bits = u32::from_le_bytes([a, b, c, 0]);
        let (width, height) = (u16::from_le_bytes([d, e]) & 0x3fff, u16::from_le_bytes([f, g]) & 0x3fff);
        let what = match () {
            () if bits & 1 != 0 => "a frame that is no key frame",
            () if bits >> 1 & 7 > 3 => "an unknown profile",
            () if bits >> 4 & 1 == 0 => "a frame that is not to be shown",
            () if (bits >> 5) as usize >= chunk.data.len() => "a first partition that does not fit",
            () if width == 0 || height == 0 => "no pixels",
            () => {
                let (width, height) = (usize::from(width), usize::from(height));
                return Ok(Self { lossless: false, width, height, has_alpha: false });
            }
        };
        Err(Error::broken(what))
    }
}
