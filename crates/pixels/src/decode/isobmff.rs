//! ISO base media files (ISO/IEC 14496-12) as pictures use them (HEIF, ISO/IEC 23008-12): boxes in boxes, and the table
//! of items that the `meta` box is.
//!
//! An item is a picture, a tile of one, its alpha, or metadata: bytes somewhere in the file, properties that several
//! items may share, and references from one item to others. Nothing is copied but an item that lies in several pieces.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use crate::{Error, ErrorKind, Result, memory};

/// More items than this are no picture that anybody made (one of 256 million pixels has 4,000 tiles), nor are more
/// references or pieces of items.
const MOST_ITEMS: usize = 1 << 14;

/// Nor are more properties of all items together, or of one.
const MOST_PROPERTIES: usize = 1 << 17;
const MOST_OF_ONE: usize = 255;

/// How many times as long as the file all items that are read may be: encoders let equal tiles share their bytes.
const MOST_READ: usize = 16;

/// And those of them that lie in several pieces, which are copied: there each has its own.
const MOST_COPIED: usize = 2;

/// The boxes that `bytes` begins with, up to one that says it is longer than what is there.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let mut reader = Reader(rest);
        let (short, kind) = (reader.uint(4)?, reader.four()?);
        let (head, length) = match short {
            0 => (8, rest.len() as u64),
            1 => (16, reader.uint(8)?),
            _ => (8, short),
        };
        let length = usize::try_from(length).ok()?;
        let body = rest.get(head..length)?;
        rest = &rest[length..];
        Some((kind, body))
    })
}

/// What is in the first box of `kind` in `bytes`.
pub(super) fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(found, _)| found == kind).map(|(_, body)| body)
}

/// Reads big-endian numbers from the front.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// An unsigned number of up to 8 bytes; of none, 0.
    pub(super) fn uint(&mut self, length: usize) -> Option<u64> {
        Some(self.take(length)?.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    pub(super) fn four(&mut self) -> Option<[u8; 4]> {
        self.take(4)?.try_into().ok()
    }

    /// The version and the flags that a "full" box begins with.
    pub(super) fn version(&mut self) -> Option<(u64, u64)> {
        Some((self.uint(1)?, self.uint(3)?))
    }
}

/// A property that items are associated with.
#[derive(Clone, Copy)]
pub(super) struct Property<'a> {
    pub(super) kind: [u8; 4],
    pub(super) body: &'a [u8],
    /// Must whoever does not know it leave the item alone?
    pub(super) essential: bool,
}

/// An item of the table.
#[derive(Default)]
pub(super) struct Item<'a> {
    pub(super) kind: [u8; 4],
    /// Of a `mime` item.
    pub(super) media_type: &'a [u8],
    pub(super) properties: Vec<Property<'a>>,
    /// Where its bytes are: offset and length, 0 for all that follows.
    pieces: Vec<(u64, u64)>,
    in_idat: bool,
}

impl<'a> Item<'a> {
    /// What its property of `kind` says.
    pub(super) fn property(&self, kind: &[u8; 4]) -> Option<&'a [u8]> {
        self.properties.iter().find(|property| property.kind == *kind).map(|property| property.body)
    }

    /// Width and height by its `ispe`.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        let mut reader = Reader(self.property(b"ispe")?);
        reader.version()?;
        Some((u32::try_from(reader.uint(4)?).ok()?, u32::try_from(reader.uint(4)?).ok()?))
    }
}

/// The `meta` box of a file.
pub(super) struct Items<'a> {
    file: &'a [u8],
    idat: &'a [u8],
    primary: u32,
    items: BTreeMap<u32, Item<'a>>,
    /// Kind, from, to, in the order of the file.
    references: Vec<([u8; 4], u32, Vec<u32>)>,
    /// Bytes that may still be read, and copied.
    left: Cell<(usize, usize)>,
}

impl<'a> Items<'a> {
    /// # Errors
    /// `Decode` where there is no `meta` box, or one that is cut or has too many items.
    pub(super) fn of(file: &'a [u8]) -> Result<Self> {
        Self::read(file).ok_or_else(|| broken("its table of items is not whole"))
    }

