//! AVIF: AV1 pictures in a file of boxes, with the values that Pillow's plugin has of libavif.
//!
//! The pictures are decoded by rav1d, which is dav1d in Rust; the file around them is read here, and the colors are made
//! by libyuv's formulas ([`integer`]) or, where libyuv has none, by libavif's own ([`float`]). A picture may be a grid of
//! tiles and may have its alpha in a second picture. Of a sequence the first frame is read.

mod av1;
mod color;
mod float;
mod integer;
mod planes;
mod track;

use std::borrow::Cow;
use std::collections::BTreeSet;

use self::color::Color;
use self::planes::Planes;
use super::isobmff::{Item, Items, Reader};
use super::{check_memory, check_pixels};
use crate::exif::Metadata;
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Header, Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};

/// The least width and height of a grid's tiles.
const LEAST_SIDE: u32 = 64;

/// # Errors
/// `Decode` for what is broken, `UnsupportedFormat` for what libavif does not read either, or is hardly ever made;
/// `TooLarge`, `OutOfMemory`.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    // As libavif has it, the first brand says whether the frames or the still picture is meant.
    if bytes.get(8..12) == Some(b"avis") {
        return track::first_frame(bytes)?.decode(limits);
    }
    let items = Items::of(bytes)?;
    Still::of(&items)?.decode(limits)
}

/// A coded picture: its bytes, and what the file says of it.
struct Coded<'a> {
    data: Cow<'a, [u8]>,
    size: (u32, u32),
    /// Each takes as much memory and time as the picture.
    frames: u64,
    /// Of a picture in several layers or qualities, which.
    operating_point: u8,
    layer: Option<u8>,
}

/// A picture of one or more tiles of equal size.
struct Mosaic<'a> {
    size: (u32, u32),
    is_grid: bool,
    columns: usize,
    tiles: Vec<Coded<'a>>,
    /// Bytes that a pixel takes in its planes; 6 where the file does not say how they are made.
    bytes_per_pixel: u64,
}

/// The still picture of a file.
struct Still<'a> {
    picture: Mosaic<'a>,
    alpha: Option<Mosaic<'a>>,
    premultiplied: bool,
    /// As the file says it; else as the AV1 data do.
    color: Option<Color>,
    orientation: Orientation,
}

impl<'a> Still<'a> {
    fn of(items: &Items<'a>) -> Result<Self> {
        let id = items.primary();
        let item = items.item(id)?;
        let picture = Mosaic::of(items, id, item)?;
        let alpha = items.referring(*b"auxl", id).find(|(_, item)| is_alpha(item));
        let premultiplied = alpha.is_some_and(|(alpha, _)| items.references(b"prem", id).contains(&alpha));
        let alpha = match alpha {
            Some((id, item)) => Some(Mosaic::of(items, id, item)?),
            None => Mosaic::of_alphas(items, id, &picture)?,
        };
        let orientation = orientation(items, id, item);
        Ok(Self { picture, alpha, premultiplied, color: Color::of(&item.properties), orientation })
    }

    fn decode(self, limits: &Limits) -> Result<Pixels> {
        let mut budget = Budget::new(self.picture.size, limits)?;
        budget.charge(if self.alpha.is_some() { 4 } else { 3 })?;
        self.picture.charge(&mut budget)?;
        if let Some(alpha) = &self.alpha {
            if alpha.size != self.picture.size {
                return Err(broken("its alpha is of another size"));
            }
            alpha.charge(&mut budget)?;
        }
        let picture = self.picture.decode()?;
        let alpha = self.alpha.map(|alpha| alpha.decode()).transpose()?;
        pixels(&picture, alpha.as_ref(), self.premultiplied, self.color, self.orientation)
    }
}

/// The memory that a picture takes, counted before any is.
struct Budget<'a> {
    size: (u32, u32),
    needed: u64,
    limits: &'a Limits,
}

impl<'a> Budget<'a> {
    fn new(size: (u32, u32), limits: &'a Limits) -> Result<Self> {
        check_pixels(u64::from(size.0), u64::from(size.1), limits)?;
        Ok(Self { size, needed: 0, limits })
    }

    /// Another so many bytes a pixel.
    fn charge(&mut self, bytes_per_pixel: u64) -> Result<()> {
        self.charge_bytes((u64::from(self.size.0) * u64::from(self.size.1)).saturating_mul(bytes_per_pixel))
    }

