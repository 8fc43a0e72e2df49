//! Thousands of damaged files of every format: the odd ones of `tests/golden/odd`, cut short, with bits flipped, numbers
//! replaced, parts repeated and taken out. Each is read or refused, without panic (overflow is one, here), and with no more
//! memory than the limits allow. Every run damages alike.
//!
//! `TIMES=50 cargo test -p clip-vision-pixels --test damage -- --nocapture` does 50 times as much, and says what came of it.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../tests/common/counted.rs"]
mod counted;
#[path = "../../../tests/common/random.rs"]
mod random;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use counted::peak;
use pixels::{ErrorKind, Image, Limits};
use random::Random;

const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_pixels: 1 << 20, max_alloc: 8 << 20 };

/// What small things take that nobody counts, and how many times a file may be held.
const UNCOUNTED: usize = 1 << 19;
const HELD: usize = 8;

fn odd() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/odd")
}

/// The files of a folder, in an order that is always the same.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(odd().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

/// Damages each file of `folder` so many times. `mend` is done to half of them after that.
fn damage(folder: &str, rounds: usize, mend: impl Fn(&mut [u8])) {
    let files = files(folder);
    let rounds = rounds * std::env::var("TIMES").map_or(1, |times| times.parse().unwrap());
    assert!(files.len() > 50, "{} files in {folder}", files.len());
    let mut random = Random(0x5eed_0dd5);
    let (mut read, mut refused, mut most) = (0, 0, 0);
    let mut slowest = (Duration::ZERO, String::new());
    let begin = Instant::now();
    for (name, bytes) in &files {
        for round in 0..rounds {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(2) {
                damage_once(&mut random, &mut damaged);
            }
            if random.below(2) == 0 {
                mend(&mut damaged);
            }
            let length = damaged.len();
            let image = Image::from_bytes(damaged).limits(LIMITS).center_crop(16, 16).normalize_unsigned();
            let start = Instant::now();
            let (result, used) = peak(|| image.to_pixel_tensor());
            let what = || format!("{folder}/{name}, round {round}");
            slowest = slowest.max((start.elapsed(), what()));
            match result {
                Ok(_) => read += 1,
                Err(error) => {
                    refused += 1;
                    let said = format!("{error:#}");
                    let known = [ErrorKind::Decode, ErrorKind::UnsupportedFormat, ErrorKind::TooLarge];
                    assert!(known.contains(&error.kind()) && !said.contains("panicked"), "{}: {said}", what());
                }
            }
            most = most.max(used);
            let allowed = LIMITS.max_alloc as usize + UNCOUNTED + HELD * length;
            assert!(used <= allowed, "{}: {used} bytes of memory, {allowed} are allowed", what());
        }
    }
    println!(
        "{folder}: {read} read, {refused} refused in {:?}; {most} bytes at most; {:?} for {}",
        begin.elapsed(),
        slowest.0,
        slowest.1
    );
    assert!(read > rounds && refused > rounds, "{read} read, {refused} refused");
}

/// The memory that decoding `file` within `limits` takes at most, and whether it was read.
fn memory(file: &[u8], limits: Limits) -> (usize, Result<(), ErrorKind>) {
    let image = Image::from_bytes(file.to_vec()).limits(limits).center_crop(1, 1).normalize_unsigned();
    let (result, used) = peak(|| image.to_pixel_tensor());
    (used, result.map(drop).map_err(|error| error.kind()))
}

