//! Zstandard, by the crate `ruzstd`: a frame for each strip.

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::io::Read;

/// The largest window that is taken.
pub(super) const MOST_MEMORY: u64 = 64 << 20;

/// A decoder, whose tables are used again for each strip.
pub(super) struct Zstd {
    decoder: FrameDecoder,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MOST_MEMORY);
        Self { decoder }
    }

    /// Fills `out`. Returns the bytes that were read, and whether there were enough; what is missing is zero.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut [u8]) -> (usize, bool) {
        let mut rest = input;
        let made = self.run(&mut rest, out);
        out[made..].fill(0);
        (input.len() - rest.len(), made == out.len())
    }

    fn run(&mut self, rest: &mut &[u8], out: &mut [u8]) -> usize {
        let mut made = 0;
        if self.decoder.reset(&mut *rest).is_err() {
            return made;
        }
        while made < out.len() {
            let ended = self.decoder.is_finished();
            if !ended && self.decoder.decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBlocks(1)).is_err() {
                break;
            }
            match self.decoder.read(&mut out[made..]) {
                Ok(0) if ended => break,
                Ok(count) => made += count,
                Err(_) => break,
            }
        }
        made
    }
}