    fn read(file: &'a [u8]) -> Option<Self> {
        let mut meta = Reader(find(file, b"meta")?);
        meta.version()?;
        let meta = meta.0;
        let idat = find(meta, b"idat").unwrap_or_default();
        let mut primary = Reader(find(meta, b"pitm")?);
        let (version, _) = primary.version()?;
        let primary = u32::try_from(primary.uint(if version == 0 { 2 } else { 4 })?).ok()?;
        let left = Cell::new((file.len().saturating_mul(MOST_READ), file.len().saturating_mul(MOST_COPIED)));
        let mut items = Self { file, idat, primary, items: BTreeMap::new(), references: Vec::new(), left };
        items.read_infos(find(meta, b"iinf")?)?;
        items.read_places(find(meta, b"iloc")?)?;
        if let Some(references) = find(meta, b"iref") {
            items.read_references(references)?;
        }
        if let Some(properties) = find(meta, b"iprp") {
            items.read_properties(properties)?;
        }
        Some(items)
    }

    /// `iinf`: what items there are.
    fn read_infos(&mut self, body: &'a [u8]) -> Option<()> {
        let mut reader = Reader(body);
        let (version, _) = reader.version()?;
        reader.uint(if version == 0 { 2 } else { 4 })?;
        for (_, body) in boxes(reader.0).filter(|(kind, _)| kind == b"infe") {
            let mut reader = Reader(body);
            let (version, _) = reader.version()?;
            if version < 2 {
                continue;
            }
            let id = u32::try_from(reader.uint(if version == 2 { 2 } else { 4 })?).ok()?;
            reader.uint(2)?;
            let kind = reader.four()?;
            let mut texts = reader.0.split(|&byte| byte == 0).skip(1);
            let media_type = if &kind == b"mime" { texts.next().unwrap_or_default() } else { &[] };
            self.items.insert(id, Item { kind, media_type, ..Item::default() });
            if self.items.len() > MOST_ITEMS {
                return None;
            }
        }
        Some(())
    }

    /// `iloc`: where they are.
    fn read_places(&mut self, body: &'a [u8]) -> Option<()> {
        let mut reader = Reader(body);
        let (version, _) = reader.version()?;
        let sizes = reader.uint(2)?;
        let nibble = |at: u32| (sizes >> at & 15) as usize;
        let (offset_size, length_size, base_size) = (nibble(12), nibble(8), nibble(4));
        let index_size = if version == 0 { 0 } else { nibble(0) };
        if [offset_size, length_size, base_size, index_size].iter().any(|size| ![0, 4, 8].contains(size)) {
            return None;
        }
        let wide = if version < 2 { 2 } else { 4 };
        let mut total = 0;
        for _ in 0..reader.uint(wide)? {
            let id = u32::try_from(reader.uint(wide)?).ok()?;
            let method = if version == 0 { 0 } else { reader.uint(2)? & 15 };
            reader.uint(2)?;
            let base = reader.uint(base_size)?;
            let mut pieces = Vec::new();
            for _ in 0..reader.uint(2)? {
                reader.uint(index_size)?;
                pieces.push((base.checked_add(reader.uint(offset_size)?)?, reader.uint(length_size)?));
                total += 1;
                if total > MOST_ITEMS {
                    return None;
                }
            }
            if let Some(item) = self.items.get_mut(&id).filter(|_| method < 2) {
                (item.pieces, item.in_idat) = (pieces, method == 1);
            }
        }
        Some(())
    }

    /// `iref`: which belong together.
    fn read_references(&mut self, body: &'a [u8]) -> Option<()> {
        let mut reader = Reader(body);
        let (version, _) = reader.version()?;
        let wide = if version == 0 { 2 } else { 4 };
        let mut total = 0;
        for (kind, body) in boxes(reader.0) {
            let mut reader = Reader(body);
            let from = u32::try_from(reader.uint(wide)?).ok()?;
            let count = reader.uint(2)?;
            // One that is empty takes its place in the list, too.
            total += count as usize + 1;
            if total > MOST_ITEMS {
                return None;
            }
            let to = (0..count).map(|_| reader.uint(wide).map(|id| id as u32)).collect::<Option<_>>()?;
            self.references.push((kind, from, to));
        }
        Some(())
    }

