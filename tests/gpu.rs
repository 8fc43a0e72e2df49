//! Every model of the tests on a GPU, or on a processor that does a GPU's work (lavapipe).
#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::gpu::{Gpu, Tuning};
use clip_vision::model::Loader;
use clip_vision::{ClipVision, Image, Options, Precision};
use common::{cosine, golden};
use std::path::PathBuf;
use std::sync::OnceLock;

/// The GPU of the tests.
fn gpu() -> Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| Gpu::open(0).unwrap()).clone()
}

/// The folders of models of all families.
fn models() -> Vec<PathBuf> {
    let folders = ["families", "models"].map(golden).map(|folder| std::fs::read_dir(folder).unwrap());
    let all = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|path| ClipVision::from_dir(path, Options::default()).is_ok()).collect();
    all.push(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/models/shapes")));
    all.sort();
    all
}

const PICTURES: [&str; 3] = ["photo-420.jpg", "photo-gray.jpg", "photo-444.jpg"];

fn pictures(names: &[&str]) -> Vec<Image> {
    let paths = names.iter().map(|name| golden("images").join(name)).filter(|path| path.exists());
    paths.map(Image::from_path).collect()
}

#[test]
#[ignore = "needs a GPU: npm test -- gpu"]
fn gpu_embeddings_are_those_of_the_processor() {
    let gpu = gpu();
    let models = models();
    assert!(models.len() > 12, "{models:?}");
    for path in models {
        for (precision, least) in [(Precision::F32, 0.999_999), (Precision::Int8, 0.99)] {
            let options = Options::default().precision(precision);
            let cpu = ClipVision::from_dir(&path, options.clone()).unwrap();
            let on_gpu = ClipVision::from_dir(&path, options.gpu(gpu.clone())).unwrap();
            let mut worst = 1f64;
            if cpu.config().is_ok() {
                let images = pictures(&PICTURES);
                // One by one, and together.
                let together = on_gpu.embed_batch(images.clone());
                for (image, together) in images.into_iter().zip(together) {
                    let (expected, alone) = (cpu.embed(image.clone()).unwrap(), on_gpu.embed(image).unwrap());
                    worst = worst.min(cosine(&alone, &expected)).min(cosine(&together.unwrap(), &expected));
                }
            }
            if let Ok(text) = cpu.text() {
                let longest = text.config().max_position_embeddings as u32;
                let vocabulary = text.config().vocab_size as u32;
                for ids in
                    [vec![1, 5, vocabulary - 1], (0..longest.min(9)).map(|id| vocabulary - 1 - id).rev().collect()]
                {
                    let Ok(expected) = cpu.embed_tokens(&ids) else { continue };
                    worst = worst.min(cosine(&on_gpu.embed_tokens(&ids).unwrap(), &expected));
                }
            }
            println!("{} {precision:?}: 1 - cosine {:.1e}", path.display(), 1.0 - worst);
            assert!(worst >= least, "{} {precision:?}: {worst}", path.display());
        }
    }
}

#[test]
#[ignore = "needs a GPU: npm test -- gpu"]
fn gpu_bits_are_the_same_from_run_to_run() {
    let gpu = gpu();
    let options = Options::default().gpu(gpu);
    let load = || ClipVision::from_dir("models/shapes", options.clone()).unwrap();
    let embed = |clip: &ClipVision| clip.embed(pictures(&PICTURES[..1]).remove(0)).unwrap();
    let (first, second) = (load(), load());
    let bits = |embedding: Vec<f32>| embedding.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let once = bits(embed(&first));
    assert_eq!(once, bits(embed(&first)));
    assert_eq!(once, bits(embed(&second)));
}

#[test]
#[ignore = "needs a GPU: npm test -- gpu"]
fn gpu_a_layer_is_seven_dispatches_of_few_kernels() {
    let gpu = gpu();
    let clip = ClipVision::from_dir(golden("models").join("b32-tiny"), Options::default().gpu(gpu)).unwrap();
    let layers = clip.config().unwrap().num_hidden_layers;
    for tuning in [Tuning::Hardware, Tuning::Software] {
        let plan = clip.plan(1, tuning).unwrap();
        // Of a ViT-B/32, which has twelve, 90.
        assert_eq!(plan.steps.len(), 7 * layers + 6);
        assert!(plan.kernels.len() <= 6, "{:?}", plan.kernels.iter().map(|kernel| &kernel.label).collect::<Vec<_>>());
    }
}

