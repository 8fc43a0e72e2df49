/** A model of random weights that is large enough to keep a worker busy for a while: no golden, only work. */

import { safetensors, type TensorEntry } from "./golden.ts";

const HIDDEN = 384;
const MLP = 4 * HIDDEN;
const LAYERS = 8;
const PATCH = 14;
const IMAGE = 448; // 1025 tokens
const PROJECTION = 64;

export const heavyConfig = JSON.stringify({
  model_type: "clip_vision_model",
  hidden_size: HIDDEN,
  intermediate_size: MLP,
  num_hidden_layers: LAYERS,
  num_attention_heads: 6,
  image_size: IMAGE,
  patch_size: PATCH,
  projection_dim: PROJECTION,
  hidden_act: "quick_gelu",
});

function shapes(): [string, number[]][] {
  const tensors: [string, number[]][] = [
    ["embeddings.class_embedding", [HIDDEN]],
    ["embeddings.patch_embedding.weight", [HIDDEN, 3, PATCH, PATCH]],
    ["embeddings.position_embedding.weight", [(IMAGE / PATCH) ** 2 + 1, HIDDEN]],
    ...norm("pre_layrnorm"),
    ...norm("post_layernorm"),
  ];
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const at = `encoder.layers.${layer}`;
    for (const part of ["q_proj", "k_proj", "v_proj", "out_proj"]) tensors.push(...linear(`${at}.self_attn.${part}`, HIDDEN, HIDDEN));
    tensors.push(...linear(`${at}.mlp.fc1`, MLP, HIDDEN), ...linear(`${at}.mlp.fc2`, HIDDEN, MLP));
    tensors.push(...norm(`${at}.layer_norm1`), ...norm(`${at}.layer_norm2`));
  }
  return [...tensors.map(([name, shape]): [string, number[]] => [`vision_model.${name}`, shape]), ["visual_projection.weight", [PROJECTION, HIDDEN]]];
}

const norm = (name: string): [string, number[]][] => [[`${name}.weight`, [HIDDEN]], [`${name}.bias`, [HIDDEN]]];
const linear = (name: string, to: number, from: number): [string, number[]][] => [
  [`${name}.weight`, [to, from]],
  [`${name}.bias`, [to]],
];

/** `model.safetensors`: some 58 MB. */
export function heavyWeights(): Buffer {
  const header: Record<string, TensorEntry> = {};
  let offset = 0;
  const tensors = shapes();
  for (const [name, shape] of tensors) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, (offset += bytes)] };
  }
  const data = new Float32Array(offset / 4);
  let state = 1;
  for (let i = 0; i < data.length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state / 2 ** 32 - 0.5) * 0.1;
  }
  return safetensors(header, new Uint8Array(data.buffer));
}
