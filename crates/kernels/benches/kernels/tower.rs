//! A whole vision tower, ViT-B/32, of random weights on nothing but the kernels: what the model can reach.

use crate::products::layer;
use crate::{Clock, Rng, values};
use kernels::{Activation, Attention, Isa, Output, Packed, Result, Serial, Workspace, layer_norm, multiply};

const CHANNELS: usize = 768;
const HEADS: usize = 12;
const LAYERS: usize = 12;
const PATCHES: usize = 7 * 7;
const TOKENS: usize = PATCHES + 1;
const PATCH_SIZE: usize = 3 * 32 * 32;

/// The gain and the bias of a norm.
type Norm = (Vec<f32>, Vec<f32>);

struct Layer {
    norms: [Norm; 2],
    qkv: [Packed; 3],
    out: Packed,
    fc1: Packed,
    fc2: Packed,
}

struct Tower {
    isa: Isa,
    patch: Packed,
    layers: Vec<Layer>,
    projection: Packed,
}

/// Seconds of each step of a pass; the name says which kind of step.
type Times = Vec<(&'static str, f64)>;

impl Tower {
    fn new(isa: Isa, int8: bool) -> Result<Self> {
        let mut rng = Rng(7);
        let patch = layer(isa, int8, &mut rng, CHANNELS, PATCH_SIZE)?;
        let mut layers = Vec::new();
        for _ in 0..LAYERS {
            let norms = [(); 2].map(|()| {
                let gain = values(&mut rng, CHANNELS, 0.1).iter().map(|x| x + 1.0).collect();
                (gain, values(&mut rng, CHANNELS, 0.1))
            });
            let mut linear = |outputs, inputs| layer(isa, int8, &mut rng, outputs, inputs);
            let qkv = [linear(CHANNELS, CHANNELS)?, linear(CHANNELS, CHANNELS)?, linear(CHANNELS, CHANNELS)?];
            let out = linear(CHANNELS, CHANNELS)?;
            let (fc1, fc2) = (linear(4 * CHANNELS, CHANNELS)?, linear(CHANNELS, 4 * CHANNELS)?);
            layers.push(Layer { norms, qkv, out, fc1, fc2 });
        }
        let projection = layer(isa, false, &mut rng, 512, CHANNELS)?;
        Ok(Self { isa, patch, layers, projection })
    }

    fn norm(&self, x: &[f32], (gain, bias): &Norm, y: &mut [f32]) -> Result<()> {
        layer_norm(self.isa, x, [gain, bias], 1e-5, y, &Serial)
    }

    /// With `skip` the last layer computes its MLP for the class tokens alone.
    fn forward(
        &self,
        batch: usize,
        patches: &[f32],
        skip: bool,
        workspace: &mut Workspace,
        clock: Clock,
    ) -> Result<(Vec<f32>, Times)> {
        let plain = Output::Set(Activation::None);
        let mut run = |layers: &[&Packed], output, x: &[f32], rows, fine: &[usize], y: &mut [&mut [f32]]| {
            let layers = layers.iter().zip(y).map(|(&weight, y)| kernels::Layer { weight, output, y });
            multiply(layers.collect(), x, rows, fine, workspace, &Serial)
        };
        let buffer = |width: usize| vec![0.1; batch * TOKENS * width];
        let (mut x, mut normed, mut wide) = (buffer(CHANNELS), buffer(CHANNELS), buffer(4 * CHANNELS));
        let [mut q, mut k, mut v] = [(); 3].map(|()| buffer(CHANNELS));
        let mut attended = buffer(CHANNELS);
        let mut times = Times::new();
        let start = clock();
        let embedded = &mut q[..batch * PATCHES * CHANNELS];
        run(&[&self.patch], plain, patches, batch * PATCHES, &[], &mut [embedded])?;
        for (tokens, patches) in attended.chunks_mut(TOKENS * CHANNELS).zip(embedded.chunks(PATCHES * CHANNELS)) {
            tokens[CHANNELS..].copy_from_slice(patches);
        }
        self.norm(&attended, &self.layers[0].norms[0], &mut x)?;
        let mut fine: Vec<usize> = (0..batch).map(|image| image * TOKENS).collect();
        let mut attention_workspace = Workspace::new();
        times.push(("start", clock() - start));
        for (index, layer) in self.layers.iter().enumerate() {
            let mut last = clock();
            let mut took = |what| {
                let now = clock();
                times.push((what, now - std::mem::replace(&mut last, now)));
            };
            let mut rows = batch * TOKENS;
            self.norm(&x, &layer.norms[0], &mut normed)?;
            took("norm");
            run(&layer.qkv.each_ref(), plain, &normed, rows, &fine, &mut [&mut q, &mut k, &mut v])?;
            took("qkv");
            let attention = Attention {
                batch,
                tokens: TOKENS,
                queries: TOKENS,
                heads: HEADS,
                head_size: CHANNELS / HEADS,
                causal: false,
            };
            attention.run(self.isa, [&q, &k, &v], &mut attended, &mut attention_workspace, &Serial)?;
            took("attention");
            if skip && index + 1 == self.layers.len() {
                (attended, x, rows, fine) = (class_tokens(&attended), class_tokens(&x), batch, (0..batch).collect());
                normed.truncate(rows * CHANNELS);
                wide.truncate(rows * 4 * CHANNELS);
            }
            run(&[&layer.out], Output::Add, &attended, rows, &fine, &mut [&mut x])?;
            took("out");
            self.norm(&x, &layer.norms[1], &mut normed)?;
            took("norm");
            run(&[&layer.fc1], Output::Set(Activation::QuickGelu), &normed, rows, &fine, &mut [&mut wide])?;
            took("fc1");
            run(&[&layer.fc2], Output::Add, &wide, rows, &fine, &mut [&mut x])?;
            took("fc2");
        }
        let end = clock();
        let class = if skip { x } else { class_tokens(&x) };
        normed.truncate(class.len());
        self.norm(&class, &self.layers[0].norms[0], &mut normed)?;
        let mut embeddings = vec![0.0; batch * self.projection.outputs()];
        run(&[&self.projection], plain, &normed, batch, &[], &mut [&mut embeddings])?;
        times.push(("end", clock() - end));
        Ok((embeddings, times))
    }
}

/// The first token of each image.
fn class_tokens(x: &[f32]) -> Vec<f32> {
    x.chunks(TOKENS * CHANNELS).flat_map(|x| &x[..CHANNELS]).copied().collect()
}

/// One line.
pub(crate) fn report(clock: Clock, isa: Isa, int8: bool, batch: usize, rounds: usize) -> Result<String> {
    let tower = Tower::new(isa, int8)?;
    let patches = Rng(9).values(batch * PATCHES * PATCH_SIZE);
    let mut workspace = Workspace::new();
    let mut line = format!("{} {} batch {batch}:", isa.name(), if int8 { "int8" } else { "f32" });
    for skip in [false, true] {
        let mut totals = Vec::new();
        let mut steps = Times::new();
        for _ in 0..rounds {
            let start = clock();
            let (embeddings, times) = tower.forward(batch, &patches, skip, &mut workspace, clock)?;
            totals.push(clock() - start);
            assert!(embeddings.iter().all(|x| x.is_finite()));
            // The least of each step: what it takes when nobody else takes the processor.
            if steps.is_empty() {
                steps = times;
            } else {
                steps.iter_mut().zip(times).for_each(|(least, time)| least.1 = least.1.min(time.1));
            }
        }
        totals.sort_by(f64::total_cmp);
        line += &format!(
            "{} sum of least {:.1}, min {:.1}, median {:.1} ms (",
            if skip { " | class token alone in the last MLP:" } else { "" },
            steps.iter().map(|step| step.1).sum::<f64>() * 1e3,
            totals[0] * 1e3,
            totals[totals.len() / 2] * 1e3
        );
        for kind in ["norm", "qkv", "attention", "out", "fc1", "fc2", "start", "end"] {
            let time: f64 = steps.iter().filter(|step| step.0 == kind).map(|step| step.1).sum();
            line += &format!("{kind} {:.1} ", time * 1e3);
        }
        line += ")";
    }
    Ok(line)
}

/// A line for each precision and instruction set.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn report_all(clock: Clock) -> Result<()> {
    for int8 in [false, true] {
        for isa in Isa::available() {
            println!("{}", report(clock, isa, int8, 1, 20)?);
        }
    }
    Ok(())
}
