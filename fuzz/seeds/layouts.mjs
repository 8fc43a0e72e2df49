// Names and shapes of the tensors of tiny models: transformers' names by family, and how open_clip and timm call the same.

const LAYER = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2", "layer_norm1", "layer_norm2"];
const DINOV2_LAYER = ["attention.attention.query", "attention.attention.key", "attention.attention.value", "attention.output.dense", "mlp.fc1", "mlp.fc2", "norm1", "norm2"];

const BERT_LAYER = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm"];
const DISTILBERT_LAYER = ["attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm"];

const withBias = (name, shape) => ({ [`${name}.weight`]: shape, [`${name}.bias`]: [shape[0]] });

function encoder(name, { hidden, inner, layers }, parts = LAYER) {
  const shape = (part) => {
    if (/fc1|lin1|intermediate/.test(part)) return [inner, hidden];
    if (/fc2|lin2|^output\.dense/.test(part)) return [hidden, inner];
    return /norm/i.test(part) ? [hidden] : [hidden, hidden];
  };
  const named = {};
  for (let layer = 0; layer < layers; layer++) for (const part of parts) Object.assign(named, withBias(`${name}.${layer}.${part}`, shape(part)));
  return named;
}

const textEmbeddings = ({ hidden }) => ({
  "text_model.embeddings.token_embedding.weight": [8, hidden],
  "text_model.embeddings.position_embedding.weight": [9, hidden],
});

export const shapes = {
  clip({ text, prefix = "vision_model.", ...sizes }) {
    const { hidden, image, patch, projection } = sizes;
    const grid = Math.floor(image / patch);
    return {
      [`${prefix}embeddings.class_embedding`]: [hidden],
      [`${prefix}embeddings.patch_embedding.weight`]: [hidden, 3, patch, patch],
      [`${prefix}embeddings.position_embedding.weight`]: [grid ** 2 + 1, hidden],
      ...withBias(`${prefix}pre_layrnorm`, [hidden]),
      ...withBias(`${prefix}post_layernorm`, [hidden]),
      ...encoder(`${prefix}encoder.layers`, sizes),
      ...(projection && { "visual_projection.weight": [projection, hidden] }),
      ...(text && {
        ...textEmbeddings(sizes),
        ...withBias("text_model.final_layer_norm", [hidden]),
        ...encoder("text_model.encoder.layers", sizes),
        "text_projection.weight": [projection, hidden],
        logit_scale: [],
      }),
    };
  },
  siglip(sizes) {
    const { hidden, inner, image, patch } = sizes;
    const head = "vision_model.head";
    return {
      ...withBias("vision_model.embeddings.patch_embedding", [hidden, 3, patch, patch]),
      "vision_model.embeddings.position_embedding.weight": [Math.floor(image / patch) ** 2, hidden],
      ...withBias("vision_model.post_layernorm", [hidden]),
      ...encoder("vision_model.encoder.layers", sizes),
      [`${head}.probe`]: [1, 1, hidden],
      [`${head}.attention.in_proj_weight`]: [3 * hidden, hidden],
      [`${head}.attention.in_proj_bias`]: [3 * hidden],
      ...withBias(`${head}.attention.out_proj`, [hidden, hidden]),
      ...withBias(`${head}.layernorm`, [hidden]),
      ...withBias(`${head}.mlp.fc1`, [inner, hidden]),
      ...withBias(`${head}.mlp.fc2`, [hidden, inner]),
      ...textEmbeddings(sizes),
      ...withBias("text_model.final_layer_norm", [hidden]),
      ...encoder("text_model.encoder.layers", sizes),
      ...withBias("text_model.head", [hidden, hidden]),
      logit_scale: [1],
      logit_bias: [1],
    };
  },
  chinese_clip({ text, ...sizes }) {
    const { hidden, projection } = sizes;
    return {
      ...shapes.clip(sizes),
      "text_model.embeddings.word_embeddings.weight": [8, hidden],
      "text_model.embeddings.position_embeddings.weight": [9, hidden],
      "text_model.embeddings.token_type_embeddings.weight": [2, hidden],
      ...withBias("text_model.embeddings.LayerNorm", [hidden]),
      ...encoder("text_model.encoder.layer", sizes, BERT_LAYER),
      "text_projection.weight": [projection, hidden],
      logit_scale: [],
    };
  },
  /** With the linear layer that stands in a file of its own: here all files are one. */
  distilbert: (sizes) => ({
    "embeddings.word_embeddings.weight": [8, sizes.hidden],
    "embeddings.position_embeddings.weight": [9, sizes.hidden],
    ...withBias("embeddings.LayerNorm", [sizes.hidden]),
    ...encoder("transformer.layer", sizes, DISTILBERT_LAYER),
    ...withBias("linear", [sizes.projection, sizes.hidden]),
  }),
  dinov2(sizes) {
    const { hidden, layers, image, patch } = sizes;
    const named = {
      "embeddings.cls_token": [1, 1, hidden],
      "embeddings.mask_token": [1, hidden],
      ...withBias("embeddings.patch_embeddings.projection", [hidden, 3, patch, patch]),
      "embeddings.position_embeddings": [1, ((image + patch) / patch) ** 2 + 1, hidden],
      ...encoder("encoder.layer", sizes, DINOV2_LAYER),
      ...withBias("layernorm", [hidden]),
    };
    for (let layer = 0; layer < layers; layer++) for (const which of [1, 2]) named[`encoder.layer.${layer}.layer_scale${which}.lambda1`] = [hidden];
    return named;
  },
};

