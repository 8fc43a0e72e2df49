//! Pictures whose tables lie elsewhere, and components as they are stored: what TIFF asks for.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{decode, golden};
use jpeg::{Colors, Decoder, ErrorKind, Scale, Tables};

const ENDS: [[u8; 2]; 2] = [[0xff, 0xd8], [0xff, 0xd9]];

/// A picture's tables, and what is left of it.
fn apart(whole: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut tables, mut rest) = (ENDS[0].to_vec(), ENDS[0].to_vec());
    let mut at = 2;
    while whole[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([whole[at + 2], whole[at + 3]]));
        let is_table = matches!(whole[at + 1], 0xdb | 0xc4);
        if is_table { &mut tables } else { &mut rest }.extend_from_slice(&whole[at..end]);
        at = end;
    }
    tables.extend_from_slice(&ENDS[1]);
    rest.extend_from_slice(&whole[at..]);
    (tables, rest)
}

fn stored(bytes: &[u8], tables: &Tables) -> jpeg::Result<Vec<u8>> {
    Decoder::abbreviated(bytes, tables)?.with_colors(Colors::Stored).decode_whole(Scale::Full)
}

#[test]
fn tables_serve_any_number_of_pictures() {
    let whole = golden("jpeg/quality-30.jpg");
    let (tables, rest) = apart(&whole);
    let tables = Tables::parse(&tables).unwrap();
    let expected = decode(&whole, Scale::Full).unwrap();
    for _ in 0..3 {
        let decoder = Decoder::abbreviated(&rest, &tables).unwrap();
        assert_eq!(decoder.decode_whole(Scale::Full).unwrap(), expected);
    }
    let without = Decoder::abbreviated(&rest, &Tables::default()).unwrap().decode_whole(Scale::Full);
    assert_eq!(without.unwrap_err().kind(), ErrorKind::Broken);
    // The tables of one tile serve the next.
    let known = Decoder::abbreviated(&whole, &Tables::default()).unwrap().tables().clone();
    let decoder = Decoder::abbreviated(&rest, &known).unwrap();
    assert_eq!(decoder.decode_whole(Scale::Full).unwrap(), expected);
}

#[test]
fn tables_that_are_none_are_refused() {
    let whole = golden("jpeg/quality-30.jpg");
    let (tables, _) = apart(&whole);
    let kind = |bytes: &[u8]| Tables::parse(bytes).err().map(|error| error.kind());
    assert_eq!(kind(&tables), None);
    assert_eq!(kind(&tables[..tables.len() - 2]), None);
    assert_eq!(kind(&tables[..tables.len() - 10]), Some(ErrorKind::CutShort));
    assert_eq!(kind(&whole), Some(ErrorKind::Broken));
    assert_eq!(kind(&[]), Some(ErrorKind::Broken));
}

#[test]
fn components_are_given_as_they_are_stored() {
    let rgb = golden("jpeg/rgb-adobe.jpg");
    assert_eq!(stored(&rgb, &Tables::default()).unwrap(), decode(&rgb, Scale::Full).unwrap());
    let whole = golden("jpeg/lossless-cmyk.jpg");
    let four = stored(&whole, &Tables::default()).unwrap();
    // The generator's: red, green, blue, and red upside down.
    let pixels: Vec<[u8; 4]> = four.as_chunks().0.to_vec();
    assert_eq!(pixels.len(), 45 * 35);
    for y in 0..35 {
        for x in 0..45 {
            assert_eq!(pixels[y * 45 + x][3], pixels[(34 - y) * 45 + x][0]);
        }
    }
    assert_ne!(four[..3 * 45 * 35], decode(&whole, Scale::Full).unwrap()[..]);
    // Two components: the frame and its scan say three, and the scan's data are those of three, but for a damaged file
    // all that counts is that it is read.
    let mut two = golden("jpeg/scans-apart-1x1.jpg");
    let frame = two.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    two[frame + 3] -= 3;
    two[frame + 9] = 2;
    two.drain(frame + 16..frame + 19);
    let last = two.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    two.truncate(last);
    assert_eq!(stored(&two, &Tables::default()).unwrap().len(), 45 * 35 * 2);
    assert_eq!(decode(&two, Scale::Full).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_picture_ends_where_its_bytes_end() {
    let names = ["quality-30", "scans-by-bit-2x2", "arithmetic-2x2", "lossless-2x2", "restart-1B-baseline"];
    for name in names {
        let whole = golden(&format!("jpeg/{name}.jpg"));
        let expected = stored(&whole, &Tables::default()).unwrap();
        let end = whole.len() - 2;
        assert_eq!(stored(&whole[..end], &Tables::default()).unwrap(), expected, "{name}");
        let cut = &whole[..whole.len() - 100];
        let marked = [cut, &ENDS[1]].concat();
        let cut = stored(cut, &Tables::default()).unwrap();
        assert_eq!(cut, stored(&marked, &Tables::default()).unwrap(), "{name}");
        assert_ne!(cut, expected, "{name}");
    }
}
