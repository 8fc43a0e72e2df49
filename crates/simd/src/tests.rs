//! Every operation of every instruction set against plain Rust, over random and extreme values: natively, in WebAssembly
//! and, for ARM, in an emulator.

use crate::{Isa, Simd, Task, Tile};
use std::vec::Vec;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod bytes;
mod dot_product;
mod floats;

/// A small generator of numbers that are the same everywhere.
struct Rng(u64);

impl Rng {
    fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// One of `all`, every other time, else something random.
    fn one_of<T: Copy>(&mut self, all: &[T], random: impl FnOnce(u32) -> T) -> T {
        let bits = self.bits();
        if bits & 1 == 0 { all[bits as usize / 2 % all.len()] } else { random(self.bits()) }
    }
}

#[test]
fn the_best_set_is_available_and_names_differ() {
    let names: Vec<&str> = Isa::available().map(Isa::name).collect();
    assert!(names.contains(&Isa::best().name()) && names.contains(&"scalar"), "{names:?}");
    assert_eq!(Isa::best(), Isa::best());
    for (i, name) in names.iter().enumerate() {
        assert!(!names[..i].contains(name), "{names:?}");
    }
}

/// What a tile is told about itself.
struct Told<'a>(&'a mut Vec<(usize, usize, usize)>);

impl Tile for Told<'_> {
    fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(self, _: S) {
        self.0.push((ROWS, VECTORS, S::LANES));
    }
}

struct Tiles;

impl Task for Tiles {
    type Output = [Vec<(usize, usize, usize)>; 2];

    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let (mut f32, mut int8) = (Vec::new(), Vec::new());
        for rows in 0..=S::TILE_F32.0 + 1 {
            simd.tile_f32(rows, Told(&mut f32));
        }
        for rows in 0..=S::TILE_INT8.0 + 1 {
            simd.tile_int8(rows, Told(&mut int8));
        }
        [f32, int8]
    }
}

#[test]
fn tiles_of_each_height_have_the_shape_that_is_said() {
    for isa in Isa::available() {
        let shape = isa.shape();
        let of = |rows: usize, columns: usize| -> Vec<_> {
            (1..=rows).map(|row| (row, columns / shape.lanes, shape.lanes)).collect()
        };
        let told = isa.run(Tiles);
        assert_eq!(told[0], of(shape.f32_rows, shape.f32_columns), "{isa:?}");
        assert_eq!(told[1], of(shape.int8_rows, shape.int8_columns), "{isa:?}");
        assert!(16 % shape.lanes == 0 && (shape.group == 2 || shape.group == 4), "{isa:?}");
    }
}
