//! A picture as a PNG, which terminals read. It is small and seen once: each row as differences from the pixel before, and
//! fdeflate's fast compression, which is made for those.

use super::Picture;

/// The file's bytes.
pub fn encode(&Picture { width, height, ref rgb }: &Picture) -> Vec<u8> {
    let mut rows = Vec::with_capacity(rgb.len() + height);
    for row in rgb.chunks_exact(width * 3) {
        rows.push(1); // the filter "Sub"
        let before = [0; 3].iter().chain(row);
        rows.extend(row.iter().zip(before).map(|(value, before)| value.wrapping_sub(*before)));
    }
    let mut header = [width, height].map(|length| (length as u32).to_be_bytes()).concat();
    header.extend([8, 2, 0, 0, 0]); // 8 bits, RGB, and the only compression, set of filters and order that are
    let mut file = Vec::from(*b"\x89PNG\r\n\x1a\n");
    for (kind, data) in [(b"IHDR", header), (b"IDAT", fdeflate::compress_to_vec(&rows)), (b"IEND", Vec::new())] {
        file.extend((data.len() as u32).to_be_bytes());
        let chunk = [&kind[..], &data].concat();
        file.extend(&chunk);
        file.extend(crc32fast::hash(&chunk).to_be_bytes());
    }
    file
}
