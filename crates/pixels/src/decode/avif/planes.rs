//! Decoded planes: luma and chroma, or alpha, as samples of 8 bits or more.

use re_rav1d::dav1d::pixel::YUVRange;
use re_rav1d::dav1d::{Picture, PixelLayout, PlanarImageComponent, Plane as Decoded};

use super::broken;
use super::color::Color;
use crate::{Result, memory};

/// A picture's planes: one, or luma and two of chroma.
pub(super) struct Planes {
    planes: Vec<Plane>,
    /// Bits of a sample: 8, 10 or 12.
    pub(super) depth: u32,
    /// Is a plane of chroma half as wide, half as high?
    pub(super) halved: (bool, bool),
    /// Itself, or a tile of it, as the decoder gave it.
    picture: Picture,
    full_range: bool,
}

struct Plane {
    bytes: Bytes,
    stride: usize,
    width: usize,
    height: usize,
}

enum Bytes {
    Decoded(Decoded),
    Owned(Vec<u8>),
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Decoded(plane) => plane,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Planes {
    pub(super) fn of(picture: Picture) -> Result<Self> {
        let halved = match picture.pixel_layout() {
            PixelLayout::I420 => (true, true),
            PixelLayout::I422 => (true, false),
            PixelLayout::I444 | PixelLayout::I400 => (false, false),
        };
        let depth = picture.bit_depth() as u32;
        if ![8, 10, 12].contains(&depth) {
            return Err(broken(&format!("samples of {depth} bits")));
        }
        let size = (picture.width() as usize, picture.height() as usize);
        let components: &[_] = match picture.pixel_layout() {
            PixelLayout::I400 => &[PlanarImageComponent::Y],
            _ => &[PlanarImageComponent::Y, PlanarImageComponent::U, PlanarImageComponent::V],
        };
        let plane = |&component: &PlanarImageComponent| {
            let (width, height) = plane_size(size, halved, component != PlanarImageComponent::Y);
            let stride = picture.stride(component) as usize;
            Plane { bytes: Bytes::Decoded(picture.plane(component)), stride, width, height }
        };
        let planes = components.iter().map(plane).collect();
        let full_range = matches!(picture.color_range(), YUVRange::Full);
        Ok(Self { planes, depth, halved, picture, full_range })
    }

    pub(super) fn size(&self) -> (usize, usize) {
        self.planes.first().map_or((0, 0), |luma| (luma.width, luma.height))
    }

    /// What the AV1 data say of the colors.
    pub(super) fn color(&self) -> Color {
        Color::in_stream(&self.picture)
    }

    pub(super) fn is_gray(&self) -> bool {
        self.planes.len() == 1
    }

    fn sample_bytes(&self) -> usize {
        if self.depth == 8 { 1 } else { 2 }
    }

    /// Row `y` of a plane, into `row`, which takes on its length.
    pub(super) fn row(&self, plane: usize, y: usize, row: &mut Vec<u16>) -> Result<()> {
        let bytes = self.planes.get(plane).and_then(|plane| plane.row(y, self.sample_bytes()));
        let bytes = bytes.ok_or_else(|| broken("a plane is cut"))?;
        row.clear();
        if self.depth == 8 {
            row.extend(bytes.iter().map(|&sample| u16::from(sample)));
        } else {
            let most = (1 << self.depth) - 1;
            row.extend(bytes.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]]).min(most)));
        }
        Ok(())
    }

    /// Row `y` of alpha, of the full range: the standard's first version allowed the other, too.
    pub(super) fn alpha_row(&self, y: usize, row: &mut Vec<u16>) -> Result<()> {
        self.row(0, y, row)?;
        if !self.full_range {
            let (black, range) = (16 << (self.depth - 8), 219 << (self.depth - 8));
            let most = (1 << self.depth) - 1;
            // libavif's `avifLimitedToFullY`, which rounds towards zero.
            let full = |value: u16| (((i32::from(value) - black) * most + range / 2) / range).clamp(0, most) as u16;
            row.iter_mut().for_each(|value| *value = full(*value));
        }
        Ok(())
    }

    /// The upper left part of these.
    pub(super) fn cropped(self, size: (u32, u32)) -> Result<Self> {
        let mut whole = self.blank(size)?;
        whole.paste(&self, 0, 0)?;
        Ok(whole)
    }

    /// Planes of the same kind for a picture of `size`.
    pub(super) fn blank(&self, size: (u32, u32)) -> Result<Self> {
        let size = (size.0 as usize, size.1 as usize);
        let plane = |at| {
            let (width, height) = plane_size(size, self.halved, at > 0);
            let stride = width * self.sample_bytes();
            Ok(Plane {
                bytes: Bytes::Owned(memory::zeroed(width, height, self.sample_bytes())?),
                stride,
                width,
                height,
            })
        };
        let planes = (0..self.planes.len()).map(plane).collect::<Result<_>>()?;
        Ok(Self { planes, picture: self.picture.clone(), ..*self })
    }

    /// Copies `tile` to its place, as far as it lies in these.
    pub(super) fn paste(&mut self, tile: &Self, column: usize, row: usize) -> Result<()> {
        if tile.depth != self.depth || tile.halved != self.halved || tile.planes.len() != self.planes.len() {
            return Err(broken("the tiles of its grid are not alike"));
        }
        let sample = self.sample_bytes();
        for (to, from) in self.planes.iter_mut().zip(&tile.planes) {
            let (left, top) = (column * from.width, row * from.height);
            let width = from.width.min(to.width.saturating_sub(left));
            let Bytes::Owned(bytes) = &mut to.bytes else { continue };
            let rows = bytes.chunks_exact_mut(to.stride).skip(top).take(from.height);
            for (y, row) in rows.enumerate() {
                let from = from.row(y, sample).and_then(|from| from.get(..width * sample));
                if let (Some(to), Some(from)) = (row.get_mut(left * sample..(left + width) * sample), from) {
                    to.copy_from_slice(from);
                }
            }
        }
        Ok(())
    }
}

impl Plane {
    fn row(&self, y: usize, sample_bytes: usize) -> Option<&[u8]> {
        let start = y.checked_mul(self.stride)?;
        self.bytes.get().get(start..start.checked_add(self.width * sample_bytes)?)
    }
}

/// The size of one of a picture's planes, of luma or chroma.
fn plane_size((width, height): (usize, usize), halved: (bool, bool), is_chroma: bool) -> (usize, usize) {
    let half = |length: usize, halved: bool| if is_chroma && halved { length.div_ceil(2) } else { length };
    (half(width, halved.0), half(height, halved.1))
}
