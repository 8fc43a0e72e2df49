//! Photographs of many megapixels, made by hand in a few hundred kilobytes: all gray, but whole and valid.

fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    file.extend([0xff, marker]);
    file.extend((content.len() as u16 + 2).to_be_bytes());
    file.extend(content);
}

/// Everything before the scan's data. `sampling` is the brightness's, as in the file: 0x22 is 4:2:0.
fn headers(frame: u8, (width, height): (u16, u16), sampling: u8, orientation: u8) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    let exif = [b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", [orientation].as_slice(), &[0; 6]].concat();
    segment(&mut file, 0xe1, &exif);
    segment(&mut file, 0xdb, &[&[0], [1; 64].as_slice()].concat());
    let [h1, h0] = height.to_be_bytes();
    let [w1, w0] = width.to_be_bytes();
    segment(&mut file, frame, &[8, h1, h0, w1, w0, 3, 1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0]);
    file
}

/// A baseline JPEG in 4:2:0, by the standard's own Huffman tables, which it need not bring along. Both sides are
/// multiples of 16.
pub fn baseline_jpeg(width: u16, height: u16, orientation: u8) -> Vec<u8> {
    let mut file = headers(0xc0, (width, height), 0x22, orientation);
    segment(&mut file, 0xda, &[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
    // Four blocks of brightness (a difference of 0: 00, no more coefficients: 1010), two of color (00, 00).
    let mcus = usize::from(width / 16) * usize::from(height / 16);
    file.extend([0x28, 0xa2, 0x8a, 0x00].repeat(mcus));
    file.extend([0xff, 0xd9]);
    file
}

/// A progressive JPEG of DC coefficients only; `sampling` 0x22 or 0x11, both sides multiples of 16.
pub fn progressive_jpeg(width: u16, height: u16, sampling: u8) -> Vec<u8> {
    let mut file = headers(0xc2, (width, height), sampling, 1);
    // One code, 0: no difference.
    segment(&mut file, 0xc4, &[&[0, 1], [0; 15].as_slice(), &[0]].concat());
    segment(&mut file, 0xda, &[3, 1, 0, 2, 0, 3, 0, 0, 0, 0]);
    let blocks = usize::from(width) * usize::from(height) / 64;
    let all = if sampling == 0x22 { blocks * 3 / 2 } else { blocks * 3 };
    file.extend(vec![0; all.div_ceil(8)]);
    file.extend([0xff, 0xd9]);
    file
}

/// The same with all of its scans: the AC coefficients, too, are all zero.
pub fn complete_progressive_jpeg(width: u16, height: u16, sampling: u8) -> Vec<u8> {
    let mut file = progressive_jpeg(width, height, sampling);
    file.truncate(file.len() - 2);
    // One code, 0: the end of the block.
    segment(&mut file, 0xc4, &[&[0x10, 1], [0; 15].as_slice(), &[0]].concat());
    let blocks = usize::from(width) * usize::from(height) / 64;
    for component in 1..=3 {
        segment(&mut file, 0xda, &[1, component, 0, 1, 63, 0]);
        let blocks = if sampling == 0x22 && component > 1 { blocks / 4 } else { blocks };
        file.extend(vec![0; blocks.div_ceil(8)]);
    }
    file.extend([0xff, 0xd9]);
    file
}

/// A PNG of RGB zeros.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat());
    let length = (u64::from(width) * 3 + 1) * u64::from(height);
    chunk(&mut file, b"IDAT", &zlib_zeros(length));
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    file.extend((content.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(name);
    file.extend(content);
    let mut sum = u32::MAX;
    for byte in &file[start..] {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    file.extend((!sum).to_be_bytes());
}

/// `length` zeros, deflated by the fixed codes: one zero, and then repetitions of it, up to 258 at a time.
fn zlib_zeros(length: u64) -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x78, 0x01], free: 0 };
    bits.push(0b011, 3); // the last block, by fixed codes
    let literal = |bits: &mut Bits| bits.push_code(0b0011_0000, 8);
    let repeats = (length - 1) / 258;
    literal(&mut bits);
    for _ in 0..repeats {
        bits.push_code(0b1100_0101, 8); // 258 of what was
        bits.push_code(0, 5); // one byte back
    }
    (0..(length - 1) % 258).for_each(|_| literal(&mut bits));
    bits.push_code(0, 7);
    let adler = (length % 65521) << 16 | 1;
    bits.bytes.extend((adler as u32).to_be_bytes());
    bits.bytes
}

struct Bits {
    bytes: Vec<u8>,
    /// Bits not yet used of the last byte.
    free: u32,
}

impl Bits {
    /// The least significant bit first.
    fn push(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) as u8) << (8 - self.free);
            }
            self.free -= 1;
        }
    }

    /// A Huffman code: its most significant bit first.
    fn push_code(&mut self, code: u32, length: u32) {
        (0..length).rev().for_each(|bit| self.push(code >> bit & 1, 1));
    }
}