/** Names by pairs of an expression and what stands in its place; three projections become one. */
function renamed(named, pairs, joined) {
  const result = {};
  for (const [name, [first, ...others]] of Object.entries(named)) {
    const isPart = /self_attn\.[qkv]_proj|attention\.[kv]_proj/.test(name);
    const target = pairs.reduce((name, [from, to]) => name.replace(from, to), name);
    if (isPart) result[target] = [(result[target]?.[0] ?? 0) + first, ...others];
    else result[target] = joined(target) ? [others[0], first] : first === undefined ? [] : [first, ...others];
  }
  return result;
}

const TEXT = [
  ["text_model.embeddings.token_embedding", "token_embedding"],
  ["text_model.embeddings.position_embedding.weight", "positional_embedding"],
  ["text_model.final_layer_norm", "ln_final"],
];
const BLOCKS = [
  [/self_attn\.[qkv]_proj\.(weight|bias)/, "attn.in_proj_$1"],
  ["self_attn.", "attn."],
  ["layer_norm", "ln_"],
  ["mlp.fc1", "mlp.c_fc"],
  ["mlp.fc2", "mlp.c_proj"],
];

export const layouts = {
  transformers: (named) => named,
  open_clip: (named) =>
    renamed(
      named,
      [
        ...TEXT,
        ["text_model.encoder.layers", "transformer.resblocks"],
        ["vision_model.encoder.layers", "visual.transformer.resblocks"],
        ...BLOCKS,
        ["vision_model.embeddings.class_embedding", "visual.class_embedding"],
        ["vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"],
        ["vision_model.embeddings.patch_embedding", "visual.conv1"],
        ["vision_model.pre_layrnorm", "visual.ln_pre"],
        ["vision_model.post_layernorm", "visual.ln_post"],
        ["visual_projection.weight", "visual.proj"],
        ["text_projection.weight", "text_projection"],
      ],
      (name) => name === "visual.proj" || name === "text_projection",
    ),
  timm(named) {
    const isVision = ([name]) => name.startsWith("vision_model.");
    const texts = Object.entries(named).filter((entry) => !isVision(entry));
    const vision = renamed(
      Object.fromEntries(Object.entries(named).filter(isVision)),
      [
        [/self_attn\.[qkv]_proj/, "attn.qkv"],
        ["self_attn.out_proj", "attn.proj"],
        ["layer_norm", "norm"],
        ["vision_model.encoder.layers", "visual.trunk.blocks"],
        ["vision_model.embeddings.position_embedding.weight", "visual.trunk.pos_embed"],
        ["vision_model.embeddings.patch_embedding", "visual.trunk.patch_embed.proj"],
        ["vision_model.post_layernorm", "visual.trunk.norm"],
        ["vision_model.head.probe", "visual.trunk.attn_pool.latent"],
        ["vision_model.head.attention.out_proj", "visual.trunk.attn_pool.proj"],
        ["vision_model.head.layernorm", "visual.trunk.attn_pool.norm"],
        ["vision_model.head.mlp", "visual.trunk.attn_pool.mlp"],
      ],
      () => false,
    );
    // The head's projections of keys and values are one tensor, and that of queries is another.
    for (const part of ["weight", "bias"]) {
      const name = `vision_model.head.attention.in_proj_${part}`;
      const [all, ...others] = vision[name];
      delete vision[name];
      vision[`visual.trunk.attn_pool.q.${part}`] = [all / 3, ...others];
      vision[`visual.trunk.attn_pool.kv.${part}`] = [(all / 3) * 2, ...others];
    }
    const text = renamed(
      Object.fromEntries(texts),
      [...TEXT, ["text_model.encoder.layers", "transformer.resblocks"], ...BLOCKS, ["text_model.head", "text_projection"]],
      () => false,
    );
    const underText = Object.entries(text).map(([name, shape]) => [name.startsWith("logit") ? name : `text.${name}`, shape]);
    return { ...vision, ...Object.fromEntries(underText) };
  },
};
