//! Sums of products.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::Rng;
use crate::{Isa, Simd, Task};
use std::vec::Vec;

/// Two groups for sixteen lanes.
struct Dots<'a> {
    weights: &'a [[i8; 64]; 2],
    activations: &'a [[u8; 4]; 2],
    start: &'a [i32; 16],
}

impl Task for Dots<'_> {
    /// `dot` of the first group, and `dot_pair`.
    type Output = [Vec<i32>; 2];

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let mut sums = [std::vec![0; S::LANES], std::vec![0; S::LANES]];
        // SAFETY: a vector has at most sixteen lanes, and a group at most four weights in each.
        unsafe {
            let acc = simd.load_int(self.start.as_ptr());
            let w = [simd.load_weights(self.weights[0].as_ptr()), simd.load_weights(self.weights[1].as_ptr())];
            let [first, second] = self.activations;
            let unit = simd.unit();
            let a = [simd.load_group(first.as_ptr()), simd.load_group(second.as_ptr())];
            simd.store_int(sums[0].as_mut_ptr(), simd.dot(acc, w[0], a[0], unit));
            simd.store_int(sums[1].as_mut_ptr(), simd.dot_pair(acc, w, a, unit));
        }
        sums
    }
}

/// What is summed in a lane.
fn sum(isa: Isa, lane: usize, weights: &[i8], activations: [u8; 4]) -> i32 {
    let group = isa.shape().group;
    let activation = |j: usize| match group {
        4 => i32::from(activations[j]),
        _ => i32::from(i16::from_le_bytes([activations[2 * j], activations[2 * j + 1]])),
    };
    (0..group).map(|j| i32::from(weights[lane * group + j]) * activation(j)).sum()
}

#[test]
fn dot_products_are_exact() {
    let mut rng = Rng(3);
    for case in 0..4000 {
        // Of the first half any weights, of the second those of which four can be added in 16 bits.
        let pair = case % 2 == 1;
        let extremes = if pair { [64, -64, 0] } else { [127, -128, 0] };
        let weights: [[i8; 64]; 2] = core::array::from_fn(|_| {
            core::array::from_fn(|_| {
                rng.one_of(&extremes, |b| if pair { ((b % 129) as i32 - 64) as i8 } else { b as i8 })
            })
        });
        let bytes: [[u8; 4]; 2] =
            core::array::from_fn(|_| core::array::from_fn(|_| rng.one_of(&[0, 127], |bits| bits as u8 & 127)));
        let start: [i32; 16] = core::array::from_fn(|_| rng.bits() as i32 / 2);
        for isa in Isa::available() {
            let shape = isa.shape();
            // Two in 16 bits, or four in 8.
            let activations = if shape.group == 2 { bytes.map(|[a, b, _, _]| [a, 0, b, 0]) } else { bytes };
            let [one, two] = isa.run(Dots { weights: &weights, activations: &activations, start: &start });
            for lane in 0..shape.lanes {
                let first = start[lane] + sum(isa, lane, &weights[0], activations[0]);
                assert_eq!(one[lane], first, "{isa:?} {weights:?} {activations:?}");
                if pair {
                    assert_eq!(two[lane], first + sum(isa, lane, &weights[1], activations[1]), "{isa:?} {weights:?}");
                }
            }
        }
    }
}

/// Groups of eight, each against the same weights.
struct Groups<'a>(&'a [u8; 32], &'a [i8; 64]);

impl Task for Groups<'_> {
    type Output = Vec<Vec<i32>>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let mut sums = Vec::new();
        // SAFETY: there are eight groups, and weights for the widest vector.
        unsafe {
            let w = simd.load_weights(self.1.as_ptr());
            let mut push = |a: S::A| {
                let mut lanes = std::vec![0; S::LANES];
                simd.store_int(lanes.as_mut_ptr(), simd.dot(simd.splat_int(0), w, a, simd.unit()));
                sums.push(lanes);
            };
            simd.load_groups::<1>(self.0.as_ptr()).into_iter().for_each(&mut push);
            simd.load_groups::<2>(self.0.as_ptr()).into_iter().for_each(&mut push);
            simd.load_groups::<3>(self.0.as_ptr()).into_iter().for_each(&mut push);
            simd.load_groups::<6>(self.0.as_ptr()).into_iter().for_each(&mut push);
            simd.load_groups::<7>(self.0.as_ptr()).into_iter().for_each(&mut push);
            simd.load_groups::<8>(self.0.as_ptr()).into_iter().for_each(&mut push);
        }
        sums
    }
}

