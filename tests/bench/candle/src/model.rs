//! candle-transformers' CLIP vision tower with its projection, of a Hugging Face directory's files. The benchmark runs it
//! natively (tests/bench/native.rs) and in WebAssembly (lib.rs beside this file).

use candle_core::{DType, Device, Error, Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear_no_bias};
use candle_transformers::models::clip::text_model::Activation;
use candle_transformers::models::clip::vision_model::{ClipVisionConfig, ClipVisionTransformer};

/// A loaded model.
pub struct CandleClip {
    tower: ClipVisionTransformer,
    projection: Linear,
    image_size: usize,
}

impl CandleClip {
    /// Of `config.json` (a vision tower alone, QuickGELU) and `model.safetensors`.
    pub fn load(config: &[u8], weights: Vec<u8>) -> Result<Self> {
        let json: serde_json::Value = serde_json::from_slice(config).map_err(Error::wrap)?;
        let number = |name: &str| match json.get(name).and_then(serde_json::Value::as_u64) {
            Some(number) => Ok(number as usize),
            None => candle_core::bail!("config.json has no number {name}"),
        };
        let config = ClipVisionConfig {
            embed_dim: number("hidden_size")?,
            activation: Activation::QuickGelu,
            intermediate_size: number("intermediate_size")?,
            num_hidden_layers: number("num_hidden_layers")?,
            num_attention_heads: number("num_attention_heads")?,
            projection_dim: number("projection_dim")?,
            num_channels: 3,
            image_size: number("image_size")?,
            patch_size: number("patch_size")?,
        };
        let vars = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        Ok(Self {
            tower: ClipVisionTransformer::new(vars.pp("vision_model"), &config)?,
            projection: linear_no_bias(config.embed_dim, config.projection_dim, vars.pp("visual_projection"))?,
            image_size: config.image_size,
        })
    }

    /// `count` pixel tensors, one after the other, to as many embeddings.
    pub fn embed(&self, pixels: &[f32], count: usize) -> Result<Vec<f32>> {
        let shape = (count, 3, self.image_size, self.image_size);
        let pooled = self.tower.forward(&Tensor::from_slice(pixels, shape, &Device::Cpu)?)?;
        self.projection.forward(&pooled)?.flatten_all()?.to_vec1()
    }
}
