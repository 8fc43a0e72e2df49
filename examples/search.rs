//! The photos of a folder that a text describes best.
//!
//! ```sh
//! cargo run --release --example search -- models/shapes photos "a red heart"
//! ```

use clip_vision::search::{Rows, top_k};
use clip_vision::{ClipVision, Image, Options};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, folder, text] = arguments.as_slice() else { return Err("usage: search MODEL FOLDER TEXT".into()) };
    let clip = ClipVision::from_dir(model, Options::default())?;

    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    paths.sort();
    let images = paths.iter().map(Image::from_path).collect();

    // Rows one after the other, and the photo of each: one that can't be read has none.
    let (mut rows, mut photos) = (Vec::new(), Vec::new());
    for (path, embedding) in paths.iter().zip(clip.embed_batch(images)) {
        match embedding {
            Ok(embedding) => {
                rows.extend(embedding);
                photos.push(path);
            }
            Err(error) => eprintln!("{}: {error:#}", path.display()),
        }
    }
    for found in top_k(&clip.embed_text(text)?, Rows::F32(&rows), 5)? {
        println!("{:.3} {}", found.score, photos[found.row as usize].display());
    }
    Ok(())
}
