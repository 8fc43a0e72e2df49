//! A photo prepared in one's own way instead of the model's: stretched to the model's size rather than cropped, so that
//! nothing at its edges is lost.
//!
//! ```sh
//! cargo run --release --example own_preprocessing -- models/shapes photo.jpg
//! ```

use clip_vision::{ClipVision, Image, Options, ResizeFilter, search};
use std::error::Error;

/// What CLIP's images are normalized by.
const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const STD: [f32; 3] = [0.268_629_55, 0.261_302_6, 0.275_777_1];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, photo] = arguments.as_slice() else { return Err("usage: own_preprocessing MODEL PHOTO".into()) };
    let clip = ClipVision::from_dir(model, Options::default())?;
    let size = clip.image_size();

    // Operations run in the order written. An image that is normalized already is taken as it is.
    let stretched = Image::from_path(photo)
        .resize(size, size, ResizeFilter::CatmullRom)
        .normalize_unsigned()
        .normalize_with(MEAN, STD);
    let stretched = clip.embed(stretched)?;
    let cropped = clip.embed(Image::from_path(photo))?;
    println!("cosine of stretched and cropped: {:.4}", search::cosine_similarity(&stretched, &cropped)?);
    Ok(())
}
