//! [`Probe`]: whether a GPU computes what the processor does, found out before a model is trusted to it.

use super::Loader;
use crate::backend::Photos;
use crate::backend::gpu::{Plan, Tuning};
use crate::error::{Error, ErrorKind, Result};
use crate::image::PixelTensor;
use crate::model::config::VisionConfig;
use crate::model::encoder::Wanted;
use crate::model::source::Loaded;
use crate::model::vision::{VisionPrefix, VisionTower};
use crate::precision::Precision;
use crate::weights::{Header, TensorSpec, Use, Weights};

/// The weights of linear layers as a GPU's kernels read them, by the names of their tensors.
pub type Matrices = Vec<(String, Vec<u8>)>;

/// Layers: one whose tokens see those before them, as a text tower's do, one whose tokens see all, and the last, of which those are computed that
/// become embeddings.
const LAYERS: usize = 3;
/// Photos that differ from each other.
const PHOTOS: usize = 3;
/// One of so many channels is far larger than the others, as in models that were trained.
const OUTLIERS: usize = 64;
/// A cosine below this is a wrong one.
const LEAST_COSINE: f64 = 0.999_999;
/// A difference of two values of embeddings of length 1 above this is a wrong one.
const MOST_DIFFERENCE: f32 = 1e-3;

/// Three layers of the shape of a model's vision tower, with weights made up, some of whose channels are far larger than the
/// others: what they give on a GPU is held against what they give on the processor.
///
/// For each count of photos, one, an odd one and that of the batches to come: the executor runs [`plan`](Self::plan) on
/// [`input`](Self::input) twice, and [`check`](Self::check) compares.
///
/// ```
/// use clip_vision::Options;
/// use clip_vision::gpu::Tuning;
/// use clip_vision::model::Loader;
///
/// # let config = std::fs::read("models/shapes/config.json").unwrap();
/// let mut probe = Loader::new(&config, None, Options::default())?.probe()?.unwrap();
/// let weights = probe.take_matrices(); // to be put on the GPU
/// let plan = probe.plan(3, Tuning::Hardware)?;
/// assert!(weights.len() > 10 && !plan.steps.is_empty());
/// // One that gives nothing but zeros, as GPUs do whose programs were not compiled.
/// let zeros = vec![0.0; plan.output_rows * plan.output_columns];
/// assert!(!probe.check(&plan, &zeros, &zeros).right);
/// # Ok::<(), clip_vision::Error>(())
/// ```
pub struct Probe {
    tower: VisionTower,
    planned: VisionTower,
    matrices: Matrices,
    photos: Vec<PixelTensor>,
    /// The processor's embeddings of them, of length 1.
    expected: Vec<Vec<f32>>,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Verdict {
    /// Whether the GPU may be trusted.
    pub right: bool,
    /// The least cosine of its embeddings and the processor's; 0 of what is not finite.
    pub cosine: f64,
    /// The largest difference of their values, embeddings having length 1.
    pub difference: f32,
    /// Whether the second run gave the same bits as the first.
    pub same: bool,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe").field("config", self.tower.config()).finish_non_exhaustive()
    }
}

impl Loader {
    /// A probe of the shape of this loader's model, computed on the threads that its options allow; `None` of a model of texts
    /// alone, and while it is not known, which of a file that [`convert`](crate::model::convert) wrote its header says.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`], [`ErrorKind::Compute`].
    pub fn probe(&self) -> Result<Option<Probe>> {
        let plan = self.reader.plan();
        let Some(config) = plan.vision_config() else { return Ok(None) };
        let config = VisionConfig { num_hidden_layers: config.num_hidden_layers.min(LAYERS), ..config.clone() };
        let options = plan.options().clone();
        let precision = if options.precision == Precision::Int8 { Precision::Int8 } else { Precision::F32 };
        // Both with the same weights: what 8 bits lose is lost before.
        let (tower, _) = made_up(&config, precision, options.clone().precision(Precision::F32).plans(false))?;
        let (planned, matrices) = made_up(&config, precision, options.clone().plans(true))?;
        let mut random = Random(2);
        let size = config.image_size;
        let photo = |_| PixelTensor { data: random.values(3 * size * size, 2.0), height: size, width: size };
        let photos: Vec<PixelTensor> = (0..PHOTOS).map(photo).collect();
        let mut probe = Probe { tower, planned, matrices, photos, expected: Vec::new() };
        probe.expected = (0..PHOTOS).map(|photo| probe.on_processor(photo)).collect::<Result<_>>()?;
        if precision == Precision::Int8 {
            // What is timed from now on is what would compute in the GPU's place.
            (probe.tower, _) = made_up(&config, precision, options.plans(false))?;
        }
        Ok(Some(probe))
    }
}

