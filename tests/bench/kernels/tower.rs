//! A whole vision tower of random weights on nothing but the kernels: what the model can reach.
use crate::bench::{Clock, Rng};
use crate::error::Result;
#[cfg(not(target_arch = "wasm32"))]
use crate::Serial;
use crate::kernels::*;

fn linear(isa: Isa, int8: bool, rng: &mut Rng, n: usize, k: usize) -> Result<Packed> {
    let scale = 1.7 / (k as f32).sqrt();
    let mut builder = if int8 {
        PackedBuilder::Int8(PackedInt8::builder(isa, n, k, Rotation::On)?)
    } else {
        PackedBuilder::F32(PackedF32::builder(isa, n, k)?)
    };
    for _ in 0..n {
        builder.push_row(&rng.vec(k, scale))?;
    }
    builder.finish(Some(&rng.vec(n, 0.02)))
}

fn bytes(packed: &Packed) -> usize {
    match packed {
        Packed::F32(packed) => packed.bytes(),
        Packed::Int8(packed) => packed.bytes(),
    }
}

struct Layer {
    g1: Vec<f32>,
    b1: Vec<f32>,
    g2: Vec<f32>,
    b2: Vec<f32>,
    qkv: [Packed; 3],
    out: Packed,
    fc1: Packed,
    fc2: Packed,
}

pub(crate) struct Tower {
    isa: Isa,
    d: usize,
    heads: usize,
    tokens: usize,
    patch: Packed,
    k_patch: usize,
    layers: Vec<Layer>,
    proj: Packed,
}

