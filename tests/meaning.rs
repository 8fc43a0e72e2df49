//! The whole product gets meaning right, not only numbers: the model of `models/shapes`, from files and drawings to words.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "text")]
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::{ClipVision, Image, Options, Precision};
use common::drawings::{COLORS, SHAPES, draw};
use common::golden;
use common::shapes::{Photos, nearest};
use std::path::PathBuf;

fn load(precision: Precision) -> ClipVision {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/shapes");
    ClipVision::from_dir(dir, Options::default().precision(precision)).unwrap()
}

#[test]
fn photos_and_captions_find_each_other() {
    let [json, files] = ["shapes.json", "shapes.safetensors"].map(|name| std::fs::read(golden(name)).unwrap());
    let photos = Photos::new(&json, &files);
    assert_eq!(photos.captions.len(), SHAPES.len() * COLORS.len());
    for precision in [Precision::F32, Precision::Int8] {
        let clip = load(precision);
        for caption in &photos.captions {
            assert_eq!(clip.text().unwrap().tokenize(&caption.text).unwrap(), caption.ids, "{}", caption.text);
        }
        photos.check(&clip);
    }
}

/// Each shape in each color on four grounds, small to large, in photos of many sizes; 95 of 100 have to be named right.
#[test]
fn drawings_by_another_pen_are_named() {
    const SIZES: [[usize; 2]; 4] = [[96, 64], [100, 150], [224, 224], [320, 240]];
    const PLACES: [[f32; 2]; 4] = [[0.5, 0.5], [0.28, 0.3], [0.7, 0.68], [0.45, 0.55]];
    const RADII: [f32; 4] = [0.36, 0.15, 0.21, 0.28];
    let mut drawings = Vec::new();
    for (shape, (_, inside)) in SHAPES.iter().enumerate() {
        for (color, (_, tone)) in COLORS.iter().enumerate() {
            // Grounds from which the thing can be told.
            let far = |ground: &[u8; 3]| ground.iter().zip(tone).map(|(a, b)| a.abs_diff(*b) as u32).sum::<u32>() > 250;
            let grounds = COLORS.iter().map(|(_, ground)| *ground).filter(far);
            for (turn, ground) in grounds.cycle().skip(shape).take(4).enumerate() {
                let image = || draw(SIZES[turn], *inside, *tone, ground, PLACES[turn], RADII[turn]);
                drawings.push((shape * COLORS.len() + color, image()));
            }
        }
    }
    let captions: Vec<String> =
        SHAPES.iter().flat_map(|(shape, _)| COLORS.map(|(color, _)| format!("a {color} {shape}"))).collect();
    let (right, images): (Vec<usize>, Vec<Image>) = drawings.into_iter().unzip();
    for precision in [Precision::F32, Precision::Int8] {
        let clip = load(precision);
        let texts = clip.embed_texts(&captions).unwrap();
        let embeddings = clip.embed_batch(images.clone());
        let named = embeddings.into_iter().zip(&right).filter(|(one, right)| {
            let embedding = one.as_ref().unwrap();
            nearest(embedding, &texts) == **right
        });
        let named = named.count();
        println!("{precision:?}: {named} of {} drawings named", right.len());
        assert!(named * 100 >= right.len() * 95, "{precision:?}: {named} of {}", right.len());
    }
}

/// What a person would try first: words about one thing at a time, and a search among a few photos.
#[test]
fn words_mean_what_they_say() {
    let clip = load(Precision::F32);
    let shape = |name: &str| SHAPES.iter().find(|(shape, _)| *shape == name).unwrap().1;
    let color = |name: &str| COLORS.iter().find(|(color, _)| *color == name).unwrap().1;
    let photo = |tone: &str, name: &str, ground: &str| {
        draw([300, 200], shape(name), color(tone), color(ground), [0.5, 0.5], 0.33)
    };
    let best = |image: Image, labels: &[&'static str]| {
        let probabilities = clip.classify(image, labels).unwrap();
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let most = (0..labels.len()).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b])).unwrap();
        labels[most]
    };
    let heart = || photo("red", "heart", "white");
    assert_eq!(
        best(heart(), &["a photo of a circle", "a photo of a heart", "a photo of a square"]),
        "a photo of a heart"
    );
    assert_eq!(best(heart(), &["a green heart", "a blue heart", "a red heart"]), "a red heart");
    assert_eq!(
        best(heart(), &["a heart on a black background", "a heart on a white background"]),
        "a heart on a white background"
    );

    let files = [
        ("a red heart", heart()),
        ("a blue ring", photo("blue", "ring", "yellow")),
        ("a green star", photo("green", "star", "white")),
        ("a yellow moon", photo("yellow", "moon", "black")),
    ];
    let embeddings: Vec<Vec<f32>> = files.iter().map(|(_, image)| clip.embed(image.clone()).unwrap()).collect();
    for (at, (query, _)) in files.iter().enumerate() {
        assert_eq!(nearest(&clip.embed_text(query).unwrap(), &embeddings), at, "{query}");
    }
}
