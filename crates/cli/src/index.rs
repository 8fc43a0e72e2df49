//! `index`: folders of pictures as one file of embeddings. What was computed is kept in a file beside it (`store.rs`), so that a
//! run goes on where another was killed, and computes what is new or changed and nothing else.

use crate::arguments::{Background, DecodeArgument, Decoding, Model};
use crate::collection::{self, Format, Made, Result, RowPrecision, Rows, beside, replace};
use crate::lines::{complain, printable, printed_error, say};
use crate::progress::Progress;
use clap::Args;
use clip_vision::{ClipVision, Image};
use pipeline::{Done, Job};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use store::{Opened, Stamp, Store};
use walk::{Picture, name_of, pictures};

mod pipeline;
pub mod store;
pub mod walk;

/// Two embeddings of one drawing with a larger cosine than this are of one model: the instructions of another processor change
/// the last bits, other weights much more.
const SAME_MODEL: f32 = 0.9999;

#[derive(Args)]
pub struct IndexArguments {
    #[command(flatten)]
    model: Model,
    /// The index to write, by the images' paths; its name says as what: .clip-vision, .parquet, .npy (the names in
    /// .npy.names.json) or .jsonl. Beside it is a file .rows, of which the next run takes what has not changed, and if an image
    /// failed .failed.jsonl, with the reasons
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// What the index calls the model [default: the last part of --model, its folder's or file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The model's branch, tag or commit, which the index notes [default: that of a folder of the Hub's cache]
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// How embeddings are kept in a .clip-vision file: f32, or int8 in a quarter of the size
    #[arg(long, value_enum, default_value = "f32")]
    rows: RowPrecision,
    /// Print a line of JSON for each image that was computed: {"path": …} or {"path": …, "error": …}
    #[arg(long)]
    json: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    decoding: Decoding,
    /// Images and folders; of a folder all images in it, however deep, but not what is hidden
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// What became of the pictures.
#[derive(Default)]
struct Counts {
    computed: usize,
    kept: usize,
    failed: usize,
}

/// Writes an index; false where a picture failed.
pub fn run(asked: &IndexArguments) -> Result<bool> {
    let format = Format::of(&asked.out, asked.rows)?;
    let clip = asked.model.load(true)?;
    check_count(format, clip.dimension(), &asked.paths)?;
    let made = made_by(&clip, asked);
    let notes = json!({ "how": &made.how, "probe": probe(&clip)? });
    let rows_path = beside(&asked.out, "rows");
    let opened = Store::open(&rows_path, &notes, clip.dimension(), |found| is_same(found, &notes));
    let Opened { store, aside, is_back } = opened.map_err(|error| format!("{}: {error}", rows_path.display()))?;
    if !asked.quiet {
        let rows = rows_path.display();
        if let Some(aside) = aside {
            let aside = aside.display();
            let then =
                if is_back { "rows of these that were put aside are taken back" } else { "all is computed anew" };
            say(&format!("{rows} was of another model or other settings, and is {aside} now: {then}"));
        } else if is_back {
            say(&format!("rows of this model and these settings that were put aside are {rows} again"));
        }
    }

    let store = Mutex::new(store);
    let failures = Failures::default();
    let progress = Progress::new(asked.quiet || asked.json, || pictures(&asked.paths).count() as u64);
    let mut counts = Counts::default();
    let mut out = Printed(asked.json.then(|| BufWriter::new(std::io::stdout().lock())));
    pipeline::run(
        &clip,
        &asked.decoding,
        |send| look_for(&asked.paths, &store, &failures, &progress, send),
        |Done { place, path, name, stamp, result }| {
            progress.step();
            match result {
                Ok(row) => {
                    store.lock().unwrap_or_else(PoisonError::into_inner).put(place, &name, stamp, &row)?;
                    counts.computed += 1;
                    out.line(&json!({ "path": name }))?;
                }
                Err(error) => failures.add(&path.to_string_lossy(), format!("{error:#}")),
            }
            Ok(())
        },
    )?;
    progress.finish();
    let mut store = store.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failed = failures.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    counts.failed = failed.len();
    store.keep_under(&failed.iter().filter_map(|(path, _)| name_of(Path::new(path))).collect())?;
    counts.kept = store.count() - counts.computed;
    for (path, why) in &failed {
        if asked.json {
            out.line(&json!({ "path": path, "error": why }))?;
        } else {
            printed_error(path, why);
        }
    }
    out.flush()?;
    write_failed(&asked.out, &failed)?;
    if store.count() == 0 && counts.failed == 0 {
        return Err(format!("there are no images in {}", shown(&asked.paths)).into());
    }
    if store.count() == 0 {
        return Err(format!(
            "none of {} images could be embedded: {} is not written",
            failed.len(),
            asked.out.display()
        )
        .into());
    }
    store.sync()?;
    collection::write(&asked.out, format, &mut store, &made)?;
    let vanished = store.vanished();
    if let Err(error) = store.compact(&notes) {
        // The index is written; the rows only take more room than they need.
        let _ = std::fs::remove_file(beside(&rows_path, "tmp"));
        complain(&format!("{} stays as long as it is: {error}", rows_path.display()));
    }
    if !asked.quiet {
        let Counts { computed, kept, failed } = counts;
        let all = store.count();
        let out = asked.out.display();
        say(&format!(
            "{all} images in {out}: {computed} computed, {kept} as they were, {vanished} vanished, {failed} failed"
        ));
    }
    Ok(failed.is_empty())
}

/// Before days of work: whether the index has room for all pictures. They are counted where that could fail, which takes a look at each.
fn check_count(format: Format, dimension: usize, paths: &[PathBuf]) -> Result<()> {
    format.check_size(1, dimension)?;
    // A picture that two of the paths lead to counts once: of such paths the end tells.
    let overlap = |one: &PathBuf| paths.iter().filter(|path| one.starts_with(path)).count() > 1;
    if matches!(format, Format::Own(_)) && !paths.iter().any(overlap) {
        let count = pictures(paths).filter(|picture| matches!(picture, Picture::File { .. })).count();
        format.check_size(count, dimension)?;
    }
    Ok(())
}

/// Goes through the pictures: a job for each whose row is not there. Ends early when no one wants more jobs.
fn look_for(
    paths: &[PathBuf],
    store: &Mutex<Store>,
    failures: &Failures,
    progress: &Progress,
    send: &mut dyn FnMut(Job) -> bool,
) {
    for picture in pictures(paths) {
        let (path, metadata) = match picture {
            Picture::File { path, metadata } => (path, metadata),
            Picture::Failed { path, why } => {
                progress.step();
                failures.add(&path.to_string_lossy(), why);
                continue;
            }
        };
        let Some(name) = name_of(&path) else {
            progress.step();
            failures.add(&path.to_string_lossy(), "its name is not UTF-8".to_owned());
            continue;
        };
        let stamp = Stamp::of(&metadata);
        let taken = store.lock().unwrap_or_else(PoisonError::into_inner).take(&name, stamp);
        match taken {
            Some((place, true)) => {
                if !send(Job { place, path, name, stamp }) {
                    return;
                }
            }
            Some((_, false)) => progress.keep(),
            None => progress.step(),
        }
    }
}

/// Lines of JSON on standard output, as long as somebody reads them: the index is made whether or not.
struct Printed<W: Write>(Option<W>);

impl<W: Write> Printed<W> {
    fn line(&mut self, line: &Value) -> Result<()> {
        self.with(|out| writeln!(out, "{}", printable(&line.to_string())))
    }

