// Configurations, preprocessors' files and safetensors headers of tiny models.

import { layouts, shapes } from "./layouts.mjs";
import { base } from "./tokenizers.mjs";

const SMALL = { hidden: 4, inner: 6, layers: 1, image: 4, patch: 2, projection: 3 };

const tower = ({ hidden, inner, layers, activation = "quick_gelu" }) => ({
  hidden_size: hidden,
  intermediate_size: inner,
  num_hidden_layers: layers,
  num_attention_heads: 2,
  hidden_act: activation,
});
const textTower = (sizes) => ({ ...tower(sizes), vocab_size: 8, max_position_embeddings: 9, eos_token_id: 7 });

/** `config.json` of a family. */
const CONFIGS = {
  clip({ text, projection, image, patch, ...sizes }) {
    const vision = { ...tower(sizes), image_size: image, patch_size: patch };
    if (text) return { model_type: "clip", projection_dim: projection, vision_config: vision, text_config: textTower(sizes) };
    return { model_type: "clip_vision_model", ...vision, ...(projection ? { projection_dim: projection } : { architectures: ["CLIPVisionModel"] }) };
  },
  metaclip_2: (sizes) => ({ ...CONFIGS.clip({ ...sizes, text: true }), model_type: "metaclip_2" }),
  siglip: ({ image, patch, ...sizes }) => ({
    model_type: "siglip",
    vision_config: { ...tower(sizes), image_size: image, patch_size: patch },
    text_config: { ...textTower(sizes), pad_token_id: 1, projection_size: sizes.hidden },
  }),
  /** With what is taken of the tokenizer's configuration, as it is bundled. */
  chinese_clip: (sizes) => ({ ...CONFIGS.clip({ ...sizes, text: true }), model_type: "chinese_clip", "tokenizer_config.json": { model_max_length: 7 } }),
  /** sentence-transformers' files, bundled. */
  distilbert: ({ hidden, inner, layers, projection }) => ({
    model_type: "sentence_transformers",
    "modules.json": [["Transformer", ""], ["Pooling", "1_Pooling"], ["Dense", "2_Dense"]].map(([type, path]) => ({ type: `sentence_transformers.models.${type}`, path })),
    "config.json": { model_type: "distilbert", dim: hidden, hidden_dim: inner, n_layers: layers, n_heads: 2, vocab_size: 8, max_position_embeddings: 9 },
    "sentence_bert_config.json": { max_seq_length: 8, do_lower_case: false },
    "1_Pooling/config.json": { pooling_mode_mean_tokens: true, pooling_mode_cls_token: false },
    "2_Dense/config.json": { in_features: hidden, out_features: projection, bias: true, activation_function: "torch.nn.modules.activation.Tanh" },
  }),
  dinov2: ({ image, patch, ...sizes }) => ({ model_type: "dinov2", ...tower(sizes), hidden_act: "gelu", mlp_ratio: 2, image_size: image + patch, patch_size: patch }),
  open_clip: ({ hidden, inner, layers, image, patch, projection }) => ({
    model_cfg: {
      embed_dim: projection,
      quick_gelu: true,
      vision_cfg: { image_size: image, layers, width: hidden, head_width: hidden / 2, patch_size: patch, mlp_ratio: inner / hidden },
      text_cfg: { context_length: 9, vocab_size: 8, width: hidden, heads: 2, layers, mlp_ratio: inner / hidden },
    },
    preprocess_cfg: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4], interpolation: "bicubic", resize_mode: "shortest" },
  }),
  /** Of a SigLIP whose sizes are those of timm's name: no weights here are as large. */
  open_clip_timm: () => ({
    model_cfg: {
      embed_dim: 768,
      vision_cfg: { image_size: 224, timm_model_name: "vit_base_patch16_siglip_224", timm_pool: "map", timm_proj: "none" },
      text_cfg: { context_length: 64, vocab_size: 32000, hf_tokenizer_name: "timm/ViT-B-16-SigLIP", tokenizer_kwargs: { clean: "canonicalize" }, width: 768, heads: 12, layers: 12, no_causal_mask: true, proj_bias: true, pool_type: "last", norm_kwargs: { eps: 1e-6 } },
    },
    preprocess_cfg: { size: [224, 224], resize_mode: "squash", interpolation: "bicubic" },
  }),
};

const BYTES = { F32: 4, F16: 2, BF16: 2, I8: 1 };

