//! A model's JSON files and its safetensors weights, in any layout, pushed in random pieces into the loader (`loading.rs`): a
//! model that embeds, or an error.
#![no_main]

mod data;
mod loading;
mod parts;
mod weights;

use clip_vision::Result;
use clip_vision::image::PreprocessConfig;
use clip_vision::model::Loader;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use loading::{Files, Towers, Way, time};
use parts::Parts;

/// config.json, the preprocessor's file, tokenizer.json, the index of shards, the weights' header, and their first data.
type Input = Parts<6>;

struct Model {
    input: Input,
    weights: Vec<u8>,
}

impl Files for Model {
    fn loader(&self, way: &Way) -> Result<Loader> {
        let [config, preprocessor, tokenizer, ..] = &self.input.parts;
        let preprocessor = (!preprocessor.is_empty()).then_some(&preprocessor[..]);
        let (converted, processor) = (way.bit(2) && way.bit(12), way.bit(4));
        let loader = if converted {
            Loader::for_converted(way.options())?
        } else {
            let (processor, preprocessor) = if processor { (preprocessor, None) } else { (None, preprocessor) };
            Loader::new(config, PreprocessConfig::file_of(processor, preprocessor), way.options())?
        };
        let tokenizer = (!tokenizer.is_empty()).then(|| tokenizer.clone());
        Ok(if way.text && !way.later { loader.with_text([tokenizer, None, None]) } else { loader })
    }

    fn begin(&self, loader: &mut Loader, way: &Way, _: Towers) -> Result<()> {
        let [_, _, _, index, ..] = &self.input.parts;
        if way.bit(3) { loader.set_index(index) } else { Ok(()) }
    }

    fn file(&self, _: &str) -> &[u8] {
        &self.weights
    }

    fn tokenizer(&self) -> &[u8] {
        &self.input.parts[2]
    }
}

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    let way = Way::of(input.choices);
    let [.., header, data] = &input.parts;
    let weights = way.cut(weights::file(header, data, way.repaired));
    time::bounded(bytes, || loading::check(&Model { input, weights }, &way));
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    Input::mutate(data, size, max_size, seed, [4, 2, 2, 1, 10, 1], parts::change)
});
