//! Sixteen bytes as an array: the definition that every other set must equal.

use crate::Bytes;
use crate::ops::{ops, token};

token! {
    /// See the module.
    ScalarBytes: run_bytes BytesTask
}

type V = [u8; 16];

/// Lanes of 16 bits.
#[inline(always)]
fn i16s(x: V) -> [i16; 8] {
    let mut lanes = [0; 8];
    for (lane, bytes) in lanes.iter_mut().zip(x.as_chunks::<2>().0) {
        *lane = i16::from_ne_bytes(*bytes);
    }
    lanes
}

/// Lanes of 32 bits.
#[inline(always)]
fn i32s(x: V) -> [i32; 4] {
    let mut lanes = [0; 4];
    for (lane, bytes) in lanes.iter_mut().zip(x.as_chunks::<4>().0) {
        *lane = i32::from_ne_bytes(*bytes);
    }
    lanes
}

#[inline(always)]
fn of_i16s(lanes: [i16; 8]) -> V {
    let mut x = [0; 16];
    for (bytes, lane) in x.as_chunks_mut::<2>().0.iter_mut().zip(lanes) {
        *bytes = lane.to_ne_bytes();
    }
    x
}

#[inline(always)]
fn of_i32s(lanes: [i32; 4]) -> V {
    let mut x = [0; 16];
    for (bytes, lane) in x.as_chunks_mut::<4>().0.iter_mut().zip(lanes) {
        *bytes = lane.to_ne_bytes();
    }
    x
}

/// Lane by lane.
macro_rules! each {
    ($of:ident $lanes:ident, $a:ident, $x:ident => $f:expr) => {{
        let mut lanes = $lanes($a);
        for lane in &mut lanes {
            let $x = *lane;
            *lane = $f;
        }
        $of(lanes)
    }};
    ($of:ident $lanes:ident, $a:ident $b:ident, $x:ident $y:ident => $f:expr) => {{
        let mut lanes = $lanes($a);
        for (lane, $y) in lanes.iter_mut().zip($lanes($b)) {
            let $x = *lane;
            *lane = $f;
        }
        $of(lanes)
    }};
}

/// Elements of `SIZE` bytes in turn.
#[inline(always)]
fn zip<const SIZE: usize>(a: V, b: V) -> (V, V) {
    let mut zipped = [0; 32];
    for (to, (a, b)) in zipped.chunks_exact_mut(2 * SIZE).zip(a.chunks_exact(SIZE).zip(b.chunks_exact(SIZE))) {
        to[..SIZE].copy_from_slice(a);
        to[SIZE..].copy_from_slice(b);
    }
    halves(zipped)
}

#[inline(always)]
fn halves(x: [u8; 32]) -> (V, V) {
    let (mut first, mut last) = ([0; 16], [0; 16]);
    first.copy_from_slice(&x[..16]);
    last.copy_from_slice(&x[16..]);
    (first, last)
}

/// Both clamped and narrowed, in lanes of half the size.
macro_rules! narrow {
    ($of:ident $lanes:ident, $to:ty, $a:ident $b:ident, $low:expr, $high:expr) => {{
        let mut narrowed = [0; 16 / size_of::<$to>()];
        for (to, x) in narrowed.iter_mut().zip($lanes($a).into_iter().chain($lanes($b))) {
            *to = x.clamp($low as _, $high as _) as $to;
        }
        $of(narrowed)
    }};
}

#[inline(always)]
fn of_u8s(x: V) -> V {
    x
}

/// `RGB RGB` from byte `at` on, as 16-bit lanes of channels in turn.
#[inline(always)]
fn pixel_pair(x: V, at: usize) -> V {
    let mut lanes = [0; 8];
    for (i, lane) in lanes.iter_mut().take(6).enumerate() {
        *lane = i16::from(x[at + i / 2 + i % 2 * 3]);
    }
    of_i16s(lanes)
}

impl Bytes for ScalarBytes {
    type V = V;

