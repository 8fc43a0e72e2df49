//! Collections of embeddings in files: what `index` and `merge` write, and `search`, `duplicates`, `classify` and `info`
//! read. Four formats, of which the npm package reads the first three: its own, `.npy` with the names beside it, JSON lines,
//! and Parquet.

use search::slices;
use serde_json::{Value, json};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

mod lines;
mod npy;
mod own;
#[cfg(feature = "parquet")]
mod parquet;

/// What goes wrong with a file: a sentence for the person who gave it.
pub type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// How rows are kept in the package's own file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum RowPrecision {
    /// As they are.
    #[default]
    F32,
    /// In a quarter of the size.
    Int8,
}

/// The formats, told by a file's extension when it is written and by its content when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Own(RowPrecision),
    Npy,
    Lines,
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// The format that a name stands for.
    pub fn of(path: &Path, rows: RowPrecision) -> Result<Self> {
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("clip-vision") => return Ok(Self::Own(rows)),
            Some("npy") => Self::Npy,
            Some("jsonl") => Self::Lines,
            #[cfg(feature = "parquet")]
            Some("parquet") => Self::Parquet,
            #[cfg(not(feature = "parquet"))]
            Some("parquet") => return Err("this build writes no Parquet: build it with --features parquet".into()),
            _ => {
                let what = "is none of .clip-vision, .parquet, .npy and .jsonl, by which the format is told";
                return Err(format!("{} {what}", path.display()).into());
            }
        };
        match rows {
            RowPrecision::F32 => Ok(format),
            RowPrecision::Int8 => Err("--rows int8 is for .clip-vision files alone".into()),
        }
    }

    /// Whether so many embeddings fit, as far as that is limited.
    pub fn check_size(self, count: usize, dimension: usize) -> Result<()> {
        if matches!(self, Self::Own(_)) { own::check_size(count, dimension) } else { Ok(()) }
    }
}

/// Rows to be written: any number, which need not fit in memory. They may be gone through more than once.
pub trait Rows {
    /// How many there are.
    fn count(&self) -> usize;
    /// Values of each.
    fn dimension(&self) -> usize;
    /// Each name with its embedding, in order.
    fn each(&mut self, use_row: &mut dyn FnMut(&str, &[f32]) -> Result<()>) -> Result<()>;
}

/// Who made the embeddings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Made {
    /// What the collection calls the model; empty if that is not known.
    pub model: String,
    /// Model, revision, precision, preprocessing and more, as `info` prints it; null if that is not known.
    pub how: Value,
}

/// Writes a file in place of the one that is there: whoever reads it has the old one or the new, whenever we are killed. Of a
/// format with files beside it all are whole and on the disk before the first takes its place.
pub fn write(path: &Path, format: Format, rows: &mut dyn Rows, made: &Made) -> Result<()> {
    let mut files = vec![Prepared::new(path.to_owned(), |file| match format {
        Format::Own(precision) => own::write(file, precision, rows, made),
        Format::Npy => npy::write(file, rows),
        Format::Lines => lines::write(file, rows),
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::write(file, rows, made),
    })?];
    if format == Format::Npy {
        files.push(Prepared::new(beside(path, "names.json"), |file| npy::write_names(file, rows))?);
    }
    if matches!(format, Format::Npy | Format::Lines) {
        files.push(Prepared::new(beside(path, "made.json"), |file| write_made(file, made))?);
    }
    files.into_iter().try_for_each(Prepared::put)
}

/// Writes the rows' names as a list in JSON.
fn write_list(out: &mut dyn Write, rows: &mut dyn Rows, separator: &str) -> Result<()> {
    let mut before = "[";
    rows.each(&mut |name, _| {
        out.write_all(before.as_bytes())?;
        before = separator;
        Ok(serde_json::to_writer(&mut *out, name)?)
    })?;
    Ok(out.write_all(if before == "[" { b"[]" } else { b"]" })?)
}

/// For beside a format that has no room for it: who made the embeddings.
fn write_made(file: &mut File, made: &Made) -> Result<()> {
    let named = json!({ "model": made.model });
    let how = if made.how.is_null() && !made.model.is_empty() { &named } else { &made.how };
    Ok(serde_json::to_writer_pretty(file, how)?)
}

/// Writes a file beside its place first, and puts it there once it is whole and on the disk.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    Prepared::new(path.to_owned(), write)?.put()
}

/// A file that is whole and on the disk, beside its place. It goes if it is not put there.
struct Prepared {
    path: PathBuf,
    temporary: PathBuf,
}

impl Prepared {
    fn new(path: PathBuf, write: impl FnOnce(&mut File) -> Result<()>) -> Result<Self> {
        let prepared = Self { temporary: beside(&path, "tmp"), path };
        let written = (|| {
            let mut options = File::options();
            let mut file = options.read(true).write(true).create(true).truncate(true).open(&prepared.temporary)?;
            write(&mut file)?;
            Ok(file.sync_all()?)
        })();
        written.map_err(|error| prepared.failed(error))?;
        Ok(prepared)
    }

    fn put(self) -> Result<()> {
        fs::rename(&self.temporary, &self.path).map_err(|error| self.failed(error.into()))
    }

