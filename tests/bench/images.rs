//! clip-vision as a contender of the native image benchmark, as a process that scripts give work to:
//!
//! ```text
//! images exact|fast
//! ```
//!
//! Each line of its input is a file's path, answered with a line of JSON, `{"ms": …}`: from the file's bytes, in memory,
//! to the tensor that CLIP sees.

use clip_vision::Image;
use clip_vision::image::{Decode, PreprocessConfig};
use serde_json::json;
use std::error::Error;
use std::io::Write;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` adds flags of its own.
    let decode = match std::env::args().nth(1).as_deref() {
        Some("exact") => Decode::Exact,
        Some("fast") => Decode::Fast,
        _ => {
            println!("this is a part of `npm run bench`: see scripts/bench.mjs");
            return Ok(());
        }
    };
    let mut out = std::io::stdout();
    writeln!(out, "{}", json!({ "ready": true }))?;
    for path in std::io::stdin().lines() {
        let bytes = std::fs::read(path?)?;
        let begin = Instant::now();
        let image = PreprocessConfig::default().apply(Image::from_bytes(bytes).decode(decode));
        let tensor = image.to_pixel_tensor()?;
        let ms = begin.elapsed().as_secs_f64() * 1e3;
        assert_eq!([tensor.height, tensor.width], [224, 224]);
        writeln!(out, "{}", json!({ "ms": ms }))?;
    }
    Ok(())
}
