//! A model computed by candle, as on a GPU, and by the kernels: the same embeddings, part by part.
#![cfg(all(feature = "candle", not(target_arch = "wasm32")))]

use super::*;
use crate::Precision;
use crate::backend::CANDLE_ON_CPU;
use crate::model::vision::VisionStage;
use candle_core::Device;

/// The golden model of that name, with its text tower where it has one; by candle's operations, or by the kernels.
fn load(name: &str, by_candle: bool) -> ClipVision {
    let clip = load_from("golden/models", name, by_candle, Precision::F32);
    assert_eq!(clip.text().is_ok(), ["b32-tiny", "patch14-gelu"].contains(&name), "{name}");
    clip
}

/// One in a folder of the tests.
fn load_from(folder: &str, name: &str, by_candle: bool, precision: Precision) -> ClipVision {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(name);
    CANDLE_ON_CPU.set(by_candle);
    let clip = ClipVision::from_dir(path, Options::default().precision(precision)).unwrap();
    let _ = clip.text(); // loads it, while candle is asked for
    CANDLE_ON_CPU.set(false);
    clip
}

/// The values differ by no more than rounding.
fn assert_alike(by_candle: &[f32], by_kernels: &[f32], what: &str) {
    assert_eq!(by_candle.len(), by_kernels.len(), "{what}");
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let cosine = dot(by_candle, by_kernels) / (dot(by_candle, by_candle) * dot(by_kernels, by_kernels)).sqrt();
    assert!(cosine >= 0.999_999, "{what}: cosine {cosine}");
    let largest = by_kernels.iter().fold(1f32, |largest, x| largest.max(x.abs()));
    let difference = by_candle.iter().zip(by_kernels).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference <= 1e-5 * largest, "{what}: off by {difference} of {largest}");
}

/// Photos that differ at every pixel.
fn photos(clip: &ClipVision, count: usize) -> Tensor {
    let size = clip.image_size();
    let values = (0..count * 3 * size * size).map(|at| ((at * 37 + at / 7) % 101) as f32 / 50.0 - 1.0);
    Tensor::from_iter(values, &Device::Cpu).unwrap().reshape((count, 3, size, size)).unwrap()
}

#[test]
fn every_part_of_the_vision_tower() {
    // QuickGELU; GELU, and a photo that patches don't fill; GELU by its hyperbolic tangent; no projection.
    for name in ["b32-tiny", "patch14-gelu", "tanh-bf16", "odd-widths"] {
        let towers = [true, false].map(|by_candle| load(name, by_candle));
        let pixels = photos(&towers[0], 2);
        for observed in [true, false] {
            let wanted = if observed { Wanted::All } else { Wanted::First };
            let mut passes =
                towers.each_ref().map(|clip| clip.vision_tower().unwrap().start_batch(&pixels, wanted).unwrap());
            let mut more = true;
            loop {
                let [by_candle, by_kernels] = passes.each_ref().map(|pass| pass.output().unwrap());
                let what = format!("{name} {:?}, observed: {observed}", passes[0].stage);
                assert_eq!(by_candle.dims(), by_kernels.dims(), "{what}");
                let [by_candle, by_kernels] =
                    [by_candle, by_kernels].map(|tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap());
                assert_alike(&by_candle, &by_kernels, &what);
                if !more {
                    break;
                }
                let steps = [0, 1].map(|at| towers[at].vision_tower().unwrap().step(&mut passes[at]).unwrap());
                assert_eq!(steps[0], steps[1]);
                more = steps[0];
            }
            assert!(matches!(passes[0].stage, VisionStage::Pooled | VisionStage::Projected));
        }
    }
}

