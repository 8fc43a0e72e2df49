//! Milliseconds a picture: `cargo bench -p clip-vision-webp --bench decode -- FILE…`.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

fn main() {
    for path in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        let bytes = std::fs::read(&path).unwrap();
        let mut best = f64::MAX;
        let (width, height) = webp::Decoder::new(&bytes).unwrap().size();
        for _ in 0..15 {
            let start = Instant::now();
            let decoder = webp::Decoder::new(&bytes).unwrap();
            decoder
                .decode(0..height, |rows| {
                    black_box(rows);
                    Ok::<(), webp::Error>(())
                })
                .unwrap();
            best = best.min(start.elapsed().as_secs_f64());
        }
        let pixels = (width * height) as f64;
        println!("{path}: {:.2} ms, {:.2} ns a pixel", best * 1e3, best * 1e9 / pixels);
    }
}
