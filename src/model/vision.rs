//! The vision tower: a ViT whose class token, normed and projected, is the image's embedding.
//! <https://arxiv.org/abs/2103.00020> · <https://arxiv.org/abs/2010.11929>

use crate::backend::{self, Mask};
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::VisionConfig;
use crate::model::encoder::{Encoder, Wanted};
use crate::model::source::{Declared, Loaded, Source};
use crate::weights::{Header, TensorSpec, Use};
use candle_core::{IndexOp, Tensor};

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
    output: Tensor,
    wanted: Wanted,
}

impl VisionPass {
    /// The last part that was computed.
    pub fn stage(&self) -> VisionStage {
        self.stage
    }

    /// What that part gave; once [`step`](VisionTower::step) says that there is no more, the embeddings.
    pub fn output(&self) -> &Tensor {
        &self.output
    }
}

/// A loaded vision tower: pixel tensors in, embeddings out.
pub struct VisionTower {
    config: VisionConfig,
    layers: Layers,
    /// With its position added: (hidden).
    class_token: Tensor,
    /// (patches, hidden)
    patch_positions: Tensor,
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
            encoder: Encoder::of(source, &name("encoder.layers"), &config.encoder())?,
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
        let class_token = (&layers.class_token + layers.positions.i(0)?)?;
        let patch_positions = layers.positions.i(1..)?;
        Ok(Self { config, class_token, patch_positions, layers })
    }

    /// (batch, 3, image_size, image_size) pixel tensors to (batch, dimension) embeddings, not normalised.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another shape.
    pub fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let mut pass = self.start(pixels)?;
        while self.step(&mut pass)? {}
        Ok(pass.output)
    }

    /// Begins a [`forward`](Self::forward): computes its first part, [`VisionStage::Embeddings`].
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn start(&self, pixels: &Tensor) -> Result<VisionPass> {
        self.start_for(pixels, Wanted::First)
    }

    /// The same for whoever looks at the parts: of the last layer all tokens are computed, though the embedding needs the
    /// class token alone.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn start_observed(&self, pixels: &Tensor) -> Result<VisionPass> {
        self.start_for(pixels, Wanted::All)
    }

    fn start_for(&self, pixels: &Tensor, wanted: Wanted) -> Result<VisionPass> {
        Ok(VisionPass { stage: VisionStage::Embeddings, output: self.embed_patches(pixels)?, wanted })
    }

    /// Computes the next part of a pass, which for the most part is a layer of the encoder; false, and nothing is done,
    /// once there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`], [`ErrorKind::OutOfMemory`].
    pub fn step(&self, pass: &mut VisionPass) -> Result<bool> {
        let x = &pass.output;
        let (stage, output) = match pass.stage {
            VisionStage::Embeddings => (VisionStage::PreNorm, self.layers.pre_norm.forward(x)?),
            VisionStage::PreNorm => self.encode(0, x, pass.wanted)?,
            VisionStage::Layer(index) => self.encode(index + 1, x, pass.wanted)?,
            VisionStage::Pooled => match &self.layers.projection {
                Some(projection) => (VisionStage::Projected, projection.forward(x, &[])?),
                None => return Ok(false),
            },
            VisionStage::Projected => return Ok(false),
        };
        *pass = VisionPass { stage, output, ..*pass };
        Ok(true)
    }

    /// Layer `index` of the encoder; after the last one the class token is what remains.
    fn encode(&self, index: usize, x: &Tensor, wanted: Wanted) -> Result<(VisionStage, Tensor)> {
        let (batch, tokens, _) = x.dims3()?;
        let class_tokens: Vec<usize> = (0..batch).map(|image| image * tokens).collect();
        match self.layers.encoder.forward_layer(index, x, Mask::None, wanted, &class_tokens) {
            Some(output) => Ok((VisionStage::Layer(index), output?)),
            None => Ok((VisionStage::Pooled, self.layers.post_norm.forward(&x.i((.., 0, ..))?)?)),
        }
    }

    /// The tower's shape.
    pub fn config(&self) -> &VisionConfig {
        &self.config
    }

    /// Cuts the image into patches, embeds each, adds the positions and puts the class token before them.
    fn embed_patches(&self, pixels: &Tensor) -> Result<Tensor> {
        let VisionConfig { image_size, patch_size, hidden_size, .. } = self.config;
        let grid = self.config.grid_size();
        let batch = match pixels.dims() {
            [batch, 3, height, width] if *height == image_size && *width == image_size => *batch,
            other => {
                let what = format!("pixel tensor of shape {other:?}, not [batch, 3, {image_size}, {image_size}]");
                return Err(Error::new(ErrorKind::InvalidArgument, what));
            }
        };
        let positions = self.patch_positions.expand((batch, grid * grid, hidden_size))?;
        // A convolution whose stride is its kernel's size is a linear layer over the patches.
        let patches =
            self.layers.patch_embedding.forward_added(&backend::patches(pixels, grid, patch_size)?, &positions, &[])?;
        let class_token = self.class_token.expand((batch, 1, hidden_size))?;
        Ok(Tensor::cat(&[&class_token, &patches], 1)?)
    }
}
