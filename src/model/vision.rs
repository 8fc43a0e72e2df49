//! The vision tower: a ViT, one of whose tokens, or what is gathered from all of them, is the image's embedding. What it is
//! made of its family says (`clip.rs` and its neighbors). <https://arxiv.org/abs/2010.11929>

#[cfg(feature = "gpu")]
use crate::backend::gpu::{Plan, Tuning};
use crate::backend::{self, Backend, Mask, Photos, Tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::{Family, VisionConfig};
use crate::model::encoder::{Encoder, PassTokens, Wanted};
use crate::model::pooling::AttentionHead;
use crate::model::source::{Declared, Loaded, Source};
use crate::model::{chinese_clip, clip, dinov2, siglip};
use crate::weights::{Header, TensorSpec};
#[cfg(feature = "candle")]
use candle_core::Tensor;
use kernels::Pool;
use std::ops::Range;

/// Tokens of a pass of the kernels, beyond which more photos gain nothing, and what is between its layers leaves the caches: one of
/// SigLIP B/16-256 (256 tokens), in 8 bits on two threads of an EPYC, took 79 ms by itself, and 87 among eight.
const TOGETHER: usize = 400;

/// Tokens that are worth a pass on a thread of its own, where each thread has as many. Threads that share a pass wait for each other
/// after each operation: eight photos of SigLIP B/16-256 in f32 took two threads of an EPYC 2.01 s so, and 1.90 s side by side.
const BY_ITSELF: usize = 190;

/// The parts of the forward pass, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VisionStage {
    /// Class token, where there is one, and patches with their positions added: (batch, tokens, hidden).
    Embeddings,
    /// After the layer norm before the encoder, where there is one: (batch, tokens, hidden).
    PreNorm,
    /// After encoder layer `0`, `1`, …: (batch, tokens, hidden); after the last one (batch, 1, hidden), the class token,
    /// unless it is [observed](VisionTower::observe).
    Layer(usize),
    /// The class token after the last layer norm, or what a head gathered after it: (batch, hidden).
    Pooled,
    /// The embedding, of any length in space: (batch, dimension).
    Projected,
}

/// A forward pass under way: where it has come to, and what came out there.
#[derive(Clone, Debug)]
pub(crate) struct VisionPass {
    /// The last part that was computed.
    pub(crate) stage: VisionStage,
    pub(crate) tokens: PassTokens,
    wanted: Wanted,
}

impl VisionPass {
    /// What the last part gave, as a tensor.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`] after a step that failed.
    #[cfg(feature = "candle")]
    pub(crate) fn output(&self) -> Result<Tensor> {
        let output = self.tokens.get()?.to_tensor()?;
        match self.stage {
            VisionStage::Pooled | VisionStage::Projected => Ok(output.squeeze(1)?),
            _ => Ok(output),
        }
    }
}

/// The photos of a tensor (batch, 3, image_size, image_size).
#[cfg(feature = "candle")]
fn photos_of(pixels: &Tensor) -> Result<Vec<Tensor>> {
    if pixels.rank() != 4 {
        let what = format!("pixel tensors of shape {:?}, not [batch, 3, height, width]", pixels.dims());
        return Err(Error::new(ErrorKind::InvalidArgument, what));
    }
    Ok((0..pixels.dim(0)?).map(|at| pixels.get(at)).collect::<candle_core::Result<_>>()?)
}

/// A loaded vision tower: pixel tensors in, embeddings out.
///
/// ```
/// # use clip_vision::{ClipVision, Image, Options};
/// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
/// let tower = clip.vision_tower()?;
/// # #[cfg(feature = "candle")]
/// # {
/// let photo = clip.pixel_tensor(Image::from_path("tests/golden/images/photo-420.jpg"))?.unsqueeze(0).unwrap();
/// assert_eq!(tower.forward(&photo)?.dims(), [1, tower.config().embedding_dim()]);
/// # }
/// # Ok::<(), clip_vision::Error>(())
/// ```
pub struct VisionTower {
    config: VisionConfig,
    backend: Backend,
    /// Of passes that run side by side.
    one_thread: Backend,
    layers: VisionLayers,
    /// Of the first layer: of others than a probe's, none.
    first_mask: Mask,
}

