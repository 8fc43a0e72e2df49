//! Parquet: the columns `id` (texts) and `embedding` (lists of f32, all of one length), uncompressed. Who made them is in the
//! file's metadata: `clip-vision.model` and `clip-vision.made`.
//!
//! Parquet itself has no lists of a fixed length. Arrow's writers add what their columns were, as `ARROW:schema`, and its readers
//! (PyArrow, pandas, Polars) go by it. That is some 200 bytes, of which the length is four; Arrow's own crates would take longer
//! to compile than all of this command line.

use super::{Collection, Made, Result, Rows};
use base64::{Engine, prelude::BASE64_STANDARD};
use parquet::basic::{Compression, Encoding};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::sync::Arc;

const SCHEMA: &str = "message schema {
    required binary id (UTF8);
    required group embedding (LIST) { repeated group list { required float element; } }
}";

/// The same for Arrow, as PyArrow writes it for lists of five.
const ARROW_SCHEMA: &str = "/////+AAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAIAAACEAAAABAAAAJT///8AAAAQFAAA\
    ACQAAAAEAAAAAQAAACAAAAAJAAAAZW1iZWRkaW5nAAYACAAEAAYAAAAFAAAAzP///wAAAAMQAAAAIAAAAAQAAAAAAAAABwAAAGVsZW1lbnQAAAAGAAgABgAGAAAA\
    AAABABAAFAAIAAAABwAMAAAAEAAQAAAAAAAABRAAAAAYAAAABAAAAAAAAAACAAAAaWQAAAQABAAEAAAAAAAAAA==";
/// Where in it the five is.
const LENGTH_AT: usize = 116;

/// Bytes of values that are held in memory until they are written: a row group.
const GROUP: usize = 16 << 20;

fn arrow_schema(dimension: usize) -> Result<String> {
    let mut bytes = BASE64_STANDARD.decode(ARROW_SCHEMA)?;
    let length = bytes.get_mut(LENGTH_AT..LENGTH_AT + 4).ok_or("the schema is too short")?;
    length.copy_from_slice(&(dimension as u32).to_le_bytes());
    Ok(BASE64_STANDARD.encode(bytes))
}

/// Writes a file, a row group at a time.
pub fn write(file: &mut File, rows: &mut dyn Rows, made: &Made) -> Result<()> {
    let dimension = rows.dimension();
    let mut notes = vec![KeyValue::new("ARROW:schema".to_owned(), arrow_schema(dimension)?)];
    if !made.model.is_empty() {
        notes.push(KeyValue::new("clip-vision.model".to_owned(), made.model.clone()));
    }
    if !made.how.is_null() {
        notes.push(KeyValue::new("clip-vision.made".to_owned(), made.how.to_string()));
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::PLAIN)
        .set_key_value_metadata(Some(notes))
        .build();
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(&mut *file, schema, Arc::new(properties))?;
    let most = (GROUP / (4 * dimension.max(1))).max(1);
    let (mut ids, mut values) = (Vec::new(), Vec::new());
    rows.each(&mut |id, row| {
        ids.push(ByteArray::from(id));
        values.extend_from_slice(row);
        if ids.len() == most {
            write_group(&mut writer, &ids, &values, dimension)?;
            ids.clear();
            values.clear();
        }
        Ok(())
    })?;
    if !ids.is_empty() {
        write_group(&mut writer, &ids, &values, dimension)?;
    }
    writer.close()?;
    Ok(())
}

fn write_group(
    writer: &mut SerializedFileWriter<&mut File>,
    ids: &[ByteArray],
    values: &[f32],
    dimension: usize,
) -> Result<()> {
    let mut group = writer.next_row_group()?;
    if let Some(mut column) = group.next_column()? {
        column.typed::<ByteArrayType>().write_batch(ids, None, None)?;
        column.close()?;
    }
    if let Some(mut column) = group.next_column()? {
        // A list begins where the repetition level is 0; no list is empty, which the definition level says.
        let repetition: Vec<i16> = (0..values.len()).map(|at| i16::from(at % dimension != 0)).collect();
        column.typed::<FloatType>().write_batch(values, Some(&vec![1; values.len()]), Some(&repetition))?;
        column.close()?;
    }
    group.close()?;
    Ok(())
}

/// Reads the columns `id` and `embedding` of a file, whoever wrote it.
pub fn read(file: File) -> Result<Collection> {
    let reader = SerializedFileReader::new(file)?;
    let metadata = reader.metadata();
    let schema = metadata.file_metadata().schema_descr();
    let column = |name: &str| {
        let columns = schema.columns().iter();
        columns.into_iter().position(|column| column.path().parts().first().is_some_and(|part| part == name))
    };
    let (Some(id), Some(embedding)) = (column("id"), column("embedding")) else {
        return Err("it has no columns id and embedding".into());
    };
    let (mut names, mut values, mut dimension) = (Vec::new(), Vec::new(), None);
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let rows = usize::try_from(group.metadata().num_rows())?;
        let ColumnReader::ByteArrayColumnReader(mut ids) = group.get_column_reader(id)? else {
            return Err("its ids are no texts".into());
        };
        let ColumnReader::FloatColumnReader(mut floats) = group.get_column_reader(embedding)? else {
            return Err("its embeddings are not of f32".into());
        };
        let (mut texts, mut defined) = (Vec::new(), Vec::new());
        ids.read_records(rows, Some(&mut defined), None, &mut texts)?;
        for text in &texts {
            names.push(text.as_utf8()?.to_owned());
        }
        let (mut defined, mut repeated, before) = (Vec::new(), Vec::new(), values.len());
        floats.read_records(rows, Some(&mut defined), Some(&mut repeated), &mut values)?;
        let len = values.len() - before;
        let each = len.checked_div(rows).unwrap_or_default();
        let starts = |(at, &level): (usize, &i16)| (level == 0) == (at % each.max(1) == 0);
        if texts.len() != rows || each * rows != len || !repeated.iter().enumerate().all(starts) {
            return Err("a row has no id, or embeddings have different lengths".into());
        }
        if rows > 0 && *dimension.get_or_insert(each) != each {
            return Err("its embeddings have different lengths".into());
        }
    }
    let notes = metadata.file_metadata().key_value_metadata();
    let note = |key: &str| {
        let mut notes = notes.into_iter().flatten();
        notes.find(|note| note.key == key).and_then(|note| note.value.clone()).unwrap_or_default()
    };
    let mut collection = Collection::of_f32(names, dimension.unwrap_or_default(), values, "parquet")?;
    let how = serde_json::from_str(&note("clip-vision.made")).unwrap_or_default();
    collection.made = Made { model: note("clip-vision.model"), how };
    Ok(collection)
}
