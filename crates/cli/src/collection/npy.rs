//! NumPy's `.npy`, a matrix of `<f4`; and beside it `.names.json`, an array of the rows' names.

use super::{Collection, Made, Result, Rows, beside};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

/// How every such file begins.
pub const MAGIC: &[u8] = b"\x93NUMPY";
/// As NumPy itself has it.
const LONGEST_HEADER: usize = 10_000;

/// Writes the matrix.
pub fn write(file: &mut File, rows: &mut dyn Rows) -> Result<()> {
    let dictionary =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows.count(), rows.dimension());
    let prefix = MAGIC.len() + 4;
    let len = (prefix + dictionary.len() + 1).next_multiple_of(64) - prefix;
    let mut out = BufWriter::new(file);
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&(len as u16).to_le_bytes())?;
    out.write_all(format!("{dictionary:<width$}\n", width = len - 1).as_bytes())?;
    rows.each(&mut |_, row| row.iter().try_for_each(|x| Ok(out.write_all(&x.to_le_bytes())?)))?;
    Ok(out.flush()?)
}

/// Writes the names.
pub fn write_names(file: &mut File, rows: &mut dyn Rows) -> Result<()> {
    let mut out = BufWriter::new(file);
    super::write_list(&mut out, rows, ",\n")?;
    Ok(out.flush()?)
}

/// Reads a matrix with the names beside it.
pub fn read(file: File, path: &Path) -> Result<Collection> {
    let names_path = beside(path, "names.json");
    let names = fs::read(&names_path).map_err(|error| format!("its names, {}: {error}", names_path.display()))?;
    let names: Vec<String> = serde_json::from_slice(&names)?;
    let mut file = BufReader::new(file);
    let mut start = [0; 10];
    file.read_exact(&mut start)?;
    let len = usize::from(u16::from_le_bytes([start[8], start[9]]));
    if start[6] != 1 || len > LONGEST_HEADER {
        return Err("it is not .npy of version 1".into());
    }
    let mut header = vec![0; len];
    file.read_exact(&mut header)?;
    let header = String::from_utf8_lossy(&header);
    let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).map(|(shape, _)| shape);
    let sizes: Vec<usize> = shape.unwrap_or_default().split(',').filter_map(|size| size.trim().parse().ok()).collect();
    let [count, dimension] = sizes[..] else { return Err(format!("its header is {}", header.trim()).into()) };
    if !header.contains("'<f4'") || header.contains("'fortran_order': True") || count != names.len() {
        return Err(format!("it is no matrix of <f4 by rows with {} of them: {}", names.len(), header.trim()).into());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let mut collection = Collection::of_f32(names, dimension, super::own::floats(&bytes), "npy")?;
    collection.made = read_made(path);
    Ok(collection)
}

/// What is noted beside a file on who made it, if anything is.
pub fn read_made(path: &Path) -> Made {
    let how: serde_json::Value = fs::read(beside(path, "made.json"))
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default();
    Made { model: how["model"].as_str().unwrap_or_default().to_owned(), how }
}
