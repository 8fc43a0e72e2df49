//! Pictures that mean harm, and the limits that hold: broken files, lying headers, slivers, and thousands of damaged
//! files of every format. (crates/pixels/fuzz goes on where this ends.)
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::time::{Duration, Instant};

use clip_vision::image::{Decode, Limits};
use clip_vision::{Error, ErrorKind, Image, ResizeFilter};
use common::random::Random;
use common::sources::{golden_bytes, golden_json, rgb8, shared_images};
use common::{giants, golden};

fn error(image: Image) -> Error {
    image.to_pixel_tensor().unwrap_err()
}

#[test]
fn broken_goldens_are_refused() {
    let mut count = 0;
    for entry in std::fs::read_dir(golden("broken")).unwrap() {
        let path = entry.unwrap().path();
        let error = error(Image::from_path(&path));
        assert!(
            matches!(error.kind(), ErrorKind::Decode | ErrorKind::UnsupportedFormat),
            "{}: {error}",
            path.display()
        );
        count += 1;
    }
    assert!(count > 3);
}

#[test]
fn limits_are_held_before_memory_is_taken() {
    let file = golden_bytes("images/rgb-500x375.png");
    let defaults = Limits::default();
    let with = |limits| Image::from_bytes(file.clone()).limits(limits).to_pixel_tensor();
    assert!(with(Limits { max_pixels: 500 * 375, ..defaults }).is_ok());
    for limits in [
        Limits { max_pixels: 500 * 375 - 1, ..defaults },
        Limits { max_bytes: file.len() as u64 - 1, ..defaults },
        Limits { max_alloc: 500 * 375 * 3 - 1, ..defaults },
    ] {
        assert_eq!(with(limits).unwrap_err().kind(), ErrorKind::TooLarge, "{limits:?}");
    }
    let raw = Image::from_rgb8(100, 100, vec![0; 30_000]);
    let few = Limits { max_pixels: 9_999, ..defaults };
    assert_eq!(error(raw.limits(few)).kind(), ErrorKind::TooLarge);
}

/// `max_pixels` is about the picture, not about what a model makes of it; that has a bound of its own.
#[test]
fn what_operations_make_is_bounded_by_memory() {
    let raw = Image::from_rgb8(100, 100, vec![0; 30_000]);
    let few = Limits { max_pixels: 10_000, ..Limits::default() };
    let enlarged = || raw.clone().resize_shortest_edge(224, ResizeFilter::CatmullRom).center_crop(300, 300);
    assert_eq!(rgb8(enlarged().limits(few)).1, (300, 300));
    let little = Limits { max_alloc: 300 * 300 * 3 - 1, ..few };
    assert_eq!(error(enlarged().limits(little)).kind(), ErrorKind::TooLarge);
    assert_eq!(error(raw.clone().center_crop(300, 300).limits(little)).kind(), ErrorKind::TooLarge);
}

