//! Every instruction set against plain arithmetic, to the bit.

use simd::Isa;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::block::Extent;
use crate::tests::Noise;
use crate::{color, idct, upsample};

fn samples(noise: &mut Noise, count: usize) -> Vec<u8> {
    // Extremes are where rounding and clamping show.
    (0..count).map(|_| [0, 255, noise.next() as u8, noise.next() as u8][noise.below(4)]).collect()
}

/// Compares what `task` writes on every instruction set with what `twin` writes, beyond their results too.
fn check(what: &str, length: usize, twin: impl Fn(&mut [u8]), task: impl Fn(Isa, &mut [u8])) {
    let mut expected = vec![0xaa; length];
    twin(&mut expected);
    for isa in Isa::available() {
        let mut found = vec![0xaa; length];
        task(isa, &mut found);
        assert!(found == expected, "{what} on {}", isa.name());
    }
}

#[test]
fn transforms_equal_the_scalar_ones() {
    let mut noise = Noise(1);
    for case in 0..20_000 {
        let (mut block, mut quantizers) = ([0i16; 64], [0i16; 64]);
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
        quantizers
            .iter_mut()
            .for_each(|q| *q = if wild && wide { noise.next() as i16 } else { noise.below(100) as i16 });
        let stride = 8 + noise.below(9);
        let (full, half) = (7 * stride + 8, 3 * stride + 4);
        let (coefficients, quantizers) = (&block, &quantizers);
        let twin = |out: &mut [u8]| idct::twin::idct_8x8(coefficients, quantizers, out, stride);
        check(&format!("8x8, case {case}"), full, twin, |isa, out| {
            isa.run_bytes(Idct8x8(Transform { coefficients, quantizers, out, stride }));
        });
        if corner {
            check(&format!("corner, case {case}"), full, twin, |isa, out| {
                isa.run_bytes(Idct8x8Corner(Transform { coefficients, quantizers, out, stride }));
            });
        }
        if Extent::of(coefficients).is_dc() {
            check(&format!("DC alone, case {case}"), full, twin, |_, out| {
                idct::fill(idct::dc_sample(coefficients[0], quantizers[0]), 8, out, stride);
            });
        }
        let twin = |out: &mut [u8]| idct::twin::idct_4x4(coefficients, quantizers, out, stride);
        check(&format!("4x4, case {case}"), half, twin, |isa, out| {
            isa.run_bytes(Idct4x4(Transform { coefficients, quantizers, out, stride }));
        });
    }
}

#[test]
fn upsampling_and_colors_equal_the_scalar_ones() {
    let mut noise = Noise(2);
    for width in (3..80).chain([200, 1001]) {
        for _ in 0..8 {
            let [a, b, c] = [0; 3].map(|_| samples(&mut noise, width));
            let (row, near, far) = (&a[..], &a[..], &b[..]);
            let length = 3 * width + 5;
            let name = |what: &str| format!("{what}, width {width}");
            check(
                &name("horizontal"),
                length,
                |out| upsample::horizontal(row, out),
                |isa, out| isa.run_bytes(Horizontal { row, out }),
            );
            for below in [false, true] {
                check(
                    &name("vertical"),
                    length,
                    |out| upsample::vertical(near, far, below, out),
                    |isa, out| isa.run_bytes(Vertical { near, far, below, out }),
                );
            }
            check(
                &name("both"),
                length,
                |out| upsample::both(near, far, out),
                |isa, out| isa.run_bytes(Both { near, far, out }),
            );
            let (y, cb, cr) = (&a[..], &b[..], &c[..]);
            check(
                &name("colors"),
                length,
                |out| color::ycc_to_rgb(y, cb, cr, out),
                |isa, out| isa.run_bytes(YccToRgb { y, cb, cr, out }),
            );
        }
    }
}

#[test]
fn all_colors_equal_the_scalar_ones() {
    let all: Vec<u8> = (0..=255).collect();
    for luminance in [0, 1, 77, 128, 200, 255] {
        for cr in 0..=255 {
            let (y, cb, cr) = (&[luminance; 256][..], &all[..], &[cr; 256][..]);
            check(
                &format!("Y {luminance}, Cr {}", cr[0]),
                768,
                |out| color::ycc_to_rgb(y, cb, cr, out),
                |isa, out| isa.run_bytes(YccToRgb { y, cb, cr, out }),
            );
        }
    }
}
