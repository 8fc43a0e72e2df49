//! How long CLIP's preprocessing takes of pixels in memory, no decoder among it: `cargo bench -p clip-vision-pixels`.
//! The name of a case as the only argument runs that once, for a profiler that counts instructions.

use std::error::Error;
use std::time::{Duration, Instant};

use pixels::{Image, ResizeFilter};

/// A photograph of 12 megapixels, one whose columns are resampled first, a small one, and one that grows.
const SIZES: [(&str, usize, usize); 4] =
    [("landscape", 4000, 3000), ("tall", 800, 4000), ("small", 640, 427), ("tiny", 90, 60)];

fn preprocessed(image: Image) -> Result<f32, pixels::Error> {
    let tensor = image
        .resize_shortest_edge(224, ResizeFilter::CatmullRom)
        .center_crop(224, 224)
        .normalize_with([122.8, 116.7, 104.1], [68.5, 66.6, 70.3])
        .to_pixel_tensor()?;
    Ok(tensor.data.iter().sum())
}

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` adds flags of its own.
    let Some(argument) = std::env::args().nth(1) else {
        // `cargo test --all-targets` starts benches, too, and gives them no argument.
        return Ok(());
    };
    let only = Some(argument).filter(|argument| !argument.starts_with('-'));
    for (name, width, height) in SIZES {
        for channels in [3, 4] {
            let case = format!("{name}-{channels}");
            if only.as_ref().is_some_and(|only| *only != case) {
                continue;
            }
            let bytes = (0..width * height * channels).map(|at| ((at * at) >> 7) as u8).collect();
            let make = if channels == 3 { Image::from_rgb8 } else { Image::from_rgba8 };
            let image = make(width, height, bytes);
            let mut best = Duration::MAX;
            let runs = if only.is_some() { 1 } else { 20 };
            let mut sum = 0.0;
            for _ in 0..runs {
                let begin = Instant::now();
                sum = preprocessed(image.clone())?;
                best = best.min(begin.elapsed());
            }
            println!("{case}: {:.3} ms, sum {sum}", best.as_secs_f64() * 1e3);
        }
    }
    Ok(())
}