/// A limit on memory refuses a picture that has to be held, and no other.
#[test]
fn streamed_pictures_need_little_memory() {
    let limits = Limits { max_alloc: 8_000_000, ..Limits::default() };
    let with = |file: Vec<u8>, decode: Decode| {
        let image = Image::from_bytes(file).decode(decode).limits(limits);
        image.resize_shortest_edge(224, ResizeFilter::CatmullRom).to_pixel_tensor().map(drop)
    };
    for decode in [Decode::Exact, Decode::Fast] {
        assert!(with(giants::baseline_jpeg(4000, 3008, 1), decode).is_ok());
        assert!(with(giants::png(4000, 3000), decode).is_ok());
        let held = with(giants::progressive_jpeg(4000, 3008, 0x11), decode);
        assert_eq!(held.unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

/// Headers that promise a giant: refused at once.
#[test]
fn lying_headers_cost_nothing() {
    let patched = |file: &str, before: &[u8], skip: usize, size: &[u8]| {
        let mut bytes = golden_bytes(&format!("images/{file}"));
        let at = bytes.windows(before.len()).position(|part| part == before).unwrap() + skip;
        bytes[at..at + size.len()].copy_from_slice(size);
        bytes
    };
    const MOST: [u8; 8] = [0xff; 8];
    // Just within the pixels that are allowed.
    const LARGE: [u8; 4] = [0x3e, 0x80, 0x3e, 0x80];
    let cases = [
        ("GIF", patched("still.gif", b"GIF8", 6, &MOST[..4])),
        ("PNG", patched("rgb-photo.png", b"IHDR", 4, &[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff])),
        ("BMP", patched("rgb.bmp", b"BM", 18, &[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f])),
        ("JPEG", patched("photo-gray.jpg", b"\xff\xc0", 5, &MOST[..4])),
        ("large JPEG", patched("photo-gray.jpg", b"\xff\xc0", 5, &LARGE)),
        ("progressive JPEG", patched("photo-progressive.jpg", b"\xff\xc2", 5, &LARGE)),
        ("WebP", patched("lossy.webp", b"\x9d\x01\x2a", 3, &[0xff, 0x3f, 0xff, 0x3f])),
        ("large WebP", patched("lossy.webp", b"\x9d\x01\x2a", 3, &[0x80, 0x3e, 0x80, 0x3e])),
    ];
    for (name, file) in cases {
        let start = Instant::now();
        let error = error(Image::from_bytes(file).center_crop(8, 8));
        assert!(matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Decode), "{name}: {error}");
        assert!(start.elapsed() < Duration::from_secs(1), "{name} took {:?}", start.elapsed());
        println!("{name}: {error}");
    }
}

/// A sliver is never blown up whole: its middle is.
#[test]
fn slivers_cost_what_is_kept_of_them() {
    for (width, height) in [(1, 100_000), (100_000, 1), (3, 50_000)] {
        let image = Image::from_rgb8(width, height, vec![128; width * height * 3]);
        let start = Instant::now();
        let (pixels, size) = rgb8(image.resize_shortest_edge(224, ResizeFilter::CatmullRom).center_crop(224, 224));
        assert!(start.elapsed() < Duration::from_secs(2));
        assert_eq!(size, (224, 224));
        assert!(pixels.iter().all(|&value| value == 128));
    }
}

/// What fuzzing has found (crates/pixels/fuzz), each mended since.
#[test]
fn what_broke_once_does_no_harm() {
    let folder = format!("{}/crates/pixels/fuzz/crashers", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if let Err(error) = Image::from_path(&path).to_pixel_tensor() {
            assert!(!error.to_string().contains("panicked"), "{error}");
        }
        count += 1;
    }
    assert!(count > 0);
}

/// A few thousand damaged files of every format: cut short, bits flipped, bytes overwritten, parts repeated. Each is
/// read or refused, without panic and in time.
#[test]
fn damaged_files_do_no_harm() {
    const ROUNDS: usize = 200;
    let manifest = golden_json("images.json");
    let files = manifest["images"].as_array().unwrap().iter().map(|row| row["file"].as_str().unwrap().to_owned());
    let mut originals: Vec<(String, Vec<u8>)> =
        files.map(|file| (file.clone(), golden_bytes(&format!("images/{file}")))).collect();
    for path in shared_images("formats") {
        originals.push((path.display().to_string(), std::fs::read(path).unwrap()));
    }
    originals.retain(|(_, bytes)| bytes.len() < 40_000);
    let limits = Limits { max_pixels: 2_000_000, max_alloc: 64 << 20, ..Limits::default() };
    let mut random = Random(0x5eed_c11b);
    let (mut read, mut refused) = (0, 0);
    let start = Instant::now();
    for (name, bytes) in &originals {
        for round in 0..ROUNDS {
            let mut damaged = bytes.clone();
            damage(&mut random, &mut damaged, round);
            let once = Instant::now();
            let image = Image::from_bytes(damaged).limits(limits).center_crop(16, 16).normalize_unsigned();
            match image.to_pixel_tensor() {
                Ok(_) => read += 1,
                Err(error) => {
                    let kinds =
                        [ErrorKind::Decode, ErrorKind::UnsupportedFormat, ErrorKind::TooLarge, ErrorKind::OutOfMemory];
                    assert!(kinds.contains(&error.kind()), "{name}, round {round}: {error}");
                    assert!(!error.to_string().contains("panicked"), "{name}, round {round}: {error}");
                    refused += 1;
                }
            }
            assert!(once.elapsed() < Duration::from_secs(2), "{name}, round {round} took {:?}", once.elapsed());
        }
    }
    println!("{read} read, {refused} refused, of {} files, in {:?}", originals.len(), start.elapsed());
    assert!(read > 500 && refused > 500);
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>, round: usize) {
    // Half of the damage goes to the header, where it means most.
    let reach = if round.is_multiple_of(2) { bytes.len().min(64) } else { bytes.len() };
    match round % 5 {
        0 => bytes.truncate(random.below(bytes.len())),
        1 | 2 => {
            for _ in 0..=random.below(8) {
                let at = random.below(reach);
                bytes[at] ^= 1 << random.below(8);
            }
        }
        3 => {
            for _ in 0..=random.below(4) {
                let at = random.below(reach);
                bytes[at] = [0, 0xff, 0x7f, 0x80, 1][random.below(5)];
            }
        }
        _ => {
            let (from, to) = (random.below(bytes.len()), random.below(bytes.len()));
            let part = bytes[from..(from + random.below(64)).min(bytes.len())].to_vec();
            bytes.splice(to..to, part);
        }
    }
}
