// Tiny CLIPs, SigLIPs and DINOv2s as ONNX files, in the ways in which exporters write them. Initializers are without their numbers, which the
// target fills in. <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>

const [HIDDEN, INNER, PATCH, TOKENS, PROJECTION, VOCAB, LONGEST] = [4, 6, 2, 5, 3, 8, 9];
const [FLOAT, UINT8, INT8, FLOAT16] = [1, 2, 3, 10];

const CONFIG = {
  model_type: "clip",
  projection_dim: PROJECTION,
  vision_config: { hidden_size: HIDDEN, intermediate_size: INNER, num_hidden_layers: 1, num_attention_heads: 2, image_size: 4, patch_size: PATCH },
  text_config: { hidden_size: HIDDEN, intermediate_size: INNER, num_hidden_layers: 1, num_attention_heads: 2, vocab_size: VOCAB, max_position_embeddings: LONGEST, eos_token_id: 7 },
};

const { projection_dim, ...TOWERS } = CONFIG;
const SIGLIP = { ...TOWERS, model_type: "siglip", text_config: { ...CONFIG.text_config, pad_token_id: 1, projection_size: HIDDEN } };
const GRID = 3;
const DINOV2 = { model_type: "dinov2", ...CONFIG.vision_config, hidden_act: "gelu", mlp_ratio: INNER / HIDDEN, image_size: GRID * PATCH };

function varint(number) {
  const bytes = [];
  for (; number > 127; number = Math.floor(number / 128)) bytes.push((number % 128) | 128);
  return Buffer.from([...bytes, number]);
}
const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field, ...parts) => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
};

/** How a graph writes what can be written in several ways. */
const PLAIN = { type: FLOAT, linear: "MatMul", norm: "LayerNormalization", attention: "Softmax", external: false, constants: false };

class Graph {
  nodes = [];
  initializers = [];
  offset = 0;

  constructor(ways) {
    this.ways = { ...PLAIN, ...ways };
  }

  value() {
    return `v${this.nodes.length}`;
  }

  node(op, inputs, { outputs = [this.value()], attributes = {}, constant } = {}) {
    const attribute = ([name, value]) => bytes(5, bytes(1, name), number(3, value));
    const content = [
      ...inputs.map((input) => bytes(1, input)),
      ...outputs.map((output) => bytes(2, output)),
      bytes(4, op),
      ...Object.entries(attributes).map(attribute),
      ...(constant ? [bytes(5, bytes(1, "value"), bytes(5, constant))] : []),
    ];
    this.nodes.push(bytes(1, ...content));
    return outputs[0];
  }

  tensor(name, dims, type) {
    const content = [...dims.map((dim) => number(1, dim)), number(2, type), bytes(8, name)];
    if (this.ways.external) {
      const length = dims.reduce((product, dim) => product * dim, 1) * { [FLOAT]: 4, [FLOAT16]: 2 }[type];
      const entries = { location: "data", offset: String(this.offset), length: String(length) };
      this.offset += length;
      for (const [key, text] of Object.entries(entries)) content.push(bytes(13, bytes(1, key), bytes(2, text)));
      content.push(number(14, 1));
    }
    return Buffer.concat(content);
  }

  weight(name, dims, type = this.ways.type) {
    if (this.ways.constants && dims.length < 2) return this.node("Constant", [], { outputs: [name], constant: this.tensor("", dims, type) });
    this.initializers.push(bytes(5, this.tensor(name, dims, type)));
    return name;
  }

