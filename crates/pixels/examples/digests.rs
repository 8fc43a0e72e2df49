//! Prints for each file that is named on standard input its path, its size and the SHA-256 of its RGB bytes, once over white
//! and once without opacity, or its error; and the milliseconds of both. `tests/golden/compare.py` asks Pillow the same.

use std::io::{BufRead, Write};
use std::time::Instant;

use pixels::Image;
use sha2::{Digest, Sha256};

fn digest(image: Image) -> String {
    let tensor = match image.to_pixel_tensor() {
        Ok(tensor) => tensor,
        Err(error) => return format!("{:?}: {error:#}", error.kind()).replace(['\t', '\n'], " "),
    };
    let plane = tensor.width * tensor.height;
    let mut sha256 = Sha256::new();
    let mut row = Vec::with_capacity(tensor.width * 3);
    for start in (0..plane).step_by(tensor.width.max(1)) {
        row.clear();
        row.extend(
            (start..start + tensor.width)
                .flat_map(|at| [0, 1, 2].map(|channel| tensor.data[channel * plane + at] as u8)),
        );
        sha256.update(&row);
    }
    let hash: String = sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}x{} {hash}", tensor.width, tensor.height)
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for path in std::io::stdin().lock().lines() {
        let path = path?;
        let start = Instant::now();
        let (white, dropped) = (digest(Image::from_path(&path)), digest(Image::from_path(&path).drop_alpha()));
        writeln!(out, "{path}\t{white}\t{dropped}\t{}", start.elapsed().as_millis())?;
        out.flush()?;
    }
    Ok(())
}
