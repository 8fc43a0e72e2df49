//! Sixteen bytes: every set against [`scalar`](crate::arch), and that against plain arithmetic where it is not plain itself.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::Rng;
use crate::{Bytes, BytesTask, Isa};
use std::vec::Vec;

/// All operations on two vectors: the name of each and its bytes.
struct All<'a>(&'a [u8; 16], &'a [u8; 16]);

impl BytesTask for All<'_> {
    type Output = Vec<(&'static str, Vec<u8>)>;

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) -> Self::Output {
        let mut results: Self::Output = Vec::new();
        let Self(x, y) = self;
        let stored = |v: B::V| {
            let mut out = std::vec![0; 16];
            // SAFETY: there are sixteen bytes.
            unsafe { bytes.store(out.as_mut_ptr(), v) };
            out
        };
        // SAFETY: inputs are sixteen bytes, and outputs as long as it takes.
        unsafe {
            let (a, b) = (bytes.load(x.as_ptr()), bytes.load(y.as_ptr()));
            results.push(("load and store", stored(a)));
            results.push(("load_wide", stored(bytes.load_wide(x.as_ptr().add(3)))));
            results.push(("load_halves", stored(bytes.load_halves(x.as_ptr().add(1), y.as_ptr().add(8)))));
            let mut out = [0xEE; 64];
            let place = out.as_mut_ptr();
            bytes.store_halves(place.add(1), place.add(30), a);
            results.push(("store_halves", out.to_vec()));
            let mut out = [0xEE; 64];
            bytes.store_quarters(out.as_mut_ptr(), 7, a);
            results.push(("store_quarters", out.to_vec()));
            let mut out = [0xEE; 64];
            bytes.store_interleaved(out.as_mut_ptr().add(5), a, b, bytes.flip8(a));
            results.push(("store_interleaved", out.to_vec()));

            let word = i16::from_le_bytes([x[0], x[1]]);
            let int = i32::from_le_bytes([x[0], x[1], x[2], x[3]]);
            results.push(("first32", bytes.first32(a).to_le_bytes().to_vec()));
            results.push(("any", std::vec![u8::from(bytes.any(a))]));
            results.push(("any of nothing", std::vec![u8::from(bytes.any(bytes.sub16(a, a)))]));
            let mut pair = |name, (low, high): (B::V, B::V)| {
                results.push((name, stored(low)));
                results.push((name, stored(high)));
            };
            pair("widen8", bytes.widen8(a));
            pair("zip8", bytes.zip8(a, b));
            pair("zip16", bytes.zip16(a, b));
            pair("zip32", bytes.zip32(a, b));
            pair("zip64", bytes.zip64(a, b));
            let each = [
                ("splat16", bytes.splat16(word)),
                ("pairs16", bytes.pairs16(word, i16::from_le_bytes([x[2], x[3]]))),
                ("splat32", bytes.splat32(int)),
                ("splat8", bytes.splat8(x[0])),
                ("or", bytes.or(a, b)),
                ("and", bytes.and(a, b)),
                ("and_not", bytes.and_not(a, b)),
                ("equal8", bytes.equal8(a, b)),
                ("add_clamped8", bytes.add_clamped8(a, b)),
                ("sub_clamped8", bytes.sub_clamped8(a, b)),
                ("add_unsigned8", bytes.add_unsigned8(a, b)),
                ("sub_unsigned8", bytes.sub_unsigned8(a, b)),
                ("shr8 by 1", bytes.shr8::<1>(a)),
                ("shr8 by 3", bytes.shr8::<3>(a)),
                ("shr8 by 7", bytes.shr8::<7>(a)),
                ("mul_high16", bytes.mul_high16(a, b)),
                ("scale8", bytes.scale8(bytes.shr16::<8>(a), word as u16)),
                ("sub_unsigned16", bytes.sub_unsigned16(a, b)),
                ("shr16_signed by 1", bytes.shr16_signed::<1>(a)),
                ("shr16_signed by 8", bytes.shr16_signed::<8>(a)),
                ("flip8", bytes.flip8(a)),
                ("add16", bytes.add16(a, b)),
                ("sub16", bytes.sub16(a, b)),
                ("mul16", bytes.mul16(a, b)),
                ("mul_round16", bytes.mul_round16(a, b)),
                ("shl16 by 0", bytes.shl16::<0>(a)),
                ("shl16 by 1", bytes.shl16::<1>(a)),
                ("shl16 by 8", bytes.shl16::<8>(a)),
                ("shl16 by 15", bytes.shl16::<15>(a)),
                ("shr16 by 0", bytes.shr16::<0>(a)),
                ("shr16 by 2", bytes.shr16::<2>(a)),
                ("shr16 by 15", bytes.shr16::<15>(a)),
                ("dot16", bytes.dot16(a, b)),
                ("add32", bytes.add32(a, b)),
                ("sub32", bytes.sub32(a, b)),
                ("shl32 by 0", bytes.shl32::<0>(a)),
                ("shl32 by 12", bytes.shl32::<12>(a)),
                ("shl32 by 31", bytes.shl32::<31>(a)),
                ("shr32 by 0", bytes.shr32::<0>(a)),
                ("shr32 by 11", bytes.shr32::<11>(a)),
                ("shr32 by 31", bytes.shr32::<31>(a)),
                ("narrow32", bytes.narrow32(a, b)),
                ("narrow16", bytes.narrow16(a, b)),
                ("narrow16_unsigned", bytes.narrow16_unsigned(a, b)),
                ("after16", bytes.after16(a, b)),
                ("before16", bytes.before16(a, b)),
                ("first_pixel_pair", bytes.first_pixel_pair(a)),
                ("second_pixel_pair", bytes.second_pixel_pair(a)),
                ("spread_pixels", bytes.spread_pixels(a)),
                ("close_pixels", bytes.close_pixels(a)),
                ("add8", bytes.add8(a, b)),
                ("min16", bytes.min16(a, b)),
                ("max16", bytes.max16(a, b)),
                ("greater16", bytes.greater16(a, b)),
                ("select", bytes.select(bytes.greater16(a, b), a, b)),
            ];
            results.extend(each.map(|(name, v)| (name, stored(v))));
        }
        results
    }
}