#[test]
fn groups_that_are_loaded_together_are_those_loaded_one_by_one() {
    let mut rng = Rng(4);
    for _ in 0..200 {
        let bytes: [u8; 32] = core::array::from_fn(|_| rng.bits() as u8 & 127);
        let weights: [i8; 64] = core::array::from_fn(|_| rng.bits() as i8);
        for isa in Isa::available() {
            let shape = isa.shape();
            let bytes =
                if shape.group == 2 { core::array::from_fn(|i| if i % 2 == 0 { bytes[i] } else { 0 }) } else { bytes };
            let groups = bytes.as_chunks::<4>().0;
            let sums = isa.run(Groups(&bytes, &weights));
            let all: Vec<[u8; 4]> = [1, 2, 3, 6, 7, 8].into_iter().flat_map(|n| &groups[..n]).copied().collect();
            assert_eq!(sums.len(), all.len());
            for (sums, group) in sums.iter().zip(all) {
                for (lane, &result) in sums.iter().enumerate() {
                    assert_eq!(result, sum(isa, lane, &weights, group), "{isa:?} {lane}");
                }
            }
        }
    }
}

/// Both halves of 14 bits, as groups.
struct Split<'a>(&'a [i32; 16]);

impl Task for Split<'_> {
    type Output = [[u8; 64]; 2];

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        const STRIDE: usize = 6;
        let mut bytes = [[0xEE; 64]; 2];
        // SAFETY: a vector has at most sixteen lanes, and at most four groups.
        unsafe {
            let [upper, lower] = simd.split_14(simd.load_int(self.0.as_ptr()));
            simd.store_groups(bytes[0].as_mut_ptr(), STRIDE, upper);
            simd.store_groups(bytes[1].as_mut_ptr(), STRIDE, lower);
        }
        bytes
    }
}

#[test]
fn fourteen_bits_become_groups_of_seven() {
    let mut rng = Rng(5);
    for _ in 0..500 {
        let values: [i32; 16] =
            core::array::from_fn(|_| rng.one_of(&[0, 16_383, 127, 128], |bits| bits as i32 & 16_383));
        for isa in Isa::available() {
            let shape = isa.shape();
            let mut expected = [[0xEE; 64]; 2];
            for (lane, value) in values.into_iter().take(shape.lanes).enumerate() {
                let place = lane / shape.group * 6 + lane % shape.group * (4 / shape.group);
                for (expected, value) in expected.iter_mut().zip([value >> 7, value & 127]) {
                    expected[place..place + 4 / shape.group].copy_from_slice(&value.to_le_bytes()[..4 / shape.group]);
                }
            }
            assert_eq!(isa.run(Split(&values)), expected, "{isa:?}");
        }
    }
}

/// 8-bit values times 16-bit ones.
struct Wide<'a>(&'a [i8; 32], &'a [i16; 32]);

impl Task for Wide<'_> {
    type Output = i32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> i32 {
        let mut lanes = [0; 16];
        // SAFETY: twice the lanes of the widest vector are 32.
        unsafe {
            let mut acc = simd.splat_int(0);
            for i in (0..32).step_by(2 * S::LANES) {
                acc = simd.dot_16(acc, self.0.as_ptr().add(i), self.1.as_ptr().add(i));
            }
            simd.store_int(lanes.as_mut_ptr(), acc);
        }
        lanes.into_iter().fold(0, i32::wrapping_add)
    }
}

#[test]
fn products_with_16_bits_wrap_around() {
    let mut rng = Rng(6);
    for _ in 0..2000 {
        let a: [i8; 32] = core::array::from_fn(|_| rng.one_of(&[127, -128], |bits| bits as i8));
        let b: [i16; 32] = core::array::from_fn(|_| rng.one_of(&[i16::MAX, i16::MIN], |bits| bits as i16));
        let expected = a.iter().zip(b).fold(0i32, |sum, (&a, b)| sum.wrapping_add(i32::from(a) * i32::from(b)));
        for isa in Isa::available() {
            assert_eq!(isa.run(Wide(&a, &b)), expected, "{isa:?}");
        }
    }
}
