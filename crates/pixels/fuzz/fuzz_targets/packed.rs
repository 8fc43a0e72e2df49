//! Bytes packed as plainly as a compression lets them be.
#![allow(dead_code, reason = "each target has its own part of it")]

/// `bytes` packed by TIFF's compression of this number, if it is one of those that are simple.
pub fn by(compression: u32, bytes: &[u8]) -> Option<Vec<u8>> {
    match compression {
        1 => Some(bytes.to_vec()),
        5 => Some(lzw(bytes)),
        8 | 32946 => Some(zlib(bytes)),
        32773 => Some(bytes.chunks(128).flat_map(|run| [&[run.len() as u8 - 1], run].concat()).collect()),
        _ => None,
    }
}

/// Stored blocks.
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = bytes.chunks(0xffff);
    let last = blocks.len().saturating_sub(1);
    for (index, block) in blocks.enumerate() {
        let len = block.len() as u16;
        out.push(u8::from(index == last));
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(block);
    }
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// Codes of nine bits for bytes, begun again before they have ten.
fn lzw(bytes: &[u8]) -> Vec<u8> {
    let codes = bytes.chunks(200).flat_map(|run| std::iter::once(256).chain(run.iter().map(|byte| u32::from(*byte))));
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for code in codes.chain([257, 0]) {
        bits = bits << 9 | code;
        held += 9;
        while held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}
