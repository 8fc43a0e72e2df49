//! The transforms to 8x8 and 4x4 samples in plain arithmetic, which the vectors are tested against.

use super::*;

/// Dequantized coefficients, and whether rows 1 to 7 are all zero but those in `ignored`.
fn dequantize(coefficients: &[i16; 64], quantizers: &[i16; 64], ignored: &[usize]) -> ([i16; 64], bool) {
    let mut values = [0; 64];
    for (value, (c, q)) in values.iter_mut().zip(coefficients.iter().zip(quantizers)) {
        *value = c.wrapping_mul(*q);
    }
    let zero = |row: usize| coefficients[8 * row..8 * row + 8].iter().all(|&c| c == 0);
    (values, (1..8).all(|row| ignored.contains(&row) || zero(row)))
}

/// One dimension of the 8-point transform, before descaling.
fn eight(x: [i16; 8]) -> [i32; 8] {
    // Even part.
    let t3 = dot(F_0_541 + F_0_765, x[2], F_0_541, x[6]);
    let t2 = dot(F_0_541, x[2], F_0_541 - F_1_847, x[6]);
    let t0 = i32::from(x[0].wrapping_add(x[4])) << CONST_BITS;
    let t1 = i32::from(x[0].wrapping_sub(x[4])) << CONST_BITS;
    let even = [t0.wrapping_add(t3), t1.wrapping_add(t2), t1.wrapping_sub(t2), t0.wrapping_sub(t3)];
    // Odd part.
    let z3 = x[7].wrapping_add(x[3]);
    let z4 = x[5].wrapping_add(x[1]);
    let (z3, z4) = (dot(F_1_175 - F_1_961, z3, F_1_175, z4), dot(F_1_175, z3, F_1_175 - F_0_390, z4));
    let odd = [
        dot(-F_0_899, x[7], F_1_501 - F_0_899, x[1]).wrapping_add(z4),
        dot(-F_2_562, x[5], F_3_072 - F_2_562, x[3]).wrapping_add(z3),
        dot(F_2_053 - F_2_562, x[5], -F_2_562, x[3]).wrapping_add(z4),
        dot(F_0_298 - F_0_899, x[7], -F_0_899, x[1]).wrapping_add(z3),
    ];
    let mut out = [0; 8];
    for i in 0..4 {
        out[i] = even[i].wrapping_add(odd[i]);
        out[7 - i] = even[i].wrapping_sub(odd[i]);
    }
    out
}

/// 8x8 samples.
pub(crate) fn idct_8x8(coefficients: &[i16; 64], quantizers: &[i16; 64], out: &mut [u8], stride: usize) {
    let (values, flat) = dequantize(coefficients, quantizers, &[]);
    let mut between = [0i16; 64];
    for x in 0..8 {
        if flat {
            (0..8).for_each(|y| between[8 * y + x] = values[x] << PASS1_BITS);
        } else {
            let column = eight(std::array::from_fn(|y| values[8 * y + x]));
            (0..8).for_each(|y| between[8 * y + x] = descale(column[y], CONST_BITS - PASS1_BITS));
        }
    }
    for (row, line) in between.as_chunks::<8>().0.iter().zip(out.chunks_mut(stride)) {
        let values = eight(*row);
        for (to, value) in line.iter_mut().zip(values) {
            *to = sample(descale(value, CONST_BITS + PASS1_BITS + 3).into());
        }
    }
}

/// One dimension of the 4-point transform of 8 values, the fifth of which has no say; before descaling.
fn four(x: [i16; 8]) -> [i32; 4] {
    let t0 = i32::from(x[0]) << (CONST_BITS + 1);
    let t2 = dot(F_1_847, x[2], -F_0_765, x[6]);
    let (even0, even1) = (t0.wrapping_add(t2), t0.wrapping_sub(t2));
    let odd0 = dot(F_2_562, x[1], F_0_899, x[3]).wrapping_add(dot(-F_0_601, x[5], -F_0_509, x[7]));
    let odd1 = dot(F_1_061, x[1], -F_2_172, x[3]).wrapping_add(dot(F_1_451, x[5], -F_0_211, x[7]));
    [even0.wrapping_add(odd0), even1.wrapping_add(odd1), even1.wrapping_sub(odd1), even0.wrapping_sub(odd0)]
}

/// 4x4 samples: the picture at half its size.
pub(crate) fn idct_4x4(coefficients: &[i16; 64], quantizers: &[i16; 64], out: &mut [u8], stride: usize) {
    let (values, flat) = dequantize(coefficients, quantizers, &[4]);
    let mut between = [0i16; 32];
    for x in 0..8 {
        if flat {
            (0..4).for_each(|y| between[8 * y + x] = values[x] << PASS1_BITS);
        } else {
            let column = four(std::array::from_fn(|y| values[8 * y + x]));
            (0..4).for_each(|y| between[8 * y + x] = descale(column[y], CONST_BITS - PASS1_BITS + 1));
        }
    }
    for (row, line) in between.as_chunks::<8>().0.iter().zip(out.chunks_mut(stride)) {
        for (to, value) in line.iter_mut().zip(four(*row)) {
            *to = sample(descale(value, CONST_BITS + PASS1_BITS + 3 + 1).into());
        }
    }
}