/// What a vision tower is made of. A family's own file says which of the parts it has, and their tensors' names and shapes.
pub(super) struct VisionLayers<S: Source = Loaded> {
    /// (hidden)
    pub(super) class_token: Option<S::Table>,
    /// (hidden, 3, patch, patch)
    pub(super) patch_embedding: S::Linear,
    /// (tokens, hidden), the class token's first; with the bias of the patches added.
    pub(super) positions: S::Table,
    pub(super) pre_norm: Option<S::LayerNorm>,
    pub(super) encoder: Encoder<S>,
    pub(super) post_norm: S::LayerNorm,
    pub(super) pooling: Pooling<S>,
    pub(super) projection: Option<S::Linear>,
}

/// How one token comes of all.
pub(super) enum Pooling<S: Source = Loaded> {
    /// The class token is taken, and normed.
    ClassToken,
    /// All are normed, and gathered from.
    Attention(AttentionHead<S>),
}

impl<S: Source> VisionLayers<S> {
    fn of(source: &mut S, prefix: VisionPrefix, config: &VisionConfig) -> Result<Self> {
        let VisionPrefix(prefix) = prefix;
        match config.family {
            Family::Clip | Family::DistilBert => clip::vision(source, prefix, config),
            Family::ChineseClip => chinese_clip::vision(source, prefix, config),
            Family::Siglip => siglip::vision(source, prefix, config),
            Family::Dinov2 => dinov2::vision(source, prefix, config),
        }
    }
}

/// Cuts photos, each of so many tokens, into passes: those that run side by side, each on a thread of its own, as long as there are
/// enough photos for all threads, and the rest, on all threads one after the other.
fn cut(photos: usize, tokens: usize, threads: usize) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let together = (TOGETHER / tokens).max(1);
    let each = together.min(photos / threads);
    let is_enough = threads > 1 && each * tokens >= BY_ITSELF;
    let side_by_side = if is_enough { photos - photos % (each * threads) } else { 0 };
    let passes =
        |begin: usize, end: usize, size: usize| (begin..end).step_by(size).map(|at| at..end.min(at + size)).collect();
    (passes(0, side_by_side, each.max(1)), passes(side_by_side, photos, together))
}

/// What the names of the tower's tensors begin with: `vision_model.`, or, in a bare tower, nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VisionPrefix(&'static str);

impl VisionPrefix {
    pub(crate) fn find(header: &Header) -> Self {
        const FIRST: [&str; 2] = ["embeddings.patch_embedding.weight", "embeddings.patch_embeddings.projection.weight"];
        Self(if FIRST.iter().any(|name| header.contains(name)) { "" } else { "vision_model." })
    }
}

impl VisionTower {
    /// The tensors that a tower of this shape is made of.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where the file's tower has a tensor that this one does not: it is another model than its
    /// configuration says.
    pub(crate) fn declare(config: &VisionConfig, prefix: VisionPrefix, header: &Header) -> Result<Vec<TensorSpec>> {
        let mut declared = Declared::default();
        VisionLayers::of(&mut declared, prefix, config)?;
        let parts = ["embeddings.", "encoder.", "pre_layrnorm.", "post_layernorm.", "layernorm.", "head."];
        // With a prefix all tensors that have it are the tower's.
        declared.refuse_others(header, prefix.0, if prefix.0.is_empty() { &parts } else { &[""] })?;
        Ok(declared.0)
    }

    /// The tower, once they are loaded.
    pub(crate) fn build(config: VisionConfig, prefix: VisionPrefix, loaded: &mut Loaded) -> Result<Self> {
        let layers = VisionLayers::of(loaded, prefix, &config)?;
        let (backend, one_thread) = (loaded.backend.clone(), loaded.backend.on_one_thread());
        Ok(Self { config, backend, one_thread, layers, first_mask: Mask::None })
    }

    /// The same, whose first of several layers is masked as a text tower's are: for a probe of both kinds of attention.
    #[cfg(feature = "gpu")]
    pub(crate) fn with_causal_start(self) -> Self {
        let first_mask = if self.config.num_hidden_layers > 1 { Mask::Causal } else { Mask::None };
        Self { first_mask, ..self }
    }

