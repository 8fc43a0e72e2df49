//! Every kernel against a naive twin in f64 or in exact integers, over odd sizes, on every instruction set that the machine
//! (natively) or the build (in WebAssembly) has.

use super::*;
use simd::testing::Rng;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod attention;
mod math;
mod naive;
mod norm;
mod products;
mod shapes;
mod threads;

/// A size in `1..=70`.
fn size(rng: &mut Rng) -> usize {
    1 + rng.below(70)
}

/// Runs tasks in an order that no kernel may rely on, and claims to have many threads, so that work is split.
struct Backwards(usize);

impl Pool for Backwards {
    fn threads(&self) -> usize {
        self.0
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).rev().for_each(task);
    }
}

fn packed_f32(isa: Isa, w: &[f32], bias: Option<&[f32]>, outputs: usize, inputs: usize) -> Packed {
    let mut builder = PackedF32::builder(isa, outputs, inputs).unwrap();
    w.chunks(inputs).for_each(|row| builder.push_row(row).unwrap());
    Packed::F32(builder.finish(bias).unwrap())
}

/// One layer, into a copy of `before`.
fn multiply_one(weight: &Packed, x: &[f32], rows: usize, output: Output, before: &[f32], fine: &[usize]) -> Vec<f32> {
    let mut y = before.to_vec();
    let layer = Layer { weight, output, y: &mut y };
    multiply(vec![layer], x, rows, fine, &mut Workspace::new(), &Serial).unwrap();
    y
}

/// One layer's products and no more, where nothing was before.
fn product(weight: &Packed, x: &[f32], rows: usize, fine: &[usize]) -> Vec<f32> {
    let nothing = vec![f32::NAN; rows * weight.outputs()];
    multiply_one(weight, x, rows, PLAIN, &nothing, fine)
}

const PLAIN: Output = Output::Set(Activation::None);

fn packed_int8(isa: Isa, w: &[f32], bias: Option<&[f32]>, outputs: usize, inputs: usize, rotation: Rotation) -> Packed {
    let mut builder = PackedInt8::builder(isa, outputs, inputs, rotation).unwrap();
    for row in w.chunks(inputs) {
        builder.push_row(row).unwrap();
    }
    Packed::Int8(builder.finish(bias).unwrap())
}

#[test]
fn wrong_lengths_are_errors() {
    let isa = Isa::best();
    let mut workspace = Workspace::new();
    let mut builder = PackedF32::builder(isa, 2, 3).unwrap();
    assert!(matches!(builder.push_row(&[0.0; 2]), Err(Error::Weights(_))));
    builder.push_row(&[0.0; 3]).unwrap();
    assert!(PackedF32::builder(isa, 2, 3).unwrap().finish(None).is_err(), "rows are missing");
    builder.push_row(&[0.0; 3]).unwrap();
    assert!(builder.push_row(&[0.0; 3]).is_err(), "one too many");
    let weight = builder.finish(Some(&[0.0; 2])).unwrap();
    let weight = Packed::F32(weight);
    let mut run = |x: &[f32], rows, y: &mut [f32], fine: &[usize], weight| {
        multiply(vec![Layer { weight, output: PLAIN, y }], x, rows, fine, &mut workspace, &Serial)
    };
    let int8 = packed_int8(isa, &[1.0; 6], None, 2, 3, Rotation::On);
    for weight in [&weight, &int8] {
        assert!(run(&[0.0; 5], 2, &mut [0.0; 4], &[], weight).is_err());
        assert!(run(&[0.0; 6], 2, &mut [0.0; 3], &[], weight).is_err());
        assert!(run(&[], 0, &mut [], &[], weight).is_ok());
        let mut y = [f32::NAN; 4];
        run(&[0.0; 6], 2, &mut y, &[], weight).unwrap();
        assert_eq!(y, [0.0; 4]);
    }
    for fine in [&[2][..], &[1, 0], &[1, 1]] {
        assert!(run(&[0.0; 6], 2, &mut [0.0; 4], fine, &int8).is_err(), "{fine:?} of two rows");
    }
    let (mut a, mut b) = ([0.0; 4], [0.0; 4]);
    let both = [(&weight, &mut a), (&int8, &mut b)].map(|(weight, y)| Layer { weight, output: PLAIN, y });
    assert!(multiply(both.into(), &[0.0; 6], 2, &[], &mut Workspace::new(), &Serial).is_err(), "of two kinds");

    let mut builder = PackedInt8::builder(isa, 1, 3, Rotation::On).unwrap();
    assert!(matches!(builder.push_row(&[0.0; 4]), Err(Error::Weights(_))));
    builder.push_row(&[0.0; 3]).unwrap();
    assert!(builder.finish(Some(&[0.0; 2])).is_err());
    assert!(PackedInt8::builder(isa, usize::MAX / 2, 3, Rotation::Off).is_err(), "more than there is memory");

    let (mut y, bias) = ([0.0; 6], [0.0; 3]);
    assert!(layer_norm(isa, &[0.0; 6], [&[1.0; 3], &bias[..2]], 1e-5, &mut y, &Serial).is_err());
    assert!(layer_norm(isa, &[0.0; 6], [&[1.0; 3], &bias], 1e-5, &mut y[..3], &Serial).is_err());
    assert!(layer_norm(isa, &[0.0; 5], [&[1.0; 3], &bias], 1e-5, &mut y[..5], &Serial).is_err());
    let sizes = Attention { batch: 1, tokens: 2, queries: 2, heads: 1, head_size: 3, causal: false };
    let (five, six, nine): (&[f32], &[f32], &[f32]) = (&[0.0; 5], &[0.0; 6], &[0.0; 9]);
    for (sizes, qkv) in
        [(sizes, [five, six, six]), (sizes, [six, six, nine]), (Attention { queries: 3, ..sizes }, [nine, six, six])]
    {
        assert!(sizes.run(isa, qkv, &mut [0.0; 9][..3 * sizes.queries], &mut Workspace::new(), &Serial).is_err());
    }
    assert!(sizes.run(isa, [six; 3], &mut [0.0; 5], &mut Workspace::new(), &Serial).is_err());
}
