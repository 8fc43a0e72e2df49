use super::*;

/// Unpacks `stream`, of which `piece` bytes come at a time, into a buffer that has space for `space` bytes at a time.
fn unpacked(stream: &[u8], piece: usize, space: usize) -> Result<(Vec<u8>, bool), Broken> {
    let mut inflate = Inflate::new();
    let mut all = Vec::new();
    let mut buffer = vec![0; WINDOW + space];
    let mut at = 0;
    for mut input in stream.chunks(piece) {
        loop {
            let end = inflate.read(&mut input, &mut buffer, at)?;
            all.extend_from_slice(&buffer[at..end]);
            at = end;
            if at < buffer.len() {
                break;
            }
            buffer.copy_within(at - WINDOW.., 0);
            at = WINDOW;
        }
        assert!(input.is_empty() || inflate.is_done());
    }
    Ok((all, inflate.is_done()))
}

/// Noise, runs, short and long patterns, text.
fn kinds() -> Vec<Vec<u8>> {
    let mut seed = 1u32;
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 16
    };
    let mut kinds = vec![Vec::new(), vec![7], vec![0; 100_000]];
    kinds.push((0..90_000).map(|_| random() as u8).collect());
    kinds.push((0..90_000).map(|_| (random() % 7 * (random() % 5)) as u8).collect());
    kinds.push((0..300_000).map(|i| if i % 1000 < 900 { (i % 7) as u8 } else { random() as u8 }).collect());
    kinds.push((0..300_000u32).map(|i| (((i % 32_768).wrapping_mul(2_654_435_761) % 65_537) >> 8) as u8).collect());
    for period in 2..20 {
        kinds.push((0..5000).map(|i| (i % period * 37) as u8).collect());
    }
    kinds
}

#[test]
fn what_was_packed_comes_back() {
    for data in kinds() {
        for level in [0, 1, 2, 6, 9] {
            let stream = miniz_oxide::deflate::compress_to_vec_zlib(&data, level);
            for (piece, space) in [(usize::MAX, 1 << 20), (8192, 5000), (65_536, 100), (1, 70_000), (13, 1)] {
                // The slow ways are not gone to the end.
                if piece.min(space) < 100 && data.len() > 20_000 && level != 6 {
                    continue;
                }
                let (found, done) = unpacked(&stream, piece, space).unwrap();
                assert!(found == data && done, "{} bytes at level {level}, {piece} and {space} at a time", data.len());
            }
        }
        let huffman_alone = fdeflate::compress_to_vec(&data);
        assert!(unpacked(&huffman_alone, 999, 9999).unwrap() == (data, true));
    }
}

#[test]
fn what_is_broken_is_an_error_or_other_data_and_nothing_worse() {
    let data: Vec<u8> = (0..4000u32).map(|i| ((i * i) >> 7) as u8).collect();
    for level in [0, 1, 6] {
        let stream = miniz_oxide::deflate::compress_to_vec_zlib(&data, level);
        for length in 0..stream.len() {
            let (found, done) = unpacked(&stream[..length], usize::MAX, 10_000).unwrap();
            assert!(data.starts_with(&found) && !done);
        }
        for bit in 0..stream.len() * 8 {
            let mut stream = stream.clone();
            stream[bit / 8] ^= 1 << (bit % 8);
            // Some bits say nothing that matters.
            if let Ok((found, true)) = unpacked(&stream, usize::MAX, 100_000) {
                assert!(found == data, "bit {bit}");
            }
        }
    }
}

#[test]
fn what_follows_the_last_byte_that_has_space_is_looked_at() {
    let mut stream = miniz_oxide::deflate::compress_to_vec_zlib(&[5; 1000], 6);
    let read = |stream: &[u8], space: usize| {
        let mut buffer = vec![0; space];
        let mut inflate = Inflate::new();
        inflate.read(&mut &stream[..], &mut buffer, 0).map(|end| (end, inflate.is_done()))
    };
    assert_eq!(read(&stream, 1000), Ok((1000, true)));
    assert_eq!(read(&stream, 999), Ok((999, false)));
    // A part of the checksum is no checksum.
    assert_eq!(read(&stream[..stream.len() - 1], 1000), Ok((1000, false)));
    let last = stream.len() - 1;
    stream[last] ^= 1;
    assert!(read(&stream, 1000).is_err());
    assert_eq!(read(&stream, 999), Ok((999, false)));
}

/// What had been written when the stream turned out to be broken, or its input ended; and what was wrong with it.
fn until_broken(stream: &[u8], piece: usize) -> (Vec<u8>, Option<Broken>) {
    let mut inflate = Inflate::new();
    let mut buffer = vec![0; 20_000];
    let mut at = 0;
    for mut input in stream.chunks(piece) {
        match inflate.read(&mut input, &mut buffer, at) {
            Ok(end) => at = end,
            Err(broken) => {
                buffer.truncate(inflate.reached());
                return (buffer, Some(broken));
            }
        }
    }
    buffer.truncate(at);
    (buffer, None)
}

#[test]
fn what_was_written_before_an_error_does_not_depend_on_the_pieces() {
    // Long enough for the fast loop, with literals and repetitions.
    let data: Vec<u8> = (0..6000u32).map(|i| ((i * i) >> 7) as u8 ^ (i % 90 / 80) as u8).collect();
    let mut broken = 0;
    for level in [1, 6] {
        let stream = miniz_oxide::deflate::compress_to_vec_zlib(&data, level);
        for bit in (0..stream.len() * 8).step_by(3) {
            let mut stream = stream.clone();
            stream[bit / 8] ^= 1 << (bit % 8);
            let whole = until_broken(&stream, usize::MAX);
            assert!(whole == until_broken(&stream, 1), "bit {bit} at level {level}: {:?}", whole.1);
            broken += usize::from(whole.1.is_some() && whole.0.len() > 300);
        }
    }
    assert!(broken > 100, "only {broken} streams broke in their middle");
}

#[test]
fn what_was_written_before_a_symbol_that_there_is_not_is_kept() {
    // A block with the codes of the standard: 300 times the letter A, then symbol 286, then zeros.
    let mut bits = vec![true, true, false];
    let mut append = |code: u32, length: u32| bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
    (0..300).for_each(|_| append(0b0011_0000 + 65, 8));
    append(0b1100_0110, 8);
    let packed = bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |value, &bit| value << 1 | u8::from(bit)));
    let stream: Vec<u8> = [0x78, 0x01].into_iter().chain(packed).chain([0; 100]).collect();
    let (data, broken) = until_broken(&stream, usize::MAX);
    assert!(broken.is_some());
    assert_eq!(data, [b'A'; 300]);
    assert_eq!(until_broken(&stream, 1), (data, broken));
}
