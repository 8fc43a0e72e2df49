//! The vision tower: a ViT whose class token, normed and projected, is the image's embedding.
//! <https://arxiv.org/abs/2103.00020> · <https://arxiv.org/abs/2010.11929>

use crate::clip::config::{Activation, VisionConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::ops::{self, LayerNorm, Linear};
use crate::weights::{Header, TensorSpec, Weights};
use candle_core::{Device, IndexOp, Tensor};

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
    layers: Vec<EncoderLayer>,
    post_norm: LayerNorm,
    projection: Option<Linear>,
}

impl VisionTower {
    /// (batch, 3, image_size, image_size) pixel tensors to (batch, dimension) embeddings, not normalised.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another shape.
    pub fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        self.forward_observed(pixels, &mut |_, _| Ok(()))
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
        let mut x = self.embed_patches(pixels)?;
        observe(VisionStage::Embeddings, &x)?;
        x = self.pre_norm.forward(&x)?;
        observe(VisionStage::PreNorm, &x)?;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x)?;
            observe(VisionStage::Layer(index), &x)?;
        }
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

/// One transformer layer, norms first: attention and MLP, each added to its input.
struct EncoderLayer {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
}

impl EncoderLayer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = (x + self.attention.forward(&self.norm1.forward(x)?)?)?;
        let y = self.mlp.forward(&self.norm2.forward(&x)?)?;
        Ok((x + y)?)
    }
}

struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    num_heads: usize,
}

impl Attention {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (query, key, value) = (self.query.forward(x)?, self.key.forward(x)?, self.value.forward(x)?);
        self.out.forward(&ops::attention(&query, &key, &value, self.num_heads)?)
    }
}

struct Mlp {
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl Mlp {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.fc2.forward(&ops::activate(&self.fc1.forward(x)?, self.activation)?)
    }
}

/// Where the tower's tensors are in the file: under `vision_model.`, or, in a bare `CLIPVisionModel`, at the top.
#[derive(Clone, Debug)]
pub(crate) struct VisionNames(&'static str);

impl VisionNames {
    pub(crate) fn find(header: &Header<'_>) -> Self {
        Self(if header.contains("embeddings.class_embedding") { "" } else { "vision_model." })
    }

    /// The tensors that a tower of this shape consists of; all that is said of shapes is said here.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where the file's tower has a tensor that this one does not: it is another model than its
    /// configuration says.
    pub(crate) fn specs(&self, config: &VisionConfig, header: &Header<'_>) -> Result<Vec<TensorSpec>> {
        let VisionConfig { hidden_size: hidden, intermediate_size: intermediate, patch_size: patch, .. } = *config;
        let mut specs = vec![
            self.spec("embeddings.class_embedding", [hidden]),
            self.spec("embeddings.patch_embedding.weight", [hidden, 3, patch, patch]),
            self.spec("embeddings.position_embedding.weight", [config.num_tokens(), hidden]),
        ];
        let norms = ["pre_layrnorm", "post_layernorm"].map(str::to_owned);
        let layers = (0..config.num_hidden_layers).map(Self::layer);
        for norm in norms.into_iter().chain(layers.clone().flat_map(|l| [1, 2].map(|n| format!("{l}.layer_norm{n}")))) {
            specs.push(self.spec(&format!("{norm}.weight"), [hidden]));
            specs.push(self.spec(&format!("{norm}.bias"), [hidden]));
        }
        for layer in layers {
            let attention =
                ["q_proj", "k_proj", "v_proj", "out_proj"].map(|p| (format!("self_attn.{p}"), hidden, hidden));
            let mlp = [("mlp.fc1".to_owned(), intermediate, hidden), ("mlp.fc2".to_owned(), hidden, intermediate)];
            for (name, outputs, inputs) in attention.into_iter().chain(mlp) {
                specs.push(self.spec(&format!("{layer}.{name}.weight"), [outputs, inputs]));
                specs.push(self.spec(&format!("{layer}.{name}.bias"), [outputs]));
            }
        }
        self.refuse_others(&specs, header)?;
        if let Some(dimension) = config.projection_dim {
            specs.push(TensorSpec::new("visual_projection.weight", [dimension, hidden]));
        }
        Ok(specs)
    }

    fn spec<const N: usize>(&self, name: &str, shape: [usize; N]) -> TensorSpec {
        TensorSpec::new(format!("{}{name}", self.0), shape)
    }

    fn layer(index: usize) -> String {
        format!("encoder.layers.{index}")
    }

    fn refuse_others(&self, specs: &[TensorSpec], header: &Header<'_>) -> Result<()> {
        let known: std::collections::HashSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let parts = ["embeddings.", "encoder.", "pre_layrnorm.", "post_layernorm."];
        let of_tower =
            |name: &str| name.strip_prefix(self.0).is_some_and(|rest| parts.iter().any(|part| rest.starts_with(part)));
        // A buffer that old files hold: 0, 1, 2, …
        let ids = format!("{}embeddings.position_ids", self.0);
        let names = header.names();
        match names.iter().find(|name| of_tower(name) && !known.contains(name.as_str()) && **name != ids) {
            Some(name) => {
                let what = format!("the weights have a tensor {name}, which a model of this config.json does not");
                Err(Error::new(ErrorKind::Weights, what))
            }
            None => Ok(()),
        }
    }

    /// Builds the tower of tensors read to [`specs`](Self::specs).
    pub(crate) fn build(&self, config: VisionConfig, weights: &mut Weights, device: &Device) -> Result<VisionTower> {
        let name = |part: &str| format!("{}{part}", self.0);
        let norm =
            |weights: &mut Weights, part: &str| LayerNorm::take(weights, &name(part), config.layer_norm_eps, device);
        let linear = |weights: &mut Weights, part: &str| Linear::take(weights, &name(part), device);
        let mut layers = Vec::with_capacity(config.num_hidden_layers);
        for layer in (0..config.num_hidden_layers).map(Self::layer) {
            layers.push(EncoderLayer {
                norm1: norm(weights, &format!("{layer}.layer_norm1"))?,
                attention: Attention {
                    query: linear(weights, &format!("{layer}.self_attn.q_proj"))?,
                    key: linear(weights, &format!("{layer}.self_attn.k_proj"))?,
                    value: linear(weights, &format!("{layer}.self_attn.v_proj"))?,
                    out: linear(weights, &format!("{layer}.self_attn.out_proj"))?,
                    num_heads: config.num_attention_heads,
                },
                norm2: norm(weights, &format!("{layer}.layer_norm2"))?,
                mlp: Mlp {
                    fc1: linear(weights, &format!("{layer}.mlp.fc1"))?,
                    fc2: linear(weights, &format!("{layer}.mlp.fc2"))?,
                    activation: config.activation,
                },
            });
        }
        let projection = match config.projection_dim {
            Some(_) => Some(Linear::without_bias(weights.take("visual_projection.weight", device)?)?),
            None => None,
        };
        Ok(VisionTower {
            patch_embedding: Linear::without_bias(weights.take(&name("embeddings.patch_embedding.weight"), device)?)?,
            class_embedding: weights.take(&name("embeddings.class_embedding"), device)?,
            position_embedding: weights.take(&name("embeddings.position_embedding.weight"), device)?,
            pre_norm: norm(weights, "pre_layrnorm")?,
            layers,
            post_norm: norm(weights, "post_layernorm")?,
            projection,
            config,
        })
    }
}