function model({ family = "clip", layout = "transformers", config = family, dtype = "F32", ...sizes }) {
  const named = layouts[layout](shapes[family](sizes));
  const header = {};
  let at = 0;
  const add = (name, dtype, shape) => {
    const bytes = shape.reduce((product, size) => product * size, 1) * BYTES[dtype];
    header[name] = { dtype, shape, data_offsets: [at, (at += bytes)] };
  };
  for (const [name, shape] of Object.entries(named)) {
    // Only linear layers are stored in 8 bits, with steps of their rows.
    const isInt8 = dtype === "I8" && shape.length >= 2 && /encoder|patch/.test(name);
    add(name, dtype === "I8" && !isInt8 ? "F32" : dtype, shape);
    if (isInt8) add(`${name}_step`, "F32", [shape[0]]);
  }
  const index = { weight_map: Object.fromEntries(Object.keys(named).map((name, at) => [name, `model-${at % 2}.safetensors`])) };
  return { config: CONFIGS[config](sizes), header, index, edge: sizes.image, hasText: ["siglip", "chinese_clip", "distilbert"].includes(family) || Boolean(sizes.text) };
}

const MODELS = [
  model({ ...SMALL, text: true }),
  model({ ...SMALL, text: true, hidden: 2, inner: 2, image: 3, dtype: "BF16", activation: "gelu" }),
  model({ ...SMALL, hidden: 6, projection: 0, dtype: "F16", activation: "gelu_pytorch_tanh" }),
  model({ ...SMALL, layers: 2, prefix: "", image: 5 }),
  model({ ...SMALL, text: true, dtype: "I8" }),
  model({ ...SMALL, hidden: 18, image: 7, patch: 3 }),
  model({ ...SMALL, text: true, config: "metaclip_2" }),
  model({ ...SMALL, text: true, layout: "open_clip", config: "open_clip" }),
  model({ ...SMALL, text: true, layout: "open_clip", dtype: "F16" }),
  model({ ...SMALL, family: "siglip" }),
  model({ ...SMALL, family: "siglip", layout: "timm", activation: "gelu" }),
  model({ ...SMALL, family: "siglip", layout: "timm", config: "open_clip_timm" }),
  model({ ...SMALL, family: "chinese_clip" }),
  model({ ...SMALL, family: "distilbert" }),
  model({ ...SMALL, inner: 8, family: "dinov2", prefix: "" }),
  model({ ...SMALL, inner: 8, family: "dinov2", prefix: "", dtype: "I8" }),
];

const preprocessors = (edge) => [
  "",
  { size: { shortest_edge: edge }, crop_size: edge, resample: 0, image_mean: [0.5, 0.4, 0.3], image_std: [0.2, 0.3, 0.4] },
  { image_processor: { size: { height: edge, width: edge }, do_center_crop: false, rescale_factor: 0.01, do_normalize: false, resample: 1 } },
];

export function models(keep) {
  for (const [at, { config, header, index, edge, hasText }] of MODELS.entries()) {
    for (const high of [0, 1, 2, 4, 10, 32]) {
      for (const low of [0, 1, 2, 8, 16, 32, 64, 128, 130]) {
        const preprocessor = preprocessors(edge)[config.preprocess_cfg ? 0 : config.model_type === "dinov2" ? 1 : (at + high + low) % 3];
        // Without texts where there are none; seldom with a tokenizer, whose regular expressions take most of the time.
        keep("model", [high, hasText ? low : low | 1, at, low], [config, preprocessor, hasText && low === 2 ? base : "", low & 8 ? index : "", header, ""]);
      }
    }
    // A recording's header, which holds the settings; with all rows of the table of tokens, with some, and with none.
    const metadata = { "clip_vision.version": "1", "clip_vision.precision": at % 2 ? "int8" : "f32", "config.json": JSON.stringify(config) };
    const recording = (more, tensors) => keep("model", [0x10, hasText ? 4 : 5, at, 1], ["", "", "", "", { __metadata__: { ...metadata, ...more }, ...tensors }, ""]);
    recording({}, header);
    const table = "text_model.embeddings.token_embedding.weight";
    if (table in header) {
      const { [table]: { dtype, shape }, ...others } = header;
      recording({ "clip_vision.vocab": "0-1 6-7" }, { ...others, [table]: { dtype, shape: [4, shape[1]], data_offsets: [0, 0] } });
      recording({ "clip_vision.table": `${dtype} 8 model.safetensors` }, others);
    }
  }
}
