//! Tables of tokens of which single rows are read, when a text comes.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "text")]
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::model::{ConvertOptions, EndToken, StoredPrecision, Table, Vocab, convert};
use clip_vision::{ClipVision, ErrorKind, Options, Precision};
use common::model_dir;
use common::texts::MODELS;
use std::path::{Path, PathBuf};

const TEXTS: [&str; 4] = ["a photo of a dog", "", "浜辺にいる犬", "two dogs on a beach, and a cat"];

fn load(path: impl AsRef<Path>, table: Table) -> ClipVision {
    ClipVision::from_dir(path, Options::default().table(table)).unwrap()
}

/// A directory that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("clip-vision-tables-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_tower_that_stands_alone_has_rows_and_a_smaller_vocabulary_too() {
    let dir = common::golden("families/distilbert");
    let (whole, rows) = (load(&dir, Table::Whole), load(&dir, Table::Rows));
    let expected = whole.embed_texts(&TEXTS).unwrap();
    assert_eq!(rows.embed_texts(&TEXTS).unwrap(), expected);
    assert!(rows.text().unwrap().table_bytes() > 0);
    let folder = Folder::new("alone");
    let file = folder.0.join("few.safetensors");
    let options =
        ConvertOptions::default().precision(StoredPrecision::F16).vocab(Vocab::Texts(TEXTS.map(String::from).to_vec()));
    assert!(convert(&dir, &file, &options).unwrap().left_out > 0);
    let few = ClipVision::from_file(&file, Options::default()).unwrap();
    for (found, expected) in few.embed_texts(&TEXTS).unwrap().iter().zip(&expected) {
        assert!(common::cosine(found, expected) >= 0.9999);
    }
    let error = convert(&dir, &file, &ConvertOptions::default().vision_only(true)).unwrap_err();
    assert!(error.to_string().contains("no vision tower"), "{error}");
}

#[test]
fn rows_make_the_embeddings_of_the_whole_table() {
    for name in MODELS {
        let (whole, rows) = (load(model_dir(name), Table::Whole), load(model_dir(name), Table::Rows));
        assert_eq!(rows.embed_texts(&TEXTS).unwrap(), whole.embed_texts(&TEXTS).unwrap(), "{name}");
        assert_eq!(whole.text().unwrap().table_bytes(), 0);
        assert_eq!(whole.text().unwrap().rows_file(), None);
        assert_eq!(rows.text().unwrap().rows_file(), Some("model.safetensors"));
        let ids = rows.text().unwrap().tokenize("a cat").unwrap();
        assert_eq!(rows.embed_tokens(&ids).unwrap(), whole.embed_tokens(&ids).unwrap());
    }
}

#[test]
fn a_second_text_reads_what_is_new() {
    let clip = load(model_dir("b32-tiny"), Table::Rows);
    let text = clip.text().unwrap();
    let table = text.config().vocab_size * text.config().hidden_size * 2; // in half precision
    let ids = text.tokenize("a dog").unwrap();
    let wanted: u64 = text.wanted_rows(&[&ids]).iter().map(|range| range.end - range.start).sum();
    clip.embed_text("a dog").unwrap();
    let first = text.table_bytes();
    assert_eq!(first, wanted);
    assert!(first > 0 && first < table as u64, "{first} of {table}");
    assert_eq!(text.wanted_rows(&[&ids]), []);
    clip.embed_text("a dog").unwrap();
    clip.embed_text("dog a").unwrap();
    assert_eq!(text.table_bytes(), first, "rows are kept");
    clip.embed_texts(&["浜辺", "zebra"]).unwrap();
    assert!(text.table_bytes() > first);
    assert!(text.table_bytes() <= 2 * table as u64);
}

#[test]
fn small_tables_are_read_whole_by_default() {
    let clip = load(model_dir("b32-tiny"), Table::Auto);
    assert_eq!(clip.text().unwrap().rows_file(), None);
}

#[test]
fn of_our_own_files_and_in_int8() {
    let folder = Folder::new("converted");
    for precision in [StoredPrecision::F16, StoredPrecision::Int8] {
        let file = folder.0.join("model.safetensors");
        convert(model_dir("b32-tiny"), &file, &ConvertOptions::default().precision(precision)).unwrap();
        let embed = |table| load(&file, table).embed_texts(&TEXTS).unwrap();
        assert_eq!(embed(Table::Rows), embed(Table::Whole), "{precision:?}");
    }
    let int8 = |table| {
        let options = Options::default().precision(Precision::Int8).table(table);
        ClipVision::from_dir(model_dir("b32-tiny"), options).unwrap().embed_texts(&TEXTS).unwrap()
    };
    assert_eq!(int8(Table::Rows), int8(Table::Whole));
}

#[test]
fn a_file_that_has_become_shorter_is_an_error() {
    let folder = Folder::new("shorter");
    for name in ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"] {
        std::fs::copy(model_dir("b32-tiny").join(name), folder.0.join(name)).unwrap();
    }
    let clip = load(&folder.0, Table::Rows);
    clip.text().unwrap();
    let weights = std::fs::OpenOptions::new().write(true).open(folder.0.join("model.safetensors")).unwrap();
    weights.set_len(1000).unwrap();
    let error = clip.embed_text("a dog").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Weights, "{error:#}");
    assert!(error.to_string().contains("shorter"), "{error:#}");
}

