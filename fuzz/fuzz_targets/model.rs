//! A model's files, pushed in random pieces into the loader that the page uses: a model that embeds, or an error; the same
//! in one piece, and the same once more from its recording.
#![no_main]

#[path = "../../crates/pixels/fuzz/fuzz_targets/time.rs"]
mod time;

mod parts;
mod weights;

use clip_vision::image::{Image, Limits, PreprocessConfig};
use clip_vision::model::Loader;
use clip_vision::{ClipVision, Options, Precision, Result};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use parts::{Parts, Random};

/// config.json, the preprocessor's file, tokenizer.json, the index of shards, the weights' header, and their first data.
type Input = Parts<6>;

/// What the choices say.
struct Way {
    text: bool,
    later: bool,
    converted: bool,
    sharded: bool,
    processor: bool,
    sized: bool,
    recorded: bool,
    int8: bool,
    /// From the first byte to the last, whatever is wanted.
    whole: bool,
    cut: bool,
    repaired: bool,
    seed: u64,
}

impl Way {
    fn of([first, second, third, fourth]: [u8; parts::CHOICES]) -> Self {
        let bit = |which: u32| u16::from_be_bytes([first, second]) >> which & 1 == 1;
        Self {
            text: !bit(0),
            later: bit(1),
            converted: bit(2) && bit(12),
            sharded: bit(3),
            processor: bit(4),
            sized: !bit(5),
            recorded: !bit(6),
            int8: bit(7),
            whole: bit(8),
            cut: bit(9) && bit(11),
            repaired: !bit(10),
            seed: u64::from(third) << 8 | u64::from(fourth) | 1 << 32,
        }
    }

    fn options(&self) -> Options {
        let limits = Limits { max_pixels: 1 << 12, max_alloc: 1 << 20, ..Limits::default() };
        let options = Options::default().threads(1).limits(limits);
        if self.int8 { options.precision(Precision::Int8) } else { options }
    }

    fn loader(&self, Input { parts: [config, preprocessor, tokenizer, ..], .. }: &Input) -> Result<Loader> {
        let preprocessor = (!preprocessor.is_empty()).then_some(&preprocessor[..]);
        let loader = if self.converted {
            Loader::for_converted(self.options())?
        } else {
            let (processor, preprocessor) = if self.processor { (preprocessor, None) } else { (None, preprocessor) };
            Loader::new(config, PreprocessConfig::file_of(processor, preprocessor), self.options())?
        };
        let tokenizer = (!tokenizer.is_empty()).then(|| tokenizer.clone());
        Ok(if self.text && !self.later { loader.with_text([tokenizer, None, None]) } else { loader })
    }
}

/// Reads `file`, for each of the files that the loader names, in pieces of random lengths, or in one; gives what is recorded.
fn read(loader: &mut Loader, file: &[u8], way: &Way, pieces: bool) -> Result<Vec<u8>> {
    let mut random = Random(way.seed);
    let mut recorded = Vec::new();
    loop {
        if way.sized {
            loader.set_size(file.len() as u64)?;
        }
        let mut at = 0;
        while let Some(range) = loader.wanted() {
            assert!(range.start < range.end && range.start >= at, "{range:?} is wanted after {at}");
            let start = if way.whole { at } else { range.start };
            let longest = 1 << random.below(12);
            let len = if pieces { 1 + u64::from(random.below(longest)) } else { u64::MAX };
            let most = if way.whole { u64::MAX } else { range.end };
            let end = start.saturating_add(len).min(most).min(file.len() as u64);
            if start >= end {
                break;
            }
            loader.push_at(start, &file[start as usize..end as usize])?;
            recorded.extend(loader.take_recorded());
            at = end;
        }
        if !loader.next_file()? {
            return Ok(recorded);
        }
    }
}

fn load(input: &Input, file: &[u8], way: &Way, pieces: bool) -> Result<(ClipVision, Option<Vec<u8>>)> {
    let [.., tokenizer, index, _, _] = &input.parts;
    let mut loader = way.loader(input)?;
    if way.recorded {
        loader.record("somewhere", vec![("tokenizer.json", tokenizer.clone())]);
    }
    if way.sharded {
        loader.set_index(index)?;
    }
    let data = read(&mut loader, file, way, pieces)?;
    let recorded = loader.finish_recording()?.map(|recorded| [recorded.header, data].concat());
    let clip = loader.finish()?;
    if way.text && way.later {
        let mut loader = clip.text_loader()?;
        if way.sharded {
            loader.set_index(index)?;
        }
        read(&mut loader, file, way, pieces)?;
        let (text, _) = loader.finish_text_with_files()?;
        clip.set_text(if tokenizer.is_empty() { text } else { text.with_tokenizer(tokenizer)? });
    }
    Ok((clip, recorded))
}

/// Embeddings of a photo, of a text and of tokens, as bits.
fn embedded(clip: &ClipVision) -> [Option<Vec<u32>>; 3] {
    let photo = Image::from_rgb8(5, 4, (0..60).map(|value| value * 4).collect());
    let embeddings = [clip.embed(photo), clip.embed_text("it's a red circle, é 12"), clip.embed_tokens(&[6, 0, 1, 7])];
    embeddings.map(|embedding| {
        let embedding = embedding.ok()?;
        assert_eq!(embedding.len(), clip.dimension());
        Some(embedding.iter().map(|value| value.to_bits()).collect())
    })
}

fn run(input: &Input, file: &[u8], way: &Way) {
    let whole = load(input, file, way, false);
    let pieces = load(input, file, way, true);
    let (clip, recorded) = match (whole, pieces) {
        (Err(_), Err(_)) => return,
        (Ok((clip, recorded)), Ok((other, again))) => {
            assert_eq!(embedded(&clip), embedded(&other), "in pieces another model");
            assert!(recorded == again, "in pieces another recording");
            (clip, recorded)
        }
        // What stands behind the file is seen only where it is read, or where its length is said.
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => {
            assert!(!way.sized, "in pieces or not, one of both is an error: {error}");
            return;
        }
    };
    let Some(recorded) = recorded else { return };
    let again = Loader::for_converted(way.options()).and_then(|mut loader| {
        loader.push(&recorded)?;
        loader.finish()
    });
    let again = again.expect("what was recorded loads");
    assert_eq!(embedded(&again)[0], embedded(&clip)[0], "another model was recorded");
}

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    let way = Way::of(input.choices);
    let [.., header, data] = &input.parts;
    let mut file = weights::file(header, data, way.repaired);
    if way.cut {
        file.truncate(Random(way.seed).below(file.len() as u32) as usize);
    }
    time::bounded(bytes, || run(&input, &file, &way));
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    Input::mutate(data, size, max_size, seed, [4, 2, 2, 1, 10, 1])
});