    ops! {
        unsafe fn load(self, p: *const u8) -> V { p.cast::<V>().read_unaligned() }
        unsafe fn load_wide(self, p: *const u8) -> V { of_i16s(p.cast::<[u8; 8]>().read_unaligned().map(i16::from)) }
        unsafe fn load_halves(self, first: *const u8, last: *const u8) -> V {
            let mut x = [0; 16];
            core::ptr::copy_nonoverlapping(first, x.as_mut_ptr(), 8);
            core::ptr::copy_nonoverlapping(last, x.as_mut_ptr().add(8), 8);
            x
        }
        unsafe fn store(self, p: *mut u8, x: V) { p.cast::<V>().write_unaligned(x) }
        unsafe fn store_halves(self, first: *mut u8, last: *mut u8, x: V) {
            core::ptr::copy_nonoverlapping(x.as_ptr(), first, 8);
            core::ptr::copy_nonoverlapping(x.as_ptr().add(8), last, 8);
        }
        unsafe fn store_quarters(self, p: *mut u8, stride: usize, x: V) {
            for (i, bytes) in x.as_chunks::<4>().0.iter().enumerate() {
                p.add(i * stride).cast::<[u8; 4]>().write_unaligned(*bytes);
            }
        }
        unsafe fn store_interleaved(self, p: *mut u8, r: V, g: V, b: V) {
            for (i, ((r, g), b)) in r.into_iter().zip(g).zip(b).enumerate() {
                p.add(3 * i).cast::<[u8; 3]>().write_unaligned([r, g, b]);
            }
        }

        fn splat8(self, x: u8) -> V { [x; 16] }
        fn splat16(self, x: i16) -> V { of_i16s([x; 8]) }
        fn pairs16(self, even: i16, odd: i16) -> V { of_i16s([even, odd, even, odd, even, odd, even, odd]) }
        fn splat32(self, x: i32) -> V { of_i32s([x; 4]) }
        fn first32(self, a: V) -> i32 { i32s(a)[0] }

        fn any(self, a: V) -> bool { u128::from_ne_bytes(a) != 0 }
        fn or(self, a: V, b: V) -> V { (u128::from_ne_bytes(a) | u128::from_ne_bytes(b)).to_ne_bytes() }
        fn and(self, a: V, b: V) -> V { (u128::from_ne_bytes(a) & u128::from_ne_bytes(b)).to_ne_bytes() }
        fn and_not(self, a: V, b: V) -> V { (u128::from_ne_bytes(a) & !u128::from_ne_bytes(b)).to_ne_bytes() }
        fn flip8(self, a: V) -> V { a.map(|x| x ^ 0x80) }

        fn equal8(self, a: V, b: V) -> V { each!(of_u8s of_u8s, a b, x y => if x == y { 0xff } else { 0 }) }
        fn add_clamped8(self, a: V, b: V) -> V { each!(of_u8s of_u8s, a b, x y => (x as i8).saturating_add(y as i8) as u8) }
        fn sub_clamped8(self, a: V, b: V) -> V { each!(of_u8s of_u8s, a b, x y => (x as i8).saturating_sub(y as i8) as u8) }
        fn add_unsigned8(self, a: V, b: V) -> V { each!(of_u8s of_u8s, a b, x y => x.saturating_add(y)) }
        fn sub_unsigned8(self, a: V, b: V) -> V { each!(of_u8s of_u8s, a b, x y => x.saturating_sub(y)) }
        fn shr8<const BITS: i32>(self, a: V) -> V { each!(of_u8s of_u8s, a, x => (x as i8 >> BITS) as u8) }

        fn add16(self, a: V, b: V) -> V { each!(of_i16s i16s, a b, x y => x.wrapping_add(y)) }
        fn sub16(self, a: V, b: V) -> V { each!(of_i16s i16s, a b, x y => x.wrapping_sub(y)) }
        fn mul16(self, a: V, b: V) -> V { each!(of_i16s i16s, a b, x y => x.wrapping_mul(y)) }
        fn mul_high16(self, a: V, b: V) -> V {
            each!(of_i16s i16s, a b, x y => ((i32::from(x) * i32::from(y)) >> 16) as i16)
        }
        fn scale8(self, a: V, factor: u16) -> V {
            each!(of_i16s i16s, a, x => ((u32::from(x as u16) * u32::from(factor)) >> 8) as i16)
        }
        fn sub_unsigned16(self, a: V, b: V) -> V {
            each!(of_i16s i16s, a b, x y => (x as u16).saturating_sub(y as u16) as i16)
        }
        fn mul_round16(self, a: V, b: V) -> V {
            each!(of_i16s i16s, a b, x y => ((i32::from(x) * i32::from(y) + (1 << 14)) >> 15) as i16)
        }
        fn shl16<const BITS: i32>(self, a: V) -> V { each!(of_i16s i16s, a, x => x << BITS) }
        fn shr16<const BITS: i32>(self, a: V) -> V { each!(of_i16s i16s, a, x => (x as u16 >> BITS) as i16) }
        fn shr16_signed<const BITS: i32>(self, a: V) -> V { each!(of_i16s i16s, a, x => x >> BITS) }
        fn dot16(self, a: V, b: V) -> V {
            let mut sums = [0i32; 4];
            for (i, (a, b)) in i16s(a).into_iter().zip(i16s(b)).enumerate() {
                sums[i / 2] = sums[i / 2].wrapping_add(i32::from(a) * i32::from(b));
            }
            of_i32s(sums)
        }

        fn add32(self, a: V, b: V) -> V { each!(of_i32s i32s, a b, x y => x.wrapping_add(y)) }
        fn sub32(self, a: V, b: V) -> V { each!(of_i32s i32s, a b, x y => x.wrapping_sub(y)) }
        fn shl32<const BITS: i32>(self, a: V) -> V { each!(of_i32s i32s, a, x => x << BITS) }
        fn shr32<const BITS: i32>(self, a: V) -> V { each!(of_i32s i32s, a, x => x >> BITS) }

        fn narrow32(self, a: V, b: V) -> V { narrow!(of_i16s i32s, i16, a b, i16::MIN, i16::MAX) }
        fn narrow16(self, a: V, b: V) -> V { narrow!(of_u8s i16s, u8, a b, i8::MIN, i8::MAX) }
        fn narrow16_unsigned(self, a: V, b: V) -> V { narrow!(of_u8s i16s, u8, a b, 0, u8::MAX) }
        fn widen8(self, a: V) -> (V, V) { self.zip8(a, [0; 16]) }

        fn zip8(self, a: V, b: V) -> (V, V) { zip::<1>(a, b) }
        fn zip16(self, a: V, b: V) -> (V, V) { zip::<2>(a, b) }
        fn zip32(self, a: V, b: V) -> (V, V) { zip::<4>(a, b) }
        fn zip64(self, a: V, b: V) -> (V, V) { zip::<8>(a, b) }
        fn after16(self, a: V, before: V) -> V {
            let mut x = [0; 16];
            x[..2].copy_from_slice(&before[14..]);
            x[2..].copy_from_slice(&a[..14]);
            x
        }
        fn before16(self, a: V, next: V) -> V {
            let mut x = [0; 16];
            x[..14].copy_from_slice(&a[2..]);
            x[14..].copy_from_slice(&next[..2]);
            x
        }
        fn first_pixel_pair(self, a: V) -> V { pixel_pair(a, 0) }
        fn second_pixel_pair(self, a: V) -> V { pixel_pair(a, 6) }
        fn spread_pixels(self, a: V) -> V {
            let mut x = [0; 16];
            for (to, from) in x.chunks_exact_mut(4).zip(a.chunks_exact(3)) {
                to[..3].copy_from_slice(from);
            }
            x
        }
        fn close_pixels(self, a: V) -> V {
            let mut x = [0; 16];
            for (to, from) in x.chunks_exact_mut(3).zip(a.chunks_exact(4)) {
                to.copy_from_slice(&from[..3]);
            }
            x
        }

        fn add8(self, a: V, b: V) -> V { each!(of_u8s of_u8s, a b, x y => x.wrapping_add(y)) }
        fn min16(self, a: V, b: V) -> V { each!(of_i16s i16s, a b, x y => x.min(y)) }
        fn max16(self, a: V, b: V) -> V { each!(of_i16s i16s, a b, x y => x.max(y)) }
        fn greater16(self, a: V, b: V) -> V { each!(of_i16s i16s, a b, x y => -i16::from(x > y)) }
        fn select(self, mask: V, a: V, b: V) -> V {
            let (mask, a, b) = (u128::from_ne_bytes(mask), u128::from_ne_bytes(a), u128::from_ne_bytes(b));
            (a & mask | b & !mask).to_ne_bytes()
        }
    }
}
