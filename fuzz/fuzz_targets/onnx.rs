//! A model whose weights are ONNX files, pushed in random pieces into the loader (`loading.rs`): a model that embeds, or an
//! error.
#![no_main]

mod data;
mod loading;
mod messages;
mod parts;

use clip_vision::Result;
use clip_vision::model::Loader;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use loading::{Files, Towers, Way, time};
use parts::Parts;

/// config.json, the file of the vision tower or of both, that of the text tower, and the first data of the files beside them.
type Input = Parts<4>;

const FIRST: &str = "onnx/first.onnx";
const SECOND: &str = "onnx/second.onnx";

struct Model {
    config: Vec<u8>,
    first: Vec<u8>,
    second: Vec<u8>,
    beside: Vec<u8>,
}

impl Files for Model {
    fn loader(&self, way: &Way) -> Result<Loader> {
        let loader = Loader::new(&self.config, None, way.options())?;
        Ok(if way.text && !way.later { loader.with_text([None, None, None]) } else { loader })
    }

    fn begin(&self, loader: &mut Loader, way: &Way, towers: Towers) -> Result<()> {
        let files = match towers {
            _ if self.second.is_empty() => &[FIRST][..],
            Towers::Vision => &[FIRST],
            Towers::Text => &[SECOND],
            Towers::Both => &[FIRST, SECOND],
        };
        // Of a single file its first bytes say what it is.
        if files != [FIRST] || way.bit(2) {
            loader.set_onnx_files(files.iter().map(|name| (*name).to_owned()).collect());
        }
        Ok(())
    }

    fn file(&self, name: &str) -> &[u8] {
        match name {
            FIRST | "model.safetensors" => &self.first,
            SECOND => &self.second,
            _ => &self.beside,
        }
    }

    fn tokenizer(&self) -> &[u8] {
        &[]
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Input { choices, parts: [config, first, second, mut beside] } = Input::of(bytes);
    let way = Way::of(choices);
    let file = |message: &[u8]| if way.repaired { messages::repaired(message) } else { message.to_vec() };
    data::fill(&mut beside, 1 << 12);
    let model = Model { config, first: way.cut(file(&first)), second: file(&second), beside };
    time::bounded(bytes, || loading::check(&model, &way));
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    Input::mutate(data, size, max_size, seed, [2, 10, 4, 1], |part, bytes, most, random| match part {
        1 | 2 => messages::change(part, bytes, most, random),
        _ => parts::change(part, bytes, most, random),
    })
});
