//! Pixels by prefix codes: literals, copies of earlier ones, and colors out of a cache.

use super::bits::Bits;
use super::codes::{Codes, LENGTHS, LITERALS, ended};
use crate::{Error, Result, memory};

/// Pixels as they come: alpha, red, green and blue from the highest byte down, before any transform is undone.
pub(super) struct Image {
    pub(super) width: usize,
    pub(super) pixels: Vec<u32>,
}

/// How many tiles of 2^`bits` pixels it takes.
pub(super) fn tiles(length: usize, bits: u32) -> usize {
    length.div_ceil(1 << bits)
}

/// The cache's size, and the codes: what comes before an image's pixels.
pub(super) struct Start {
    pub(super) cache_bits: u32,
    pub(super) codes: Codes,
}

impl Start {
    pub(super) fn read(bits: &mut Bits<'_>, size: (usize, usize), is_picture: bool, table_limit: u64) -> Result<Self> {
        let mut cache_bits = 0;
        if bits.flag() {
            cache_bits = bits.read(4);
            if !(1..=11).contains(&cache_bits) {
                return Err(Error::broken(format!("a cache of 2^{cache_bits} colors")));
            }
        }
        let cache = if cache_bits > 0 { 1 << cache_bits } else { 0 };
        let codes = Codes::read(bits, size, cache, is_picture, table_limit)?;
        Ok(Self { cache_bits, codes })
    }

    /// Does green alone tell a pixel? The format of alpha makes use of that.
    pub(super) fn is_green_alone(&self) -> bool {
        self.cache_bits == 0 && self.codes.groups.iter().all(|group| group.literal.is_some())
    }
}

impl Image {
    /// Reads an image that belongs to a picture: one that says how it is transformed, or coded.
    pub(super) fn read_part(bits: &mut Bits<'_>, (width, height): (usize, usize), table_limit: u64) -> Result<Self> {
        let start = Start::read(bits, (width, height), false, table_limit)?;
        let image = Self::read(bits, &start, (width, height), false)?;
        if bits.ended() { Err(ended()) } else { Ok(image) }
    }

    /// Reads the pixels. Where the last one `may_overshoot`, it may end behind the data.
    pub(super) fn read(
        bits: &mut Bits<'_>,
        start: &Start,
        (width, height): (usize, usize),
        may_overshoot: bool,
    ) -> Result<Self> {
        let count = width.checked_mul(height).ok_or_else(|| Error::broken("too many pixels"))?;
        let mut pixels = memory::filled(count, 0u32)?;
        let codes = &start.codes;
        let tables = &codes.tables;
        let mut cache = Cache::new(start.cache_bits);
        let tile_mask = if codes.map.is_some() { (1 << codes.tile_bits) - 1 } else { usize::MAX };
        let (mut at, mut x, mut y) = (0, 0, 0);
        let mut group = codes.group(0, 0);
        while at < count {
            if x & tile_mask == 0 {
                group = codes.group(x, y);
            }
            if let Some(pixel) = group.pixel {
                pixels[at] = pixel;
                (at, x) = (at + 1, x + 1);
            } else {
                bits.fill();
                let symbol = tables.symbol(group.green, bits);
                if symbol < LITERALS {
                    let green = (symbol as u32) << 8;
                    pixels[at] = match group.literal {
                        Some(literal) => literal | green,
                        None => {
                            let red = tables.symbol(group.red, bits) as u32;
                            let blue = tables.symbol(group.blue, bits) as u32;
                            bits.fill();
                            let alpha = tables.symbol(group.alpha, bits) as u32;
                            alpha << 24 | red << 16 | green | blue
                        }
                    };
                    (at, x) = (at + 1, x + 1);
                } else if symbol < LITERALS + LENGTHS {
                    let length = prefixed(symbol - LITERALS, bits);
                    let prefix = tables.symbol(group.distance, bits);
                    bits.fill();
                    let distance = distance(prefixed(prefix, bits), width);
                    if distance > at || length > count - at {
                        return Err(if bits.ended() {
                            ended()
                        } else {
                            Error::broken("a copy of pixels that are not there")
                        });
                    }
                    copy(&mut pixels, at, distance, length);
                    at += length;
                    x += length;
                    if x >= width {
                        // The next row begins, or a later one.
                        if bits.ended() && !(may_overshoot && at == count) {
                            return Err(ended());
                        }
                        (y, x) = (y + x / width, x % width);
                    }
                    if x & tile_mask != 0 {
                        group = codes.group(x, y);
                    }
                    continue;
                } else {
                    pixels[at] = cache.color(symbol - LITERALS - LENGTHS, &pixels[..at]);
                    (at, x) = (at + 1, x + 1);
                }
            }
            if x == width {
                if bits.ended() && !(may_overshoot && at == count) {
                    return Err(ended());
                }
                (y, x) = (y + 1, 0);
            }
            if may_overshoot && at < count && bits.ended() {
                return Err(ended());
            }
        }
        Ok(Self { width, pixels })
    }

