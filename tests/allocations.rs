//! What a forward pass asks the system's allocator for, once the model has seen photos of that size: next to nothing. And
//! what a text leaves behind: nothing.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use clip_vision::image::PixelTensor;
use clip_vision::{ClipVision, Image, ModelFiles, Options, Precision};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

/// The system's allocator, which remembers the largest piece that was asked for, and how much is taken.
struct Watching;

static LARGEST: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicIsize = AtomicIsize::new(0);

/// Notes a piece of memory that was `old` bytes long and is asked for with `new`.
fn note(old: usize, new: usize) {
    LARGEST.fetch_max(new, Ordering::Relaxed);
    TAKEN.fetch_add(new as isize - old as isize, Ordering::Relaxed);
}

// SAFETY: all is handed on to the system's allocator.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(0, layout.size());
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(0, layout.size());
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(layout.size(), size);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(layout.size(), 0);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

const ALLOWED: usize = 64 << 10;

/// The bytes of the largest piece that anybody asked for during `work`.
fn largest(work: impl FnOnce()) -> usize {
    LARGEST.store(0, Ordering::Relaxed);
    work();
    LARGEST.load(Ordering::Relaxed)
}

/// Both towers of a ViT-B/32 of two layers, of random values, and of few words.
fn of_full_width() -> ModelFiles {
    let config = serde_json::json!({
        "model_type": "clip",
        "vision_config": { "num_hidden_layers": 2 },
        "text_config": { "num_hidden_layers": 2, "vocab_size": 64, "eos_token_id": 63 },
    });
    let mut tensors: Vec<(String, Vec<usize>)> = vec![
        ("vision_model.embeddings.class_embedding".into(), vec![768]),
        ("vision_model.embeddings.patch_embedding.weight".into(), vec![768, 3, 32, 32]),
        ("vision_model.embeddings.position_embedding.weight".into(), vec![50, 768]),
        ("visual_projection.weight".into(), vec![512, 768]),
        ("text_model.embeddings.token_embedding.weight".into(), vec![64, 512]),
        ("text_model.embeddings.position_embedding.weight".into(), vec![77, 512]),
        ("text_projection.weight".into(), vec![512, 512]),
        ("logit_scale".into(), vec![]),
    ];
    let mut pair = |name: String, outputs: usize, inputs: Option<usize>| {
        tensors.push((format!("{name}.weight"), std::iter::once(outputs).chain(inputs).collect()));
        tensors.push((format!("{name}.bias"), vec![outputs]));
    };
    for (tower, hidden, norms) in
        [("vision_model", 768, &["pre_layrnorm", "post_layernorm"][..]), ("text_model", 512, &["final_layer_norm"][..])]
    {
        norms.iter().for_each(|norm| pair(format!("{tower}.{norm}"), hidden, None));
        for layer in (0..2).map(|index| format!("{tower}.encoder.layers.{index}")) {
            ["layer_norm1", "layer_norm2"].iter().for_each(|norm| pair(format!("{layer}.{norm}"), hidden, None));
            for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                pair(format!("{layer}.self_attn.{part}"), hidden, Some(hidden));
            }
            pair(format!("{layer}.mlp.fc1"), 4 * hidden, Some(hidden));
            pair(format!("{layer}.mlp.fc2"), hidden, Some(4 * hidden));
        }
    }
    let mut state = 1u32;
    let mut data = Vec::new();
    let mut header = serde_json::Map::new();
    for (name, shape) in tensors {
        let begin = data.len();
        for _ in 0..shape.iter().product() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            data.extend_from_slice(&((state >> 8) as f32 / (1 << 29) as f32 - 1.0 / 64.0).to_le_bytes());
        }
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()] });
        header.insert(name, entry);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let weights = [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat();
    // Its content is read with the feature `text` only; the tower is loaded for its being there.
    let tokenizer = std::fs::read(common::model_dir("b32-tiny").join("tokenizer.json")).unwrap();
    ModelFiles::new(config.to_string(), weights).tokenizer(tokenizer)
}

fn embed(clip: &ClipVision, pixels: &[&PixelTensor]) {
    clip.start_pixels(pixels).unwrap().finish().unwrap();
}

fn check(clip: &ClipVision, name: &str) {
    let photo = |seed: usize| {
        let pixels = (0..60 * 50 * 3).map(|at| ((at * seed) % 251) as u8).collect();
        clip.measured_pixels(Image::from_rgb8(60, 50, pixels), || 0.0).unwrap().tensor
    };
    let photos = [1, 7, 31, 11].map(photo);
    for together in [1, 3] {
        let batch = |from: usize| (0..together).map(|at| &photos[(from + at) % photos.len()]).collect::<Vec<_>>();
        embed(clip, &batch(0));
        embed(clip, &batch(1));
        let largest = largest(|| (2..6).for_each(|from| embed(clip, &batch(from))));
        println!("{name}, {together} photos: at most {largest} bytes at a time");
        assert!(largest <= ALLOWED, "{name}, {together} photos: {largest} bytes at a time");
    }

    let model = clip.text().unwrap();
    let end = model.config().vocab_size as u32 - 1;
    let text: Vec<u32> = (1..40).chain([end]).collect();
    let texts = [&text[..], &text[20..]];
    (0..2).for_each(|_| drop(model.embed_tokens(&texts).unwrap()));
    let largest = largest(|| drop(model.embed_tokens(&texts).unwrap()));
    println!("{name}, texts: at most {largest} bytes at a time");
    assert!(largest <= ALLOWED, "{name}, texts: {largest} bytes at a time");
}

/// One test, for what is counted is everybody's.
#[test]
fn after_two_photos_of_a_size_no_pass_asks_for_memory() {
    for precision in [Precision::F32, Precision::Int8] {
        let options = || Options::default().precision(precision);
        let tiny = ClipVision::from_dir(common::model_dir("b32-tiny"), options()).unwrap();
        check(&tiny, &format!("b32-tiny in {}", precision.name()));
        let wide = ClipVision::from_files(of_full_width(), options()).unwrap();
        check(&wide, &format!("B/32 of two layers in {}", precision.name()));
    }
    #[cfg(feature = "text")]
    texts_leave_nothing_behind();
}

/// The crate `tokenizers` remembers each thread's words, beyond the life of the tokenizer too.
#[cfg(feature = "text")]
fn texts_leave_nothing_behind() {
    let read = |words: std::ops::Range<usize>| {
        let tiny = ClipVision::from_dir(common::model_dir("b32-tiny"), Options::default()).unwrap();
        let text = tiny.text().unwrap();
        let word = |seed: usize| (0..8).map(|at| char::from(b'a' + (seed >> at & 15) as u8)).collect::<String>();
        words.for_each(|seed| drop(text.tokenize(&word(seed)).unwrap()));
    };
    read(0..10);
    let before = TAKEN.load(Ordering::Relaxed);
    read(10..2_000);
    let left = TAKEN.load(Ordering::Relaxed) - before;
    println!("2,000 words: {left} bytes left behind");
    assert!(left <= 16 << 10, "2,000 words left {left} bytes behind");
}
