//! CRC-32 as zlib, PNG and Python's `zlib.crc32` have it, eight bytes a step.

/// Eight tables of 256: entry `b` of table `t` is the checksum of byte `b` with `t` zero bytes after it. Filled at run time:
/// the package would carry it otherwise.
pub type Tables = [[u32; 256]; 8];

/// Fills the tables.
pub fn fill_tables(tables: &mut Tables) {
    for byte in 0..256u32 {
        let mut crc = byte;
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
        tables[0][byte as usize] = crc;
    }
    for t in 1..8 {
        for byte in 0..256 {
            let crc = tables[t - 1][byte];
            tables[t][byte] = (crc >> 8) ^ tables[0][(crc & 255) as usize];
        }
    }
}

/// The checksum of what had `crc` before, 0 to begin, and of `bytes` after it.
pub fn crc32(tables: &Tables, crc: u32, bytes: &[u8]) -> u32 {
    let mut crc = !crc;
    let (steps, rest) = bytes.as_chunks::<8>();
    for step in steps {
        let all = u64::from_le_bytes(*step) ^ u64::from(crc);
        crc = (0..8).fold(0, |sum, i| sum ^ tables[7 - i][(all >> (8 * i)) as usize & 255]);
    }
    for &byte in rest {
        crc = (crc >> 8) ^ tables[0][((crc ^ u32::from(byte)) & 255) as usize];
    }
    !crc
}
