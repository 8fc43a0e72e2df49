//! A TIFF that looks consistent, made of choices: kinds of samples, compressions, strips or tiles, planes, and now and then a
//! tag that says something else. Pixels or an error, in time.
#![no_main]

mod choices;
mod directory;
mod packed;
mod time;

use choices::Choices;
use directory::{Directory, Shape};
use libfuzzer_sys::fuzz_target;
use pixels::{Image, Limits};

/// Photometric interpretation, bits, samples, format of a sample, and what the samples at the end are.
const KINDS: [(u32, u32, usize, u32, &[u32]); 24] = [
    (0, 1, 1, 1, &[]),
    (1, 1, 1, 1, &[]),
    (1, 2, 1, 1, &[]),
    (0, 4, 1, 1, &[]),
    (1, 8, 1, 1, &[]),
    (1, 8, 1, 2, &[]),
    (1, 12, 1, 1, &[]),
    (1, 16, 1, 1, &[]),
    (1, 32, 1, 2, &[]),
    (1, 32, 1, 3, &[]),
    (1, 8, 2, 1, &[2]),
    (1, 8, 2, 1, &[1]),
    (2, 8, 3, 1, &[]),
    (2, 16, 3, 1, &[]),
    (2, 8, 4, 1, &[2]),
    (2, 16, 4, 1, &[1]),
    (2, 8, 6, 1, &[2, 0, 0]),
    (3, 4, 1, 1, &[]),
    (3, 8, 1, 1, &[]),
    (3, 8, 2, 1, &[2]),
    (5, 8, 4, 1, &[]),
    (6, 8, 3, 1, &[]),
    (6, 8, 1, 1, &[]),
    (8, 8, 3, 1, &[]),
];
const COMPRESSIONS: [u32; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 32946, 32771, 32773, 34925, 50000, 50001, 8, 5];

fn file(choices: &mut Choices<'_>) -> Vec<u8> {
    let shape = Shape { big_endian: choices.one_in(3), big: choices.one_in(5) };
    let (width, height) = (u32::from(choices.byte() % 100) + 1, u32::from(choices.byte() % 100) + 1);
    let kind = usize::from(choices.byte()) % KINDS.len();
    let compression = choices.one_of(&COMPRESSIONS);
    // Mostly a kind that the compression can have.
    let kind = match compression {
        _ if choices.one_in(8) => kind,
        2 | 3 | 4 | 32771 => kind % 2,
        6 => 21,
        7 | 50001 => [4, 12, 14, 21][kind % 4],
        _ => kind,
    };
    let (photometric, bits, samples, format, extra) = KINDS[kind];
    let planar = choices.one_in(3);
    let tiled = choices.one_in(3);
    let (chunk_width, chunk_height) = match tiled {
        true => (16 * (u32::from(choices.byte() % 3) + 1), 16 * (u32::from(choices.byte() % 3) + 1)),
        false => (width, u32::from(choices.byte()) % height + 1),
    };
    let subsampling = [choices.one_of(&[1, 2, 4]), choices.one_of(&[1, 2, 4])];

    let planes = if planar { samples } else { 1 };
    let chunks = (width.div_ceil(chunk_width) * height.div_ceil(chunk_height)) as usize * planes;
    let pixel_bits = bits as usize * samples / planes;
    let chunk_bytes = (chunk_width as usize * pixel_bits).div_ceil(8) * chunk_height as usize;

    let mut directory = Directory::new(shape);
    directory.numbers(256, 3, &[width]);
    directory.numbers(257, 3, &[height]);
    directory.numbers(258, 3, &vec![bits; samples]);
    directory.numbers(259, 3, &[compression]);
    directory.numbers(262, 3, &[photometric]);
    directory.numbers(277, 3, &[samples as u32]);
    if planar || choices.one_in(2) {
        directory.numbers(284, 3, &[if planar { 2 } else { 1 }]);
    }
    if choices.one_in(6) {
        directory.numbers(266, 3, &[2]);
    }
    if choices.one_in(2) {
        directory.numbers(274, 3, &[u32::from(choices.byte() % 9)]);
    }
    if compression == 3 {
        directory.numbers(292, 4, &[u32::from(choices.byte() % 8)]);
    }
    if choices.one_in(3) {
        directory.numbers(317, 3, &[u32::from(choices.byte() % 4)]);
    }
    if photometric == 3 {
        directory.numbers(320, 3, &(0..3 << bits).map(|entry| entry * 257 & 0xffff).collect::<Vec<_>>());
    }
    if !extra.is_empty() {
        directory.numbers(338, 3, extra);
    }
    if format != 1 || choices.one_in(4) {
        directory.numbers(339, 3, &vec![format; samples]);
    }
    if photometric == 6 {
        directory.numbers(530, 3, &subsampling);
        if choices.one_in(3) {
            directory.bytes(532, 5, &[0, 0, 0, 1].repeat(12));
        }
    }
    if choices.one_in(3) {
        let length = usize::from(choices.byte());
        directory.bytes(347, 7, choices.bytes(length));
    }
    if tiled {
        directory.numbers(322, 3, &[chunk_width]);
        directory.numbers(323, 3, &[chunk_height]);
    } else if !choices.one_in(5) {
        directory.numbers(278, 3, &[chunk_height]);
    }
    // Tags that say something else: any number of them, from those above and some beside.
    let wrong: Vec<[u16; 4]> = (0..choices.byte() % 4)
        .map(|_| {
            [256 + choices.u16() % 300, choices.u16() % 19, choices.u16() >> choices.one_of(&[14, 8, 0]), choices.u16()]
        })
        .collect();

    // Packed by the rules, or whatever bytes there are.
    let by_the_rules = !choices.one_in(4);
    let shared = choices.one_in(6);
    let each = choices.0.len() / chunks.max(1);
    let parts: Vec<Vec<u8>> = (0..chunks.min(if shared { 1 } else { 600 }))
        .map(|_| {
            let bytes = choices.bytes(if shared { usize::MAX } else { each });
            if !by_the_rules {
                return bytes.to_vec();
            }
            let filled: Vec<u8> =
                bytes.iter().copied().chain((0..).map(|at| (at * 7) as u8)).take(chunk_bytes.min(4096)).collect();
            packed::by(compression, &filled).unwrap_or_else(|| bytes.to_vec())
        })
        .collect();
    for [tag, kind, count, value] in wrong {
        directory.replace(tag, kind, u64::from(count), u64::from(value));
    }
    let (offsets, lengths) = if tiled { (324, 325) } else { (273, 279) };
    directory.file(&parts, chunks, [offsets, lengths])
}

fuzz_target!(|bytes: &[u8]| {
    let file = file(&mut Choices(bytes));
    let limits = Limits { max_pixels: 1 << 14, max_alloc: 4 << 20, ..Limits::default() };
    let decoded = time::bounded(&file, || Image::from_bytes(&file[..]).limits(limits).decode_sync());
    if let Ok(image) = decoded {
        let (width, height) = image.size().unwrap();
        assert!(width > 0 && height > 0 && width * height <= 1 << 14);
    }
});
