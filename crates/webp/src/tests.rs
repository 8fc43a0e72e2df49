//! Every instruction set gives the same pixels. That the best one's are Pillow's is tested over all golden files.

use simd::Isa;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::Decoder;

macro_rules! golden {
    ($($name:literal)*) => {
        [$(($name, include_bytes!(concat!("../../../tests/golden/odd/webp/", $name, ".webp")).as_slice())),*]
    };
}

/// Frames of noise: all modes, all kinds of coefficients, and all filters.
const FILES: [(&str, &[u8]); 14] = golden![
    "normal-1" "normal-14" "normal-40" "simple-20" "sharp-5" "sharp-7" "deltas-0" "segments-relative" "partitions-2"
    "quantizers-high" "quantizers-low" "tokens" "size-17x15" "alpha-raw-4"
];

#[test]
fn every_set_gives_the_same_pixels() {
    for (name, bytes) in FILES {
        let decode = |isa| {
            let mut decoder = Decoder::new(bytes).unwrap();
            decoder.isa = isa;
            decoder.decode_whole().unwrap()
        };
        let expected = decode(Isa::best());
        for isa in Isa::available() {
            assert!(decode(isa) == expected, "{name} on {}", isa.name());
        }
    }
}
