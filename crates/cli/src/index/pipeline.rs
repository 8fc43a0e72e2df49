//! Pictures to embeddings on all cores: one thread looks for pictures, as many as compute decode them, and the caller's
//! runs the model. Between them are short queues, so that memory does not grow with what there is to do.

use super::store::Stamp;
use crate::arguments::{BATCH, Decoding};
use crate::collection::Result;
use clip_vision::ClipVision;
use clip_vision::image::PixelTensor;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A picture that is to be embedded.
pub struct Job {
    /// Its place in the order of the index.
    pub place: usize,
    pub path: PathBuf,
    pub name: String,
    pub stamp: Stamp,
}

/// What became of it.
pub struct Done {
    pub place: usize,
    pub path: PathBuf,
    pub name: String,
    pub stamp: Stamp,
    pub result: clip_vision::Result<Vec<f32>>,
}

/// Embeds what `find` sends, and hands each to `done`, in any order. The first error of `done` ends it.
pub fn run(
    clip: &ClipVision,
    decoding: &Decoding,
    find: impl FnOnce(&mut dyn FnMut(Job) -> bool) + Send,
    mut done: impl FnMut(Done) -> Result<()>,
) -> Result<()> {
    let decoders = clip.threads();
    // So many that each thread has some to compute by itself.
    let batch = BATCH.max(4 * decoders);
    let (jobs, waiting) = sync_channel::<Job>(2 * decoders);
    let (decoded, ready) = sync_channel(batch.max(2 * BATCH));
    let waiting = Arc::new(Mutex::new(waiting));
    thread::scope(|scope| {
        scope.spawn(move || find(&mut |job| jobs.send(job).is_ok()));
        for _ in 0..decoders {
            let (waiting, decoded) = (Arc::clone(&waiting), decoded.clone());
            scope.spawn(move || {
                while let Some(job) = next(&waiting) {
                    let pixels = clip.measured_pixels(decoding.open(&job.path), || 0.0).map(|measured| measured.tensor);
                    if decoded.send((job, pixels)).is_err() {
                        return;
                    }
                }
            });
        }
        // The threads have the only other ends now, and this one ends here, with an error too: whoever stops, the others do.
        drop((waiting, decoded));
        let ready = ready;
        loop {
            let batch: Vec<_> = ready.iter().take(batch).collect();
            if batch.is_empty() {
                return Ok(());
            }
            embed(clip, batch).try_for_each(&mut done)?;
        }
    })
}

fn next(waiting: &Mutex<Receiver<Job>>) -> Option<Job> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Embeds pictures, as far as they could be decoded.
fn embed(clip: &ClipVision, batch: Vec<(Job, clip_vision::Result<PixelTensor>)>) -> impl Iterator<Item = Done> {
    let good: Vec<&PixelTensor> = batch.iter().filter_map(|(_, pixels)| pixels.as_ref().ok()).collect();
    let embeddings = clip.embed_pixels_batch(&good);
    debug_assert_eq!(embeddings.len(), good.len());
    let mut embeddings = embeddings.into_iter();
    batch.into_iter().filter_map(move |(Job { place, path, name, stamp }, pixels)| {
        let result = match pixels {
            Ok(_) => embeddings.next()?,
            Err(error) => Err(error),
        };
        Some(Done { place, path, name, stamp, result })
    })
}
