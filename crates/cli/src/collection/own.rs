//! The package's own file: `web/search/own_file.ts` has its layout, and reads it in a page.

use super::{Collection, Made, Result, RowPrecision, Rows, Values, inverse_lengths};
use crc32fast::Hasher;
use search::slices;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};

/// How every such file begins.
pub const MAGIC: &[u8] = &[0x89, 0x43, 0x56, 0x45, 0x0d, 0x0a, 0x1a, 0x0a];
const VERSION: u32 = 1;
const HEADER: usize = 64;
const ALIGNMENT: u64 = 64;
/// As `MOST_ROWS` and `MOST_VALUES` of web/search/file.ts.
const MOST_ROWS: usize = 16_000_000;
const MOST_VALUES: usize = 65_536;

fn aligned(at: u64) -> u64 {
    at.next_multiple_of(ALIGNMENT)
}

/// What is written, with its length and its checksum.
struct Summed<W> {
    out: W,
    sum: Hasher,
    len: u64,
}

impl<W: Write> Summed<W> {
    fn new(out: W) -> Self {
        Self { out, sum: Hasher::new(), len: 0 }
    }

    /// All of it is written: its length and its checksum.
    fn finish(mut self) -> std::io::Result<(u64, u32)> {
        self.out.flush()?;
        Ok((self.len, self.sum.finalize()))
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write_all(bytes)?;
        self.sum.update(bytes);
        self.len += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Whether so many embeddings fit into a file.
pub fn check_size(count: usize, dimension: usize) -> Result<()> {
    if count > MOST_ROWS || dimension > MOST_VALUES {
        let what = "a .clip-vision file holds at most 16,000,000 of 65,536 values: write several, or .parquet";
        return Err(format!("{count} embeddings of {dimension} values: {what}").into());
    }
    Ok(())
}

/// Writes a collection: the names in one walk through the rows, the rows in another, so that neither is ever in memory.
pub fn write(file: &mut File, precision: RowPrecision, rows: &mut dyn Rows, made: &Made) -> Result<()> {
    let (count, dimension) = (rows.count(), rows.dimension());
    check_size(count, dimension)?;
    file.seek(SeekFrom::Start(HEADER as u64))?;
    let mut names = Summed::new(BufWriter::new(&mut *file));
    super::write_list(&mut names, rows, ",")?;
    let (names_len, names_sum) = names.finish()?;
    file.write_all(made.model.as_bytes())?;

    let scales_at = aligned(HEADER as u64 + names_len + made.model.len() as u64);
    let rows_at = aligned(scales_at + 4 * count as u64);
    file.seek(SeekFrom::Start(rows_at))?;
    let mut out = Summed::new(BufWriter::new(&mut *file));
    let mut scales = Vec::with_capacity(4 * count);
    let (mut steps, mut bytes) = (vec![0i8; dimension], Vec::with_capacity(4 * dimension));
    rows.each(&mut |_, row| {
        let inverse = inverse_lengths(row, dimension)?.first().copied().unwrap_or_default();
        bytes.clear();
        let scale = match precision {
            RowPrecision::F32 => {
                bytes.extend(row.iter().flat_map(|x| x.to_le_bytes()));
                inverse
            }
            RowPrecision::Int8 => {
                let mut step = [0.0];
                slices::quantize_rows(row, dimension, &mut steps, &mut step);
                bytes.extend(steps.iter().map(|&step| step.cast_unsigned()));
                (f64::from(step[0]) * f64::from(inverse)) as f32
            }
        };
        scales.extend(scale.to_le_bytes());
        Ok(out.write_all(&bytes)?)
    })?;
    let how = if made.how.is_null() { Vec::new() } else { serde_json::to_vec(&made.how)? };
    let (_, rows_sum) = out.finish()?;
    file.write_all(&how)?;
    file.seek(SeekFrom::Start(scales_at))?;
    file.write_all(&scales)?;

    let mut header = Vec::with_capacity(HEADER);
    header.extend(MAGIC);
    for number in [VERSION, precision as u32, dimension as u32, count as u32] {
        header.extend(number.to_le_bytes());
    }
    header.extend(names_len.to_le_bytes());
    for sum in [names_sum, crc32fast::hash(&scales), rows_sum] {
        header.extend(sum.to_le_bytes());
    }
    header.extend(crc32fast::hash(&header).to_le_bytes());
    for part in [made.model.as_bytes(), &how] {
        header.extend((part.len() as u32).to_le_bytes());
        header.extend(crc32fast::hash(part).to_le_bytes());
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(file.write_all(&header)?)
}

/// The numbers of a header.
struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn u32(&self, at: usize) -> u32 {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from(self.u32(at)) | u64::from(self.u32(at + 4)) << 32
    }
}

fn check(part: &str, bytes: &[u8], expected: u32) -> Result<()> {
    let actual = crc32fast::hash(bytes);
    if actual == expected {
        return Ok(());
    }
    Err(format!("its {part} have the checksum {actual:08x}, not {expected:08x}: the file was changed or damaged")
        .into())
}

/// Reads a collection, and checks all of it.
pub fn read(mut file: File) -> Result<Collection> {
    let size = file.metadata()?.len();
    let mut header = [0; HEADER];
    file.read_exact(&mut header).map_err(|_| "it ends within its header")?;
    let header = Header(&header);
    if header.u32(8) != VERSION {
        return Err(format!("it is of version {}, of a later release; this one reads {VERSION}", header.u32(8)).into());
    }
    check("header", header.0.get(..44).unwrap_or_default(), header.u32(44))?;
    let (dimension, count) = (header.u32(16) as usize, header.u32(20) as usize);
    let is_int8 = header.u32(12) == 1;
    if header.u32(12) > 1 || dimension == 0 && count > 0 || count > MOST_ROWS || dimension > MOST_VALUES {
        return Err("its header makes no sense".into());
    }
    let (names_len, model_len, how_len) = (header.u64(24), u64::from(header.u32(48)), u64::from(header.u32(56)));
    let row_bytes = count as u64 * dimension as u64 * if is_int8 { 1 } else { 4 };
    let scales_at = aligned((HEADER as u64).saturating_add(names_len).saturating_add(model_len).min(size));
    let rows_at = aligned(scales_at + 4 * count as u64);
    if rows_at + row_bytes + how_len != size {
        return Err(format!("it has {size} bytes, which its header does not promise").into());
    }
    // No more than the file has, so that a damaged length takes no memory.
    let mut part = |at: u64, len: u64| -> Result<Vec<u8>> {
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = vec![0; len.min(size) as usize];
        file.read_exact(&mut bytes).map_err(|error| format!("it can't be read at byte {at}: {error}"))?;
        Ok(bytes)
    };
    let text = part(HEADER as u64, names_len)?;
    let model = part(HEADER as u64 + names_len, model_len)?;
    let scales = part(scales_at, 4 * count as u64)?;
    let values = part(rows_at, row_bytes)?;
    let how = part(rows_at + row_bytes, how_len)?;
    check("ids", &text, header.u32(32))?;
    check("scales", &scales, header.u32(36))?;
    check("rows", &values, header.u32(40))?;
    check("model's name", &model, header.u32(52))?;
    check("notes on who made it", &how, header.u32(60))?;
    let ids: Vec<serde_json::Value> = serde_json::from_slice(&text).map_err(|_| "its ids are not JSON")?;
    let name = |id: serde_json::Value| id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let names: Vec<String> = ids.into_iter().map(name).collect();
    if names.len() != count {
        return Err(format!("it has {} ids for {count} embeddings", names.len()).into());
    }
    let scales = floats(&scales);
    if let Some(row) = scales.iter().position(|scale| !(*scale > 0.0 && scale.is_finite())) {
        return Err(format!("the scale of row {row} makes no sense").into());
    }
    let values = if is_int8 {
        Values::Int8(values.into_iter().map(u8::cast_signed).collect())
    } else {
        Values::F32(floats(&values))
    };
    let model = String::from_utf8(model).map_err(|_| "the name of its model is not UTF-8")?;
    let how = if how.is_empty() { serde_json::Value::Null } else { serde_json::from_slice(&how)? };
    let format = if is_int8 { "clip-vision, int8" } else { "clip-vision, f32" };
    Ok(Collection { names, dimension, values, scales, made: Made { model, how }, format })
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
