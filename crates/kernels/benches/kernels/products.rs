//! Single products.

use crate::{Rng, values};
use kernels::{
    Activation, Isa, Layer, Output, Packed, PackedBuilder, Packing, Result, Rotation, Serial, Workspace, multiply,
};

/// Products with different weights one after the other, as in a model.
pub(crate) struct Products {
    weights: Vec<Packed>,
    x: Vec<f32>,
    y: Vec<f32>,
    rows: usize,
    workspace: Workspace,
}

impl Products {
    /// `rows` × `inputs` times as many weights of `inputs` × `outputs` as `copies` says.
    pub(crate) fn new(isa: Isa, int8: bool, [rows, inputs, outputs]: [usize; 3], copies: usize) -> Result<Self> {
        let mut rng = Rng(1);
        let mut weights = Vec::new();
        for _ in 0..copies {
            weights.push(layer(isa, int8, &mut rng, outputs, inputs)?);
        }
        let (x, y) = (rng.values(rows * inputs), vec![0.0; rows * outputs]);
        Ok(Self { weights, x, y, rows, workspace: Workspace::new() })
    }

    /// All of them once.
    pub(crate) fn run(&mut self) -> Result<()> {
        let Self { weights, x, y, rows, workspace } = self;
        for weight in weights {
            let layer = Layer { weight, output: Output::Set(Activation::None), y };
            multiply(vec![layer], x, *rows, &[], workspace, &Serial)?;
        }
        Ok(())
    }
}

/// A layer of random weights.
pub(crate) fn layer(isa: Isa, int8: bool, rng: &mut Rng, outputs: usize, inputs: usize) -> Result<Packed> {
    let packing = if int8 { Packing::Int8(Rotation::On) } else { Packing::F32 };
    let mut builder = PackedBuilder::new(isa, packing, outputs, inputs)?;
    let scale = 1.7 / (inputs as f32).sqrt();
    for _ in 0..outputs {
        builder.push_row(&values(rng, inputs, scale))?;
    }
    builder.finish(Some(&values(rng, outputs, 0.02)))
}

/// GMAC/s, of the fastest round.
#[cfg(not(target_arch = "wasm32"))]
fn rate(clock: crate::Clock, isa: Isa, int8: bool, size: [usize; 3]) -> Result<f64> {
    let mut products = Products::new(isa, int8, size, 1)?;
    let mut least = f64::MAX;
    for _ in 0..15 {
        let start = clock();
        products.run()?;
        least = least.min(clock() - start);
    }
    Ok(size.iter().product::<usize>() as f64 / least / 1e9)
}

/// A line for each size.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn report_all(clock: crate::Clock) -> Result<()> {
    let sizes = [[50, 768, 3072], [50, 3072, 768], [50, 768, 768], [400, 768, 3072], [257, 1024, 4096], [1, 768, 3072]];
    for size in sizes {
        let [rows, inputs, outputs] = size;
        print!("{rows} × {inputs} × {outputs}:");
        for (precision, int8) in [("f32", false), ("int8", true)] {
            print!(" {precision}");
            for isa in Isa::available() {
                print!(" {} {:.1}", isa.name(), rate(clock, isa, int8, size)?);
            }
        }
        println!();
    }
    Ok(())
}