/// Seconds of each step of a pass; the name says which kind of step.
pub(crate) type Times = Vec<(&'static str, f64)>;

impl Tower {
    pub(crate) fn new(isa: Isa, int8: bool, d: usize, heads: usize, layers: usize, patch: usize) -> Result<Self> {
        let mut rng = Rng::new(7);
        let ff = 4 * d;
        let grid = 224 / patch;
        let k_patch = 3 * patch * patch;
        let patch = linear(isa, int8, &mut rng, d, k_patch)?;
        let mut l = vec![];
        for _ in 0..layers {
            let r = &mut rng;
            let mut norm = |base: f32| r.vec(d, 0.1).iter().map(|x| x + base).collect::<Vec<_>>();
            let (g1, b1, g2, b2) = (norm(1.0), norm(0.0), norm(1.0), norm(0.0));
            l.push(Layer {
                g1,
                b1,
                g2,
                b2,
                qkv: [linear(isa, int8, r, d, d)?, linear(isa, int8, r, d, d)?, linear(isa, int8, r, d, d)?],
                out: linear(isa, int8, r, d, d)?,
                fc1: linear(isa, int8, r, ff, d)?,
                fc2: linear(isa, int8, r, d, ff)?,
            });
        }
        let proj = linear(isa, false, &mut rng, 512, d)?;
        Ok(Self { isa, d, heads, tokens: grid * grid + 1, patch, k_patch, layers: l, proj })
    }

    pub(crate) fn bytes(&self) -> usize {
        let layers = self.layers.iter().flat_map(|l| l.qkv.iter().chain([&l.out, &l.fc1, &l.fc2]));
        layers.chain([&self.patch, &self.proj]).map(bytes).sum()
    }

    /// `skip`: the last layer's MLP for the class tokens alone.
    pub(crate) fn forward(
        &self,
        batch: usize,
        patches: &[f32],
        skip: bool,
        ws: &mut Workspace,
        pool: &dyn Pool,
        clock: Clock,
        t: &mut Times,
    ) -> Result<Vec<f32>> {
        let Self { isa, d, tokens, .. } = *self;
        let rows = batch * tokens;
        let start = clock();
        let plain = Output::Set(Activation::None);
        let mut run = |weight: &Packed, output, x: &[f32], rows, fine: &[usize], y: &mut [f32]| {
            multiply(vec![Layer { weight, output, y }], x, rows, fine, ws, pool)
        };
        let norm = |x: &[f32], [gain, bias]: [&[f32]; 2], y: &mut [f32]| layer_norm(isa, x, [gain, bias], 1e-5, y, pool);
        let mut embedded = vec![0.0; batch * (tokens - 1) * d];
        run(&self.patch, plain, patches, batch * (tokens - 1), &[], &mut embedded)?;
        let mut x = vec![0.1; rows * d];
        for b in 0..batch {
            x[(b * tokens + 1) * d..(b + 1) * tokens * d]
                .copy_from_slice(&embedded[b * (tokens - 1) * d..(b + 1) * (tokens - 1) * d]);
        }
        let l0 = &self.layers[0];
        let mut h = vec![0.0; x.len()];
        norm(&x, [&l0.g1, &l0.b1], &mut h)?;
        std::mem::swap(&mut x, &mut h);
        let mut qkv = [(); 3].map(|()| vec![0.0; x.len()]);
        let mut wide = vec![0.0; 4 * x.len()];
        let mut fine: Vec<usize> = (0..batch).map(|b| b * tokens).collect();
        let (mut attention_workspace, mut qkv_workspace) = (Workspace::new(), Workspace::new());
        t.push(("start", clock() - start));
        for (i, l) in self.layers.iter().enumerate() {
            let t0 = clock();
            norm(&x, [&l.g1, &l.b1], &mut h)?;
            let t1 = clock();
            let layers = l.qkv.iter().zip(&mut qkv).map(|(weight, y)| Layer { weight, output: plain, y });
            multiply(layers.collect(), &h, rows, &fine, &mut qkv_workspace, pool)?;
            let t2 = clock();
            let a = Attention { batch, tokens, queries: tokens, heads: self.heads, head_size: d / self.heads, causal: false };
            a.run(isa, [&qkv[0], &qkv[1], &qkv[2]], &mut h, &mut attention_workspace, pool)?;
            let t3 = clock();
            let mut rows = rows;
            if skip && i + 1 == self.layers.len() {
                let firsts = |x: &[f32]| x.chunks(tokens * d).flat_map(|x| &x[..d]).copied().collect::<Vec<f32>>();
                (h, x, rows, fine) = (firsts(&h), firsts(&x), batch, (0..batch).collect());
            }
            run(&l.out, Output::Add, &h, rows, &fine, &mut x)?;
            let t4 = clock();
            norm(&x, [&l.g2, &l.b2], &mut h)?;
            let t5 = clock();
            let wide = &mut wide[..rows * 4 * d];
            run(&l.fc1, Output::Set(Activation::QuickGelu), &h, rows, &fine, wide)?;
            let t6 = clock();
            run(&l.fc2, Output::Add, wide, rows, &fine, &mut x)?;
            let t7 = clock();
            t.extend([
                ("norm", t1 - t0 + t5 - t4),
                ("qkv", t2 - t1),
                ("attn", t3 - t2),
                ("out", t4 - t3),
                ("fc1", t6 - t5),
                ("fc2", t7 - t6),
            ]);
        }
        let end = clock();
        let stride = if skip { d } else { tokens * d };
        let class: Vec<f32> = (0..batch).flat_map(|b| x[b * stride..][..d].to_vec()).collect();
        let mut normed = vec![0.0; class.len()];
        norm(&class, [&l0.g1, &l0.b1], &mut normed)?;
        let mut y = vec![0.0; batch * self.proj.outputs()];
        run(&self.proj, plain, &normed, batch, &[], &mut y)?;
        t.push(("end", clock() - end));
        Ok(y)
    }
}

/// One line.
pub(crate) fn report(
    clock: Clock,
    isa: Isa,
    int8: bool,
    d: usize,
    heads: usize,
    layers: usize,
    patch: usize,
    batch: usize,
    rounds: usize,
) -> Result<String> {
    let tower = Tower::new(isa, int8, d, heads, layers, patch)?;
    let mut rng = Rng::new(9);
    let patches = rng.vec(batch * (tower.tokens - 1) * tower.k_patch, 1.0);
    let mut ws = Workspace::new();
    let mut line =
        format!("{} {} batch {batch} {} MB:", isa.name(), if int8 { "int8" } else { "f32" }, tower.bytes() >> 20);
    for skip in [false, true] {
        let mut all = vec![];
        let mut steps: Times = vec![];
        for _ in 0..rounds {
            let mut t = Times::default();
            let start = clock();
            let y = tower.forward(batch, &patches, skip, &mut ws, &Serial, clock, &mut t)?;
            all.push(clock() - start);
            assert!(y.iter().all(|y| y.is_finite()));
            // The least of each step: what it takes when nobody else takes the processor.
            if steps.is_empty() {
                steps = t;
            } else {
                steps.iter_mut().zip(t).for_each(|(least, t)| least.1 = least.1.min(t.1));
            }
        }
        all.sort_by(f64::total_cmp);
        line += &format!(
            "{} sum of least {:.1}, min {:.1}, median {:.1} ms (",
            if skip { " | class-only last" } else { "" },
            steps.iter().map(|s| s.1).sum::<f64>() * 1e3,
            all[0] * 1e3,
            all[all.len() / 2] * 1e3
        );
        for kind in ["norm", "qkv", "attn", "out", "fc1", "fc2", "start", "end"] {
            line += &format!("{kind} {:.1} ", steps.iter().filter(|s| s.0 == kind).map(|s| s.1).sum::<f64>() * 1e3);
        }
        line += ")";
    }
    Ok(line)
}
