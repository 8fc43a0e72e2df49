//! What is damaged, cut short, hostile or of another kind: pixels as libjpeg gives them, or an error that says why not.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Noise, SCALES, decode, golden};
use jpeg::{Decoder, ErrorKind, Scale};

fn kind(bytes: &[u8]) -> ErrorKind {
    decode(bytes, Scale::Full).unwrap_err().kind()
}

#[test]
fn what_is_not_read_says_so() {
    let mut bytes = golden("jpeg/quality-30.jpg");
    let at = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    for (marker, wanted) in [
        (0xc5, ErrorKind::Unsupported),
        (0xcb, ErrorKind::Unsupported),
        (0xcd, ErrorKind::Unsupported),
        (0xc8, ErrorKind::Unsupported),
        (0xd8, ErrorKind::Broken),
        (0x02, ErrorKind::Broken),
        (0xd9, ErrorKind::Broken),
    ] {
        bytes[at + 1] = marker;
        let error = decode(&bytes, Scale::Full).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (wanted, Some(at)), "{marker:02x}");
    }
    bytes[at + 1] = 0xc0;
    let good = bytes.clone();
    for (offset, value, wanted) in [
        (4, 12, ErrorKind::Unsupported),
        (5, 0xff, ErrorKind::TooLarge),
        (9, 2, ErrorKind::Broken),
        (11, 0x00, ErrorKind::Broken),
        (11, 0x51, ErrorKind::Broken),
        (12, 3, ErrorKind::Broken),
    ] {
        bytes.copy_from_slice(&good);
        bytes[at + offset] = value;
        if offset == 5 {
            bytes[at + 6] = 0xff;
        }
        assert_eq!(kind(&bytes), wanted, "byte {offset}");
    }
    assert!(decode(&good, Scale::Full).is_ok());
}

#[test]
fn errors_say_what_and_where() {
    let bytes = golden("jpeg/quality-30.jpg");
    let message = |bytes: &[u8]| decode(bytes, Scale::Full).unwrap_err().to_string();
    assert_eq!(message(b"GIF89a"), "JPEG broken: it does not begin with a start-of-image marker (byte 0)");
    let cut = &bytes[..bytes.len() - 50];
    let expected = format!("JPEG cut short: the file ends in the middle of the picture (byte {})", cut.len());
    assert_eq!(message(cut), expected);
    let table = bytes.windows(2).position(|pair| pair == [0xff, 0xdb]).unwrap();
    let mut broken = bytes;
    broken[table + 4] = 9;
    assert_eq!(message(&broken), format!("JPEG broken: a bad quantization table (byte {table})"));
}

#[test]
fn a_baseline_picture_may_lack_its_end_marker() {
    let whole = golden("jpeg/quality-30.jpg");
    let expected = decode(&whole, Scale::Full).unwrap();
    assert_eq!(decode(&whole[..whole.len() - 2], Scale::Full).unwrap(), expected);
    assert_eq!(decode(&[&whole[..], b"what follows\xff\xd8\xff\x02"].concat(), Scale::Full).unwrap(), expected);
    assert_eq!(kind(&whole[..whole.len() - 3]), ErrorKind::CutShort);
    let progressive = golden("jpeg/scans-by-bit-1x1.jpg");
    assert_eq!(kind(&progressive[..progressive.len() - 2]), ErrorKind::CutShort);
}

/// A progressive picture, and its last scan.
fn progressive() -> (Vec<u8>, Vec<u8>) {
    let bytes = golden("jpeg/scans-by-bit-2x2.jpg");
    let last = bytes.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    (bytes[..last].to_vec(), bytes[last..bytes.len() - 2].to_vec())
}

#[test]
fn any_number_of_scans_is_read_that_the_file_has_bytes_for() {
    let (start, last) = progressive();
    // Once the last bit is known, to read it again changes nothing but where it is 0: an empty scan brings zeros.
    let header = &last[..10];
    let many = [&start[..], &last, &header.repeat(5000), &[0xff, 0xd9]].concat();
    let expected = decode(&[&start[..], &last, header, &[0xff, 0xd9]].concat(), Scale::Full).unwrap();
    assert_eq!(decode(&many, Scale::Full).unwrap(), expected);
}

#[test]
fn endless_scans_are_refused() {
    let (start, last) = progressive();
    let mut bytes = [&start[..], &last[..10].repeat(10_000), &[0xff, 0xd9]].concat();
    // Of a large picture, where each takes its time.
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc2]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0x20, 0, 0x20, 0]);
    assert_eq!(kind(&bytes), ErrorKind::TooLarge);
}

