// node fuzz/seeds.mjs: what fuzzing starts from, in corpus beside this file: tiny models of each kind, and the tokenizers of
// the tests. Deletes nothing.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const here = import.meta.dirname;
const golden = path.join(here, "..", "tests", "golden");
const { base, accepted, refused } = JSON.parse(readFileSync(path.join(golden, "tokenizers.json"), "utf8"));

let count = 0;
/** An input as `fuzz_targets/parts.rs` takes it apart. */
function keep(target, choices, parts) {
  const bytes = parts.map((part) => Buffer.from(typeof part === "string" ? part : JSON.stringify(part)));
  const lengths = bytes.map((part) => Buffer.from([part.length >> 8, part.length & 255]));
  const input = Buffer.concat([Buffer.from(choices), ...bytes.flatMap((part, at) => (at + 1 < bytes.length ? [lengths[at], part] : [part]))]);
  const folder = path.join(here, "corpus", target);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, createHash("sha1").update(input).digest("hex")), input);
  count += 1;
}

const LAYER = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2", "layer_norm1", "layer_norm2"];

/** Names and shapes of a model's tensors. */
function tensors({ hidden, inner, layers, image, patch, projection, text, prefix = "vision_model." }) {
  const shapes = {};
  const tower = (name, norms) => {
    for (const norm of norms) for (const part of ["weight", "bias"]) shapes[`${name}${norm}.${part}`] = [hidden];
    for (let layer = 0; layer < layers; layer++) {
      for (const part of LAYER) {
        const [outputs, inputs] = part === "mlp.fc1" ? [inner, hidden] : part === "mlp.fc2" ? [hidden, inner] : [hidden, hidden];
        shapes[`${name}encoder.layers.${layer}.${part}.weight`] = part.startsWith("layer_norm") ? [outputs] : [outputs, inputs];
        shapes[`${name}encoder.layers.${layer}.${part}.bias`] = [outputs];
      }
    }
  };
  shapes[`${prefix}embeddings.class_embedding`] = [hidden];
  shapes[`${prefix}embeddings.patch_embedding.weight`] = [hidden, 3, patch, patch];
  shapes[`${prefix}embeddings.position_embedding.weight`] = [Math.floor(image / patch) ** 2 + 1, hidden];
  tower(prefix, ["pre_layrnorm", "post_layernorm"]);
  if (projection) shapes["visual_projection.weight"] = [projection, hidden];
  if (text) {
    shapes["text_model.embeddings.token_embedding.weight"] = [8, hidden];
    shapes["text_model.embeddings.position_embedding.weight"] = [9, hidden];
    tower("text_model.", ["final_layer_norm"]);
    shapes["text_projection.weight"] = [projection, hidden];
    shapes["logit_scale"] = [];
  }
  return shapes;
}

function model({ dtype = "F32", metadata, activation = "quick_gelu", ...sizes }) {
  const { hidden, inner, layers, image, patch, projection, text } = sizes;
  const tower = { hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers, num_attention_heads: 2, hidden_act: activation };
  const vision = { ...tower, image_size: image, patch_size: patch };
  const config = text
    ? { model_type: "clip", projection_dim: projection, vision_config: vision, text_config: { ...tower, vocab_size: 8, max_position_embeddings: 9, eos_token_id: 7 } }
    : { model_type: "clip_vision_model", ...vision, ...(projection ? { projection_dim: projection } : { architectures: ["CLIPVisionModel"] }) };
  const shapes = tensors(sizes);
  const header = { ...(metadata && { __metadata__: metadata }) };
  let at = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const add = (name, dtype, shape) => {
      const bytes = shape.reduce((product, size) => product * size, 1) * { F32: 4, F16: 2, BF16: 2, I8: 1 }[dtype];
      header[name] = { dtype, shape, data_offsets: [at, (at += bytes)] };
    };
    // Only linear layers are stored in 8 bits, with steps of their rows.
    const isInt8 = dtype === "I8" && shape.length >= 2 && /encoder|patch/.test(name);
    add(name, dtype === "I8" && !isInt8 ? "F32" : dtype, shape);
    if (isInt8) add(`${name}_step`, "F32", [shape[0]]);
  }
  const index = { weight_map: Object.fromEntries(Object.keys(shapes).map((name, at) => [name, `model-${at % 2}.safetensors`])) };
  return { config, header, index };
}

const small = { hidden: 4, inner: 6, layers: 1, image: 4, patch: 2, projection: 3 };
const MODELS = [
  model({ ...small, text: true }),
  model({ ...small, text: true, hidden: 2, inner: 2, image: 3, dtype: "BF16", activation: "gelu" }),
  model({ ...small, hidden: 6, projection: 0, dtype: "F16", activation: "gelu_pytorch_tanh" }),
  model({ ...small, layers: 2, prefix: "", image: 5 }),
  model({ ...small, text: true, dtype: "I8" }),
  model({ ...small, hidden: 18, image: 7, patch: 3 }),
];
const preprocessors = (edge) => [
  "",
  { size: { shortest_edge: edge }, crop_size: edge, resample: 0, image_mean: [0.5, 0.4, 0.3], image_std: [0.2, 0.3, 0.4] },
  { image_processor: { size: { height: edge, width: edge }, do_center_crop: false, rescale_factor: 0.01, do_normalize: false, resample: 1 } },
];

for (const [at, { config, header, index }] of MODELS.entries()) {
  for (const high of [0, 1, 2, 4, 10]) {
    for (const low of [0, 1, 2, 8, 16, 32, 64, 128, 130]) {
      const vision = config.vision_config ?? config;
      const preprocessor = preprocessors(vision.image_size)[(at + high + low) % 3];
      // Without texts where there are none; seldom with a tokenizer, whose regular expressions take most of the time.
      keep("model", [high, config.text_config ? low : low | 1, at, low], [config, preprocessor, config.text_config && low === 2 ? base : "", low & 8 ? index : "", header, ""]);
    }
  }
  // A recording's header, which holds the settings.
  const metadata = { "clip_vision.version": "1", "clip_vision.precision": at % 2 ? "int8" : "f32", "config.json": JSON.stringify(config) };
  keep("model", [0x10, 5, 1, 1], ["", "", "", "", { __metadata__: metadata, ...header }, ""]);
}

const replaced = (json, pointer, value) => {
  if (!pointer) return json;
  const copy = structuredClone(json);
  const keys = pointer.split("/").slice(1);
  const last = keys.pop();
  keys.reduce((object, key) => object[key], copy)[last] = value;
  return copy;
};
const TEXTS = ["a b ab 1", "", "it's  É<|endoftext|>", "\u0130\u1e9e a\u0301 \ud55c\u200d\u{1f600}".normalize("NFD"), "a".repeat(60)];
for (const [at, [, pointer, value]] of [...accepted, ...refused].entries()) {
  keep("tokenizer", [0, 0, 0, 0], [replaced(base, pointer, value), "", TEXTS[at % TEXTS.length]]);
}
const merges = "#version: 0.2\na b</w>\n";
for (const text of TEXTS) keep("tokenizer", [1, 0, 0, 0], [base.model.vocab, merges, text]);
console.log(`${count} seeds`);