    fn flush(&mut self) -> Result<()> {
        self.with(W::flush)
    }

    fn with(&mut self, write: impl FnOnce(&mut W) -> std::io::Result<()>) -> Result<()> {
        match self.0.as_mut().map_or(Ok(()), write) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => self.0 = None,
            other => other?,
        }
        Ok(())
    }
}

/// Pictures that failed, and why.
#[derive(Default)]
struct Failures(Mutex<Vec<(String, String)>>);

impl Failures {
    fn add(&self, path: &str, why: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((path.to_owned(), why));
    }
}

/// Lists what failed in a file beside the index; without any, there is none.
fn write_failed(out: &Path, failed: &[(String, String)]) -> Result<()> {
    let path = beside(out, "failed.jsonl");
    if failed.is_empty() {
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        };
    }
    replace(&path, |file: &mut File| {
        let mut out = BufWriter::new(file);
        for (path, error) in failed {
            writeln!(out, "{}", json!({ "path": path, "error": error }))?;
        }
        Ok(out.flush()?)
    })
}

/// What the index notes on who made it.
fn made_by(clip: &ClipVision, asked: &IndexArguments) -> Made {
    let model = asked.name.clone().unwrap_or_else(|| asked.model.name());
    let whole = asked.model.path.canonicalize().unwrap_or_default();
    let is_snapshot = whole.parent().and_then(Path::file_name).is_some_and(|name| name == "snapshots");
    let of_cache = || whole.file_name().filter(|_| is_snapshot).map(|name| name.to_string_lossy().into_owned());
    let background = match asked.decoding.background {
        Background::Color([red, green, blue]) => format!("{red:02x}{green:02x}{blue:02x}"),
        Background::Drop => "drop".to_owned(),
    };
    let how = json!({
        "model": model,
        "revision": asked.revision.clone().or_else(of_cache),
        "precision": clip.options().precision.name(),
        "preprocessing": clip.preprocessing().map(ToString::to_string),
        "decode": match asked.decoding.decode { DecodeArgument::Exact => "exact", DecodeArgument::Fast => "fast" },
        "background": background,
        "dimension": clip.dimension(),
    });
    Made { model, how }
}

/// The embedding of a small drawing: two models of one shape differ in it, whatever they are called.
fn probe(clip: &ClipVision) -> Result<Vec<f32>> {
    let pixel = |at: usize| {
        [(at % 64 * 4) as u8, (at / 64 * 4) as u8, if (at / 8 + at / 512).is_multiple_of(2) { 230 } else { 20 }]
    };
    let drawing = Image::from_rgb8(64, 64, (0..64 * 64).flat_map(pixel).collect());
    Ok(clip.embed(drawing)?)
}

/// Whether rows were made by the same model in the same way; what the model and its revision are called makes no difference.
fn is_same(found: &Value, notes: &Value) -> bool {
    let how = |notes: &Value| {
        let mut how = notes["how"].clone();
        (how["model"], how["revision"]) = (Value::Null, Value::Null);
        how
    };
    let probe = |notes: &Value| -> Vec<f32> { serde_json::from_value(notes["probe"].clone()).unwrap_or_default() };
    let cosine = search::cosine_similarity(&probe(found), &probe(notes));
    how(found) == how(notes) && cosine.is_ok_and(|cosine| cosine > SAME_MODEL)
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Format, RowPrecision, check_count};

    #[test]
    fn what_no_file_holds_is_refused_before_it_is_computed() {
        let own = Format::Own(RowPrecision::F32);
        assert!(own.check_size(16_000_000, 512).is_ok());
        let refused = own.check_size(16_000_001, 512).unwrap_err().to_string();
        assert!(
            refused.starts_with("16000001 embeddings of 512 values: a .clip-vision file holds at most"),
            "{refused}"
        );
        assert!(Format::Npy.check_size(16_000_001, 512).is_ok());
        assert!(check_count(own, 65_537, &[]).is_err() && check_count(own, 65_536, &[]).is_ok());
    }
}
