//! The vision tower: a ViT whose class token, normed and projected, is the image's embedding.
//! <https://arxiv.org/abs/2103.00020> · <https://arxiv.org/abs/2010.11929>

use crate::backend::{self, Backend, Mask, Tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::VisionConfig;
use crate::model::encoder::{Encoder, EncoderConfig, Wanted, has_failed, take_tokens};
use crate::model::source::{Declared, Loaded, Source};
use crate::weights::{Header, TensorSpec, Use};
#[cfg(feature = "candle")]
use candle_core::Tensor;

/// The parts of the forward pass, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VisionStage {
    /// Class token and patches with their positions added: (batch, tokens, hidden).
    Embeddings,
    /// After the layer norm before the encoder: (batch, tokens, hidden).
    PreNorm,
    /// After encoder layer `0`, `1`, …: (batch, tokens, hidden); after the last one (batch, 1, hidden), the class token,
    /// unless the pass is one to be [observed](VisionTower::start_observed).
    Layer(usize),
    /// The class token after the last layer norm: (batch, hidden).
    Pooled,
    /// The embedding, of any length in space: (batch, dimension).
    Projected,
}

/// A forward pass under way: where it has come to, and what came out there.
///
/// Made by [`VisionTower::start`] and taken on by [`VisionTower::step`]. Whoever runs a pass step by step can do other
/// things in between, or give it up by dropping it.
#[derive(Clone, Debug)]
pub struct VisionPass {
    stage: VisionStage,
    /// `None` once a part has failed: what it was working on is lost.
    tokens: Option<Tokens>,
    wanted: Wanted,
}

impl VisionPass {
    /// The last part that was computed.
    pub fn stage(&self) -> VisionStage {
        self.stage
    }

    /// What that part gave, as a tensor; once [`step`](VisionTower::step) says that there is no more, the embeddings.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`] after a step that failed.
    #[cfg(feature = "candle")]
    pub fn output(&self) -> Result<Tensor> {
        let output = self.tokens()?.to_tensor()?;
        match self.stage {
            VisionStage::Pooled | VisionStage::Projected => Ok(output.squeeze(1)?),
            _ => Ok(output),
        }
    }

    /// What that part gave, each token by itself.
    pub(crate) fn rows(&self) -> Result<Vec<Vec<f32>>> {
        self.tokens()?.to_rows()
    }

    fn tokens(&self) -> Result<&Tokens> {
        self.tokens.as_ref().ok_or_else(has_failed)
    }
}

/// A loaded vision tower: pixel tensors in, embeddings out.
pub struct VisionTower {
    config: VisionConfig,
    backend: Backend,
    layers: Layers,
}

/// What a vision tower is made of.
struct Layers<S: Source = Loaded> {
    /// (hidden)
    class_token: S::Table,
    /// (hidden, 3, patch, patch)
    patch_embedding: S::Linear,
    /// (tokens, hidden), the class token's first.
    positions: S::Table,
    pre_norm: S::LayerNorm,
    encoder: Encoder<S>,
    post_norm: S::LayerNorm,
    projection: Option<S::Linear>,
}

impl<S: Source> Layers<S> {
    /// The tensors of a tower of this shape: all that is said of their names and shapes is said here and in the encoder.
    fn of(source: &mut S, VisionPrefix(prefix): VisionPrefix, config: &VisionConfig) -> Result<Self> {
        let VisionConfig { hidden_size: hidden, patch_size: patch, layer_norm_eps: eps, .. } = *config;
        let name = |part: &str| format!("{prefix}{part}");
        let [class_token, patches, positions] = [
            TensorSpec::new(name("embeddings.class_embedding"), [hidden], Use::Vector),
            TensorSpec::new(name("embeddings.patch_embedding.weight"), [hidden, 3, patch, patch], Use::Patches),
            TensorSpec::new(name("embeddings.position_embedding.weight"), [config.num_tokens(), hidden], Use::Table),
        ];
        let projection = config.projection_dim.map(|dimension| {
            let weight = TensorSpec::new("visual_projection.weight", [dimension, hidden], Use::Projection);
            source.linear(weight, None)
        });
        Ok(Self {
            class_token: source.table(class_token)?,
            patch_embedding: source.linear(patches, None)?,
            positions: source.table(positions)?,
            pre_norm: source.norm(&name("pre_layrnorm"), hidden, eps)?,
            encoder: Encoder::of(source, &name("encoder.layers"), &encoder_config(config))?,
            post_norm: source.norm(&name("post_layernorm"), hidden, eps)?,
            projection: projection.transpose()?,
        })
    }
}

/// What the names of the tower's tensors begin with: `vision_model.`, or, in a bare `CLIPVisionModel`, nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VisionPrefix(&'static str);

impl VisionPrefix {
    pub(crate) fn find(header: &Header) -> Self {
        Self(if header.contains("embeddings.class_embedding") { "" } else { "vision_model." })
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
        Layers::of(&mut declared, prefix, config)?;
        header.refuse_others(
            prefix.0,
            &["embeddings.", "encoder.", "pre_layrnorm.", "post_layernorm."],
            &declared.0,
        )?;
        Ok(declared.0)
    }

    /// The tower, once they are loaded.
    pub(crate) fn build(config: VisionConfig, prefix: VisionPrefix, loaded: &mut Loaded) -> Result<Self> {
        let layers = Layers::of(loaded, prefix, &config)?;
        Ok(Self { config, backend: loaded.backend.clone(), layers })
    }