#[test]
fn embeddings_of_photos_and_texts() {
    for name in ["b32-tiny", "patch14-gelu"] {
        let towers = [true, false].map(|by_candle| load(name, by_candle));
        let photo = |seed: usize| {
            let pixels = (0..40 * 30 * 3).map(|at| ((at * seed) % 251) as u8);
            Image::from_rgb8(40, 30, pixels.collect())
        };
        let [by_candle, by_kernels] = towers.each_ref().map(|clip| {
            let embeddings = clip.embed_batch(vec![photo(7), photo(31), photo(11)]);
            embeddings.into_iter().map(Result::unwrap).collect::<Vec<_>>()
        });
        for (by_candle, by_kernels) in by_candle.iter().zip(&by_kernels) {
            assert_alike(by_candle, by_kernels, name);
        }
        let [by_candle, by_kernels] = towers.each_ref().map(|clip| {
            let text = clip.text().unwrap();
            let end = text.config().vocab_size as u32 - 1;
            text.embed_tokens(&[&[3, 5, end], &[1, end], &[9, 2, 40, 7, end]]).unwrap()
        });
        for (by_candle, by_kernels) in by_candle.iter().zip(&by_kernels) {
            assert_alike(by_candle, by_kernels, name);
        }
    }
}

/// Every family, as an NVIDIA GPU computes it in 16 bits, beside the kernels in 32: photos and, where there is a tower, texts.
#[test]
fn sixteen_bits() {
    let models = ["b32-tiny", "patch14-gelu", "tanh-bf16", "odd-widths"].map(|name| ("golden/models", name));
    let families = ["chinese_clip", "siglip", "siglip2", "siglip_timm", "dinov2", "metaclip2", "distilbert"];
    let mut compared = [0, 0];
    for (folder, name) in models.into_iter().chain(families.map(|name| ("golden/families", name))) {
        let by_kernels = load_from(folder, name, false, Precision::F32);
        for (precision, least) in [(Precision::F16, 0.99999), (Precision::Bf16, 0.999)] {
            let by_candle = load_from(folder, name, true, precision);
            let compare = |[here, there]: [Vec<f32>; 2]| {
                let cosine = here.iter().zip(&there).map(|(a, b)| a * b).sum::<f32>();
                assert!(cosine > least, "{name}, {}: cosine {cosine}", precision.name());
            };
            let clips = [&by_kernels, &by_candle];
            if by_kernels.vision_tower().is_ok() {
                let photo = photos(&by_kernels, 1).squeeze(0).unwrap();
                compare(clips.map(|clip| clip.embed_tensor(&photo).unwrap()));
                compared[0] += 1;
            }
            if by_kernels.text().is_ok() {
                compare(clips.map(|clip| {
                    let text = clip.text().unwrap();
                    let end = text.config().vocab_size as u32 - 1; // or 2, as the family has it
                    text.embed_tokens(&[&[3, 5, 2, end]]).unwrap().remove(0)
                }));
                compared[1] += 1;
            }
        }
    }
    assert_eq!(compared, [20, 16]);
}

#[test]
fn a_pass_and_its_clone_go_their_own_ways() {
    let clip = load("b32-tiny", false);
    let pixels = photos(&clip, 1);
    let tower = clip.vision_tower().unwrap();
    let expected = tower.forward(&pixels).unwrap().to_vec2::<f32>().unwrap();
    let mut pass = tower.start_batch(&pixels, Wanted::First).unwrap();
    while tower.step(&mut pass).unwrap() {
        let before = pass.output().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let mut other = pass.clone();
        while tower.step(&mut other).unwrap() {}
        assert_eq!(other.output().unwrap().to_vec2::<f32>().unwrap(), expected);
        let after = pass.output().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(before, after, "{:?}", pass.stage);
    }
    assert_eq!(pass.output().unwrap().to_vec2::<f32>().unwrap(), expected);
}

#[test]
fn threads_that_embed_at_the_same_time_have_buffers_of_their_own() {
    let clip = load("b32-tiny", false);
    let photos: Vec<Tensor> = (0..8).map(|at| photos(&clip, 8).get(at).unwrap()).collect();
    let expected: Vec<Vec<f32>> = photos.iter().map(|photo| clip.embed_tensor(photo).unwrap()).collect();
    std::thread::scope(|scope| {
        for (photo, expected) in photos.iter().zip(&expected) {
            let clip = &clip;
            scope.spawn(move || (0..20).for_each(|_| assert_eq!(clip.embed_tensor(photo).unwrap(), *expected)));
        }
    });
}
