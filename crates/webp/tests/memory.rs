//! What decoding takes, counted by the allocator: no more than [`Decoder::memory`] says, and the limit on tables of codes.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../tests/common/counted.rs"]
mod counted;

use std::path::Path;

use counted::peak;
use webp::{Decoder, Error, ErrorKind};

/// What small things take that nobody counts.
const UNCOUNTED: u64 = 16 << 10;

/// Decodes a file, and gives how much memory that took besides what [`Decoder::memory`] says.
fn beyond(file: &[u8], table_limit: u64) -> (Result<(), Error>, u64) {
    let ((result, known), used) = peak(|| {
        let decoder = Decoder::new(file).unwrap().with_table_limit(table_limit);
        let (height, known) = (decoder.size().1, decoder.memory());
        (decoder.decode(0..height, |_| Ok(())), known)
    });
    (result, (used as u64).saturating_sub(known))
}

/// Bits, the lowest first.
#[derive(Default)]
struct Bits(Vec<u8>, u32);

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.1.is_multiple_of(8) {
                self.0.push(0);
            }
            *self.0.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.1 % 8);
            self.1 += 1;
        }
    }

    /// A code of one symbol, 0.
    fn put_only(&mut self) {
        self.put(0b0001, 4);
    }

    /// A code of 256 symbols of 8 bits each.
    fn put_bytes(&mut self) {
        self.put(0, 1);
        // The lengths have a code themselves: it has the symbol 8 alone, the twelfth in its order.
        self.put(8, 4);
        (0..12).for_each(|at| self.put(u32::from(at == 11), 3));
        // And there are 256 of them.
        self.put(1, 1);
        self.put(3, 3);
        self.put(254, 8);
    }

    fn into_file(self, chunk: &[u8; 4], before: &[u8]) -> Vec<u8> {
        let mut data = [before, &self.0].concat();
        data.resize(data.len().next_multiple_of(2), 0);
        let head = [b"WEBP", chunk, &(data.len() as u32).to_le_bytes()[..]].concat();
        [b"RIFF", &((head.len() + data.len()) as u32).to_le_bytes()[..], &head, &data].concat()
    }
}

/// What a lossless picture begins with.
fn header(width: u32, height: u32, has_alpha: bool) -> [u8; 5] {
    let [a, b, c, d] = ((width - 1) | (height - 1) << 14 | u32::from(has_alpha) << 28).to_le_bytes();
    [0x2f, a, b, c, d]
}

/// A lossless picture of one color, in 36 bytes.
fn plain(width: u32, height: u32, has_alpha: bool) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0, 3);
    (0..5).for_each(|_| bits.put_only());
    bits.0.resize(11, 0);
    bits.into_file(b"VP8L", &header(width, height, has_alpha))
}

/// A lossless picture with all transforms and codes for each of its tiles, which are as small as can be.
fn transformed(width: u32, height: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    for kind in [0, 1] {
        // A transform by tiles of 4x4 pixels, all of them alike: no cache, five codes.
        bits.put(1 | kind << 1, 6);
        bits.put(0, 1);
        (0..5).for_each(|_| bits.put_only());
    }
    bits.put(0b101, 3);
    // No more; no cache; a map of codes, of one group.
    bits.put(0b100, 3);
    bits.put(0, 3);
    bits.put(0, 1);
    (0..5).for_each(|_| bits.put_only());
    (0..5).for_each(|_| bits.put_only());
    bits.0.resize(bits.0.len() + 8, 0);
    bits.into_file(b"VP8L", &header(width, height, true))
}

/// A lossless picture of 256 tiles of 4x4 pixels in a row, each with codes of its own, as long as may be.
fn many_codes() -> Vec<u8> {
    let mut bits = Bits::default();
    // No transform, no cache, but a map.
    bits.put(0b100, 3);
    bits.put(0, 3);
    bits.put(0, 1);
    bits.put_bytes();
    (0..4).for_each(|_| bits.put_only());
    (0..256).for_each(|group: u32| bits.put(group.reverse_bits() >> 24, 8));
    for _ in 0..256 {
        (0..4).for_each(|_| bits.put_bytes());
        bits.put_only();
    }
    bits.0.resize(bits.0.len() + 4 * 1024 * 4 + 8, 0);
    bits.into_file(b"VP8L", &header(1024, 4, true))
}

/// The same picture as the frame of an animation, whose canvas is wider.
fn on_canvas(file: &[u8], width: u32, height: u32) -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| [name, &(data.len() as u32).to_le_bytes()[..], data].concat();
    let size =
        |at: &[u8], shift: u32| (u32::from_le_bytes(at[..4].try_into().unwrap()) >> shift & 0x3fff).to_le_bytes();
    let picture = &file[12..];
    let three = |number: u32| number.to_le_bytes()[..3].to_vec();
    let frame = [&[0; 6][..], &size(&picture[9..], 0)[..3], &size(&picture[9..], 14)[..3], &[0; 4], picture].concat();
    let extended = [&[0x12, 0, 0, 0][..], &three(width - 1), &three(height - 1)].concat();
    let chunks = [chunk(b"VP8X", &extended), chunk(b"ANIM", &[0; 6]), chunk(b"ANMF", &frame)].concat();
    [b"RIFF", &((4 + chunks.len()) as u32).to_le_bytes()[..], b"WEBP", &chunks].concat()
}

#[test]
fn a_few_bytes_take_what_was_said() {
    for file in [
        plain(3000, 1000, false),
        plain(1000, 3000, true),
        plain(16383, 10, true),
        transformed(1001, 999),
        transformed(16383, 1),
        transformed(1, 16383),
        on_canvas(&plain(10, 10, true), 1 << 22, 12),
        on_canvas(&transformed(101, 103), 300, 200),
    ] {
        let (result, beyond) = beyond(&file, 0);
        // That is a limit on tables, too: none may be over it here but by a few bytes.
        assert!(
            result.is_ok() || result.as_ref().is_err_and(|error| error.kind() == ErrorKind::TooLarge),
            "{result:?}"
        );
        assert!(beyond <= UNCOUNTED, "{beyond}");
        let (result, beyond) = self::beyond(&file, 4096);
        assert_eq!(result, Ok(()));
        assert!(beyond <= 4096 + UNCOUNTED, "{beyond}");
    }
}

#[test]
fn tables_that_grow_are_within_their_limit() {
    let file = many_codes();
    let mut read = 0;
    for limit in (1..=32).map(|step| step * (100 << 10)) {
        let (result, beyond) = beyond(&file, limit);
        match result {
            Ok(()) => read += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::TooLarge),
        }
        assert!(beyond <= limit + UNCOUNTED, "{beyond} bytes of {limit}");
    }
    assert!(read > 0);
}

#[test]
fn sound_files_take_what_was_said() {
    const TABLES: u64 = 1 << 20;
    let mut count = 0;
    for folder in ["odd/webp", "formats", "images"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(folder);
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let bytes = std::fs::read(&path).unwrap();
            if path.extension().is_none_or(|end| end != "webp") || Decoder::new(&bytes).is_err() {
                continue;
            }
            let (_, beyond) = beyond(&bytes, TABLES);
            assert!(beyond <= TABLES + UNCOUNTED, "{}: {beyond}", path.display());
            count += 1;
        }
    }
    assert!(count > 100);
}
