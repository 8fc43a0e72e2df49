//! What both targets of models do: push files in random pieces into the loader that the page uses, and embed with what comes
//! of it. It is the same in one piece, and the same once more from its recording.

#[path = "../../crates/pixels/fuzz/fuzz_targets/time.rs"]
pub mod time;

use crate::parts::{CHOICES, Random};
use clip_vision::image::{Image, Limits};
use clip_vision::model::Loader;
use clip_vision::{ClipVision, Options, Precision, Result};

/// What the choices say of any model.
pub struct Way {
    pub text: bool,
    /// The text tower is read by a loader of its own.
    pub later: bool,
    /// Its table of tokens is left in the file, and rows are read of it.
    left: bool,
    sized: bool,
    recorded: bool,
    int8: bool,
    /// From the first byte to the last, whatever is wanted.
    whole: bool,
    pub cut: bool,
    pub repaired: bool,
    pub seed: u64,
    bits: u16,
}

impl Way {
    pub fn of([first, second, third, fourth]: [u8; CHOICES]) -> Self {
        let bits = u16::from_be_bytes([first, second]);
        let bit = |which: u32| bits >> which & 1 == 1;
        Self {
            text: !bit(0),
            later: bit(1),
            left: bit(13),
            sized: !bit(5),
            recorded: !bit(6),
            int8: bit(7),
            whole: bit(8),
            cut: bit(9) && bit(11),
            repaired: !bit(10),
            seed: u64::from(third) << 8 | u64::from(fourth) | 1 << 32,
            bits,
        }
    }

    /// One of the choices that a target has for itself: 2, 3, 4, 12, 14 or 15.
    pub fn bit(&self, which: u32) -> bool {
        self.bits >> which & 1 == 1
    }

    pub fn options(&self) -> Options {
        let limits = Limits { max_pixels: 1 << 12, max_alloc: 1 << 20, ..Limits::default() };
        let options = Options::default().threads(1).limits(limits);
        if self.int8 { options.precision(Precision::Int8) } else { options }
    }

    /// The file, or its beginning.
    pub fn cut(&self, mut file: Vec<u8>) -> Vec<u8> {
        if self.cut {
            file.truncate(Random(self.seed).below(file.len() as u32) as usize);
        }
        file
    }
}

/// What a loader reads.
#[derive(Clone, Copy, PartialEq)]
pub enum Towers {
    Vision,
    Text,
    Both,
}

/// A model's files.
pub trait Files {
    /// A loader of the vision tower, and of the text tower too if that is not to come later.
    fn loader(&self, way: &Way) -> Result<Loader>;

    /// Says which files there are, for these towers.
    fn begin(&self, loader: &mut Loader, way: &Way, towers: Towers) -> Result<()>;

    /// The file of a name that the loader gives.
    fn file(&self, name: &str) -> &[u8];

    /// The tokenizer's file; empty where there is none.
    fn tokenizer(&self) -> &[u8];
}

/// Reads each of the files that the loader names, in pieces of random lengths, or in one; gives what is recorded.
fn read(loader: &mut Loader, files: &impl Files, way: &Way, pieces: bool) -> Result<Vec<u8>> {
    let mut random = Random(way.seed);
    let mut recorded = Vec::new();
    loop {
        let file = files.file(loader.file());
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

fn load(files: &impl Files, way: &Way, pieces: bool) -> Result<(ClipVision, Option<Vec<u8>>)> {
    let mut loader = files.loader(way)?;
    if way.recorded {
        loader.record("somewhere", vec![("tokenizer.json", files.tokenizer().to_vec())]);
    }
    if way.left {
        loader.leave_table_over(0);
    }
    let is_whole = way.text && !way.later;
    files.begin(&mut loader, way, if is_whole { Towers::Both } else { Towers::Vision })?;
    let data = read(&mut loader, files, way, pieces)?;
    let recorded = loader.finish_recording()?.map(|recorded| [recorded.header, data].concat());
    let clip = loader.finish()?;
    if way.text && way.later {
        let mut loader = clip.text_loader()?;
        if way.left {
            loader.leave_table_over(0);
        }
        files.begin(&mut loader, way, Towers::Text)?;
        read(&mut loader, files, way, pieces)?;
        let (text, _) = loader.finish_text_with_files()?;
        let tokenizer = files.tokenizer();
        clip.set_text(if tokenizer.is_empty() { text } else { text.with_tokenizer(tokenizer)? });
    }
    Ok((clip, recorded))
}

const TOKENS: [u32; 4] = [6, 0, 1, 7];

/// Embeddings of a photo, of a text and of tokens, as bits.
fn embedded(clip: &ClipVision, files: &impl Files) -> [Option<Vec<u32>>; 3] {
    let photo = Image::from_rgb8(5, 4, (0..60).map(|value| value * 4).collect());
    let text = "it's a red circle, é 12";
    if let Ok(model) = clip.text()
        && let Some(name) = model.rows_file()
    {
        let file = files.file(name);
        let ids = model.tokenize(text).unwrap_or_default();
        for range in model.wanted_rows(&[&ids, &TOKENS]) {
            let (start, end) = (range.start.min(file.len() as u64), range.end.min(file.len() as u64));
            let _ = model.add_rows(range.start, &file[start as usize..end as usize]);
        }
    }
    let embeddings = [clip.embed(photo), clip.embed_text(text), clip.embed_tokens(&TOKENS)];
    embeddings.map(|embedding| {
        let embedding = embedding.ok()?;
        assert_eq!(embedding.len(), clip.dimension());
        Some(embedding.iter().map(|value| value.to_bits()).collect())
    })
}

/// Loads the model in one piece, in pieces and from its recording: each is the same.
pub fn check(files: &impl Files, way: &Way) {
    let whole = load(files, way, false);
    let pieces = load(files, way, true);
    let (clip, recorded) = match (whole, pieces) {
        (Err(_), Err(_)) => return,
        (Ok((clip, recorded)), Ok((other, again))) => {
            assert_eq!(embedded(&clip, files), embedded(&other, files), "in pieces another model");
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
    assert_eq!(embedded(&again, files)[0], embedded(&clip, files)[0], "another model was recorded");
}