    /// `iprp`: `ipco` has the properties, `ipma` says whose they are.
    fn read_properties(&mut self, body: &'a [u8]) -> Option<()> {
        let all: Vec<_> = boxes(find(body, b"ipco")?).collect();
        let mut total = 0;
        for (_, body) in boxes(body).filter(|(kind, _)| kind == b"ipma") {
            let mut reader = Reader(body);
            let (version, flags) = reader.version()?;
            let (wide, index_size) = (if version == 0 { 2 } else { 4 }, if flags & 1 == 0 { 1 } else { 2 });
            for _ in 0..reader.uint(4)? {
                let id = u32::try_from(reader.uint(wide)?).ok()?;
                let mut properties = Vec::new();
                for _ in 0..reader.uint(1)? {
                    let index = reader.uint(index_size)?;
                    let top = 1 << (8 * index_size - 1);
                    // 0 is no property.
                    let Some(at) = (index & (top - 1)).checked_sub(1) else { continue };
                    let &(kind, body) = all.get(usize::try_from(at).ok()?)?;
                    properties.push(Property { kind, body, essential: index & top != 0 });
                }
                total += properties.len();
                if total > MOST_PROPERTIES {
                    return None;
                }
                if let Some(item) = self.items.get_mut(&id) {
                    item.properties.append(&mut properties);
                    if item.properties.len() > MOST_OF_ONE {
                        return None;
                    }
                }
            }
        }
        Some(())
    }

    /// The item that the file is about.
    pub(super) fn primary(&self) -> u32 {
        self.primary
    }