impl Probe {
    /// The weights of its linear layers, by name, as [`Loader::take_matrices`] gives those of a model; once.
    pub fn take_matrices(&mut self) -> Matrices {
        std::mem::take(&mut self.matrices)
    }

    /// Its pass over so many photos, at least one.
    ///
    /// # Errors
    /// As [`ClipVision::plan`](crate::ClipVision::plan).
    pub fn plan(&self, batch: usize, tuning: Tuning) -> Result<Plan> {
        self.planned.plan(batch.max(1), tuning)
    }

    /// What that pass begins with.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub fn input(&self, batch: usize) -> Result<Vec<f32>> {
        let photos: Vec<&PixelTensor> = self.photos.iter().cycle().take(batch.max(1)).collect();
        self.planned.plan_input(Photos::Values(&photos))
    }

    /// Computes one photo on the processor: for a caller who takes the time of it.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub fn on_processor(&self, photo: usize) -> Result<Vec<f32>> {
        let photo =
            self.photos.get(photo % PHOTOS).ok_or_else(|| Error::new(ErrorKind::Compute, "a probe without photos"))?;
        let mut pass = self.tower.start(Photos::Values(&[photo]), Wanted::First)?;
        while self.tower.step(&mut pass)? {}
        super::only(pass.tokens.get()?.to_rows()?).map(unit)
    }

    /// Compares what a plan has given, in two runs.
    pub fn check(&self, plan: &Plan, first: &[f32], second: &[f32]) -> Verdict {
        let rows = first.chunks_exact(plan.output_columns.max(1));
        let is_whole = rows.len() == plan.output_rows;
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let same = bits(first) == bits(second);
        let (mut cosine, mut difference) = (if is_whole { 1f64 } else { 0.0 }, 0f32);
        for (row, expected) in rows.zip(self.expected.iter().cycle()) {
            let row = unit(row.get(..expected.len()).unwrap_or_default().to_vec());
            let product: f64 = row.iter().zip(expected).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            // Of what is not a number no comparison says anything.
            cosine = if product.is_finite() { cosine.min(product) } else { 0.0 };
            difference = row.iter().zip(expected).map(|(x, y)| (x - y).abs()).fold(difference, f32::max);
        }
        let near = cosine >= LEAST_COSINE && difference <= MOST_DIFFERENCE;
        Verdict { right: near && same, cosine, difference, same }
    }
}

/// Of length 1; zeros stay zeros.
fn unit(mut embedding: Vec<f32>) -> Vec<f32> {
    super::normalize(&mut embedding);
    embedding
}

/// A tower of weights that are made up, the same ones in every run; and what is to go to a GPU of it.
fn made_up(config: &VisionConfig, precision: Precision, options: super::Options) -> Result<(VisionTower, Matrices)> {
    let header = Header::default();
    let prefix = VisionPrefix::find(&header);
    let backend = options.backend(options.precision)?;
    let (mut weights, mut random) = (Weights::default(), Random(1));
    for spec in VisionTower::declare(config, prefix, &header)? {
        let mut values = values_of(&spec, &mut random);
        // What is for a GPU goes by way of 8 bits itself.
        if precision == Precision::Int8 && !options.plans {
            values = spec.restored(&values)?;
        }
        weights.make(&spec, backend.target(), &values)?;
    }
    let matrices = weights.take_matrices();
    let mut loaded = Loaded { weights, backend, kept: None };
    Ok((VisionTower::build(config.clone(), prefix, &mut loaded)?.with_causal_start(), matrices))
}

fn values_of(spec: &TensorSpec, random: &mut Random) -> Vec<f32> {
    let len = spec.shape.iter().product();
    match spec.usage {
        Use::Patches | Use::Hidden | Use::Projection => {
            let inputs: usize = spec.shape.iter().skip(1).product();
            random.values(len, 1.7 / (inputs.max(1) as f32).sqrt())
        }
        // The gains of norms, and with them what layers see; of the last norm they would drown what the layers give.
        Use::Vector if spec.name.contains("layers.") && spec.name.ends_with("weight") => {
            let gain = |(channel, value): (usize, f32)| if channel % OUTLIERS == 7 { 8.0 } else { 1.0 + value };
            random.values(len, 0.1).into_iter().enumerate().map(gain).collect()
        }
        Use::Vector if spec.name.ends_with("weight") => {
            random.values(len, 0.1).into_iter().map(|value| 1.0 + value).collect()
        }
        Use::Scalar | Use::Table | Use::Rows | Use::Vector | Use::File => random.values(len, 0.1),
    }
}

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    /// `len` values in `-scale..scale`.
    fn values(&mut self, len: usize, scale: f32) -> Vec<f32> {
        let mut next = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / 8_388_608.0 - 1.0
        };
        (0..len).map(|_| next() * scale).collect()
    }
}
