use super::kernels::Kernels;
use super::*;

/// Reproducible noise.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        // Extremes are where rounding and clamping show.
        (0..count).map(|_| [0, 255, self.next() as u8, self.next() as u8][self.below(4)]).collect()
    }
}

fn golden(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

fn decode(bytes: &[u8], scale: Scale) -> Result<Vec<u8>> {
    let (width, height) = Decoder::new(bytes)?.size(scale);
    decode_area(bytes, scale, Area { columns: 0..width, rows: 0..height })
}

fn decode_area(bytes: &[u8], scale: Scale, area: Area) -> Result<Vec<u8>> {
    let decoder = Decoder::new(bytes)?;
    let (height, row_length) = (area.rows.len(), area.columns.len() * decoder.channels());
    let mut out = Vec::new();
    decoder.decode(scale, area, |rows| {
        assert!(!rows.is_empty() && rows.len().is_multiple_of(row_length));
        out.extend_from_slice(rows);
        Ok::<(), Error>(())
    })?;
    assert_eq!(out.len(), row_length * height);
    Ok(out)
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Broken(_) => "broken",
        Error::Unsupported(_) => "unsupported",
        Error::TooLarge(_) => "too large",
        Error::InvalidArea { .. } => "area",
        Error::OutOfMemory(_) => "memory",
    }
}

