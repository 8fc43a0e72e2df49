//! A whole vision tower of random weights on nothing but the kernels: what the model can reach.
use crate::bench::{Clock, Rng};
use crate::error::Result;
use crate::kernels::*;

pub(crate) enum Linear {
    F32(PackedF32),
    Int8(PackedInt8),
}

impl Linear {
    fn new(isa: Isa, int8: bool, rng: &mut Rng, n: usize, k: usize) -> Result<Self> {
        let scale = 1.7 / (k as f32).sqrt();
        let bias = rng.vec(n, 0.02);
        Ok(if int8 {
            let mut b = PackedInt8::builder(isa, n, k, Rotation::On)?;
            for _ in 0..n {
                b.push_row(&rng.vec(k, scale))?;
            }
            Self::Int8(b.finish(Some(&bias))?)
        } else {
            let mut b = PackedF32::builder(isa, n, k)?;
            for _ in 0..n {
                b.push_row(&rng.vec(k, scale))?;
            }
            Self::F32(b.finish(Some(&bias))?)
        })
    }
    fn run(&self, x: &[f32], m: usize, o: Output, y: &mut [f32], ws: &mut Workspace, p: &dyn Pool) -> Result<()> {
        match self {
            Self::F32(w) => w.matmul(x, m, o, y, ws, p),
            Self::Int8(w) => w.matmul(x, m, o, y, ws, p),
        }
    }
    fn bytes(&self) -> usize {
        match self {
            Self::F32(w) => w.bytes(),
            Self::Int8(w) => w.bytes(),
        }
    }
}

struct Layer {
    g1: Vec<f32>,
    b1: Vec<f32>,
    g2: Vec<f32>,
    b2: Vec<f32>,
    qkv: Linear,
    out: Linear,
    fc1: Linear,
    fc2: Linear,
}

pub(crate) struct Tower {
    isa: Isa,
    d: usize,
    heads: usize,
    ff: usize,
    tokens: usize,
    patch: Linear,
    k_patch: usize,
    layers: Vec<Layer>,
    proj: Linear,
}

/// Seconds of each step of a pass; the name says which kind of step.
pub(crate) type Times = Vec<(&'static str, f64)>;

impl Tower {
    pub(crate) fn new(isa: Isa, int8: bool, d: usize, heads: usize, layers: usize, patch: usize) -> Result<Self> {
        let mut rng = Rng::new(7);
        let ff = 4 * d;
        let grid = 224 / patch;
        let k_patch = 3 * patch * patch;
        let patch = Linear::new(isa, int8, &mut rng, d, k_patch)?;
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
                qkv: Linear::new(isa, int8, r, 3 * d, d)?,
                out: Linear::new(isa, int8, r, d, d)?,
                fc1: Linear::new(isa, int8, r, ff, d)?,
                fc2: Linear::new(isa, int8, r, d, ff)?,
            });
        }
        let proj = Linear::new(isa, false, &mut rng, 512, d)?;
        Ok(Self { isa, d, heads, ff, tokens: grid * grid + 1, patch, k_patch, layers: l, proj })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.patch.bytes()
            + self.proj.bytes()
            + self.layers.iter().map(|l| l.qkv.bytes() + l.out.bytes() + l.fc1.bytes() + l.fc2.bytes()).sum::<usize>()
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
        let Self { isa, d, ff, tokens, .. } = *self;
        let rows = batch * tokens;
        let start = clock();
        let mut embedded = vec![0.0; batch * (tokens - 1) * d];
        self.patch.run(patches, batch * (tokens - 1), Output::Set(Activation::None), &mut embedded, ws, pool)?;
        let mut x = vec![0.1; rows * d];
        for b in 0..batch {
            x[(b * tokens + 1) * d..(b + 1) * tokens * d]
                .copy_from_slice(&embedded[b * (tokens - 1) * d..(b + 1) * (tokens - 1) * d]);
        }
        let (mut h, mut qkv, mut wide) = (vec![0.0; rows * d], vec![0.0; rows * 3 * d], vec![0.0; rows * ff]);
        let l0 = &self.layers[0];
        layer_norm(isa, &x, rows, &l0.g1, &l0.b1, 1e-5, &mut h, pool)?;
        std::mem::swap(&mut x, &mut h);
        t.push(("start", clock() - start));
        for (i, l) in self.layers.iter().enumerate() {
            let t0 = clock();
            layer_norm(isa, &x, rows, &l.g1, &l.b1, 1e-5, &mut h, pool)?;
            let t1 = clock();
            l.qkv.run(&h, rows, Output::Set(Activation::None), &mut qkv, ws, pool)?;
            let t2 = clock();
            let a = Attention { batch, tokens, queries: tokens, heads: self.heads, head_size: d / self.heads, causal: false };
            a.run_fused(isa, &qkv, &mut h, ws, pool)?;
            let t3 = clock();
            let mut rows = rows;
            if skip && i + 1 == self.layers.len() {
                for b in 0..batch {
                    h.copy_within(b * tokens * d..(b * tokens + 1) * d, b * d);
                    x.copy_within(b * tokens * d..(b * tokens + 1) * d, b * d);
                }
                rows = batch;
            }
            l.out.run(&h[..rows * d], rows, Output::Add, &mut x[..rows * d], ws, pool)?;
            let t4 = clock();
            layer_norm(isa, &x[..rows * d], rows, &l.g2, &l.b2, 1e-5, &mut h[..rows * d], pool)?;
            let t5 = clock();
            l.fc1.run(&h[..rows * d], rows, Output::Set(Activation::QuickGelu), &mut wide[..rows * ff], ws, pool)?;
            let t6 = clock();
            l.fc2.run(&wide[..rows * ff], rows, Output::Add, &mut x[..rows * d], ws, pool)?;
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
        let mut class = vec![];
        for b in 0..batch {
            class.extend_from_slice(&x[b * stride..b * stride + d]);
        }
        let mut y = vec![0.0; batch * 512];
        layer_norm(isa, &class.clone(), batch, &l0.g1, &l0.b1, 1e-5, &mut class, pool)?;
        self.proj.run(&class, batch, Output::Set(Activation::None), &mut y, ws, pool)?;
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