    fn charge_bytes(&mut self, bytes: u64) -> Result<()> {
        self.needed = self.needed.saturating_add(bytes);
        check_memory(self.size, self.needed, self.limits)
    }
}

impl<'a> Mosaic<'a> {
    /// The picture that an item is: coded as it stands, or a grid of others.
    fn of(items: &Items<'a>, id: u32, item: &Item<'a>) -> Result<Self> {
        const KNOWN: [&[u8; 4]; 16] = [
            b"ispe", b"auxC", b"colr", b"av1C", b"pasp", b"clap", b"irot", b"imir", b"pixi", b"a1op", b"lsel", b"a1lx",
            b"clli", b"mdcv", b"amve", b"cclv",
        ];
        let strange = item.properties.iter().find(|property| property.essential && !KNOWN.contains(&&property.kind));
        if let Some(strange) = strange {
            return Err(unsupported(&format!("the property \"{}\"", strange.kind.escape_ascii())));
        }
        match &item.kind {
            b"av01" => {
                let coded = Coded::of(items, item)?;
                Ok(Self::one(coded, bytes_per_pixel(item)))
            }
            b"grid" => Self::of_grid(items, id, item),
            kind => Err(unsupported(&format!("a picture of kind \"{}\"", kind.escape_ascii()))),
        }
    }

    /// A picture that is coded in one piece.
    fn one(coded: Coded<'a>, bytes_per_pixel: u64) -> Self {
        Self { size: coded.size, is_grid: false, columns: 1, tiles: vec![coded], bytes_per_pixel }
    }

    /// `grid`: rows and columns less one, then the size of the whole, which the tiles' right and lower edges may exceed.
    fn of_grid(items: &Items<'a>, id: u32, item: &Item<'a>) -> Result<Self> {
        let data = items.data(item)?;
        let read = || {
            let mut reader = Reader(&data);
            let (_, flags) = (reader.uint(1)?, reader.uint(1)?);
            let (rows, columns) = (reader.uint(1)? + 1, reader.uint(1)? + 1);
            let wide = if flags & 1 == 0 { 2 } else { 4 };
            let size = (u32::try_from(reader.uint(wide)?).ok()?, u32::try_from(reader.uint(wide)?).ok()?);
            Some((rows as usize, columns as usize, size))
        };
        let (rows, columns, size) = read().ok_or_else(|| broken("its grid is cut"))?;
        let ids = items.references(b"dimg", id);
        if ids.len() != rows * columns {
            return Err(broken(&format!("a grid of {rows}x{columns} with {} tiles", ids.len())));
        }
        // Nor does libavif know an item that is several tiles: each may be as long as the file.
        if ids.iter().collect::<BTreeSet<_>>().len() != ids.len() {
            return Err(broken("a grid with the same tile in several places"));
        }
        let mut bytes_each = 0;
        let mut tiles = Vec::new();
        for &id in ids {
            let item = items.item(id)?;
            if &item.kind != b"av01" {
                return Err(unsupported("tiles that are no pictures"));
            }
            bytes_each = bytes_each.max(bytes_per_pixel(item));
            tiles.push(Coded::of(items, item)?);
        }
        Self { size, is_grid: true, columns, tiles, bytes_per_pixel: bytes_each }.checked()
    }

    /// The alpha of a grid whose tiles each have one of their own; None where one of them has not. Tiles don't share one,
    /// and a tile that has several is an error, as in libavif.
    fn of_alphas(items: &Items<'a>, id: u32, picture: &Self) -> Result<Option<Self>> {
        let mut tiles = Vec::new();
        let mut found = BTreeSet::new();
        for &id in items.references(b"dimg", id) {
            let mut alphas = items.referring(*b"auxl", id).filter(|(_, item)| is_alpha(item));
            match (alphas.next(), alphas.next()) {
                (Some(_), Some(_)) => return Err(broken("a tile of its grid has several alphas")),
                (Some((alpha, item)), None) if found.insert(alpha) => tiles.push(Coded::of(items, item)?),
                _ => return Ok(None),
            }
        }
        if picture.tiles.len() != tiles.len() {
            return Ok(None);
        }
        Self { size: picture.size, is_grid: true, columns: picture.columns, tiles, bytes_per_pixel: 2 }
            .checked()
            .map(Some)
    }