    /// (batch, 3, image_size, image_size) pixel tensors to (batch, dimension) embeddings, not normalized.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another shape.
    #[cfg(feature = "candle")]
    pub fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let photos = photos_of(pixels)?;
        let photos: Vec<&Tensor> = photos.iter().collect();
        let outputs = self.passes(photos.len(), |some, backend| {
            let mut pass = self.start_on(backend, Photos::Tensors(&photos[some]), Wanted::First)?;
            while self.step(&mut pass)? {}
            pass.output()
        });
        Ok(Tensor::cat(&outputs.into_iter().map(|(_, output)| output).collect::<Result<Vec<_>>>()?, 0)?)
    }

    /// Computes so many photos in the passes that take the least time: `pass` is called with some photos and the backend to
    /// [start](Self::start_on) with. What it gave for which, in order. No photos are one pass over none.
    pub(crate) fn passes<T: Send>(
        &self,
        photos: usize,
        pass: impl Fn(Range<usize>, &Backend) -> T + Sync,
    ) -> Vec<(Range<usize>, T)> {
        let run = |some: Range<usize>, backend| (some.clone(), pass(some, backend));
        let Some(threads) = self.backend.threads().filter(|_| photos > 0) else {
            return vec![run(0..photos, &self.backend)];
        };
        let (side_by_side, rest) = cut(photos, self.config.num_tokens(), threads.threads());
        let mut passes = threads.map(side_by_side, |some| run(some, &self.one_thread));
        passes.extend(rest.into_iter().map(|some| run(some, &self.backend)));
        passes
    }

    /// Whether our kernels compute, and not candle.
    pub(crate) fn has_kernels(&self) -> bool {
        self.backend.has_kernels()
    }

    /// The same for whoever looks at the parts: `look` is called with what each of them gives, the embeddings last. Of the
    /// last layer all tokens are computed, though the embedding needs the class token alone.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Image, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// use clip_vision::model::VisionStage;
    ///
    /// let photo = clip.pixel_tensor(Image::from_path("tests/golden/images/photo-420.jpg"))?.unsqueeze(0).unwrap();
    /// let mut stages = Vec::new();
    /// clip.vision_tower()?.observe(&photo, |stage, tensor| stages.push((stage, tensor.dims().to_vec())))?;
    /// assert_eq!(stages[0], (VisionStage::Embeddings, vec![1, clip.config()?.num_tokens(), clip.config()?.hidden_size]));
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    #[cfg(feature = "candle")]
    pub fn observe(&self, pixels: &Tensor, mut look: impl FnMut(VisionStage, &Tensor)) -> Result<()> {
        let mut pass = self.start_batch(pixels, Wanted::All)?;
        let mut more = true;
        while more {
            look(pass.stage, &pass.output()?);
            more = self.step(&mut pass)?;
        }
        look(pass.stage, &pass.output()?);
        Ok(())
    }

    /// [`start`](Self::start) of one tensor (batch, 3, image_size, image_size).
    #[cfg(feature = "candle")]
    pub(crate) fn start_batch(&self, pixels: &Tensor, wanted: Wanted) -> Result<VisionPass> {
        let photos = photos_of(pixels)?;
        self.start(Photos::Tensors(&photos.iter().collect::<Vec<_>>()), wanted)
    }

    /// Begins a pass over photos, at least one: computes its first part, [`VisionStage::Embeddings`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for pixel tensors of another shape, and for none.
    pub(crate) fn start(&self, photos: Photos<'_>, wanted: Wanted) -> Result<VisionPass> {
        self.start_on(&self.backend, photos, wanted)
    }

    /// The same with one of the backends that [`passes`](Self::passes) gives.
    pub(crate) fn start_on(&self, backend: &Backend, photos: Photos<'_>, wanted: Wanted) -> Result<VisionPass> {
        if photos.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "a forward pass over no images"));
        }
        photos.shapes().try_for_each(|shape| self.check_shape(&shape))?;
        self.start_patches(&backend::patches(photos, self.config.patch_size, backend)?, wanted)
    }

    fn start_patches(&self, patches: &Tokens, wanted: Wanted) -> Result<VisionPass> {
        let VisionLayers { patch_embedding, class_token, positions, .. } = &self.layers;
        let tokens = backend::embed_patches(patches, patch_embedding, class_token.as_ref(), positions)?;
        Ok(VisionPass { stage: VisionStage::Embeddings, tokens: PassTokens::new(tokens), wanted })
    }

    /// The plan of a pass over so many photos, at least one: patches in, embeddings out.
    #[cfg(feature = "gpu")]
    pub(crate) fn plan(&self, batch: usize, tuning: Tuning) -> Result<Plan> {
        let VisionConfig { patch_size: patch, .. } = self.config;
        let shape = [batch, self.config.grid_size() * self.config.grid_size(), 3 * patch * patch];
        let mut pass = self.start_patches(&Tokens::recorded(tuning, shape), Wanted::First)?;
        while self.step(&mut pass)? {}
        pass.tokens.into_inner()?.into_plan()
    }

    /// What such a plan begins with: the patches of photos, filled up as it says.
    #[cfg(feature = "gpu")]
    pub(crate) fn plan_input(&self, photos: Photos<'_>) -> Result<Vec<f32>> {
        photos.shapes().try_for_each(|shape| self.check_shape(&shape))?;
        backend::patches(photos, self.config.patch_size, &self.backend)?.to_padded()
    }

    /// Whether this is the shape of a pixel tensor that the tower takes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is not.
    pub(crate) fn check_shape(&self, shape: &[usize]) -> Result<()> {
        let expected = [3, self.config.image_size, self.config.image_size];
        if shape == expected {
            return Ok(());
        }
        let what = format!("a pixel tensor of shape {shape:?}; the model takes {expected:?}");
        Err(Error::new(ErrorKind::InvalidArgument, what).about_shape(&expected, shape))
    }

    /// Computes the next part of a pass, which for the most part is a layer of the encoder; true while there is another one
    /// after it. A pass that has ended stays as it is; after an error it is of no use any more.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`], [`ErrorKind::OutOfMemory`].
    pub(crate) fn step(&self, pass: &mut VisionPass) -> Result<bool> {
        let Some(stage) = self.after(pass.stage) else { return Ok(false) };
        pass.tokens.replace(|x| self.compute(stage, x, pass.wanted))?;
        pass.stage = stage;
        Ok(self.after(stage).is_some())
    }

    /// The part that comes after another.
    fn after(&self, stage: VisionStage) -> Option<VisionStage> {
        let layer =
            |index| if index < self.layers.encoder.len() { VisionStage::Layer(index) } else { VisionStage::Pooled };
        match stage {
            VisionStage::Embeddings if self.layers.pre_norm.is_some() => Some(VisionStage::PreNorm),
            VisionStage::Embeddings => Some(layer(0)),
            VisionStage::PreNorm => Some(layer(0)),
            VisionStage::Layer(index) => Some(layer(index + 1)),
            VisionStage::Pooled => self.layers.projection.is_some().then_some(VisionStage::Projected),
            VisionStage::Projected => None,
        }
    }

    /// One part, of what the part before it gave.
    fn compute(&self, stage: VisionStage, x: Tokens, wanted: Wanted) -> Result<Tokens> {
        let VisionLayers { pre_norm, encoder, post_norm, pooling, projection, .. } = &self.layers;
        // A head gathers from all tokens of the last layer.
        let wanted = if matches!(pooling, Pooling::ClassToken) { wanted } else { Wanted::All };
        match (stage, pre_norm, pooling, projection) {
            (VisionStage::PreNorm, Some(pre_norm), ..) => pre_norm.forward(&x),
            (VisionStage::Layer(index), ..) => {
                let mask = if index == 0 { self.first_mask } else { Mask::None };
                encoder.forward_layer(index, x, mask, wanted)
            }
            (VisionStage::Pooled, _, Pooling::ClassToken, _) => post_norm.forward(&x.pooled()?),
            (VisionStage::Pooled, _, Pooling::Attention(head), _) => head.forward(&post_norm.forward(&x)?),
            (VisionStage::Projected, .., Some(projection)) => projection.forward(&x),
            (VisionStage::Embeddings | VisionStage::PreNorm | VisionStage::Projected, ..) => Ok(x),
        }
    }

    /// The tower's shape.
    pub fn config(&self) -> &VisionConfig {
        &self.config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_photo_is_in_one_pass() {
        for tokens in [5, 50, 65, 197, 257, 577, 1025] {
            for threads in [1, 2, 3, 16, 64] {
                for photos in 0..200 {
                    let (side_by_side, rest) = cut(photos, tokens, threads);
                    assert!(side_by_side.iter().chain(&rest).cloned().flatten().eq(0..photos));
                    // Each thread has as much to do as the others.
                    assert_eq!(side_by_side.len() % threads, 0);
                    assert!(side_by_side.iter().all(|some| some.len() == side_by_side[0].len()));
                    assert!(side_by_side.iter().all(|some| some.len() * tokens >= BY_ITSELF));
                }
            }
        }
        let ends = |photos, tokens, threads| {
            let (side_by_side, rest) = cut(photos, tokens, threads);
            [side_by_side, rest].map(|passes| passes.iter().map(|some| some.end).collect::<Vec<_>>())
        };
        assert_eq!(ends(8, 50, 2), [vec![4, 8], vec![]]);
        assert_eq!(ends(9, 50, 2), [vec![4, 8], vec![9]]);
        assert_eq!(ends(5, 257, 2), [vec![1, 2, 3, 4], vec![5]]);
        assert_eq!(ends(20, 50, 1), [vec![], vec![8, 16, 20]]);
        assert_eq!(ends(8, 50, 4), [vec![], vec![8]]);
    }
}
