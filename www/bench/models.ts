/** Vision towers of published shapes with random weights, in half precision, as the files that the package loads. */

/** What a tower looks like. */
export interface Shape {
  name: string;
  kind: "clip" | "siglip";
  hidden: number;
  layers: number;
  heads: number;
  patch: number;
  /** Width and height of a photo, in pixels. */
  image: number;
  /** Values of an embedding; of a SigLIP as many as channels. */
  dimension: number;
}

export const SHAPES: readonly Shape[] = [
  { name: "B/32", kind: "clip", hidden: 768, layers: 12, heads: 12, patch: 32, image: 224, dimension: 512 },
  { name: "SigLIP B/16", kind: "siglip", hidden: 768, layers: 12, heads: 12, patch: 16, image: 224, dimension: 768 },
  { name: "L/14", kind: "clip", hidden: 1024, layers: 24, heads: 16, patch: 14, image: 224, dimension: 768 },
];

/** What `bench.html?tiny` measures in their place, to see whether the page itself works. */
export const TINY: Shape = { name: "tiny", kind: "siglip", hidden: 64, layers: 2, heads: 4, patch: 32, image: 224, dimension: 64 };

/** A tensor: its values are random, or all one, as the gains of norms. */
export type Tensor = [name: string, shape: number[], values?: "ones"];

/** One in half precision. */
const ONE = 0x3c00;
/** Values of the piece that weights are made of, again and again. */
export const PIECE = 1 << 20;

/** The files of a tower. */
export function modelOf(shape: Shape): { config: Blob; weights: Blob } {
  return { config: new Blob([JSON.stringify(configOf(shape))]), weights: weightsOf(shape) };
}

function configOf({ kind, hidden, layers, heads, patch, image, dimension }: Shape): object {
  const common = {
    hidden_size: hidden,
    intermediate_size: 4 * hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    patch_size: patch,
    image_size: image,
  };
  if (kind === "siglip") return { ...common, model_type: "siglip_vision_model" };
  return { ...common, model_type: "clip_vision_model", projection_dim: dimension, hidden_act: "quick_gelu" };
}

const linear = (name: string, to: number, from: number): Tensor[] => [[`${name}.weight`, [to, from]], [`${name}.bias`, [to]]];
const norm = (name: string, width: number): Tensor[] => [[`${name}.weight`, [width], "ones"], [`${name}.bias`, [width]]];

/** The tensors by transformers' names. */
export function tensorsOf({ kind, hidden, layers, patch, image, dimension }: Shape): Tensor[] {
  const tokens = (image / patch) ** 2 + (kind === "clip" ? 1 : 0);
  const tower: Tensor[] = [
    ["embeddings.patch_embedding.weight", [hidden, 3, patch, patch]],
    ["embeddings.position_embedding.weight", [tokens, hidden]],
    ...norm("post_layernorm", hidden),
  ];
  if (kind === "clip") tower.push(["embeddings.class_embedding", [hidden]], ...norm("pre_layrnorm", hidden));
  for (let layer = 0; layer < layers; layer += 1) {
    const at = `encoder.layers.${layer}`;
    for (const part of ["q_proj", "k_proj", "v_proj", "out_proj"]) tower.push(...linear(`${at}.self_attn.${part}`, hidden, hidden));
    tower.push(...linear(`${at}.mlp.fc1`, 4 * hidden, hidden), ...linear(`${at}.mlp.fc2`, hidden, 4 * hidden));
    tower.push(...norm(`${at}.layer_norm1`, hidden), ...norm(`${at}.layer_norm2`, hidden));
  }
  if (kind === "siglip") {
    tower.push(["embeddings.patch_embedding.bias", [hidden]], ["head.probe", [1, 1, hidden]], ...norm("head.layernorm", hidden));
    tower.push(["head.attention.in_proj_weight", [3 * hidden, hidden]], ["head.attention.in_proj_bias", [3 * hidden]]);
    tower.push(...linear("head.attention.out_proj", hidden, hidden));
    tower.push(...linear("head.mlp.fc1", 4 * hidden, hidden), ...linear("head.mlp.fc2", hidden, 4 * hidden));
  }
  const named = tower.map(([name, ...rest]): Tensor => [`vision_model.${name}`, ...rest]);
  return kind === "clip" ? [...named, ["visual_projection.weight", [dimension, hidden]]] : named;
}

function weightsOf(shape: Shape): Blob {
  const random = randomHalves();
  const header: Record<string, object> = {};
  const parts: Uint16Array<ArrayBuffer>[] = [];
  let at = 0;
  for (const [name, sizes, values] of tensorsOf(shape)) {
    let left = sizes.reduce((product, size) => product * size, 1);
    header[name] = { dtype: "F16", shape: sizes, data_offsets: [at, at + 2 * left] };
    at += 2 * left;
    if (values === "ones") parts.push(new Uint16Array(left).fill(ONE));
    else for (; left > 0; left -= PIECE) parts.push(random.subarray(0, Math.min(left, PIECE)));
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(json.byteLength), true);
  return new Blob([length.buffer, json, ...parts]);
}

/** Halves of ±2⁻⁷ to ±2⁻⁵: of a size at which the activations of a tower stay those of a trained one. */
export function randomHalves(): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(PIECE);
  let state = 1;
  for (let index = 0; index < PIECE; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const sign = state & 0x8000_0000 ? 0x8000 : 0;
    const exponent = 15 - 7 + ((state >>> 20) & 1);
    halves[index] = sign | (exponent << 10) | ((state >>> 10) & 0x3ff);
  }
  return halves;
}