  linear(x, name, [outputs, inputs], hasBias = true) {
    const { linear, type } = this.ways;
    const bias = hasBias && this.weight(`${name}.b`, [outputs]);
    const add = (product) => (hasBias ? this.node("Add", [product, bias]) : product);
    if (linear === "Gemm") {
      return this.node("Gemm", [x, this.weight(`${name}.w`, [outputs, inputs]), ...(hasBias ? [bias] : [])], { attributes: { transB: 1 } });
    }
    if (linear === "MatMulNBits") {
      const packed = this.weight(`${name}.q`, [outputs, Math.ceil(inputs / 2), 1], UINT8);
      const scales = this.weight(`${name}.s`, [outputs * Math.ceil(inputs / 2)]);
      const points = this.weight(`${name}.z`, [outputs * Math.ceil(Math.ceil(inputs / 2) / 2)], UINT8);
      return add(this.node("MatMulNBits", [x, packed, scales, points], { attributes: { K: inputs, N: outputs, bits: 4, block_size: 2 } }));
    }
    if (linear === "MatMulInteger") {
      const [quantized, scale, point] = [this.value(), `${this.value()}s`, `${this.value()}z`];
      this.node("DynamicQuantizeLinear", [x], { outputs: [quantized, scale, point] });
      const [weight, step, zero] = [this.weight(`${name}.w`, [inputs, outputs], INT8), this.weight(`${name}.s`, [1]), this.weight(`${name}.z`, [1], INT8)];
      const product = this.node("Cast", [this.node("MatMulInteger", [quantized, weight, point, zero])]);
      return add(this.node("Mul", [product, this.node("Mul", [scale, step])]));
    }
    if (linear === "DequantizeLinear") {
      const [weight, step, zero] = [this.weight(`${name}.w`, [outputs, inputs], INT8), this.weight(`${name}.s`, [outputs]), this.weight(`${name}.z`, [outputs], INT8)];
      const restored = this.node("DequantizeLinear", [weight, step, zero], { attributes: { axis: 0 } });
      return add(this.node("MatMul", [x, this.node("Transpose", [restored])]));
    }
    return add(this.node("MatMul", [x, this.weight(`${name}.w`, [inputs, outputs], type)]));
  }

  norm(x, name) {
    const [weight, bias] = [this.weight(`${name}.w`, [HIDDEN]), this.weight(`${name}.b`, [HIDDEN])];
    if (this.ways.norm === "LayerNormalization") return this.node("LayerNormalization", [x, weight, bias]);
    const centered = this.node("Sub", [x, this.node("ReduceMean", [x])]);
    const variance = this.node("ReduceMean", [this.node("Pow", [centered, this.weight(`${name}.two`, [1])])]);
    const deviation = this.node("Sqrt", [this.node("Add", [variance, this.weight(`${name}.eps`, [1])])]);
    return this.node("Add", [this.node("Mul", [this.node("Div", [centered, deviation]), weight]), bias]);
  }

  layer(x, name, isScaled = false) {
    const scaled = (value, part) => (isScaled ? this.node("Mul", [value, this.weight(`${name}.${part}`, [HIDDEN])]) : value);
    const normed = this.norm(x, `${name}.n1`);
    const [query, key, value] = ["q", "k", "v"].map((part) => this.linear(normed, `${name}.${part}`, [HIDDEN, HIDDEN]));
    const out = this.linear(this.attention(query, key, value), `${name}.o`, [HIDDEN, HIDDEN]);
    const between = this.node("Add", [x, scaled(out, "s1")]);
    return this.node("Add", [between, scaled(this.perceptron(between, name), "s2")]);
  }

  perceptron(x, name) {
    const inner = this.linear(this.norm(x, `${name}.n2`), `${name}.f1`, [INNER, HIDDEN]);
    const activated = this.node("Mul", [inner, this.node("Sigmoid", [inner])]);
    return this.linear(activated, `${name}.f2`, [HIDDEN, INNER]);
  }

  attention(query, key, value) {
    return this.ways.attention === "Softmax" ? this.softmax(query, key, value) : this.node("MultiHeadAttention", [query, key, value]);
  }

  softmax(query, key, value) {
    const [heads, keys, values] = [query, key, value].map((name) => this.node("Transpose", [this.node("Reshape", [name])]));
    return this.node("Reshape", [this.node("MatMul", [this.node("Softmax", [this.node("MatMul", [heads, keys])]), values])]);
  }

  /** A photo's patches, with the class token before them or without. */
  patches(hasBias, hasClass) {
    const bias = hasBias ? [this.weight("patches.b", [HIDDEN])] : [];
    const patches = this.node("Conv", ["pixel_values", this.weight("patches", [HIDDEN, 3, PATCH, PATCH]), ...bias]);
    const tokens = this.node("Transpose", [this.node("Reshape", [patches])]);
    return hasClass ? this.node("Concat", [this.node("Expand", [this.weight("class", [HIDDEN])]), tokens]) : tokens;
  }

  vision() {
    const embedded = this.node("Add", [this.patches(false, true), this.weight("positions", [1, TOKENS, HIDDEN])]);
    const last = this.layer(this.norm(embedded, "pre"), "vl");
    return this.linear(this.norm(this.node("Gather", [last]), "post"), "vp", [PROJECTION, HIDDEN], false);
  }

  text() {
    const tokens = this.node("Gather", [this.weight("tokens", [VOCAB, HIDDEN]), "input_ids"]);
    const embedded = this.node("Add", [tokens, this.weight("text_positions", [LONGEST, HIDDEN])]);
    const last = this.norm(this.layer(embedded, "tl"), "final");
    return this.linear(this.node("Gather", [last]), "tp", [PROJECTION, HIDDEN], false);
  }

