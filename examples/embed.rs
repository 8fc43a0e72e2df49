//! The embedding of each photo, and how alike two photos are.
//!
//! ```sh
//! cargo run --release --example embed -- models/shapes a.jpg b.jpg
//! ```

use clip_vision::{ClipVision, Error, Image, Options, search};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or_else(|| "models/shapes".to_owned());
    let photos: Vec<String> = arguments.collect();

    let clip = ClipVision::from_dir(model, Options::default())?;
    let mut embeddings = Vec::new();
    for photo in &photos {
        let embedding = clip.embed(Image::from_path(photo))?;
        println!("{photo}: {} values, the first {:?}", embedding.len(), &embedding[..3]);
        embeddings.push(embedding);
    }
    for pair in embeddings.windows(2) {
        println!("cosine to the next: {:.4}", search::cosine_similarity(&pair[0], &pair[1])?);
    }
    Ok(())
}
