//! A sequence (`avis`): the first frame of its track of pictures, and of the track that is its alpha.

use std::borrow::Cow;

use super::super::isobmff::{Reader, boxes, find};
use super::{Coded, Color, Mosaic, Still, broken, bytes_per_pixel_of, is_alpha_name};
use crate::Result;
use crate::pixels::Orientation;

/// The first frame of a sequence, as a still picture.
pub(super) fn first_frame(file: &[u8]) -> Result<Still<'_>> {
    let movie = find(file, b"moov").ok_or_else(|| broken("a sequence without a table of frames"))?;
    let tracks = || boxes(movie).filter(|(kind, _)| kind == b"trak").map(|(_, body)| Track(body));
    let color = tracks().find(|track| track.is_handled_by(b"pict"));
    let color = color.ok_or_else(|| broken("a sequence without pictures"))?;
    let id = color.header().map(|(id, _)| id);
    let refers = |track: &Track<'_>| id.is_some() && track.reference(b"auxl") == id;
    let alpha = tracks().find(|track| track.is_handled_by(b"auxv") && refers(track) && track.is_alpha());
    let not_whole = || broken("the table of a sequence's frames is not whole");
    let (frame, description) = color.first_frame(file).ok_or_else(not_whole)?;
    let picture = frame.mosaic()?;
    let premultiplied =
        alpha.as_ref().and_then(Track::header).is_some_and(|(id, _)| color.reference(b"prem") == Some(id));
    let alpha = alpha.map(|track| track.first_frame(file).ok_or_else(not_whole)).transpose()?;
    let alpha = alpha.map(|(frame, _)| frame.mosaic()).transpose()?;
    let color = boxes(description).filter(|(kind, _)| kind == b"colr").find_map(|(_, body)| Color::in_box(body));
    // A track is turned by no property, and Pillow lets that stand over EXIF.
    Ok(Still { picture, alpha, premultiplied, color, orientation: Orientation::Upright })
}

/// A `trak` box.
struct Track<'a>(&'a [u8]);

impl<'a> Track<'a> {
    fn is_handled_by(&self, handler: &[u8; 4]) -> bool {
        let body = find(self.0, b"mdia").and_then(|media| find(media, b"hdlr"));
        body.and_then(|body| body.get(8..12)) == Some(handler)
    }

    /// Its number, and the width and height of its pictures.
    fn header(&self) -> Option<(u32, (u32, u32))> {
        let mut reader = Reader(find(self.0, b"tkhd")?);
        let (version, _) = reader.version()?;
        let time = if version == 1 { 8 } else { 4 };
        reader.take(2 * time)?;
        let id = reader.uint(4)?;
        // Reserved fields, the duration, layer, group, volume and a matrix.
        reader.take(4 + time + 8 + 8 + 36)?;
        let (width, height) = (reader.uint(4)? >> 16, reader.uint(4)? >> 16);
        Some((id as u32, (width as u32, height as u32)))
    }

    /// The first track that it refers to by `kind`.
    fn reference(&self, kind: &[u8; 4]) -> Option<u32> {
        let body = find(find(self.0, b"tref")?, kind)?;
        Reader(body).uint(4).map(|id| id as u32)
    }

    /// Is it alpha, and not depth, say? Where it says nothing, it is.
    fn is_alpha(&self) -> bool {
        let kind = self.description().and_then(|description| find(description, b"auxi"));
        kind.is_none_or(is_alpha_name)
    }

    fn table(&self) -> Option<&'a [u8]> {
        find(find(find(self.0, b"mdia")?, b"minf")?, b"stbl")
    }

    /// The boxes that describe its frames.
    fn description(&self) -> Option<&'a [u8]> {
        // The fields that every kind of picture has before its boxes.
        find(find(self.table()?, b"stsd")?.get(8..)?, b"av01")?.get(78..)
    }

    /// Its first frame, and the boxes that describe it.
    fn first_frame(&self, file: &'a [u8]) -> Option<(Frame<'a>, &'a [u8])> {
        let (_, size) = self.header()?;
        let (table, description) = (self.table()?, self.description()?);
        let mut sizes = Reader(find(table, b"stsz")?);
        sizes.version()?;
        let (same, count) = (sizes.uint(4)?, sizes.uint(4)?);
        let length = if same > 0 && count > 0 { same } else { sizes.uint(4)? };
        let (places, wide) = match find(table, b"stco") {
            Some(places) => (places, 4),
            None => (find(table, b"co64")?, 8),
        };
        let mut places = Reader(places);
        places.version()?;
        (places.uint(4)? > 0).then_some(())?;
        let start = usize::try_from(places.uint(wide)?).ok()?;
        let data = file.get(start..)?.get(..usize::try_from(length).ok()?)?;
        let bytes_per_pixel = bytes_per_pixel_of(find(description, b"av1C"));
        Some((Frame { data, size, bytes_per_pixel }, description))
    }
}

/// A track's first frame, as the tables have it.
struct Frame<'a> {
    data: &'a [u8],
    size: (u32, u32),
    bytes_per_pixel: u64,
}

impl<'a> Frame<'a> {
    /// # Errors
    /// Those of looking through the data: see [`Coded::new`].
    fn mosaic(&self) -> Result<Mosaic<'a>> {
        let coded = Coded::new(Cow::Borrowed(self.data), self.size, 0, None)?;
        Ok(Mosaic::one(coded, self.bytes_per_pixel))
    }
}
