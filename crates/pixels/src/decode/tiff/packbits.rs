//! PackBits: bytes as they are, or one byte many times. Runs go on from row to row, as libtiff lets them
//! (`tif_packbits.c`).

/// Fills `out`. Returns the bytes that were read, and whether there were enough; what is missing is zero.
pub(super) fn decode(input: &[u8], out: &mut [u8]) -> (usize, bool) {
    let (mut at, mut made) = (0, 0);
    while made < out.len() {
        let Some(&head) = input.get(at) else { break };
        at += 1;
        let left = out.len() - made;
        if head < 128 {
            let length = (usize::from(head) + 1).min(left);
            let Some(bytes) = input.get(at..at + length) else { break };
            out[made..made + length].copy_from_slice(bytes);
            (at, made) = (at + length, made + length);
        } else if head > 128 {
            let length = (257 - usize::from(head)).min(left);
            let Some(&byte) = input.get(at) else { break };
            out[made..made + length].fill(byte);
            (at, made) = (at + 1, made + length);
        }
    }
    out[made..].fill(0);
    (at, made == out.len())
}
