//! `embed` and `embed-text`: a line for each image or text.

use crate::arguments::{BATCH, Common, Images, Length, Outcome};
use crate::lines::{Embedding, Lines};
use clap::Args;
use std::io::Write;

#[derive(Args)]
pub struct EmbedArguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    length: Length,
    #[command(flatten)]
    images: Images,
}

#[derive(Args)]
pub struct EmbedTextArguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    length: Length,
    /// Texts; what is longer than the model takes is cut
    #[arg(required = true, value_name = "TEXT")]
    texts: Vec<String>,
}

/// Embeds all images; false where one of them failed.
pub fn images(EmbedArguments { common, length, images }: &EmbedArguments) -> Outcome {
    let clip = common.model.load(!length.no_normalize)?;
    let mut lines = Lines::new("path", common.json);
    for paths in images.batches() {
        let paths = paths?;
        let batch = paths.iter().map(|path| images.decoding.open(path)).collect();
        for (path, embedding) in paths.iter().zip(clip.embed_batch(batch)) {
            lines.print(&path.to_string_lossy(), embedding.map(Embedding))?;
        }
        lines.out.flush()?;
    }
    Ok(lines.all_good)
}

/// Embeds all texts; false where one of them failed.
pub fn texts(EmbedTextArguments { common, length, texts }: &EmbedTextArguments) -> Outcome {
    let clip = common.model.load(!length.no_normalize)?;
    clip.text()?;
    let mut lines = Lines::new("text", common.json);
    for texts in texts.chunks(BATCH) {
        // Should the batch as a whole fail, each text is tried by itself and has its own error.
        let results = match clip.embed_texts(texts) {
            Ok(embeddings) => embeddings.into_iter().map(Ok).collect(),
            Err(_) => texts.iter().map(|text| clip.embed_text(text)).collect::<Vec<_>>(),
        };
        for (text, result) in texts.iter().zip(results) {
            lines.print(text, result.map(Embedding))?;
        }
        lines.out.flush()?;
    }
    Ok(lines.all_good)
}
