//! What is damaged, cut short, hostile or of another kind: pixels as libjpeg gives them, or an error that says why not.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Noise, SCALES, decode, golden};
use jpeg::{Colors, Decoder, ErrorKind, Scale, Tables};

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

/// A gray arithmetic-coded progressive picture of `side` times 256 pixels each way, whose scans have no data at all. There is
/// a restart for each of its blocks.
fn without_data(side: u8, scans: usize) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    bytes.extend([1; 64]);
    bytes.extend([0xff, 0xca, 0, 11, 8, side, 0, side, 0, 1, 1, 0x11, 0]);
    bytes.extend([0xff, 0xdd, 0, 4, 0, 1]);
    for scan in 0..scans {
        let (start, end) = if scan == 0 { (0, 0) } else { (1, 63) };
        bytes.extend([0xff, 0xda, 0, 8, 1, 1, 0, start, end, 0]);
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

#[test]
fn arithmetic_coding_without_data_has_an_end() {
    assert!(decode(&without_data(16, 1), Scale::Full).unwrap().iter().all(|&value| value == 128));
    // Far fewer scans than would be too many of any kind.
    let error = decode(&without_data(16, 3), Scale::Full).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("blocks without data"), "{error}");
    // A small one has its pixels all the same, but not in TIFF, where there may be many.
    let small = without_data(1, 3);
    assert!(decode(&small, Scale::Full).is_ok());
    let part = Decoder::abbreviated(&small, &Tables::default()).unwrap();
    assert_eq!(part.decode_whole(Scale::Full).unwrap_err().kind(), ErrorKind::TooLarge);
}

/// Whatever is done to a file, it decodes or says why not; as a picture of its own, or as a part of a TIFF.
#[test]
fn mutations_do_no_harm() {
    let names = [
        "sampling-2x2-2x1-1x2",
        "restart-3B-progressive",
        "scans-by-bit-2x2",
        "restart-1-baseline",
        "ycck",
        "noise",
        "arithmetic-2x2-1x2-2x1",
        "arithmetic-restart-1",
        "arithmetic-scans-apart",
        "arithmetic-scans-by-bit",
        "arithmetic-progressive-restart-1B",
        "arithmetic-conditioning",
        "lossless-1x1",
        "lossless-2",
        "lossless-cmyk",
    ];
    let files = names.map(|name| golden(&format!("jpeg/{name}.jpg")));
    let mut noise = Noise(4);
    let (mut read, mut refused) = ([0; 2], [0; 2]);
    for case in 0..500 * files.len() {
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
        let of_tiff =
            || Decoder::abbreviated(&bytes, &Tables::default()).map(|decoder| decoder.with_colors(Colors::Stored));
        for (way, decoder) in [Decoder::new(&bytes), of_tiff()].into_iter().enumerate() {
            let Ok(decoder) = decoder else { continue };
            let (width, height) = decoder.size(scale);
            let length = width * height * decoder.channels();
            // A lying header may ask for a large picture: that is what limits are for.
            if length >= 3_000_000 {
                continue;
            }
            match decoder.decode_whole(scale) {
                Ok(pixels) => {
                    assert_eq!(pixels.len(), length);
                    read[way] += 1;
                }
                Err(error) => {
                    let kinds = [ErrorKind::Broken, ErrorKind::CutShort, ErrorKind::Unsupported, ErrorKind::TooLarge];
                    assert!(kinds.contains(&error.kind()), "{error}");
                    refused[way] += 1;
                }
            }
        }
    }
    assert!(read.iter().all(|&count| count > 1000) && refused.iter().all(|&count| count > 100), "{read:?} {refused:?}");
}
