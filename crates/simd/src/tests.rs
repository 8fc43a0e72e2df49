//! Every operation of every instruction set against plain Rust, over random and extreme values: natively, in WebAssembly
//! and, for ARM, in an emulator.

use crate::testing::Rng;
use crate::{Isa, Simd, Task, Tile};
use std::vec::Vec;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod bytes;
mod dot_product;
mod floats;

#[test]
fn the_best_set_is_available_and_names_differ() {
    let names: Vec<&str> = Isa::available().map(Isa::name).collect();
    assert!(names.contains(&Isa::best().name()) && names.contains(&"scalar"), "{names:?}");
    assert_eq!(Isa::best(), Isa::best());
    for (i, name) in names.iter().enumerate() {
        assert!(!names[..i].contains(name), "{names:?}");
    }
}

/// A tile that writes down its rows, its vectors and their lanes.
struct Recorder<'a>(&'a mut Vec<(usize, usize, usize)>);

impl Tile for Recorder<'_> {
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
            simd.tile_f32(rows, Recorder(&mut f32));
        }
        for rows in 0..=S::TILE_INT8.0 + 1 {
            simd.tile_int8(rows, Recorder(&mut int8));
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
        let tiles = isa.run(Tiles);
        assert_eq!(tiles[0], of(shape.f32_rows, shape.f32_columns), "{isa:?}");
        assert_eq!(tiles[1], of(shape.int8_rows, shape.int8_columns), "{isa:?}");
        assert!(16 % shape.lanes == 0 && (shape.group == 2 || shape.group == 4), "{isa:?}");
    }
}