  logits() {
    return this.scaled(this.vision(), this.text());
  }

  scaled(vision, text) {
    const product = this.node("MatMul", [text, this.node("Transpose", [vision])]);
    return this.node("Mul", [product, this.node("Exp", [this.weight("logit_scale", [])])]);
  }

  dinov2() {
    const embedded = this.node("Add", [this.patches(true, true), this.weight("positions", [1, GRID ** 2 + 1, HIDDEN])]);
    return this.node("Gather", [this.norm(this.layer(embedded, "vl", true), "post")]);
  }

  siglipVision() {
    const embedded = this.node("Add", [this.patches(true, false), this.weight("positions", [TOKENS - 1, HIDDEN])]);
    const tokens = this.norm(this.layer(embedded, "vl"), "post");
    // A query that is learned gathers of the patches what is the photo's.
    const probe = this.weight("probe", [1, 1, HIDDEN]);
    const [query, key, value] = ["q", "k", "v"].map((part, at) => this.headLinear(at === 0 ? probe : tokens, `h.${part}`, at));
    const attended = this.linear(this.attention(query, key, value), "h.o", [HIDDEN, HIDDEN]);
    return this.node("Gather", [this.node("Add", [attended, this.perceptron(attended, "h")])]);
  }

  /** A projection before the head's attention: by itself, or a third of one tensor, as PyTorch has it. */
  headLinear(x, name, third) {
    if (!this.ways.isJoined) return this.linear(x, name, [HIDDEN, HIDDEN]);
    for (const [part, ...others] of [["in.w", HIDDEN], ["in.b"]]) if (third === 0) this.weight(part, [3 * HIDDEN, ...others]);
    const weight = this.node("Transpose", [this.node("Slice", ["in.w"])]);
    return this.node("Add", [this.node("MatMul", [x, weight]), this.node("Slice", ["in.b"])]);
  }

  siglipText() {
    const tokens = this.node("Gather", [this.weight("tokens", [VOCAB, HIDDEN]), "input_ids"]);
    const embedded = this.node("Add", [tokens, this.weight("text_positions", [LONGEST, HIDDEN])]);
    return this.linear(this.node("Gather", [this.norm(this.layer(embedded, "tl"), "final")]), "tp", [HIDDEN, HIDDEN]);
  }

  siglipLogits() {
    return this.node("Add", [this.scaled(this.siglipVision(), this.siglipText()), this.weight("logit_bias", [])]);
  }

  file() {
    return Buffer.concat([number(1, 8), bytes(2, "seeds"), bytes(7, ...this.nodes, bytes(2, "graph"), ...this.initializers), bytes(8, number(2, 17))]);
  }
}

const WAYS = [
  {},
  { type: FLOAT16, constants: true },
  { linear: "Gemm", attention: "MultiHeadAttention" },
  { linear: "MatMulInteger", norm: "written out" },
  { linear: "DequantizeLinear" },
  { linear: "MatMulNBits", norm: "written out" },
  { external: true },
  { external: true, type: FLOAT16 },
];

function graph(ways, ...parts) {
  const graph = new Graph(ways);
  for (const part of parts) graph[part]();
  return graph.file();
}

export function onnxFiles(keep) {
  for (const [at, ways] of WAYS.entries()) {
    for (const high of [0, 1, 32]) {
      for (const low of [0, 2, 4, 32, 64, 128]) {
        keep("onnx", [high, low | 1, at, low], [CONFIG, graph(ways, "vision"), "", ""]);
        if (!ways.external) keep("onnx", [high, low, at, low], [CONFIG, graph(ways, "vision"), graph(ways, "text"), ""]);
        keep("onnx", [high, low, at, low], [CONFIG, graph(ways, "logits"), "", ""]);
      }
    }
    for (const low of [0, 2, 32, 64, 128]) {
      for (const isJoined of [false, true]) {
        const head = { ...ways, isJoined };
        keep("onnx", [0, low | 1, at, low], [SIGLIP, graph(head, "siglipVision"), "", ""]);
        if (!ways.external) keep("onnx", [0, low, at, low], [SIGLIP, graph(head, "siglipVision"), graph(ways, "siglipText"), ""]);
        keep("onnx", [0, low, at, low], [SIGLIP, graph(head, "siglipLogits"), "", ""]);
      }
      keep("onnx", [0, low | 1, at, low], [DINOV2, graph(ways, "dinov2"), "", ""]);
    }
  }
}