/// A gray picture of `side` pixels each way, with one quantization table, and these scans.
fn picture(marker: u8, side: u16, before: &[u8], scans: &[u8]) -> Vec<u8> {
    let [high, low] = side.to_be_bytes();
    let table = [&[0xff, 0xdb, 0, 67, 0][..], &[1; 64]].concat();
    let frame = [0xff, marker, 0, 11, 8, high, low, high, low, 1, 1, 0x11, 0];
    [&[0xff, 0xd8], &table[..], before, &frame, scans, &[0xff, 0xd9]].concat()
}

fn scan([start, end]: [u8; 2], data: &[u8]) -> Vec<u8> {
    [&[0xff, 0xda, 0, 8, 1, 1, 0, start, end, 0], data].concat()
}

const RESTART_AFTER_ONE: [u8; 6] = [0xff, 0xdd, 0, 4, 0, 1];

#[test]
fn arithmetic_coding_makes_only_so_much_of_nothing() {
    // Behind each of the restarts that are missing it would ask for zeros.
    let many = picture(0xc9, 4000, &RESTART_AFTER_ONE, &scan([0, 63], &[0, 0]));
    assert_eq!(kind(&many), ErrorKind::TooLarge);
    let few = picture(0xc9, 400, &RESTART_AFTER_ONE, &scan([0, 63], &[0, 0]));
    assert!(decode(&few, Scale::Full).is_ok());
    // Where the restarts are there, each may leave out some.
    let markers: Vec<u8> = (0..250_000u32).flat_map(|index| [0, 0xff, 0xd0 | index as u8 & 7]).collect();
    let whole = picture(0xc9, 4000, &RESTART_AFTER_ONE, &scan([0, 63], &markers));
    assert!(decode(&whole, Scale::Full).is_ok());
    // Empty scans.
    let scans = [scan([0, 0], &[0, 0]), scan([1, 63], &[0, 0]).repeat(1000)].concat();
    assert_eq!(kind(&picture(0xca, 512, &[], &scans)), ErrorKind::TooLarge);
}

#[test]
fn a_tile_has_no_more_scans_than_it_has_bytes_for() {
    let codes: Vec<u8> = [0, 0x10]
        .into_iter()
        .flat_map(|class| [&[0xff, 0xc4, 0, 21, class, 1, 1][..], &[0; 14], &[0, 1]].concat())
        .collect();
    let tile = |count| {
        let scans = [scan([0, 0], &[0; 40]), scan([1, 63], &[0]).repeat(count)].concat();
        let bytes = picture(0xc2, 128, &codes, &scans);
        let tables = jpeg::Tables::default();
        let whole = decode(&bytes, Scale::Full).map(drop).map_err(|error| error.kind());
        let decoder = Decoder::abbreviated(&bytes, &tables).unwrap();
        (whole, decoder.decode_whole(Scale::Full).map(drop).map_err(|error| error.kind()))
    };
    assert_eq!(tile(10), (Ok(()), Ok(())));
    assert_eq!(tile(1000), (Ok(()), Err(ErrorKind::TooLarge)));
}

/// Whatever is done to a file, it decodes or says why not.
#[test]
fn mutations_do_no_harm() {
    let names =
        ["sampling-2x2-2x1-1x2", "restart-3B-progressive", "scans-by-bit-2x2", "restart-1-baseline", "ycck", "noise"];
    let files = names.map(|name| golden(&format!("jpeg/{name}.jpg")));
    let mut noise = Noise(4);
    for case in 0..3000 {
        let mut bytes = files[case % files.len()].clone();
        for _ in 0..1 + noise.below(6) {
            let at = noise.below(bytes.len());
            match noise.below(5) {
                0 => bytes[at] ^= 1 << noise.below(8),
                1 => bytes[at] = noise.next() as u8,
                2 => drop(bytes.drain(at..(at + noise.below(20)).min(bytes.len() - 1).max(at))),
                3 => bytes[at] = 0xff,
                _ => bytes.insert(at, noise.next() as u8),
            }
        }
        let scale = SCALES[noise.below(4)];
        // A lying header may ask for a large picture: that is what limits are for.
        let small = |decoder: &Decoder<'_>| {
            let (width, height) = decoder.size(Scale::Full);
            width * height < 1_000_000
        };
        if Decoder::new(&bytes).is_ok_and(|decoder| small(&decoder)) {
            let _ = decode(&bytes, scale);
        }
    }
}