fn fnv1a64(bytes: impl Iterator<Item = u8>) -> String {
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

#[test]
fn every_kind_equals_pillow_at_every_scale() {
    let index: serde_json::Value = serde_json::from_slice(&golden("jpeg.json")).unwrap();
    let scales = [("1/1", Scale::Full), ("1/2", Scale::Half), ("1/4", Scale::Quarter), ("1/8", Scale::Eighth)];
    let mut compared = 0;
    for case in index["cases"].as_array().unwrap() {
        let file = case["file"].as_str().unwrap();
        let bytes = golden(&format!("jpeg/{file}"));
        for (name, scale) in scales {
            let expected = &case[name];
            let found = decode(&bytes, scale);
            if expected.is_null() {
                assert!(found.is_err(), "{file} at {name}: Pillow refuses it");
                continue;
            }
            let found = found.unwrap_or_else(|error| panic!("{file} at {name}: {error}"));
            let decoder = Decoder::new(&bytes).unwrap();
            let (width, height) = decoder.size(scale);
            assert_eq!(serde_json::json!([width, height]), serde_json::json!([expected[0], expected[1]]), "{file}");
            let times = 3 / decoder.channels();
            let rgb = found.into_iter().flat_map(|value| std::iter::repeat_n(value, times));
            assert_eq!(fnv1a64(rgb), expected[2].as_str().unwrap(), "{file} at {name}");
            compared += 1;
        }
    }
    assert!(compared >= 350, "only {compared} compared");
}

#[test]
fn a_part_is_what_it_is_in_the_whole() {
    let mut noise = Noise(5);
    let names = ["2x2-1x1-1x1", "2x1-1x1-1x1", "1x2-1x1-1x1", "4x1-1x1-1x1", "3x2-1x1-1x1", "2x2-1x2-2x1"];
    let sampled = names.map(|name| format!("sampling-{name}"));
    let others = ["unfinished-2", "unfinished-9", "gray-2x2", "cmyk", "size-33x2-2x2"].map(String::from);
    for name in sampled.iter().chain(&others) {
        let bytes = golden(&format!("jpeg/{name}.jpg"));
        for scale in [Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth] {
            let whole = decode(&bytes, scale).unwrap();
            let decoder = Decoder::new(&bytes).unwrap();
            let ((width, height), channels) = (decoder.size(scale), decoder.channels());
            for _ in 0..40 {
                let (left, top) = (noise.below(width), noise.below(height));
                let right = left + 1 + noise.below(width - left);
                let area = Area { columns: left..right, rows: top..top + 1 + noise.below(height - top) };
                let part = decode_area(&bytes, scale, area.clone()).unwrap();
                let rows = whole.chunks(width * channels).skip(top).take(area.rows.len());
                let expected: Vec<u8> = rows.flat_map(|row| &row[left * channels..right * channels]).copied().collect();
                assert_eq!(part, expected, "{name} at {scale:?}: {area:?}");
            }
            for (columns, rows) in [(0..0, 0..1), (0..1, 1..1), (0..width + 1, 0..1), (0..1, 0..height + 1)] {
                let error = decode_area(&bytes, scale, Area { columns, rows }).unwrap_err();
                assert_eq!(kind(&error), "area");
            }
        }
    }
}

#[test]
fn scales_are_chosen_as_draft_chooses() {
    let bytes = golden("jpeg/quality-30.jpg");
    let decoder = Decoder::new(&bytes).unwrap();
    for (size, scale) in [
        ((45, 35), Scale::Full),
        ((23, 18), Scale::Full),
        ((22, 17), Scale::Half),
        ((11, 9), Scale::Half),
        ((11, 8), Scale::Quarter),
        ((5, 5), Scale::Quarter),
        ((5, 4), Scale::Eighth),
        ((0, 0), Scale::Eighth),
        ((1000, 1), Scale::Full),
    ] {
        assert_eq!(decoder.scale_for(size.0, size.1), scale, "{size:?}");
    }
}

#[test]
fn the_zigzag_is_the_standards() {
    assert_eq!(ZIGZAG[..16], [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5]);
    assert_eq!(ZIGZAG[59..67], [54, 47, 55, 62, 63, 63, 63, 63][..]);
    let mut sorted = ZIGZAG[..64].to_vec();
    sorted.sort_unstable();
    assert!(sorted.iter().enumerate().all(|(i, &place)| i == usize::from(place)));
}

#[test]
fn vector_transforms_equal_the_scalar_one() {
    let (fast, plain) = (Kernels::best(), Kernels::SCALAR);
    let mut noise = Noise(1);
    for case in 0..20_000 {
        let (mut block, mut quantisers) = ([0i16; 64], [0i16; 64]);
        // From what pictures hold to what only damage brings.
        let wild = case % 4 == 0;
        let corner = case % 3 == 0;
        let count = noise.below(64);
        for _ in 0..count {
            let (x, y) = if corner { (noise.below(4), noise.below(4)) } else { (noise.below(8), noise.below(8)) };
            let value = noise.next() as i16;
            block[8 * y + x] = if wild { [value, i16::MIN, i16::MAX][noise.below(3)] } else { value >> 8 };
        }
        let wide = noise.next().is_multiple_of(2);
        quantisers
            .iter_mut()
            .for_each(|q| *q = if wild && wide { noise.next() as i16 } else { noise.below(100) as i16 });
        let stride = 8 + noise.below(9);
        let mut expected = vec![0xaa; 7 * stride + 8];
        let mut found = expected.clone();
        (plain.idct_8x8)(&block, &quantisers, &mut expected, stride);
        (fast.idct_8x8)(&block, &quantisers, &mut found, stride);
        assert_eq!(found, expected, "case {case}");
        let (mut half, mut fast_half) = (vec![0xaa; 3 * stride + 4], vec![0xaa; 3 * stride + 4]);
        (plain.idct_4x4)(&block, &quantisers, &mut half, stride);
        (fast.idct_4x4)(&block, &quantisers, &mut fast_half, stride);
        assert_eq!(fast_half, half, "half size, case {case}");
        if corner {
            found.fill(0xaa);
            (fast.idct_8x8_corner)(&block, &quantisers, &mut found, stride);
            assert_eq!(found, expected, "corner, case {case}");
        }
        if block[1..].iter().all(|&coefficient| coefficient == 0) {
            let mut filled = vec![0xaa; 7 * stride + 8];
            idct::fill(idct::dc_sample(block[0], quantisers[0]), 8, &mut filled, stride);
            assert_eq!(filled, expected, "DC alone, case {case}");
        }
    }
}

#[test]
fn vector_upsampling_and_colours_equal_the_scalar_ones() {
    let (fast, plain) = (Kernels::best(), Kernels::SCALAR);
    let mut noise = Noise(2);
    for width in (3..80).chain([200, 1001]) {
        for _ in 0..8 {
            let [a, b, c] = [0; 3].map(|_| noise.bytes(width));
            // What is beyond the result must stay as it is.
            let mut pair = [vec![7; 3 * width + 5], vec![7; 3 * width + 5]];
            let mut check = |what: &str, run: &dyn Fn(&Kernels, &mut [u8])| {
                run(&plain, &mut pair[0]);
                run(&fast, &mut pair[1]);
                assert_eq!(pair[0], pair[1], "{what}, width {width}");
            };
            check("horizontal", &|kernels, out| (kernels.horizontal)(&a, out));
            check("vertical, above", &|kernels, out| (kernels.vertical)(&a, &b, false, out));
            check("vertical, below", &|kernels, out| (kernels.vertical)(&a, &b, true, out));
            check("both", &|kernels, out| (kernels.both)(&a, &b, out));
            check("colours", &|kernels, out| (kernels.ycc_to_rgb)(&a, &b, &c, out));
        }
    }
}

#[test]
fn all_colours_equal_the_scalar_ones() {
    let (fast, plain) = (Kernels::best(), Kernels::SCALAR);
    let all: Vec<u8> = (0..=255).collect();
    let (mut expected, mut found) = (vec![0; 768], vec![0; 768]);
    for luminance in [0, 1, 77, 128, 200, 255] {
        for cr in 0..=255 {
            (plain.ycc_to_rgb)(&[luminance; 256], &all, &[cr; 256], &mut expected);
            (fast.ycc_to_rgb)(&[luminance; 256], &all, &[cr; 256], &mut found);
            assert_eq!(found, expected, "Y {luminance}, Cr {cr}");
        }
    }
}

#[test]
fn every_extent_is_enough() {
    let mut noise = Noise(3);
    for _ in 0..2000 {
        let mut block = [0; 64];
        let last = noise.below(64);
        block[usize::from(ZIGZAG[last])] = 1;
        let extent = Extent::of(&block);
        assert_eq!(extent.is_dc(), last == 0);
        assert!(!extent.is_corner() || block.iter().enumerate().all(|(i, &c)| c == 0 || (i % 8 < 4 && i / 8 < 4)));
    }
}

#[test]
fn what_is_not_read_says_so() {
    let mut bytes = golden("jpeg/quality-30.jpg");
    let at = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    for (marker, wanted) in [
        (0xc3, "unsupported"),
        (0xc5, "unsupported"),
        (0xc9, "unsupported"),
        (0xca, "unsupported"),
        (0xc8, "unsupported"),
        (0xd8, "broken"),
        (0x02, "broken"),
        (0xd9, "broken"),
    ] {
        bytes[at + 1] = marker;
        assert_eq!(kind(&decode(&bytes, Scale::Full).unwrap_err()), wanted, "{marker:02x}");
    }
    bytes[at + 1] = 0xc0;
    let good = bytes.clone();
    for (offset, value, wanted) in [
        (4, 12, "unsupported"),
        (5, 0xff, "too large"),
        (9, 2, "broken"),
        (11, 0x00, "broken"),
        (11, 0x51, "broken"),
        (12, 3, "broken"),
    ] {
        bytes.copy_from_slice(&good);
        bytes[at + offset] = value;
        if offset == 5 {
            bytes[at + 6] = 0xff;
        }
        assert_eq!(kind(&decode(&bytes, Scale::Full).unwrap_err()), wanted, "byte {offset}");
    }
    assert!(decode(&good, Scale::Full).is_ok());
}

#[test]
fn a_baseline_picture_may_lack_its_end_marker() {
    let whole = golden("jpeg/quality-30.jpg");
    let expected = decode(&whole, Scale::Full).unwrap();
    assert_eq!(decode(&whole[..whole.len() - 2], Scale::Full).unwrap(), expected);
    assert_eq!(decode(&[&whole[..], b"what follows\xff\xd8\xff\x02"].concat(), Scale::Full).unwrap(), expected);
    assert_eq!(kind(&decode(&whole[..whole.len() - 3], Scale::Full).unwrap_err()), "broken");
    let progressive = golden("jpeg/scans-by-bit-1x1.jpg");
    assert_eq!(kind(&decode(&progressive[..progressive.len() - 2], Scale::Full).unwrap_err()), "broken");
}

#[test]
fn endless_scans_are_refused() {
    let progressive = golden("jpeg/scans-by-bit-2x2.jpg");
    let last = progressive.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let scan = &progressive[last..progressive.len() - 2];
    let mut bytes = progressive[..last].to_vec();
    bytes.extend(scan.repeat(10_000));
    let error = decode(&bytes, Scale::Full).unwrap_err();
    assert_eq!(kind(&error), "too large", "{error}");
}

#[test]
fn codes_that_are_none_are_refused() {
    let code = |counts: [u8; 16], symbols: &[u8]| Code::new(&counts, symbols).unwrap();
    let table = |counts, symbols: &[u8], dc| huffman::Table::new(&code(counts, symbols), dc, true).is_ok();
    let counts = |short: &[u8]| std::array::from_fn(|i| short.get(i).copied().unwrap_or(0));
    assert!(table(counts(&[1, 1, 1]), &[1, 2, 3], true));
    // Two codes of one bit, one of them all ones; three of one bit; more than four of two.
    for short in [&[2][..], &[3], &[0, 5], &[1, 2]] {
        assert!(!table(counts(short), &[1, 2, 3, 4, 5][..short.iter().sum::<u8>().into()], false), "{short:?}");
    }
    assert!(!table(counts(&[1]), &[16], true));
    assert!(table(counts(&[1]), &[16], false));
    assert!(table(counts(&[]), &[], false));
}

/// Whatever is done to a file, it decodes or says why not.
/// What comes of `bytes`, their scans decoded one after the other.
fn decode_one_by_one(bytes: &[u8]) -> Result<Vec<u8>> {
    let decoder = Decoder { side_by_side: None, ..Decoder::new(bytes)? };
    let (width, height) = decoder.size(Scale::Full);
    let mut out = Vec::new();
    decoder.decode(Scale::Full, Area { columns: 0..width, rows: 0..height }, |rows| {
        out.extend_from_slice(rows);
        Ok::<(), Error>(())
    })?;
    Ok(out)
}

#[test]
fn scans_side_by_side_give_what_they_give_one_by_one() {
    let index: serde_json::Value = serde_json::from_slice(&golden("jpeg.json")).unwrap();
    let files = index["cases"].as_array().unwrap().iter().map(|case| case["file"].as_str().unwrap());
    let mut noise = Noise(9);
    let (mut whole, mut damaged) = (0, 0);
    for file in files {
        let mut bytes = golden(&format!("jpeg/{file}"));
        let is_side_by_side = |bytes: &[u8]| Decoder::new(bytes).is_ok_and(|decoder| decoder.side_by_side.is_some());
        if !is_side_by_side(&bytes) {
            continue;
        }
        whole += 1;
        for changes in 0..60 {
            if changes > 0 {
                // A bit, or a marker of any kind: in the data for the most part.
                let at = 2 + noise.below(bytes.len() - 3);
                match noise.below(4) {
                    0 => bytes[at..at + 2].copy_from_slice(&[0xff, noise.next() as u8]),
                    _ => bytes[at] ^= 1 << noise.below(8),
                }
            }
            let (together, one_by_one) = (decode(&bytes, Scale::Full), decode_one_by_one(&bytes));
            match (&together, &one_by_one) {
                (Ok(together), Ok(one_by_one)) => assert!(together == one_by_one, "{file} after {changes} changes"),
                (Err(_), Err(_)) => {}
                (one, other) => panic!("{file} after {changes} changes: {:?}, {:?}", one.is_ok(), other.is_ok()),
            }
            damaged += usize::from(changes > 0 && together.is_ok() && is_side_by_side(&bytes));
            if together.is_err() {
                bytes = golden(&format!("jpeg/{file}"));
            }
        }
    }
    assert!(whole >= 10 && damaged >= 100, "only {whole} files, {damaged} damaged ones that are read");
}

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
        let scale = [Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth][noise.below(4)];
        // A lying header may ask for a large picture: that is what limits are for.
        let small = |decoder: &Decoder<'_>| decoder.frame.width * decoder.frame.height < 1_000_000;
        if Decoder::new(&bytes).is_ok_and(|decoder| small(&decoder)) {
            let _ = decode(&bytes, scale);
        }
    }
}

#[test]
fn blocks_of_one_coefficient_are_all_the_same() {
    let mut noise = Noise(3);
    for _ in 0..20_000 {
        let (mut block, mut quantisers) = ([0i16; 64], [0i16; 64]);
        // Wild ones too: what overflows has to overflow alike.
        (block[0], quantisers[0]) = (noise.next() as i16, (noise.next() as i16) >> noise.below(16));
        let mut out = [0; 16];
        idct::idct_2x2(&block, &quantisers, &mut out, 8);
        let expected = idct::dc_sample_2x2(block[0], quantisers[0]);
        assert_eq!([out[0], out[1], out[8], out[9]], [expected; 4], "{} times {}", block[0], quantisers[0]);
    }
}