    /// # Errors
    /// `Decode` where there is no such item.
    pub(super) fn item(&self, id: u32) -> Result<&Item<'a>> {
        self.items.get(&id).ok_or_else(|| broken(&format!("there is no item {id}")))
    }

    /// The items that `id` refers to by `kind`, in their order.
    pub(super) fn references(&self, kind: &[u8; 4], id: u32) -> &[u32] {
        let found = self.references.iter().find(|(found, from, _)| found == kind && *from == id);
        found.map_or(&[], |(_, _, to)| to)
    }

    /// The items that refer to `id` by `kind`, in the order of the file.
    pub(super) fn referring(&self, kind: [u8; 4], id: u32) -> impl Iterator<Item = (u32, &Item<'a>)> {
        let from = self.references.iter().filter(move |(found, _, to)| *found == kind && to.contains(&id));
        from.filter_map(|(_, from, _)| Some((*from, self.items.get(from)?)))
    }

    /// An item's bytes.
    ///
    /// # Errors
    /// `Decode` where it reaches beyond the file, or is said to be longer than that, or where too much has been read;
    /// `OutOfMemory`.
    pub(super) fn data(&self, item: &Item<'a>) -> Result<Cow<'a, [u8]>> {
        let source = if item.in_idat { self.idat } else { self.file };
        let piece = |&(offset, length): &(u64, u64)| {
            let rest = source.get(usize::try_from(offset).ok()?..)?;
            if length == 0 { Some(rest) } else { rest.get(..usize::try_from(length).ok()?) }
        };
        let outside = || broken("an item's bytes are not in the file");
        let pieces = item.pieces.iter().map(piece).collect::<Option<Vec<_>>>().ok_or_else(outside)?;
        let length = pieces.iter().fold(0usize, |sum, piece| sum.saturating_add(piece.len()));
        // Pieces that overlap would grow without end.
        if pieces.is_empty() || length > source.len() {
            return Err(outside());
        }
        // So would items that share their bytes; all this before any is copied.
        let (to_read, to_copy) = self.left.get();
        let left = match &pieces[..] {
            [_] => (to_read.checked_sub(length), Some(to_copy)),
            _ => (to_read.checked_sub(length), to_copy.checked_sub(length)),
        };
        let (Some(to_read), Some(to_copy)) = left else {
            return Err(broken("its items are many times as long as the file"));
        };
        self.left.set((to_read, to_copy));
        if let [only] = pieces[..] {
            return Ok(Cow::Borrowed(only));
        }
        let mut data = memory::reserved(length, 1, 1)?;
        pieces.iter().for_each(|piece| data.extend_from_slice(piece));
        Ok(Cow::Owned(data))
    }
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("AVIF broken: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(8 + body.len() as u32).to_be_bytes()[..], kind, body].concat()
    }

    /// A file of `count` items, whose `iloc` ends with `places`; `more` follows it.
    fn file_of(count: u16, places: &[u8], more: &[u8]) -> Vec<u8> {
        let info = |id: u16| a_box(b"infe", &[&[2, 0, 0, 0][..], &id.to_be_bytes(), b"\0\0av01\0"].concat());
        let meta = [
            &[0; 4][..],
            &a_box(b"pitm", &[0, 0, 0, 0, 0, 1]),
            &a_box(b"iinf", &[vec![0; 6], (1..=count).flat_map(info).collect()].concat()),
            &a_box(b"iloc", &[&[0; 4][..], places].concat()),
            more,
        ];
        a_box(b"meta", &meta.concat())
    }

    /// A file of one item.
    fn file(places: &[u8]) -> Vec<u8> {
        file_of(1, places, &[])
    }

    #[test]
    fn boxes_that_are_longer_than_the_file_end_it() {
        let whole = [a_box(b"free", b"12"), a_box(b"mdat", b"345")].concat();
        assert_eq!(boxes(&whole).map(|(_, body)| body).collect::<Vec<_>>(), [&b"12"[..], b"345"]);
        assert_eq!(boxes(&whole[..whole.len() - 1]).count(), 1);
        assert_eq!(boxes(b"\0\0\0\0mdat345").next(), Some((*b"mdat", &b"345"[..])), "to the end");
        assert_eq!(boxes(b"\0\0\0\x04free").next(), None, "shorter than its own head");
        assert_eq!(boxes(b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff").next(), None);
    }

    #[test]
    fn pieces_must_lie_in_the_file_and_not_repeat_it() {
        let data = |places: &[u8]| {
            let file = file(places);
            let items = Items::of(&file)?;
            items.data(items.item(items.primary())?).map(Cow::into_owned)
        };
        // Offsets and lengths of 4 bytes; one item in two pieces.
        let two = |a: u32, b: u32| {
            let mut places = vec![0x44, 0, 0, 1, 0, 1, 0, 0, 0, 2];
            [0, a, 4, b].iter().for_each(|number| places.extend(number.to_be_bytes()));
            places
        };
        assert_eq!(data(&two(4, 4)).unwrap().get(4..), Some(&b"meta"[..]));
        assert!(data(&two(4, 1000)).is_err(), "beyond the end");
        assert!(data(&two(0, 0)).is_err(), "as long as the file, twice");
        // A count of pieces that take no bytes.
        let places = [&[0, 0, 0, 1][..], &[0, 1, 0, 0, 0xff, 0xff]].concat();
        assert_eq!(data(&places).unwrap_err().kind(), ErrorKind::Decode);
    }

    /// `count` items, each of which is the file's first `lengths[0]` bytes, then its first `lengths[1]`, and so on.
    fn repeating(count: u16, lengths: &[u32]) -> Vec<u8> {
        let mut places = [&[0x44, 0][..], &count.to_be_bytes()].concat();
        for id in 1..=count {
            [id, 0, lengths.len() as u16].iter().for_each(|number| places.extend(number.to_be_bytes()));
            lengths
                .iter()
                .for_each(|length| places.extend([0, *length].iter().flat_map(|number| number.to_be_bytes())));
        }
        file_of(count, &places, &[])
    }

    #[test]
    fn items_that_share_their_bytes_are_not_read_without_end() {
        let read = |file: &[u8]| {
            let items = Items::of(file).unwrap();
            let read = (1..).map_while(|id| items.item(id).ok()).map_while(|item| items.data(item).ok());
            read.map(|data| data.len()).sum::<usize>()
        };
        let length = repeating(100, &[1]).len();
        let file = repeating(100, &[length as u32]);
        assert_eq!(read(&file), MOST_READ * length, "each the whole file");
        let length = repeating(100, &[1, 1]).len();
        let file = repeating(100, &[length as u32 / 2; 2]);
        let copied = read(&file);
        assert!(copied > length && copied <= MOST_COPIED * length, "{copied} of {length} bytes copied");
    }

    #[test]
    fn references_are_few_though_they_be_empty() {
        let of = |count| {
            let empty = a_box(b"auxl", &[0, 1, 0, 0]).repeat(count);
            let more = a_box(b"iref", &[vec![0; 4], empty].concat());
            Items::of(&file_of(1, &[0x44, 0, 0, 0], &more)).map(|items| items.references.len())
        };
        assert_eq!(of(MOST_ITEMS).unwrap(), MOST_ITEMS);
        assert!(of(MOST_ITEMS + 1).is_err());
    }
}
