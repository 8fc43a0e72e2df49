//! Nanoseconds a pixel of the golden photos, stage by stage and at every scale; with `-- photo-420` at the end of
//! `cargo bench -p clip-vision-jpeg --bench decode` those of some.
//!
//! Of a file all data have to be read for any pixel of it, so decoding one pixel is *reading*: headers, Huffman codes, and
//! of a picture in several scans its coefficients. What the whole picture takes beyond that is *pixels*: the inverse DCT,
//! and where a photo has them upsampling and colors. `photo-gray` is the transform alone, `photo-444` has colors too,
//! `photo-420` all. Of many runs the fastest counts: whatever else the machine does only adds.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use jpeg::{Area, Decoder, Error, Scale};

const PHOTOS: [&str; 7] = [
    "photo-gray.jpg",
    "photo-444.jpg",
    "photo-422.jpg",
    "photo-420.jpg",
    "photo-640x427.jpg",
    "photo-progressive.jpg",
    "photo-cmyk.jpg",
];
const TIME_FOR_EACH: Duration = Duration::from_millis(200);

fn main() {
    // `cargo test --all-targets` starts benches without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    println!(
        "{:<24}{:>8}{:>12}{:>12}{:>12}   ns a pixel of the stored photo",
        "", "scale", "reading", "pixels", "whole"
    );
    for photo in PHOTOS.into_iter().filter(|photo| wanted.as_ref().is_none_or(|wanted| photo.contains(wanted))) {
        let path = format!("{}/../../tests/golden/images/{photo}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let (width, height) = Decoder::new(&bytes).unwrap().size(Scale::Full);
        for (name, scale) in [("1", Scale::Full), ("1/2", Scale::Half), ("1/4", Scale::Quarter), ("1/8", Scale::Eighth)]
        {
            let nanoseconds = |one_pixel| fastest(&bytes, scale, one_pixel).as_nanos() as f64 / (width * height) as f64;
            let (reading, whole) = (nanoseconds(true), nanoseconds(false));
            println!("{photo:<24}{name:>8}{reading:>12.2}{:>12.2}{whole:>12.2}", whole - reading);
        }
    }
}

/// The time of the fastest of many runs.
fn fastest(bytes: &[u8], scale: Scale, one_pixel: bool) -> Duration {
    let begin = Instant::now();
    let mut fastest = Duration::MAX;
    while begin.elapsed() < TIME_FOR_EACH {
        let begin = Instant::now();
        let decoder = Decoder::new(bytes).unwrap();
        let (width, height) = if one_pixel { (1, 1) } else { decoder.size(scale) };
        let area = Area { columns: 0..width, rows: 0..height };
        decoder
            .decode(scale, area, |rows| {
                std::hint::black_box(rows);
                Ok::<(), Error>(())
            })
            .unwrap();
        fastest = fastest.min(begin.elapsed());
    }
    fastest
}
