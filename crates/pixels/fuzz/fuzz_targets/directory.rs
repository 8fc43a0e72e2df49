//! TIFF files of tags and of the parts that they point to.
#![allow(dead_code, reason = "each target has its own part of it")]

use std::collections::BTreeMap;

/// The form of a file.
#[derive(Clone, Copy)]
pub struct Shape {
    pub big_endian: bool,
    /// BigTIFF.
    pub big: bool,
}

struct Entry {
    kind: u16,
    count: u64,
    data: Vec<u8>,
}

/// The tags of a file, in order.
pub struct Directory {
    shape: Shape,
    entries: BTreeMap<u16, Entry>,
}

impl Directory {
    pub fn new(shape: Shape) -> Self {
        Self { shape, entries: BTreeMap::new() }
    }

    fn put(&self, value: u64, bytes: usize) -> Vec<u8> {
        if self.shape.big_endian {
            value.to_be_bytes()[8 - bytes..].to_vec()
        } else {
            value.to_le_bytes()[..bytes].to_vec()
        }
    }

    /// A tag of numbers: SHORT (3) or LONG (4).
    pub fn numbers(&mut self, tag: u16, kind: u16, values: &[u32]) {
        let data = values.iter().flat_map(|value| self.put(u64::from(*value), if kind == 3 { 2 } else { 4 })).collect();
        self.entries.insert(tag, Entry { kind, count: values.len() as u64, data });
    }

    /// A tag of bytes as they are.
    pub fn bytes(&mut self, tag: u16, kind: u16, data: &[u8]) {
        let size = match kind {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 => 8,
            _ => 1,
        };
        self.entries.insert(tag, Entry { kind, count: (data.len() / size) as u64, data: data.to_vec() });
    }

    /// A tag that says this, in whatever way.
    pub fn replace(&mut self, tag: u16, kind: u16, count: u64, value: u64) {
        let mut data = self.put(value, if kind == 4 { 4 } else { 2 });
        data.resize(8, 0);
        self.entries.insert(tag, Entry { kind, count, data });
    }

    /// The file: the header, the parts, and the directory, whose tags `offsets` and `lengths` list `count` of them.
    pub fn file(mut self, parts: &[Vec<u8>], count: usize, [offsets, lengths]: [u16; 2]) -> Vec<u8> {
        let Shape { big_endian, big } = self.shape;
        let word = if big { 8 } else { 4 };
        let mut file = if big_endian { b"MM".to_vec() } else { b"II".to_vec() };
        file.extend(self.put(if big { 43 } else { 42 }, 2));
        if big {
            file.extend([self.put(8, 2), self.put(0, 2)].concat());
        }
        let start = file.len();
        file.extend(vec![0; word]);
        let mut places = Vec::new();
        for part in parts {
            places.push((file.len() as u32, part.len() as u32));
            file.extend(part);
        }
        let places: Vec<_> = places.iter().cycle().take(if places.is_empty() { 0 } else { count.min(600) }).collect();
        for (tag, numbers) in [
            (offsets, places.iter().map(|place| place.0).collect::<Vec<_>>()),
            (lengths, places.iter().map(|place| place.1).collect()),
        ] {
            // One that was replaced stays so.
            if !self.entries.contains_key(&tag) {
                self.numbers(tag, 4, &numbers);
            }
        }
        let mut entries = self.put(self.entries.len() as u64, if big { 8 } else { 2 });
        for (tag, Entry { kind, count, data }) in &self.entries {
            entries
                .extend([self.put(u64::from(*tag), 2), self.put(u64::from(*kind), 2), self.put(*count, word)].concat());
            let mut value = data.clone();
            if data.len() > word {
                value = self.put(file.len() as u64, word);
                file.extend(data);
            }
            value.resize(word, 0);
            entries.extend(value);
        }
        let at = self.put(file.len() as u64, word);
        file[start..start + word].copy_from_slice(&at);
        file.extend(entries);
        file.extend(vec![0; word]);
        file
    }
}
