//! The prefix codes of an image: five to a group, and for the picture itself a group for each of its tiles.

use super::bits::Bits;
use super::huffman::{Code, Tables};
use super::image::{Image, tiles};
use crate::{Error, ErrorKind, Result};

/// Values of a channel, and prefixes of lengths, which follow them among the symbols of green.
pub(super) const LITERALS: usize = 256;
pub(super) const LENGTHS: usize = 24;
const DISTANCES: usize = 40;
/// In which order the lengths of the code lengths' own code come.
const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Codes of the same tile.
#[derive(Clone, Copy, Default)]
pub(super) struct Group {
    pub(super) green: Code,
    pub(super) red: Code,
    pub(super) blue: Code,
    pub(super) alpha: Code,
    pub(super) distance: Code,
    /// Red, blue and alpha, where they are always the same.
    pub(super) literal: Option<u32>,
    /// The pixel, where it is always the same.
    pub(super) pixel: Option<u32>,
}

/// All codes of an image.
pub(super) struct Codes {
    pub(super) tables: Tables,
    pub(super) groups: Vec<Group>,
    /// Which group each tile has; none where there is but one.
    pub(super) map: Option<Image>,
    /// A tile's side is 2 to this power.
    pub(super) tile_bits: u32,
}

impl Codes {
    /// Reads the codes of an image of `width`x`height` pixels with a cache of `cache` colors. Only the picture itself may
    /// have more than one group.
    pub(super) fn read(
        bits: &mut Bits<'_>,
        (width, height): (usize, usize),
        cache: usize,
        is_picture: bool,
        table_limit: u64,
    ) -> Result<Self> {
        let (mut map, mut tile_bits, mut places) = (None, 0, vec![Some(0)]);
        if is_picture && bits.flag() {
            tile_bits = 2 + bits.read(3);
            let size = (tiles(width, tile_bits), tiles(height, tile_bits));
            let mut image = Image::read_part(bits, size, table_limit)?;
            places = number_groups(&mut image);
            map = Some(image);
        }
        if bits.ended() {
            return Err(ended());
        }
        let mut codes = Self { tables: Tables::default(), groups: Vec::new(), map, tile_bits };
        let mut lengths = vec![0; LITERALS + LENGTHS + cache];
        let numbers = places.len() * size_of::<Option<u32>>();
        for place in places {
            let before = codes.tables.len();
            let group = codes.read_group(bits, &mut lengths)?;
            match place {
                Some(_) => codes.groups.push(group),
                None => codes.tables.truncate(before),
            }
            // A list that grows is there twice for a while, as long as it was and twice as long.
            let lists = codes.tables.len() * size_of::<u16>() + codes.groups.len() * size_of::<Group>();
            let taken = (numbers + 3 * lists) as u64;
            if taken > table_limit {
                let what = format!("tables of codes are over the limit of {table_limit} bytes");
                return Err(Error::new(ErrorKind::TooLarge, what));
            }
        }
        Ok(codes)
    }

    fn read_group(&mut self, bits: &mut Bits<'_>, lengths: &mut [u8]) -> Result<Group> {
        let mut next = |lengths: &mut [u8]| read_code(bits, &mut self.tables, lengths);
        let green = next(lengths)?;
        let [red, blue, alpha] =
            [next(&mut lengths[..LITERALS])?, next(&mut lengths[..LITERALS])?, next(&mut lengths[..LITERALS])?];
        let distance = next(&mut lengths[..DISTANCES])?;
        let only = |code| self.tables.only(code);
        let literal = match (only(red), only(blue), only(alpha)) {
            (Some(red), Some(blue), Some(alpha)) => Some(alpha << 24 | red << 16 | blue),
            _ => None,
        };
        let pixel = match (literal, only(green), only(distance)) {
            (Some(literal), Some(green @ 0..256), Some(_)) => Some(literal | green << 8),
            _ => None,
        };
        Ok(Group { green, red, blue, alpha, distance, literal, pixel })
    }

    /// The group of the tile that pixel (x, y) is in.
    #[inline(always)]
    pub(super) fn group(&self, x: usize, y: usize) -> &Group {
        let at = self.map.as_ref().map_or(0, |map| map.get(x >> self.tile_bits, y >> self.tile_bits) as usize);
        &self.groups[at]
    }
}

pub(super) fn ended() -> Error {
    Error::cut_short("lossless data end too early")
}

/// Replaces the numbers of groups in the map by those of the groups that there is a use for. Gives, of each in the file,
/// its new number, if any.
fn number_groups(map: &mut Image) -> Vec<Option<u32>> {
    let number = |pixel: u32| (pixel >> 8 & 0xffff) as usize;
    let count = map.pixels.iter().map(|&pixel| number(pixel) + 1).max().unwrap_or(1);
    let mut places = vec![None; count];
    map.pixels.iter().for_each(|&pixel| places[number(pixel)] = Some(0));
    let used = places.iter_mut().flatten();
    used.zip(0..).for_each(|(place, next)| *place = next);
    map.pixels.iter_mut().for_each(|pixel| *pixel = places[number(*pixel)].unwrap_or(0));
    places
}

/// Reads the lengths of a code, one for each of `lengths`, and makes its table.
fn read_code(bits: &mut Bits<'_>, tables: &mut Tables, lengths: &mut [u8]) -> Result<Code> {
    if bits.flag() {
        // One or two symbols. One that there is not does not count.
        let two = bits.flag();
        let length = if bits.flag() { 8 } else { 1 };
        let first = bits.read(length) as usize;
        let second = if two { bits.read(8) as usize } else { first };
        if bits.ended() {
            return Err(ended());
        }
        let symbols = [first, second].map(|symbol| (symbol < lengths.len()).then_some(symbol));
        return match symbols {
            [Some(a), Some(b)] if a != b => Ok(tables.add_two(a.min(b), a.max(b))),
            [Some(symbol), _] | [_, Some(symbol)] => Ok(tables.add_only(symbol)),
            [None, None] => Err(Error::broken("a code of symbols that there are not")),
        };
    }
    let mut own = [0; 19];
    let count = bits.read(4) as usize + 4;
    ORDER.iter().take(count).for_each(|&at| own[at] = bits.read(3) as u8);
    let before = tables.len();
    let code = tables.add(&own)?;
    read_lengths(bits, tables, code, lengths)?;
    tables.truncate(before);
    if bits.ended() {
        return Err(ended());
    }
    tables.add(lengths)
}

fn read_lengths(bits: &mut Bits<'_>, tables: &Tables, code: Code, lengths: &mut [u8]) -> Result<()> {
    let mut left = lengths.len();
    if bits.flag() {
        let length = 2 + 2 * bits.read(3);
        left = 2 + bits.read(length) as usize;
        if left > lengths.len() {
            return Err(Error::broken("more code lengths than symbols"));
        }
    }
    lengths.fill(0);
    let (mut at, mut last) = (0, 8);
    while at < lengths.len() && left > 0 {
        left -= 1;
        bits.fill();
        let symbol = tables.symbol(code, bits) as u8;
        let (value, times) = match symbol {
            0..16 => (symbol, 1),
            16 => (last, 3 + bits.take(2) as usize),
            17 => (0, 3 + bits.take(3) as usize),
            _ => (0, 11 + bits.take(7) as usize),
        };
        let Some(run) = lengths.get_mut(at..at + times) else {
            return Err(Error::broken("more code lengths than symbols"));
        };
        run.fill(value);
        last = if symbol != 0 && symbol < 16 { symbol } else { last };
        at += times;
    }
    Ok(())
}