    /// Tiles must be of one size and cover the whole, each some of it; and not be smaller than the standard allows, as
    /// libavif has it (`avifAreGridDimensionsValid`).
    fn checked(self) -> Result<Self> {
        let (columns, rows) = (self.columns as u64, (self.tiles.len() / self.columns.max(1)) as u64);
        let tile = self.tiles.first().map_or((0, 0), |tile| tile.size);
        if tile.0.min(tile.1) < LEAST_SIDE {
            return Err(broken(&format!("a grid with tiles of {}x{} pixels", tile.0, tile.1)));
        }
        let covers = |tile: u32, count: u64, whole: u32| {
            let (tile, whole) = (u64::from(tile), u64::from(whole));
            tile * count >= whole && tile * (count - 1) < whole
        };
        let fits = covers(tile.0, columns, self.size.0) && covers(tile.1, rows, self.size.1);
        if !fits || self.tiles.iter().any(|other| other.size != tile) {
            return Err(broken("the tiles of its grid don't make up the picture"));
        }
        Ok(self)
    }

    /// Counts the planes as they are decoded, with what the decoder keeps beside them, and those of the whole.
    fn charge(&self, budget: &mut Budget<'_>) -> Result<()> {
        let tile = self.tiles.first().map_or((0, 0), |tile| tile.size);
        // Sides are rounded up to the largest block; a quarter more for what is known of each block.
        let padded = (u64::from(tile.0) + 128) * (u64::from(tile.1) + 128);
        let frames = self.tiles.iter().map(|tile| tile.frames).max().unwrap_or(1);
        budget.charge_bytes(padded.saturating_mul(self.bytes_per_pixel * frames.max(1)).saturating_mul(5) / 4)?;
        // Data in several pieces are copied; and the decoder has a copy of what it decodes.
        let copied = self.tiles.iter().filter(|tile| matches!(tile.data, Cow::Owned(_))).map(|tile| tile.data.len());
        let longest = self.tiles.iter().map(|tile| tile.data.len()).max().unwrap_or(0);
        budget.charge_bytes((copied.sum::<usize>() as u64).saturating_add(longest as u64))?;
        if self.tiles.len() > 1 { budget.charge(self.bytes_per_pixel) } else { Ok(()) }
    }

    fn decode(self) -> Result<Planes> {
        if let [only] = &self.tiles[..] {
            let planes = only.decode()?;
            self.check_halves(&planes)?;
            return if self.size == only.size { Ok(planes) } else { planes.cropped(self.size) };
        }
        let mut whole: Option<Planes> = None;
        for (at, tile) in self.tiles.iter().enumerate() {
            let tile = tile.decode()?;
            self.check_halves(&tile)?;
            let whole = match &mut whole {
                Some(whole) => whole,
                None => whole.insert(tile.blank(self.size)?),
            };
            whole.paste(&tile, at % self.columns, at / self.columns)?;
        }
        whole.ok_or_else(|| broken("a grid without tiles"))
    }

    /// Where chroma is halved, a grid and its tiles are of even size: else the tiles' chroma would not fit together. So
    /// libavif has it, too (`avifAreGridDimensionsValid`).
    fn check_halves(&self, tile: &Planes) -> Result<()> {
        let (width, height) = tile.size();
        let even = |halved: bool, whole: u32, tile: usize| !halved || whole.is_multiple_of(2) && tile.is_multiple_of(2);
        let fits = even(tile.halved.0, self.size.0, width) && even(tile.halved.1, self.size.1, height);
        if self.is_grid && !fits {
            let (whole_width, whole_height) = self.size;
            let what =
                format!("a grid of {whole_width}x{whole_height} pixels, tiles of {width}x{height}, halved chroma");
            return Err(broken(&what));
        }
        Ok(())
    }
}

impl<'a> Coded<'a> {
    fn of(items: &Items<'a>, item: &Item<'a>) -> Result<Self> {
        let size = item.size().ok_or_else(|| broken("a picture that does not say its size"))?;
        let number = |kind, length| item.property(kind).and_then(|body| Reader(body).uint(length));
        let operating_point = number(b"a1op", 1).unwrap_or(0).min(31) as u8;
        let layer = number(b"lsel", 2).and_then(|layer| u8::try_from(layer).ok()).filter(|&layer| layer < 4);
        Self::new(items.data(item)?, size, operating_point, layer)
    }