#[test]
#[ignore = "needs a GPU: npm test -- gpu"]
fn gpu_a_probe_finds_right_what_is_right_and_wrong_what_is_wrong() {
    let gpu = gpu();
    for (path, precision) in [("models/shapes", Precision::F32), ("models/shapes", Precision::Int8)] {
        let config = std::fs::read(PathBuf::from(path).join("config.json")).unwrap();
        let loader = Loader::new(&config, None, Options::default().precision(precision)).unwrap();
        let mut probe = loader.probe().unwrap().unwrap();
        let executor = gpu.executor(probe.take_matrices()).unwrap();
        for batch in [1, 3, 16] {
            let plan = probe.plan(batch, gpu.tuning()).unwrap();
            let input = probe.input(batch).unwrap();
            let [first, second] = [(); 2].map(|()| executor.run(&plan, &input).unwrap());
            let verdict = probe.check(&plan, &first, &second);
            println!("{path} {precision:?} {batch}: {verdict:?}");
            assert!(verdict.right, "{verdict:?}");

            // Kernels that compute wrongly, each in its way.
            for (right, wrong) in [
                ("sum / f32(sizes.channels)", "sum / f32(sizes.channels + 1u)"),
                ("inverseSqrt(", "sqrt("),
                ("let before = exp(largest - most);", "let before = 1.0;"),
                ("activated(sum +", "activated(sum -"),
                ("1.702 * x", "1.6 * x"),
                ("p, sums[at]", "q, sums[at]"),
                ("p, s0)", "q, s0)"),
            ] {
                let mut broken = plan.clone();
                broken.kernels.iter_mut().for_each(|kernel| kernel.wgsl = kernel.wgsl.replace(right, wrong));
                if broken == plan {
                    continue;
                }
                let values = executor.run(&broken, &input).unwrap();
                assert!(!probe.check(&broken, &values, &values).right, "{wrong}");
            }
            let mut flicker = first.clone();
            flicker[0] = f32::from_bits(flicker[0].to_bits() ^ 1);
            assert!(!probe.check(&plan, &first, &flicker).right, "other bits the second time");
        }
    }
}

#[test]
#[ignore = "needs a GPU: npm test -- gpu"]
fn gpu_a_program_that_is_none_is_an_error() {
    let gpu = gpu();
    let clip = ClipVision::from_dir("models/shapes", Options::default().gpu(gpu.clone())).unwrap();
    let mut plan = clip.plan(1, gpu.tuning()).unwrap();
    plan.kernels[0].wgsl.push_str("fn broken( {");
    let error = gpu.executor(Vec::new()).unwrap().run(&plan, &[]).unwrap_err();
    assert!(error.to_string().contains("kernel") || error.to_string().contains("weight"), "{error}");
}

#[test]
#[ignore = "needs a GPU: npm test -- gpu"]
fn gpu_a_thread_is_told_of_its_own_failures_alone() {
    let gpu = gpu();
    let config = std::fs::read("models/shapes/config.json").unwrap();
    let mut probe = Loader::new(&config, None, Options::default()).unwrap().probe().unwrap().unwrap();
    let executor = gpu.executor(probe.take_matrices()).unwrap();
    let (plan, input) = (probe.plan(1, gpu.tuning()).unwrap(), probe.input(1).unwrap());
    let expected = executor.run(&plan, &input).unwrap();
    let mut broken = plan.clone();
    broken.kernels[0].wgsl.push_str("fn broken( {");
    std::thread::scope(|scope| {
        let failing = scope.spawn(|| (0..200).for_each(|_| drop(executor.run(&broken, &input).unwrap_err())));
        while !failing.is_finished() {
            assert_eq!(executor.run(&plan, &input).unwrap(), expected);
        }
    });
}
