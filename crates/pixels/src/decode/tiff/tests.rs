use super::*;

const LONG: u16 = 4;
const FLOAT: u16 = 11;
const COMPRESSION_OLD_JPEG: u32 = 6;
const COMPRESSION_LZW: u32 = 5;
const COMPRESSION_DEFLATE: u32 = 8;
const COMPRESSION_WEBP: u32 = 50001;

/// A file whose strips' bytes are `data`, from byte 8 on, and whose tags have values of 4 bytes.
fn file(data: &[u8], tags: &[(u16, u16, &[u32])]) -> Vec<u8> {
    let mut values = Vec::new();
    let mut directory = (tags.len() as u16).to_le_bytes().to_vec();
    for (tag, kind, list) in tags {
        directory.extend(tag.to_le_bytes());
        directory.extend(kind.to_le_bytes());
        directory.extend((list.len() as u32).to_le_bytes());
        match list {
            [one] => directory.extend(one.to_le_bytes()),
            _ => {
                directory.extend(((8 + data.len() + values.len()) as u32).to_le_bytes());
                values.extend(list.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
    }
    let mut file = b"II*\0".to_vec();
    file.extend(((8 + data.len() + values.len()) as u32).to_le_bytes());
    file.extend(data);
    file.extend(values);
    file.extend(directory);
    file.extend([0; 4]);
    file
}

/// Tags of a gray picture of `size`, or of an RGB one.
fn tags<'a>(size: &'a [u32; 2], compression: &'a u32, samples: &'a u32) -> Vec<(u16, u16, &'a [u32])> {
    let one = std::slice::from_ref;
    let bits: &[u32] = if *samples == 1 { &[8] } else { &[8, 8, 8] };
    vec![
        (tag::IMAGE_WIDTH, LONG, one(&size[0])),
        (tag::IMAGE_LENGTH, LONG, one(&size[1])),
        (tag::BITS_PER_SAMPLE, LONG, bits),
        (tag::COMPRESSION, LONG, one(compression)),
        (tag::PHOTOMETRIC, LONG, if *samples == 1 { &[1] } else { &[2] }),
        (tag::SAMPLES_PER_PIXEL, LONG, one(samples)),
    ]
}

fn error(file: &[u8], limits: &Limits) -> (ErrorKind, String) {
    let error = decode(file, limits).unwrap_err();
    (error.kind(), format!("{error:#}"))
}

#[test]
fn strips_of_old_jpeg_that_share_their_bytes_are_refused_before_they_are_joined() {
    // Each of 60,000 strips is all of the file.
    const STRIPS: u32 = 60_000;
    let frame = [0xff, 0xc0, 0, 11, 8, 0xea, 0x60, 0, 1, 1, 1, 0x11, 0];
    let scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0];
    let data = [&[0xff, 0xd8][..], &frame, &scan, &vec![0x55; 1 << 20]].concat();
    let (size, offsets, lengths) = ([1, STRIPS], vec![8; STRIPS as usize], vec![0; STRIPS as usize]);
    let mut tags = tags(&size, &COMPRESSION_OLD_JPEG, &1);
    tags.push((tag::ROWS_PER_STRIP, LONG, &[1]));
    tags.push((tag::STRIP_OFFSETS, LONG, &offsets));
    tags.push((tag::STRIP_BYTE_COUNTS, LONG, &lengths));
    let file = file(&data, &tags);
    let (kind, what) = error(&file, &Limits::default());
    assert!(kind == ErrorKind::Decode && what.contains("share"), "{what}");
    // Two times the file are allowed, if there is memory.
    let few = Limits { max_alloc: 1 << 20, ..Limits::default() };
    tags[1].2 = &[1];
    let file = self::file(&data, &tags[..7]);
    let stream = [8];
    let strips = [&tags[..7], &[(tag::JPEG_STREAM, LONG, &stream), (tag::STRIP_OFFSETS, LONG, &stream)]].concat();
    let strips = [&strips[..], &[(tag::STRIP_BYTE_COUNTS, LONG, &[0])]].concat();
    assert!(file.len() < 2 << 20);
    assert_eq!(error(&self::file(&data, &strips), &few).0, ErrorKind::TooLarge);
}

#[test]
fn a_webp_of_another_size_is_not_unpacked() {
    // 36 bytes that say that they are a lossless picture of 15000x15000 pixels.
    let side = 15_000u32 - 1;
    let mut data = b"RIFF\x1c\0\0\0WEBPVP8L\x10\0\0\0\x2f".to_vec();
    data.extend((side | side << 14).to_le_bytes());
    data.extend([0; 11]);
    let place: &[(u16, u16, &[u32])] =
        &[(tag::STRIP_OFFSETS, LONG, &[8]), (tag::STRIP_BYTE_COUNTS, LONG, &[36]), (tag::ROWS_PER_STRIP, LONG, &[1])];
    let (_, what) = error(&file(&data, &[&tags(&[1, 1], &COMPRESSION_WEBP, &3), place].concat()), &Limits::default());
    assert!(what.contains("15000x15000 pixels where there is space for 1x1"), "{what}");
    let wide = tags(&[20_000, 1], &COMPRESSION_WEBP, &3);
    let (_, what) = error(&file(&data, &[&wide, place].concat()), &Limits::default());
    assert!(what.contains("a WebP of 20000 pixels a row"), "{what}");
}

#[test]
fn bytes_that_are_turned_round_count() {
    let data = vec![0; 1 << 20];
    let place: &[(u16, u16, &[u32])] =
        &[(tag::STRIP_OFFSETS, LONG, &[8]), (tag::STRIP_BYTE_COUNTS, LONG, &[1 << 20]), (tag::FILL_ORDER, LONG, &[2])];
    for compression in [COMPRESSION_LZW, COMPRESSION_DEFLATE] {
        let file = file(&data, &[&tags(&[8, 8], &compression, &1), place].concat());
        let few = Limits { max_alloc: 1 << 20, ..Limits::default() };
        assert_eq!(error(&file, &few).0, ErrorKind::TooLarge);
        assert_eq!(error(&file, &Limits::default()).0, ErrorKind::Decode);
    }
}

#[test]
fn bytes_that_are_turned_round_are_work() {
    let pixels = miniz_oxide::deflate::compress_to_vec_zlib(&[0; 256], 9);
    let mut part: Vec<u8> = pixels.iter().map(|byte| byte.reverse_bits()).collect();
    part.resize(1 << 18, 0);
    let (offsets, lengths) = ([8; 400], [1 << 18; 400]);
    let place: &[(u16, u16, &[u32])] = &[
        (tag::FILL_ORDER, LONG, &[2]),
        (tag::TILE_WIDTH, LONG, &[16]),
        (tag::TILE_LENGTH, LONG, &[16]),
        (tag::TILE_OFFSETS, LONG, &offsets),
        (tag::TILE_BYTE_COUNTS, LONG, &lengths),
    ];
    let of = |side: &[u32; 2]| file(&part, &[&tags(side, &COMPRESSION_DEFLATE, &1), place].concat());
    assert_eq!(error(&of(&[320; 2]), &Limits::default()).0, ErrorKind::TooLarge);
    assert!(decode(&of(&[64; 2]), &Limits::default()).is_ok());
}

/// What libtiff 4.7.2 takes and what it refuses (`isInRefBlackWhiteRange`).
#[test]
fn levels_of_black_and_white_have_libtiff_s_bounds() {
    let tables = |value: f32| {
        let levels = [value, 255.0, value, 255.0, value, 255.0].map(f32::to_bits);
        Tables::of(&Directory::of(&file(&[], &[(tag::REFERENCE_BLACK_WHITE, FLOAT, &levels)])).unwrap()).is_ok()
    };
    let most = 2_147_483_648.0f32;
    assert!(tables(most.next_down()) && !tables(most));
    let least = -2_147_483_520.0f32;
    assert!(tables(least.next_up()) && !tables(least) && !tables(-most.next_down()) && !tables(f32::NAN));
}

#[test]
fn a_stream_is_unpacked_whatever_came_before() {
    let gray: &[(u16, u16, &[u32])] = &tags(&[100, 1], &COMPRESSION_DEFLATE, &1);
    let file = file(&[], gray);
    let kind = Kind::of(&Directory::of(&file).unwrap(), false).unwrap();
    let mut codec = Codec::new(Compression::Deflate, kind, 100).unwrap();
    let data: Vec<u8> = (0..3000u32).map(|i| ((i * i) >> 5) as u8 % 23).collect();
    // Stored, with fixed codes, and with its own.
    let streams = [(0, 3000), (1, 40), (9, 3000)]
        .map(|(level, length)| (miniz_oxide::deflate::compress_to_vec_zlib(&data[..length], level), &data[..length]));
    for (before, _) in &streams {
        for cut in [3, before.len() / 2, before.len()] {
            for flip in [before.len() / 3, before.len() - 1] {
                let mut before = before[..cut].to_vec();
                if let Some(byte) = before.get_mut(flip) {
                    *byte ^= 0x55;
                }
                for (stream, expected) in &streams {
                    codec.unpack(&before, 0, false, &mut [0; 3000]);
                    let mut out = vec![0; expected.len()];
                    let unpacked = codec.unpack(stream, 0, false, &mut out);
                    assert!(unpacked.result.is_ok() && unpacked.read == stream.len() && out == *expected);
                }
            }
        }
    }
}

/// Tiles of `side` gray pixels each way that are all in the same place, `count` each way.
fn tiles(part: &[u8], compression: u32, side: u32, count: u32) -> Vec<u8> {
    let (offsets, lengths) = (vec![8; (count * count) as usize], vec![part.len() as u32; (count * count) as usize]);
    let size = [side * count; 2];
    let place: &[(u16, u16, &[u32])] = &[
        (tag::TILE_WIDTH, LONG, &[side]),
        (tag::TILE_LENGTH, LONG, &[side]),
        (tag::TILE_OFFSETS, LONG, &offsets),
        (tag::TILE_BYTE_COUNTS, LONG, &lengths),
    ];
    file(part, &[&tags(&size, &compression, &1), place].concat())
}

#[test]
fn a_flood_of_tiles_that_share_their_bytes_is_refused_and_few_are_read() {
    // Bytes that don't repeat much, so that they come with large tables.
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 26) as u8
    };
    let noise: Vec<u8> = (0..128 * 128).map(|_| noise()).collect();
    for side in [16, 48, 128] {
        let pixels = &noise[..(side * side) as usize];
        let part = miniz_oxide::deflate::compress_to_vec_zlib(pixels, 9);
        let (kind, what) = error(&tiles(&part, COMPRESSION_DEFLATE, side, 4000 / side), &Limits::default());
        assert!(kind == ErrorKind::TooLarge && what.contains("share"), "{side}: {what}");
        assert!(decode(&tiles(&part, COMPRESSION_DEFLATE, side, 3), &Limits::default()).is_ok());
    }
    // One blank tile may fill a large picture.
    let blank = miniz_oxide::deflate::compress_to_vec_zlib(&[0; 256 * 256], 9);
    assert!(decode(&tiles(&blank, COMPRESSION_DEFLATE, 256, 40), &Limits::default()).is_ok());
}

#[test]
fn small_tiles_of_their_own_are_read_however_many() {
    const SIDE: u32 = 16;
    const COUNT: u32 = 10_000;
    let part = miniz_oxide::deflate::compress_to_vec_zlib(&[0; (SIDE * SIDE) as usize], 9);
    let data = part.repeat(COUNT as usize);
    let offsets: Vec<u32> = (0..COUNT).map(|index| 8 + index * part.len() as u32).collect();
    let place: &[(u16, u16, &[u32])] = &[
        (tag::TILE_WIDTH, LONG, &[SIDE]),
        (tag::TILE_LENGTH, LONG, &[SIDE]),
        (tag::TILE_OFFSETS, LONG, &offsets),
        (tag::TILE_BYTE_COUNTS, LONG, &vec![part.len() as u32; COUNT as usize]),
    ];
    let file = file(&data, &[&tags(&[SIDE * 100; 2], &COMPRESSION_DEFLATE, &1), place].concat());
    assert!(decode(&file, &Limits::default()).is_ok());
}