#[test]
fn a_png_s_long_rows_count() {
    const WIDTH: u32 = 1 << 19;
    let mut refused = 0;
    for (color, samples, bits) in [
        (0, 1, 1),
        (0, 1, 8),
        (0, 1, 16),
        (2, 3, 8),
        (2, 3, 16),
        (3, 1, 1),
        (3, 1, 8),
        (4, 2, 8),
        (4, 2, 16),
        (6, 4, 8),
        (6, 4, 16),
    ] {
        for interlaced in [0, 1] {
            let chunk = |name: &[u8], data: &[u8]| [&(data.len() as u32).to_be_bytes(), name, data, &[0; 4]].concat();
            let header = [&WIDTH.to_be_bytes()[..], &[0, 0, 0, 1, bits, color, 0, 0, interlaced]].concat();
            // A filter a row, or one each for four parts of it that are not empty.
            let length = WIDTH as usize * samples * usize::from(bits) / 8 + 4;
            let data = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; length], 6);
            let chunks = [chunk(b"IHDR", &header), chunk(b"PLTE", &[7; 3]), chunk(b"IDAT", &data), chunk(b"IEND", b"")];
            let mut file = [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat();
            mend_png(&mut file);
            let kept = HELD * file.len() + UNCOUNTED;
            let mut read = 0;
            for max_alloc in (1..32).step_by(2).map(|mebibytes| mebibytes << 20) {
                let (used, result) = memory(&file, Limits { max_alloc, ..Limits::default() });
                let what = format!("color {color}, {bits} bits, interlaced {interlaced}, a limit of {max_alloc}");
                assert!(used <= max_alloc as usize + kept, "{what}: {used} bytes of memory");
                match result {
                    Ok(()) => read += 1,
                    Err(kind) => {
                        assert_eq!(kind, ErrorKind::TooLarge, "{what}");
                        refused += 1;
                    }
                }
            }
            assert!(read > 0, "color {color}, {bits} bits");
        }
    }
    assert!(refused > 50, "{refused} refused");
}

/// Makes the checksums of a PNG's chunks right, so that what is in them is looked at.
fn mend_png(file: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = file.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let Some(sum) = at.checked_add(8 + length).filter(|sum| sum + 4 <= file.len()) else { return };
        let crc = file[at + 4..sum].iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
        });
        file[sum..sum + 4].copy_from_slice(&(!crc).to_be_bytes());
        at = sum + 4;
    }
}

fn leave(_: &mut [u8]) {}

#[test]
fn tiff() {
    damage("tiff", 100, leave);
}

#[test]
fn png() {
    damage("png", 100, mend_png);
}

#[test]
fn gif() {
    damage("gif", 50, leave);
}

#[test]
fn bmp() {
    damage("bmp", 50, leave);
}

#[test]
fn ico() {
    damage("ico", 50, leave);
}

#[test]
fn webp() {
    damage("webp", 50, leave);
}

#[test]
fn exif() {
    damage("exif", 50, leave);
}

#[cfg(feature = "avif")]
#[test]
fn avif() {
    // Each takes a hundred times what the others take, without optimization.
    damage("avif", 2, leave);
}

#[test]
fn no_folder_is_left_out() {
    let folders = std::fs::read_dir(odd()).unwrap().map(|entry| entry.unwrap());
    let mut folders: Vec<String> = folders
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(folders, ["avif", "bmp", "exif", "gif", "ico", "png", "tiff", "webp"]);
}

fn damage_once(random: &mut Random, bytes: &mut Vec<u8>) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    // Headers are at the beginning, mostly, and of TIFF at the end; damage means most there.
    let at = match random.below(4) {
        0 => random.below(length.min(64)),
        1 => length - 1 - random.below(length.min(256)),
        _ => random.below(length),
    };
    match random.below(8) {
        0 => bytes.truncate(at),
        1 | 2 => bytes[at] ^= 1 << random.below(8),
        3 => bytes[at] = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff][random.below(7)],
        4 | 5 => {
            // A number of 2 or of 4 bytes, in either order, at an even place.
            let value = [0, 1, 2, 8, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fff_ffff, 0xffff_ffff, length as u32, at as u32]
                [random.below(12)];
            let number = match random.below(4) {
                0 => value.to_le_bytes().to_vec(),
                1 => value.to_be_bytes().to_vec(),
                2 => (value as u16).to_le_bytes().to_vec(),
                _ => (value as u16).to_be_bytes().to_vec(),
            };
            let place = bytes.iter_mut().skip(at & !1);
            place.zip(number).for_each(|(byte, new)| *byte = new);
        }
        6 => {
            let from = random.below(length);
            let part = bytes[from..(from + 1 + random.below(64)).min(length)].to_vec();
            bytes.splice(at..at, part);
        }
        _ => drop(bytes.drain(at..(at + 1 + random.below(16)).min(length))),
    }
}
