//! The vision tower: a ViT whose class token, normed and projected, is the image's embedding.
//! <https://arxiv.org/abs/2103.00020> · <https://arxiv.org/abs/2010.11929>

use crate::backend::{self, Backend, LayerNorm, Linear, Mask, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::VisionConfig;
use crate::model::encoder::{Encoder, Wanted};
use crate::weights::{Header, TensorSpec, Weights};
use candle_core::{IndexOp, Tensor};

const PATCHES: &str = "embeddings.patch_embedding.weight";
const PROJECTION: &str = "visual_projection.weight";

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
    patch_embedding: Linear,
    /// With its position added: (hidden).
    class_token: Tensor,
    /// (patches, hidden)
    patch_positions: Tensor,
    pre_norm: LayerNorm,
    encoder: Encoder,
    post_norm: LayerNorm,
    projection: Option<Linear>,
}

impl VisionTower {
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
            VisionStage::Embeddings => (VisionStage::PreNorm, self.pre_norm.forward(x)?),
            VisionStage::PreNorm => self.encode(0, x, pass.wanted)?,
            VisionStage::Layer(index) => self.encode(index + 1, x, pass.wanted)?,
            VisionStage::Pooled => match &self.projection {
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
        match self.encoder.forward_layer(index, x, Mask::None, wanted, &class_tokens) {
            Some(output) => Ok((VisionStage::Layer(index), output?)),
            None => Ok((VisionStage::Pooled, self.post_norm.forward(&x.i((.., 0, ..))?)?)),
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
            self.patch_embedding.forward_added(&backend::patches(pixels, grid, patch_size)?, &positions, &[])?;
        let class_token = self.class_token.expand((batch, 1, hidden_size))?;
        Ok(Tensor::cat(&[&class_token, &patches], 1)?)
    }
}

/// Where the tower's tensors are in the file: under `vision_model.`, or, in a bare `CLIPVisionModel`, at the top.
#[derive(Clone, Debug)]
pub(crate) struct VisionNames(&'static str);

impl VisionNames {
    pub(crate) fn find(header: &Header) -> Self {
        Self(if header.contains("embeddings.class_embedding") { "" } else { "vision_model." })
    }

    /// The tensors that a tower of this shape consists of; with the encoder's, all that is said of shapes is said here.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where the file's tower has a tensor that this one does not: it is another model than its
    /// configuration says.
    pub(crate) fn specs(&self, config: &VisionConfig, header: &Header, backend: &Backend) -> Result<Vec<TensorSpec>> {
        let VisionConfig { hidden_size: hidden, patch_size: patch, .. } = *config;
        let mut specs = vec![
            TensorSpec::new(self.name("embeddings.class_embedding"), [hidden]),
            Linear::weight_spec(&self.name(PATCHES), [hidden, 3, patch, patch], Role::Patches, backend),
            TensorSpec::new(self.name("embeddings.position_embedding.weight"), [config.num_tokens(), hidden]),
        ];
        specs.extend(["pre_layrnorm", "post_layernorm"].iter().flat_map(|n| LayerNorm::specs(&self.name(n), hidden)));
        specs.extend(Encoder::specs(&self.name("encoder.layers"), &config.encoder(), backend));
        let parts = ["embeddings.", "encoder.", "pre_layrnorm.", "post_layernorm."];
        header.refuse_others(self.0, &parts, &specs)?;
        if let Some(dimension) = config.projection_dim {
            specs.push(Linear::weight_spec(PROJECTION, [dimension, hidden], Role::Projection, backend));
        }
        Ok(specs)
    }

    fn name(&self, part: &str) -> String {
        format!("{}{part}", self.0)
    }

    /// Builds the tower of tensors read to [`specs`](Self::specs).
    pub(crate) fn build(&self, config: VisionConfig, weights: &mut Weights, backend: &Backend) -> Result<VisionTower> {
        let projection = match config.projection_dim {
            Some(_) => Some(Linear::take_without_bias(weights, PROJECTION, backend)?),
            None => None,
        };
        let eps = config.layer_norm_eps;
        let device = backend.device();
        let positions = weights.take(&self.name("embeddings.position_embedding.weight"), device)?;
        Ok(VisionTower {
            patch_embedding: Linear::take_without_bias(weights, &self.name(PATCHES), backend)?,
            class_token: (weights.take(&self.name("embeddings.class_embedding"), device)? + positions.i(0)?)?,
            patch_positions: positions.i(1..)?,
            pre_norm: LayerNorm::take(weights, &self.name("pre_layrnorm"), eps, backend)?,
            encoder: Encoder::take(weights, &self.name("encoder.layers"), &config.encoder(), backend)?,
            post_norm: LayerNorm::take(weights, &self.name("post_layernorm"), eps, backend)?,
            projection,
            config,
        })
    }
}