    /// (batch, 3, image_size, image_size) pixel tensors to (batch, dimension) embeddings, not normalised.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another shape.
    #[cfg(feature = "candle")]
    pub fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let mut pass = self.start(pixels)?;
        while self.step(&mut pass)? {}
        pass.output()
    }

    /// Begins a [`forward`](Self::forward): computes its first part, [`VisionStage::Embeddings`].
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    #[cfg(feature = "candle")]
    pub fn start(&self, pixels: &Tensor) -> Result<VisionPass> {
        self.start_for(pixels, Wanted::First)
    }

    /// The same for whoever looks at the parts: of the last layer all tokens are computed, though the embedding needs the
    /// class token alone.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    #[cfg(feature = "candle")]
    pub fn start_observed(&self, pixels: &Tensor) -> Result<VisionPass> {
        self.start_for(pixels, Wanted::All)
    }

    #[cfg(feature = "candle")]
    fn start_for(&self, pixels: &Tensor, wanted: Wanted) -> Result<VisionPass> {
        let VisionConfig { image_size: size, .. } = self.config;
        if !matches!(pixels.dims(), [_, 3, height, width] if *height == size && *width == size) {
            let what = format!("pixel tensor of shape {:?}, not [batch, 3, {size}, {size}]", pixels.dims());
            return Err(Error::new(ErrorKind::InvalidArgument, what));
        }
        if !self.backend.has_kernels() {
            let patches = backend::patches_of_tensor(pixels, self.config.patch_size)?;
            return self.start_with(&patches, wanted);
        }
        backend::with_values(&[&pixels.contiguous()?], |values| {
            let photos: Vec<&[f32]> = values.iter().flat_map(|values| values.chunks_exact(3 * size * size)).collect();
            self.start_with(&backend::patches(&photos, size, self.config.patch_size, &self.backend)?, wanted)
        })
    }

    /// [`start`](Self::start) of tensors (3, image_size, image_size), one for each photo; at least one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another shape, and for no tensors.
    #[cfg(feature = "candle")]
    pub(crate) fn start_together(&self, photos: &[&Tensor]) -> Result<VisionPass> {
        let VisionConfig { image_size: size, .. } = self.config;
        if let Some(photo) = photos.iter().find(|photo| photo.dims() != [3, size, size]) {
            let what = format!("pixel tensor of shape {:?}, not [3, {size}, {size}]", photo.dims());
            return Err(Error::new(ErrorKind::InvalidArgument, what));
        }
        if !self.backend.has_kernels() && !photos.is_empty() {
            return self.start(&Tensor::stack(photos, 0)?);
        }
        let photos = photos.iter().map(|photo| photo.contiguous()).collect::<candle_core::Result<Vec<_>>>()?;
        backend::with_values(&photos.iter().collect::<Vec<_>>(), |photos| self.start_pixels(photos))
    }

    /// The same of the tensors' values: red, green and blue planes, rows from the top.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another number of values, and for no photos.
    pub(crate) fn start_pixels(&self, photos: &[&[f32]]) -> Result<VisionPass> {
        let VisionConfig { image_size: size, patch_size: patch, .. } = self.config;
        let invalid = |what: String| Err(Error::new(ErrorKind::InvalidArgument, what));
        if photos.is_empty() {
            return invalid("a forward pass over no images".to_owned());
        }
        if let Some(photo) = photos.iter().find(|photo| photo.len() != 3 * size * size) {
            return invalid(format!("{} pixel values, not 3 × {size} × {size}", photo.len()));
        }
        self.start_with(&backend::patches(photos, size, patch, &self.backend)?, Wanted::First)
    }

    fn start_with(&self, patches: &Tokens, wanted: Wanted) -> Result<VisionPass> {
        let tokens = backend::embed_patches(
            patches,
            &self.layers.patch_embedding,
            &self.layers.class_token,
            &self.layers.positions,
        )?;
        Ok(VisionPass { stage: VisionStage::Embeddings, tokens: Some(tokens), wanted })
    }

    /// Computes the next part of a pass, which for the most part is a layer of the encoder; false, and nothing is done,
    /// once there is none. After an error the pass is of no use any more.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`], [`ErrorKind::OutOfMemory`].
    pub fn step(&self, pass: &mut VisionPass) -> Result<bool> {
        let layer =
            |index| if index < self.layers.encoder.len() { VisionStage::Layer(index) } else { VisionStage::Pooled };
        let stage = match pass.stage {
            VisionStage::Embeddings => VisionStage::PreNorm,
            VisionStage::PreNorm => layer(0),
            VisionStage::Layer(index) => layer(index + 1),
            VisionStage::Pooled if self.layers.projection.is_some() => VisionStage::Projected,
            VisionStage::Pooled | VisionStage::Projected => return Ok(false),
        };
        let x = take_tokens(&mut pass.tokens)?;
        pass.tokens = Some(self.compute(stage, x, pass.wanted)?);
        pass.stage = stage;
        Ok(true)
    }

    /// One part, of what the part before it gave.
    fn compute(&self, stage: VisionStage, x: Tokens, wanted: Wanted) -> Result<Tokens> {
        match (stage, &self.layers.projection) {
            (VisionStage::PreNorm, _) => self.layers.pre_norm.forward(&x),
            (VisionStage::Layer(index), _) => self.layers.encoder.forward_layer(index, x, Mask::None, wanted),
            (VisionStage::Pooled, _) => self.layers.post_norm.forward(&x.pooled()?),
            (VisionStage::Projected, Some(projection)) => projection.forward(&x),
            (VisionStage::Embeddings, _) | (VisionStage::Projected, None) => Ok(x),
        }
    }

    /// The tower's shape.
    pub fn config(&self) -> &VisionConfig {
        &self.config
    }
}

/// The shape of the tower's encoder.
fn encoder_config(config: &VisionConfig) -> EncoderConfig {
    EncoderConfig {
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        num_layers: config.num_hidden_layers,
        num_heads: config.num_attention_heads,
        activation: config.activation.into(),
        layer_norm_eps: config.layer_norm_eps,
    }
}