    #[inline(always)]
    pub(super) fn get(&self, x: usize, y: usize) -> u32 {
        self.pixels[y * self.width + x]
    }

    pub(super) fn row(&self, y: usize) -> &[u32] {
        &self.pixels[y * self.width..][..self.width]
    }
}

/// A length or distance: a prefix, and as many bits as it says.
#[inline(always)]
fn prefixed(prefix: usize, bits: &mut Bits<'_>) -> usize {
    if prefix < 4 {
        return prefix + 1;
    }
    let more = (prefix as u32 - 2) >> 1;
    ((2 + (prefix & 1)) << more) + bits.take(more) as usize + 1
}

/// How many pixels back a distance code means: the first 120 are places nearby, in the rows above.
#[inline(always)]
fn distance(code: usize, width: usize) -> usize {
    let Some(&place) = NEARBY.get(code - 1) else { return code - NEARBY.len() };
    let (up, left) = (usize::from(place >> 4), 8 - isize::from((place & 15) as i8));
    (up * width).checked_add_signed(left).unwrap_or(0).max(1)
}

/// Rows up times 16, and 8 columns less to the left.
#[rustfmt::skip]
const NEARBY: [u8; 120] = [
    0x18, 0x07, 0x17, 0x19, 0x28, 0x06, 0x27, 0x29, 0x16, 0x1a, 0x26, 0x2a, 0x38, 0x05, 0x37, 0x39, 0x15, 0x1b, 0x36, 0x3a,
    0x25, 0x2b, 0x48, 0x04, 0x47, 0x49, 0x14, 0x1c, 0x35, 0x3b, 0x46, 0x4a, 0x24, 0x2c, 0x58, 0x45, 0x4b, 0x34, 0x3c, 0x03,
    0x57, 0x59, 0x13, 0x1d, 0x56, 0x5a, 0x23, 0x2d, 0x44, 0x4c, 0x55, 0x5b, 0x33, 0x3d, 0x68, 0x02, 0x67, 0x69, 0x12, 0x1e,
    0x66, 0x6a, 0x22, 0x2e, 0x54, 0x5c, 0x43, 0x4d, 0x65, 0x6b, 0x32, 0x3e, 0x78, 0x01, 0x77, 0x79, 0x53, 0x5d, 0x11, 0x1f,
    0x64, 0x6c, 0x42, 0x4e, 0x76, 0x7a, 0x21, 0x2f, 0x75, 0x7b, 0x31, 0x3f, 0x63, 0x6d, 0x52, 0x5e, 0x00, 0x74, 0x7c, 0x41,
    0x4f, 0x10, 0x20, 0x62, 0x6e, 0x30, 0x73, 0x7d, 0x51, 0x5f, 0x40, 0x72, 0x7e, 0x61, 0x6f, 0x50, 0x71, 0x7f, 0x60, 0x70,
];

/// Copies `length` pixels from `distance` before `at`; they may be among those that are just copied.
#[inline(always)]
fn copy(pixels: &mut [u32], at: usize, distance: usize, length: usize) {
    if distance >= length {
        pixels.copy_within(at - distance..at - distance + length, at);
    } else if distance == 1 {
        let pixel = pixels[at - 1];
        pixels[at..at + length].fill(pixel);
    } else {
        let pixels = &mut pixels[at - distance..at + length];
        for i in distance..pixels.len() {
            pixels[i] = pixels[i - distance];
        }
    }
}

/// Colors of late, by a hash. They are put there only when one is asked for.
struct Cache {
    colors: Vec<u32>,
    shift: u32,
    /// How many pixels have been put there.
    seen: usize,
}

impl Cache {
    fn new(bits: u32) -> Self {
        let size = if bits > 0 { 1 << bits } else { 0 };
        Self { colors: vec![0; size], shift: 32 - bits.max(1), seen: 0 }
    }

    /// The color at `key`, after all of `pixels`.
    #[inline(always)]
    fn color(&mut self, key: usize, pixels: &[u32]) -> u32 {
        for &pixel in &pixels[self.seen..] {
            self.colors[(pixel.wrapping_mul(0x1e35_a7bd) >> self.shift) as usize] = pixel;
        }
        self.seen = pixels.len();
        self.colors[key]
    }
}