fn inputs(rng: &mut Rng) -> [u8; 16] {
    let extremes = [0, 1, -1, i16::MIN + 1, i16::MAX, 127, 128, -128, -129, 255, 256];
    let words: [i16; 8] = core::array::from_fn(|_| rng.one_of(&extremes, |bits| bits as i16));
    let mut bytes = [0; 16];
    for (bytes, word) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    bytes
}

#[test]
fn every_set_gives_what_the_scalar_one_gives() {
    let scalar = Isa::available().next().unwrap();
    assert_eq!(scalar.name(), "scalar");
    let mut rng = Rng(7);
    for case in 0..4000 {
        let (mut a, mut b) = (inputs(&mut rng), inputs(&mut rng));
        match case % 50 {
            0 => a = [0; 16],
            1 => b = a,
            // 32 bits, at their ends.
            2 => a = core::array::from_fn(|i| if i % 4 == 3 { 0x7F } else { 0xFF }),
            3 => a = core::array::from_fn(|i| if i % 4 == 3 { 0x80 } else { 0 }),
            _ => {}
        }
        let expected = scalar.run_bytes(All(&a, &b));
        for isa in Isa::available() {
            let results = isa.run_bytes(All(&a, &b));
            assert_eq!(results.len(), expected.len());
            for (result, expected) in results.iter().zip(&expected) {
                assert_eq!(result, expected, "{isa:?} of {a:?} and {b:?}");
            }
        }
    }
}

/// The scalar set is written in the same words as the others, so that these could all be wrong alike.
#[test]
fn what_is_not_plain_is_what_is_said() {
    struct Some;
    impl BytesTask for Some {
        type Output = ();
        #[inline(always)]
        fn run<B: Bytes>(self, bytes: B) {
            let words = |x: B::V| {
                let mut out = [0i16; 8];
                // SAFETY: there are sixteen bytes.
                unsafe { bytes.store(out.as_mut_ptr().cast(), x) };
                out
            };
            let (even, odd) = (bytes.pairs16(-3, 5), bytes.pairs16(7, i16::MIN));
            assert_eq!(words(even), [-3, 5, -3, 5, -3, 5, -3, 5]);
            // -21 - 5 · 2¹⁵
            assert_eq!(bytes.first32(bytes.dot16(even, odd)), -163_861);
            let least = bytes.splat16(i16::MIN);
            assert_eq!(bytes.first32(bytes.dot16(least, least)), i32::MIN);
            assert_eq!(words(bytes.mul_round16(bytes.pairs16(1 << 14, -(1 << 14)), bytes.splat16(1)))[..2], [1, 0]);
            assert_eq!(words(bytes.mul_high16(bytes.splat16(-30068), bytes.splat16(3)))[0], -2);
            assert_eq!(words(bytes.scale8(bytes.splat16(255), 33050))[0] as u16, 32920);
            assert_eq!(words(bytes.shr8::<3>(bytes.splat8(0xf0)))[0] as u16, 0xfefe);
            assert_eq!(words(bytes.narrow32(bytes.splat32(40_000), bytes.splat32(-40_000)))[3..5], [32_767, -32_768]);
            let pixels: [u8; 16] = core::array::from_fn(|i| i as u8);
            // SAFETY: there are sixteen bytes.
            let pixels = unsafe { bytes.load(pixels.as_ptr()) };
            assert_eq!(words(bytes.first_pixel_pair(pixels)), [0, 3, 1, 4, 2, 5, 0, 0]);
            assert_eq!(words(bytes.second_pixel_pair(pixels)), [6, 9, 7, 10, 8, 11, 0, 0]);
            let spread = [256, 2, 1027, 5, 1798, 8, 2569, 11];
            assert_eq!(words(bytes.spread_pixels(pixels)), spread);
            assert_eq!(words(bytes.close_pixels(bytes.spread_pixels(pixels)))[..6], words(pixels)[..6]);
            assert_eq!(words(bytes.greater16(even, odd))[..2], [0, -1]);
            let (low, high) = bytes.zip16(even, odd);
            assert_eq!(
                (words(low)[..4].to_vec(), words(high)[6..].to_vec()),
                (std::vec![-3, 7, 5, i16::MIN], std::vec![5, i16::MIN])
            );
            assert_eq!(words(bytes.after16(even, odd)), [i16::MIN, -3, 5, -3, 5, -3, 5, -3]);
            assert_eq!(words(bytes.before16(even, odd)), [5, -3, 5, -3, 5, -3, 5, 7]);
        }
    }
    Isa::available().for_each(|isa| isa.run_bytes(Some));
}
