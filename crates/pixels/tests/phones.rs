//! HEIC and JPEG XL, each where its feature is on, against the values of Pillow's plugins (`tests/golden/phones`).

#![allow(clippy::unwrap_used, missing_docs)]
#![cfg(any(feature = "heif", feature = "jxl"))]

use std::path::Path;

use pixels::{ErrorKind, Image, Limits};

/// The files of `extension`, and the size and RGB that are expected of them.
fn files(extension: &str) -> Vec<(std::path::PathBuf, usize, usize, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/phones");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let expected = paths.filter(|path| path.extension().is_some_and(|end| end == "rgb")).map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (file, size) = name.rsplit_once('-').unwrap();
        let (width, height) = size.split_once('x').unwrap();
        (path.with_file_name(file), width.parse().unwrap(), height.parse().unwrap(), std::fs::read(&path).unwrap())
    });
    let found: Vec<_> = expected.filter(|(path, ..)| path.extension().is_some_and(|end| end == extension)).collect();
    assert!(!found.is_empty());
    found
}

/// No value differs by more than `most`.
fn compare(extension: &str, most: impl Fn(&Path) -> u8) {
    for (path, width, height, expected) in files(extension) {
        let tensor = Image::from_path(&path).to_pixel_tensor().unwrap();
        assert_eq!((tensor.width, tensor.height), (width, height), "{}", path.display());
        let planes = width * height;
        let value = |at: usize| tensor.data[at % 3 * planes + at / 3] as u8;
        let worst = (0..3 * planes).map(|at| value(at).abs_diff(expected[at])).max().unwrap();
        assert!(worst <= most(&path), "{}: {worst} off", path.display());
    }
}

/// Over a limit, a file is an error; and cut anywhere but close to its end, where there may be what no pixel needs.
fn refuses(extension: &str) {
    for (path, width, height, _) in files(extension) {
        let bytes = std::fs::read(&path).unwrap();
        for length in (0..bytes.len()).step_by(37) {
            match Image::from_bytes(bytes[..length].to_vec()).to_pixel_tensor() {
                Ok(_) => assert!(length > bytes.len() * 19 / 20, "{}: {length} of {}", path.display(), bytes.len()),
                Err(error) => {
                    let kinds = [ErrorKind::Decode, ErrorKind::UnsupportedFormat];
                    assert!(kinds.contains(&error.kind()), "{}, {length} bytes: {error}", path.display());
                }
            }
        }
        let limits = Limits { max_pixels: (width * height) as u64 - 1, ..Limits::default() };
        let error = Image::from_bytes(bytes).limits(limits).to_pixel_tensor().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{}: {error}", path.display());
    }
}

/// With some bytes changed, a file is read or refused, without a panic.
#[cfg(feature = "jxl")]
fn damages(extension: &str) {
    let mut state = 1u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let limits = Limits { max_pixels: 1 << 20, max_alloc: 64 << 20, ..Limits::default() };
    let mut refused = 0;
    for (path, ..) in files(extension) {
        let bytes = std::fs::read(&path).unwrap();
        for round in 0..200 {
            let mut damaged = bytes.clone();
            for _ in 0..=random(3) {
                // Half of it in the header, where it means most.
                let at = random(if round % 2 == 0 { damaged.len().min(64) } else { damaged.len() });
                damaged[at] ^= 1 << random(8);
            }
            if let Err(error) = Image::from_bytes(damaged).limits(limits).to_pixel_tensor() {
                let kinds = [ErrorKind::Decode, ErrorKind::UnsupportedFormat, ErrorKind::TooLarge];
                let said = format!("{error:#}");
                let known = kinds.contains(&error.kind()) && !said.contains("panicked");
                assert!(known, "{}, round {round}: {said}", path.display());
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[cfg(feature = "heif")]
#[test]
fn heic() {
    compare("heic", |_| 4);
    refuses("heic");
}

#[cfg(feature = "jxl")]
#[test]
fn jpeg_xl() {
    compare("jxl", |path| if path.ends_with("lossy.jxl") { 1 } else { 0 });
    refuses("jxl");
    damages("jxl");
}