    fn failed(&self, error: Box<dyn Error>) -> Box<dyn Error> {
        format!("cannot write {}: {error}", self.path.display()).into()
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// The path of a file that belongs to another: `photos.npy` and `names.json` give `photos.npy.names.json`.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// The values of a collection's rows, one after the other.
pub enum Values {
    F32(Vec<f32>),
    Int8(Vec<i8>),
}

/// A collection in memory.
pub struct Collection {
    pub names: Vec<String>,
    pub dimension: usize,
    pub values: Values,
    /// What a row's scores are multiplied with: the inverse of its length, or what a step of it is worth.
    pub scales: Vec<f32>,
    pub made: Made,
    pub format: &'static str,
}

/// A row that was found.
pub struct Found<'a> {
    pub name: &'a str,
    pub score: f32,
}

/// Rows that are scored between two looks at the best ones.
const BLOCK: usize = 256;

impl Collection {
    /// Reads a file whole; its format is told by its content.
    pub fn open(path: &Path) -> Result<Self> {
        let read = || {
            let mut file = File::open(path)?;
            let mut start = [0; 8];
            let len = io::Read::read(&mut file, &mut start)?;
            file.rewind()?;
            match start.get(..len).unwrap_or_default() {
                start if start == own::MAGIC => own::read(file),
                start if start.starts_with(npy::MAGIC) => npy::read(file, path),
                start if start.starts_with(b"{") => lines::read(file, path),
                #[cfg(feature = "parquet")]
                start if start.starts_with(b"PAR1") => parquet::read(file),
                _ => Err("it is no collection: neither .clip-vision, .parquet, .npy nor .jsonl".into()),
            }
        };
        read().map_err(|error: Box<dyn Error>| format!("cannot read {}: {error}", path.display()).into())
    }

    /// Of rows of f32, of any length.
    fn of_f32(names: Vec<String>, dimension: usize, values: Vec<f32>, format: &'static str) -> Result<Self> {
        if dimension == 0 && !names.is_empty() || names.len().checked_mul(dimension) != Some(values.len()) {
            return Err(format!("{} values for {} names of {dimension} each", values.len(), names.len()).into());
        }
        let scales = inverse_lengths(&values, dimension)?;
        Ok(Self { names, dimension, values: Values::F32(values), scales, made: Made::default(), format })
    }

    /// A row as f32.
    pub fn row(&self, row: usize) -> Vec<f32> {
        let range = row * self.dimension..(row + 1) * self.dimension;
        match &self.values {
            Values::F32(values) => values.get(range).unwrap_or_default().to_vec(),
            Values::Int8(values) => {
                let scale = self.scales.get(row).copied().unwrap_or_default();
                values.get(range).unwrap_or_default().iter().map(|&step| f32::from(step) * scale).collect()
            }
        }
    }

    /// The rows with the largest cosines, the best first: the scores that the npm package gives them, to the bit.
    pub fn search(&self, query: &[f32], most: usize) -> Result<Vec<Found<'_>>> {
        if query.len() != self.dimension {
            return Err(
                format!("the query has {} values, and the collection's rows {}", query.len(), self.dimension).into()
            );
        }
        // As JavaScript adds them, in double precision.
        let square: f64 = query.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let mut levels = vec![0; self.dimension];
        let step = match self.values {
            Values::F32(_) => 1.0,
            Values::Int8(_) => slices::quantize_query(query, &mut levels),
        };
        let factor = (f64::from(step) / square.sqrt()) as f32;
        let mut heap = vec![search::Match::default(); most.min(self.names.len())];
        let mut best = slices::Best::new(&mut heap, 0);
        let mut scores = [0.0; BLOCK];
        for (block, scales) in self.scales.chunks(BLOCK).enumerate() {
            let scores = scores.get_mut(..scales.len()).unwrap_or_default();
            let range = block * BLOCK * self.dimension..(block * BLOCK + scales.len()) * self.dimension;
            match &self.values {
                Values::F32(values) => slices::scores_f32(values.get(range).unwrap_or_default(), query, scores),
                Values::Int8(values) => slices::scores_int8(values.get(range).unwrap_or_default(), &levels, scores),
            }
            slices::scale(scores, Some(scales), factor);
            best.offer(scores, (block * BLOCK) as u32, None, f32::NEG_INFINITY);
        }
        let found = best.sort();
        let names = heap.into_iter().take(found).filter_map(|found| {
            let name = self.names.get(found.row as usize)?;
            Some(Found { name, score: found.score })
        });
        Ok(names.collect())
    }
}

impl Rows for Collection {
    fn count(&self) -> usize {
        self.names.len()
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn each(&mut self, use_row: &mut dyn FnMut(&str, &[f32]) -> Result<()>) -> Result<()> {
        (0..self.names.len()).zip(&self.names).try_for_each(|(row, name)| use_row(name, &self.row(row)))
    }
}

/// One over the length of each row.
fn inverse_lengths(values: &[f32], dimension: usize) -> Result<Vec<f32>> {
    if dimension == 0 {
        return Ok(Vec::new());
    }
    let mut squares = vec![0.0; values.len() / dimension];
    slices::squares(values, dimension, &mut squares);
    if let Some(row) = squares.iter().position(|square| !(*square > 0.0 && square.is_finite())) {
        return Err(format!("row {row} has no length, or one that is out of range").into());
    }
    // In double precision, as JavaScript does it.
    Ok(squares.into_iter().map(|square| (1.0 / f64::from(square).sqrt()) as f32).collect())
}