#[test]
fn a_recording_without_the_table_knows_where_it_stands() {
    let clip = load(model_dir("b32-tiny"), Table::Whole);
    let weights = std::fs::read(model_dir("b32-tiny").join("model.safetensors")).unwrap();
    let tokenizer = std::fs::read(model_dir("b32-tiny").join("tokenizer.json")).unwrap();
    let mut loader = clip.text_loader().unwrap();
    loader.leave_table_over(0);
    loader.record("b32-tiny", vec![("tokenizer.json", tokenizer)]);
    let mut data = Vec::new();
    while let Some(range) = loader.wanted() {
        loader.push_at(range.start, &weights[range.start as usize..weights.len().min(range.end as usize)]).unwrap();
        data.extend(loader.take_recorded());
    }
    let mut file = loader.finish_recording().unwrap().unwrap().header;
    file.extend(data);
    let expected = loader.finish_text().unwrap();

    let mut loader = clip.text_loader().unwrap();
    loader.push(&file).unwrap();
    let text = loader.finish_text().unwrap();
    assert_eq!(text.rows_file(), Some("model.safetensors"));
    let ids = text.tokenize("a dog on a beach").unwrap();
    assert_eq!(text.embed_tokens(&[&ids]).unwrap_err().kind(), ErrorKind::InvalidArgument, "no rows yet");
    assert_eq!(text.wanted_rows(&[&ids]), expected.wanted_rows(&[&ids]));
    for range in text.wanted_rows(&[&ids]) {
        text.add_rows(range.start, &weights[range.start as usize..range.end as usize]).unwrap();
    }
    assert_eq!(text.embed_tokens(&[&ids]).unwrap(), [clip.embed_text("a dog on a beach").unwrap()]);
}

/// The tokens of b32-tiny that a script keeps, and that texts do.
#[test]
fn a_file_may_leave_tokens_out() {
    let folder = Folder::new("vocab");
    let file = folder.0.join("model.safetensors");
    let whole = load(model_dir("b32-tiny"), Table::Whole);
    let vocab_size = whole.text().unwrap().config().vocab_size;
    let options = |vocab| ConvertOptions::default().precision(StoredPrecision::F16).vocab(vocab);
    let scripts = |names: &[&str]| Vocab::Scripts(names.iter().map(|name| (*name).to_owned()).collect());
    convert(model_dir("b32-tiny"), &file, &options(Vocab::All)).unwrap();
    let all_bytes = std::fs::metadata(&file).unwrap().len();

    let converted = convert(model_dir("b32-tiny"), &file, &options(scripts(&["Latin"]))).unwrap();
    assert_eq!(converted.tokens, vocab_size);
    assert!((100..vocab_size - 100).contains(&converted.left_out), "{converted:?}");
    let bytes = std::fs::metadata(&file).unwrap().len();
    let rows = (converted.left_out * whole.text().unwrap().config().hidden_size * 2) as u64;
    assert!(bytes < all_bytes && all_bytes - bytes + 8192 > rows, "{all_bytes} - {bytes}, {rows}");
    for table in [Table::Whole, Table::Auto, Table::Rows] {
        let latin = load(&file, table);
        for text in ["a photo of a dog", "", "Ein großer Hund, 12 €!", "l'été à Noël"] {
            assert_eq!(latin.embed_text(text).unwrap(), whole.embed_text(text).unwrap(), "{text}");
        }
        let error = latin.embed_text("Съешь же ещё этих мягких").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("leaves out"), "{error}");
    }

    convert(model_dir("b32-tiny"), &file, &options(scripts(&["Latin", "cyrillic"]))).unwrap();
    let text = "Съешь же ещё этих мягких";
    assert_eq!(load(&file, Table::Auto).embed_text(text).unwrap(), whole.embed_text(text).unwrap());

    let texts = Vocab::Texts(vec!["浜辺にいる犬".to_owned(), "a dog".to_owned()]);
    convert(model_dir("b32-tiny"), &file, &options(texts)).unwrap();
    let few = load(&file, Table::Auto);
    for text in ["浜辺にいる犬", "a dog", "dog a"] {
        assert_eq!(few.embed_text(text).unwrap(), whole.embed_text(text).unwrap(), "{text}");
    }
    assert_eq!(few.embed_text("beach").unwrap_err().kind(), ErrorKind::InvalidArgument);

    for wrong in ["Klingon", "", "Latin}"] {
        let error = convert(model_dir("b32-tiny"), &file, &options(scripts(&[wrong]))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let error = convert(model_dir("odd-widths"), &file, &options(scripts(&["Latin"]))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "a vision tower alone: {error}");
}

#[test]
fn of_every_family_and_layout() {
    let mut seen = 0;
    for dir in std::fs::read_dir(common::golden("families")).unwrap().map(|entry| entry.unwrap().path()) {
        let whole = load(&dir, Table::Whole);
        let Ok(text) = whole.text() else { continue };
        let end = match text.config().end_token {
            EndToken::Id(end) => end,
            _ => text.config().vocab_size as u32 - 1,
        };
        let ids = [vec![3, 5, 3, end], vec![end], vec![7, 8, 9, 10, 11, end]];
        let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let rows = load(&dir, Table::Rows).text().unwrap();
        assert_eq!(rows.embed_tokens(&ids).unwrap(), text.embed_tokens(&ids).unwrap(), "{}", dir.display());
        assert!(rows.table_bytes() > 0, "{}", dir.display());
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}
