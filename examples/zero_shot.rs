//! Which of some labels a photo shows, without training for them.
//!
//! ```sh
//! cargo run --release --example zero_shot -- models/shapes photo.png "a red heart" "a blue ring"
//! ```

use clip_vision::{ClipVision, Image, Options};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, photo, labels @ ..] = arguments.as_slice() else {
        return Err("usage: zero_shot MODEL PHOTO LABEL…".into());
    };

    let clip = ClipVision::from_dir(model, Options::default())?;
    let probabilities = clip.classify(Image::from_path(photo), labels)?;

    let mut ranked: Vec<_> = labels.iter().zip(probabilities).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (label, probability) in ranked {
        println!("{:5.1} % {label}", probability * 100.0);
    }
    Ok(())
}
