//! The photos that golden tests make themselves, and the hash of what comes out: tests/golden/README.md defines
//! both. Golden files are read from `tests/golden`, shared photos from `../shared/images`.

use clip_vision::image::PixelTensor;
use clip_vision::{Image, ResizeFilter};
use serde_json::Value;

pub fn golden_json(name: &str) -> Value {
    serde_json::from_slice(&golden_bytes(name)).unwrap()
}

/// A file of `tests/golden`; in a browser one of those that were compiled in.
#[cfg(target_arch = "wasm32")]
pub fn golden_bytes(name: &str) -> Vec<u8> {
    macro_rules! compiled_in {
        ($($file:literal),*) => {
            match name {
                $($file => include_bytes!(concat!("../golden/", $file)).to_vec(),)*
                _ => panic!("{name} is not compiled in"),
            }
        };
    }
    compiled_in!(
        "resize.json",
        "resize.safetensors",
        "crops.json",
        "resize_and_crop.json",
        "preprocess.json",
        "preprocess.safetensors",
        "images/rgb-photo.png",
        "images/bits-text.png",
        "images/rgb-20x13.png"
    )
}

#[cfg(not(target_arch = "wasm32"))]
pub fn golden_bytes(name: &str) -> Vec<u8> {
    std::fs::read(super::golden(name)).unwrap()
}

/// Every file under `../shared/images/<folder>`, or nothing where that folder is not.
#[cfg(not(target_arch = "wasm32"))]
pub fn shared_images(folder: &str) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![super::root().join("../shared/images").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    if files.is_empty() {
        println!("skipped: there is no ../shared/images/{folder}");
    }
    files
}

/// A row's number.
pub fn number(row: &Value, key: &str) -> usize {
    usize::try_from(row[key].as_u64().unwrap_or_else(|| panic!("{key} of {row}"))).unwrap()
}

/// A row's Pillow filter.
pub fn filter(row: &Value) -> ResizeFilter {
    match row["filter"].as_str().unwrap() {
        "nearest" => ResizeFilter::Nearest,
        "bilinear" => ResizeFilter::Triangle,
        "bicubic" => ResizeFilter::CatmullRom,
        "lanczos" => ResizeFilter::Lanczos3,
        other => panic!("no filter {other}"),
    }
}

/// The photo that a row's `source`, `seed`, `width` and `height` describe.
pub fn source(row: &Value) -> Image {
    let (width, height) = (number(row, "width"), number(row, "height"));
    Image::from_rgb8(width, height, pixels(row["source"].as_str().unwrap(), number(row, "seed"), width, height))
}

/// The same photo's RGB rows.
pub fn pixels(source: &str, seed: usize, width: usize, height: usize) -> Vec<u8> {
    let word = |index: usize| mix32((seed as u32).wrapping_add((index as u32).wrapping_mul(0x9E37_79B9)));
    let by_position = |value: &dyn Fn(usize, usize, usize) -> u8| {
        let mut out = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                out.extend((0..3).map(|channel| value(x, y, channel)));
            }
        }
        out
    };
    match source {
        "noise" => (0..width * height * 3).map(|index| (word(index) >> 24) as u8).collect(),
        "bits" => by_position(&|x, y, _| if word(y * width + x) >> 31 == 1 { 255 } else { 0 }),
        "stripes" => by_position(&|x, y, channel| {
            if (((x / 3) ^ (y / 5)) as u64 + (x * channel) as u64 + seed as u64) % 7 < 3 { 255 } else { 0 }
        }),
        "gradient" => by_position(&|x, y, channel| match channel {
            0 => (x * 255 / (width - 1).max(1)) as u8,
            1 => (y * 255 / (height - 1).max(1)) as u8,
            _ => ((x + y + seed) % 256) as u8,
        }),
        other => panic!("no source {other}"),
    }
}

fn mix32(mut value: u32) -> u32 {
    value ^= value >> 16;
    value = value.wrapping_mul(0x85EB_CA6B);
    value ^= value >> 13;
    value = value.wrapping_mul(0xC2B2_AE35);
    value ^ (value >> 16)
}

/// FNV-1a, 64 bits.
pub fn fnv1a64(bytes: impl IntoIterator<Item = u8>) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// An unnormalized image's RGB rows, and its (height, width).
pub fn rgb8(image: Image) -> (Vec<u8>, (usize, usize)) {
    let PixelTensor { data, height, width } = image.to_pixel_tensor().unwrap();
    let plane = height * width;
    let values = (0..plane).flat_map(|at| [data[at], data[plane + at], data[2 * plane + at]]);
    (values.map(|value| value as u8).collect(), (height, width))
}
