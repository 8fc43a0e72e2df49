//! Bytes of any kind: pixels or an error, never a panic; and a part of a picture is what it is in the whole. What is read as
//! a file is read as a strip of a TIFF file, too.
#![no_main]

use jpeg::{Area, Colors, Decoder, Error, ErrorKind, Scale, Tables};
use libfuzzer_sys::fuzz_target;

/// What is large is not more interesting, but slower.
const MOST_PIXELS: usize = 1 << 14;
const MOST_MEMORY: u64 = 16 << 20;

/// A part of `0..length`, chosen by two bytes.
fn part(length: usize, [start, size]: [u8; 2]) -> std::ops::Range<usize> {
    let start = usize::from(start) * length / 256;
    start..start + 1 + usize::from(size) * (length - start) / 256
}

/// The components as they are stored, of a picture that may lack tables and end anywhere. A file that is whole loses
/// nothing by that, unless it has more scans than a part of a TIFF file may have.
fn stored(bytes: &[u8], is_whole: bool) {
    let _ = Tables::parse(bytes);
    let Ok(decoder) = Decoder::abbreviated(bytes, &Tables::default()) else { return assert!(!is_whole) };
    let (width, height) = decoder.size(Scale::Full);
    if width * height > MOST_PIXELS || decoder.memory(Scale::Full) > MOST_MEMORY {
        return;
    }
    let tables = decoder.tables().clone();
    let first = decoder.with_colors(Colors::Stored).decode_whole(Scale::Full);
    let has_too_many_scans = first.as_ref().is_err_and(|error| error.kind() == ErrorKind::TooLarge);
    assert!(first.is_ok() || has_too_many_scans || !is_whole);
    let Ok(decoder) = Decoder::abbreviated(bytes, &tables) else { unreachable!("it was read just now") };
    let length = width * height * decoder.components();
    let again = decoder.with_colors(Colors::Stored).decode_whole(Scale::Full);
    assert_eq!(first, again);
    assert!(again.is_err() || again.is_ok_and(|pixels| pixels.len() == length));
}

fuzz_target!(|bytes: &[u8]| {
    // Choices are taken from the end, so that any JPEG is a seed: behind its end marker there may be anything.
    let Some((_, &[choice, a, b, c, d])) = bytes.split_last_chunk() else { return };
    let scale = [Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth][usize::from(choice & 3)];
    let Ok(decoder) = Decoder::new(bytes) else { return stored(bytes, false) };
    let (full_width, full_height) = decoder.size(Scale::Full);
    if full_width * full_height > MOST_PIXELS || decoder.memory(scale) > MOST_MEMORY {
        return;
    }
    let ((width, height), channels) = (decoder.size(scale), decoder.channels());
    let whole = decoder.decode_whole(scale);
    stored(bytes, whole.is_ok() && scale == Scale::Full);
    if let Ok(whole) = &whole {
        assert_eq!(whole.len(), width * height * channels);
    }
    // The second time as a part.
    let Ok(decoder) = Decoder::new(bytes) else { unreachable!("it was read just now") };
    let area = Area { columns: part(width, [a, b]), rows: part(height, [c, d]) };
    let mut found = Vec::new();
    let result = decoder.decode(scale, area.clone(), |rows| {
        found.extend_from_slice(rows);
        Ok::<(), Error>(())
    });
    let Ok(whole) = whole else { return assert!(result.is_err()) };
    assert_eq!(result, Ok(()));
    let columns = area.columns.start * channels..area.columns.end * channels;
    let rows = whole.chunks(width * channels).skip(area.rows.start).take(area.rows.len());
    assert!(rows.flat_map(|row| &row[columns.clone()]).eq(&found));
});
