//! The vision tower: a ViT whose class token, normed and projected, is the image's embedding.
//! <https://arxiv.org/abs/2103.00020> · <https://arxiv.org/abs/2010.11929>

use crate::clip::config::VisionConfig;
use crate::clip::encoder::{Encoder, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::ops::{Backend, LayerNorm, Linear, Mask, Role};
use crate::weights::{Header, TensorSpec, Weights};
use candle_core::{IndexOp, Tensor};

const PATCHES: &str = "embeddings.patch_embedding.weight";
const PROJECTION: &str = "visual_projection.weight";

/// The parts of the forward pass, in order, as [`VisionTower::forward_observed`] reports them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VisionStage {
    /// Class token and patches with their positions added: (batch, tokens, hidden).
    Embeddings,
    /// After the layer norm before the encoder: (batch, tokens, hidden).
    PreNorm,
    /// After encoder layer `0`, `1`, …: (batch, tokens, hidden).
    Layer(usize),
    /// The class token after the last layer norm: (batch, hidden).
    Pooled,
    /// The embedding, of any length in space: (batch, dimension).
    Projected,
}

/// A loaded vision tower: pixel tensors in, embeddings out.
pub struct VisionTower {
    config: VisionConfig,
    patch_embedding: Linear,
    class_embedding: Tensor,
    position_embedding: Tensor,
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
        self.run(pixels, Wanted::First, &mut |_, _| Ok(()))
    }

    /// The same, and shows each part's output to `observe`; an error from there ends the pass.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and those of `observe`.
    pub fn forward_observed(
        &self,
        pixels: &Tensor,
        observe: &mut dyn FnMut(VisionStage, &Tensor) -> Result<()>,
    ) -> Result<Tensor> {
        self.run(pixels, Wanted::All, observe)
    }

    /// Of the last layer's tokens the embedding needs the class token alone.
    fn run(
        &self,
        pixels: &Tensor,
        wanted: Wanted,
        observe: &mut dyn FnMut(VisionStage, &Tensor) -> Result<()>,
    ) -> Result<Tensor> {
        let mut x = self.embed_patches(pixels)?;
        observe(VisionStage::Embeddings, &x)?;
        x = self.pre_norm.forward(&x)?;
        observe(VisionStage::PreNorm, &x)?;
        x = self.encoder.forward(x, Mask::None, wanted, &mut |index, x| observe(VisionStage::Layer(index), x))?;
        let class_token = x.i((.., 0, ..))?;
        let pooled = self.post_norm.forward(&class_token)?;
        observe(VisionStage::Pooled, &pooled)?;
        let Some(projection) = &self.projection else { return Ok(pooled) };
        let embedding = projection.forward(&pooled)?;
        observe(VisionStage::Projected, &embedding)?;
        Ok(embedding)
    }

    /// The tower's shape.
    pub fn config(&self) -> &VisionConfig {
        &self.config
    }

    /// Cuts the image into patches, embeds each, puts the class token before them and adds the positions.
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
        // A convolution whose stride is its kernel's size is a linear layer over the patches.
        let seen = grid * patch_size;
        let patches = pixels
            .i((.., .., ..seen, ..seen))?
            .reshape((batch, 3, grid, patch_size, grid, patch_size))?
            .permute([0, 2, 4, 1, 3, 5])?
            .reshape((batch, grid * grid, 3 * patch_size * patch_size))?;
        let patches = self.patch_embedding.forward(&patches)?;
        let class_token = self.class_embedding.expand((batch, 1, hidden_size))?;
        let tokens = Tensor::cat(&[&class_token, &patches], 1)?;
        Ok(tokens.broadcast_add(&self.position_embedding)?)
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
        Ok(VisionTower {
            patch_embedding: Linear::take_without_bias(weights, &self.name(PATCHES), backend)?,
            class_embedding: weights.take(&self.name("embeddings.class_embedding"), device)?,
            position_embedding: weights.take(&self.name("embeddings.position_embedding.weight"), device)?,
            pre_norm: LayerNorm::take(weights, &self.name("pre_layrnorm"), eps, backend)?,
            encoder: Encoder::take(weights, &self.name("encoder.layers"), &config.encoder(), backend)?,
            post_norm: LayerNorm::take(weights, &self.name("post_layernorm"), eps, backend)?,
            projection,
            config,
        })
    }
}