    fn new(data: Cow<'a, [u8]>, size: (u32, u32), operating_point: u8, layer: Option<u8>) -> Result<Self> {
        let frames = av1::frames(&data)?;
        Ok(Self { data, size, frames, operating_point, layer })
    }

    fn decode(&self) -> Result<Planes> {
        av1::decode(self)
    }
}

fn bytes_per_pixel(item: &Item<'_>) -> u64 {
    bytes_per_pixel_of(item.property(b"av1C"))
}

/// Bytes that a pixel takes in all planes together, at most, by an `av1C` box.
fn bytes_per_pixel_of(config: Option<&[u8]>) -> u64 {
    let Some(&[_, _, flags, ..]) = config else { return 6 };
    let deep = if flags & 0x40 == 0 { 1 } else { 2 };
    let planes = if flags & 0x10 != 0 {
        1
    } else if flags & 0x0c == 0x0c {
        2
    } else {
        3
    };
    deep * planes
}

fn is_alpha(item: &Item<'_>) -> bool {
    item.property(b"auxC").is_some_and(is_alpha_name)
}

/// Does a box whose text says what an auxiliary picture is say alpha?
fn is_alpha_name(body: &[u8]) -> bool {
    let name = body.get(4..).unwrap_or_default().split(|&byte| byte == 0).next().unwrap_or_default();
    [&b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"[..], b"urn:mpeg:hevc:2015:auxid:1"].contains(&name)
}

/// `irot` and `imir`, as Pillow puts them over what EXIF says (`irot_imir_to_exif_orientation` in its `_avif.c`).
fn orientation(items: &Items<'_>, id: u32, item: &Item<'_>) -> Orientation {
    let number = |kind| item.property(kind).and_then(|body| body.first().copied());
    // Turns to the left by 90°, then a mirror: 0 swaps top and bottom, 1 left and right.
    let turns = number(b"irot").map_or(0, |angle| angle & 3);
    let transform = match (turns, number(b"imir").map(|axis| axis & 1)) {
        (0, None) => 1,
        (0, Some(axis)) => [4, 2][usize::from(axis)],
        (1, None) => 8,
        (1, Some(axis)) => [5, 7][usize::from(axis)],
        (2, None) => 3,
        (2, Some(axis)) => [2, 4][usize::from(axis)],
        (_, None) => 6,
        (_, Some(axis)) => [7, 5][usize::from(axis)],
    };
    let mut metadata = Metadata::default();
    for (_, item) in items.referring(*b"cdsc", id) {
        match &item.kind {
            // The first number says where its TIFF header begins.
            b"Exif" if metadata.exif.is_none() => {
                metadata.exif = items.data(item).ok().and_then(|data| data.get(4..).map(<[u8]>::to_vec));
            }
            b"mime" if item.media_type == b"application/rdf+xml" && metadata.xmp.is_none() => {
                metadata.xmp = items.data(item).ok().map(Cow::into_owned);
            }
            _ => {}
        }
    }
    metadata.orientation_under(Orientation::from_exif(transform))
}

/// RGB, with alpha where there is any, or gray.
fn pixels(
    picture: &Planes,
    alpha: Option<&Planes>,
    premultiplied: bool,
    color: Option<Color>,
    orientation: Orientation,
) -> Result<Pixels> {
    if let Some(alpha) = alpha
        && (alpha.size() != picture.size() || alpha.depth != picture.depth)
    {
        return Err(broken("its alpha is not like the picture"));
    }
    let layout = match alpha {
        Some(_) => Layout::Rgba,
        None if picture.is_gray() => Layout::Gray,
        None => Layout::Rgb,
    };
    let (width, height) = picture.size();
    let mut data = memory::zeroed(width, height, layout.channels())?;
    let color = color.unwrap_or_else(|| picture.color());
    let mut divides = premultiplied && layout == Layout::Rgba;
    if let Some(conversion) = integer::Conversion::of(picture, alpha, color) {
        conversion.write(&mut data)?;
    } else {
        let conversion = float::Conversion::of(picture, alpha, color)?;
        let within = divides && !conversion.is_simple();
        conversion.write(&mut data, within)?;
        divides &= !within;
    }
    if divides {
        integer::unpremultiply(&mut data);
    }
    Pixels::new(Header { width, height, layout, orientation }, data)
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("AVIF broken: {what}"))
}

fn unsupported(what: &str) -> Error {
    Error::new(ErrorKind::UnsupportedFormat, format!("AVIF with {what}, which is not read"))
}
