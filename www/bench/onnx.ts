/** A tower of models.ts as an ONNX file, operation by operation as PyTorch's exporter writes one: for onnxruntime-web. */

import { PIECE, randomHalves, tensorsOf, type Shape, type Tensor } from "./models.ts";

/** The file of the graph, and that of the weights, in single precision, which the graph calls `WEIGHTS`. */
export interface Onnx {
  graph: Uint8Array<ArrayBuffer>;
  weights: Float32Array<ArrayBuffer>;
}

export const WEIGHTS = "weights";
/** Names of what goes in, (n, 3, height, width), and of what comes out, (n, dimension). */
export const [PIXELS, EMBEDDINGS] = ["pixel_values", "image_embeds"];

export function onnxOf(shape: Shape): Onnx {
  const graph = new Graph(new Map(tensorsOf(shape).map((tensor) => [tensor[0], tensor])));
  const output = writeTower(graph, shape);
  return { graph: graph.file(output, shape), weights: graph.weights() };
}

function writeTower(graph: Graph, shape: Shape): string {
  const { kind, hidden, layers, patch } = shape;
  const at = "vision_model";
  const isClip = kind === "clip";
  const epsilon = isClip ? 1e-5 : 1e-6;
  const norm = (x: string, name: string): string =>
    graph.node("LayerNormalization", [x, graph.tensor(`${name}.weight`), graph.tensor(`${name}.bias`)], [["epsilon", epsilon]]);
  const linear = (x: string, name: string): string =>
    graph.node("Add", [graph.tensor(`${name}.bias`), graph.node("MatMul", [x, graph.transposed(`${name}.weight`)])]);
  const mlp = (x: string, name: string): string => linear((isClip ? quickGelu : geluTanh)(graph, linear(x, `${name}.fc1`)), `${name}.fc2`);

  const patches = `${at}.embeddings.patch_embedding`;
  const sizes: Attributes = [["kernel_shape", [patch, patch]], ["strides", [patch, patch]]];
  const cut = graph.node("Conv", [PIXELS, graph.tensor(`${patches}.weight`), ...(isClip ? [] : [graph.tensor(`${patches}.bias`)])], sizes);
  let x = graph.node("Transpose", [graph.node("Reshape", [cut, graph.integers([0, hidden, -1])])], [["perm", [0, 2, 1]]]);
  if (isClip) {
    const count = graph.node("Shape", [PIXELS], [["start", 0], ["end", 1]]);
    const size = graph.node("Concat", [count, graph.integers([1, hidden])], [["axis", 0]]);
    x = graph.node("Concat", [graph.node("Expand", [graph.tensor(`${at}.embeddings.class_embedding`), size]), x], [["axis", 1]]);
  }
  x = graph.node("Add", [x, graph.tensor(`${at}.embeddings.position_embedding.weight`)]);
  if (isClip) x = norm(x, `${at}.pre_layrnorm`);
  for (let index = 0; index < layers; index += 1) {
    const layer = `${at}.encoder.layers.${index}`;
    const inner = norm(x, `${layer}.layer_norm1`);
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((part) => linear(inner, `${layer}.self_attn.${part}`)) as [string, string, string];
    x = graph.node("Add", [x, linear(attention(graph, shape, q, k, v), `${layer}.self_attn.out_proj`)]);
    x = graph.node("Add", [x, mlp(norm(x, `${layer}.layer_norm2`), `${layer}.mlp`)]);
  }
  const first = (x: string): string => graph.node("Gather", [x, graph.integer(0)], [["axis", 1]]);
  if (isClip) return graph.node("MatMul", [norm(first(x), `${at}.post_layernorm`), graph.transposed("visual_projection.weight")]);

  // A SigLIP's head: a query of its own asks all tokens.
  const head = `${at}.head`;
  const tokens = norm(x, `${at}.post_layernorm`);
  const part = (x: string, index: number): string =>
    graph.node("Add", [
      graph.node("MatMul", [x, graph.transposed(`${head}.attention.in_proj_weight`, index, 3)]),
      graph.tensor(`${head}.attention.in_proj_bias`, index, 3),
    ]);
  const asked = attention(graph, shape, part(graph.tensor(`${head}.probe`), 0), part(tokens, 1), part(tokens, 2));
  x = linear(asked, `${head}.attention.out_proj`);
  return first(graph.node("Add", [x, mlp(norm(x, `${head}.layernorm`), `${head}.mlp`)]));
}

function attention(graph: Graph, { hidden, heads }: Shape, q: string, k: string, v: string): string {
  const width = hidden / heads;
  const split = (x: string, perm: number[]): string =>
    graph.node("Transpose", [graph.node("Reshape", [x, graph.integers([0, -1, heads, width])])], [["perm", perm]]);
  const scaled = graph.node("Mul", [split(q, [0, 2, 1, 3]), graph.number(width ** -0.5)]);
  const weights = graph.node("Softmax", [graph.node("MatMul", [scaled, split(k, [0, 2, 3, 1])])]);
  const mixed = graph.node("Transpose", [graph.node("MatMul", [weights, split(v, [0, 2, 1, 3])])], [["perm", [0, 2, 1, 3]]]);
  return graph.node("Reshape", [mixed, graph.integers([0, -1, hidden])]);
}

const quickGelu = (graph: Graph, x: string): string => graph.node("Mul", [x, graph.node("Sigmoid", [graph.node("Mul", [x, graph.number(1.702)])])]);

function geluTanh(graph: Graph, x: string): string {
  const cubed = graph.node("Mul", [graph.node("Pow", [x, graph.number(3)]), graph.number(0.044715)]);
  const bent = graph.node("Tanh", [graph.node("Mul", [graph.node("Add", [x, cubed]), graph.number(Math.sqrt(2 / Math.PI))])]);
  return graph.node("Mul", [graph.node("Mul", [x, graph.number(0.5)]), graph.node("Add", [bent, graph.number(1)])]);
}

// --- The file: onnx.proto's messages as protocol buffers

type Message = number[];
/** Whole numbers are integers, and any number of an attribute called epsilon is a float. */
type Attributes = [name: string, value: number | number[]][];

/** `AttributeProto.type` and `TensorProto.data_type`. */
const ATTRIBUTE = { float: 1, int: 2, ints: 7 };
const DATA = { float: 1, int64: 7 };
const EXTERNAL = 1;
const [IR_VERSION, OPSET] = [8, 17];

function varint(value: number): Message {
  const bytes: Message = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}
const integer = (field: number, value: number): Message => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, value: ArrayLike<number>): Message => varint(field * 8 + 2).concat(varint(value.length), Array.from(value));
const text = (field: number, value: string): Message => bytes(field, new TextEncoder().encode(value));
const float = (field: number, value: number): Message => [...varint(field * 8 + 5), ...littleEndian(new Float32Array([value]))];
const littleEndian = (values: Float32Array | BigInt64Array): Uint8Array => new Uint8Array(values.buffer);

/** A part of the weights, as it goes into their file: rows and columns change places, or they don't. */
interface Stored {
  at: number;
  rows: number;
  columns: number;
  /** The tensor's value that is the part's first. */
  start: number;
  values?: "ones";
  transposed: boolean;
}

class Graph {
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #nodes: Message[] = [];
  readonly #initializers = new Map<string, Message>();
  readonly #stored: Stored[] = [];
  /** Values of the weights so far. */
  #size = 0;

  constructor(tensors: ReadonlyMap<string, Tensor>) {
    this.#tensors = tensors;
  }

  /** Adds an operation, and returns the name of what it computes. */
  node(operation: string, inputs: readonly string[], attributes: Attributes = []): string {
    const output = `${operation}_${this.#nodes.length}`;
    const written = attributes.map(([name, value]) => {
      if (Array.isArray(value)) return [text(1, name), ...value.map((one) => integer(8, one)), integer(20, ATTRIBUTE.ints)].flat();
      if (name === "epsilon") return [text(1, name), float(2, value), integer(20, ATTRIBUTE.float)].flat();
      return [text(1, name), integer(3, value), integer(20, ATTRIBUTE.int)].flat();
    });
    this.#nodes.push([...inputs.map((input) => text(1, input)), text(2, output), text(3, output), text(4, operation), ...written.map((one) => bytes(5, one))].flat());
    return output;
  }

  integers(values: readonly number[]): string {
    return this.#constant(values.join("_"), DATA.int64, [values.length], littleEndian(BigInt64Array.from(values, BigInt)));
  }

  integer(value: number): string {
    return this.#constant(`scalar_${value}`, DATA.int64, [], littleEndian(BigInt64Array.of(BigInt(value))));
  }

  number(value: number): string {
    return this.#constant(`float_${value}`, DATA.float, [], littleEndian(Float32Array.of(value)));
  }

  #constant(name: string, type: number, dims: readonly number[], raw: Uint8Array): string {
    this.#initializers.set(name, [...dims.map((dim) => integer(1, dim)), integer(2, type), text(8, name), bytes(9, raw)].flat());
    return name;
  }

  /** A tensor of the model, or of so many equal parts one. */
  tensor(name: string, index = 0, parts = 1): string {
    const [sizes, values] = this.#find(name);
    const dims = parts === 1 ? sizes : [(sizes[0] as number) / parts, ...sizes.slice(1)];
    const columns = dims.reduce((product, size) => product * size, 1);
    return this.#store(`${name}.${index}`, dims, { rows: 1, columns, start: index * columns, transposed: false, ...(values && { values }) });
  }

  /** The weight of a linear layer, (to, from), as `MatMul` wants it, (from, to); or of so many equal parts one. */
  transposed(name: string, index = 0, parts = 1): string {
    const [[to = 0, columns = 0], values] = this.#find(name);
    const rows = to / parts;
    return this.#store(`${name}.${index}.transposed`, [columns, rows], { rows, columns, start: index * rows * columns, transposed: true, ...(values && { values }) });
  }

  #find(name: string): [sizes: number[], values: "ones" | undefined] {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`The tower has no tensor ${name}.`);
    return [tensor[1], tensor[2]];
  }

  #store(name: string, dims: readonly number[], stored: Omit<Stored, "at">): string {
    const place = [["location", WEIGHTS], ["offset", String(4 * this.#size)], ["length", String(4 * stored.rows * stored.columns)]] as const;
    const external = place.map(([key, value]) => bytes(13, [...text(1, key), ...text(2, value)]));
    this.#initializers.set(name, [...dims.map((dim) => integer(1, dim)), integer(2, DATA.float), text(8, name), ...external, integer(14, EXTERNAL)].flat());
    this.#stored.push({ ...stored, at: this.#size });
    this.#size += stored.rows * stored.columns;
    return name;
  }

  /** The weights' values, one tensor after the other. */
  weights(): Float32Array<ArrayBuffer> {
    const piece = Float32Array.from(randomHalves(), (half) => (half & 0x8000 ? -1 : 1) * 2 ** (((half >> 10) & 31) - 15) * (1 + (half & 0x3ff) / 1024));
    const all = new Float32Array(this.#size);
    for (const { at, rows, columns, start, values, transposed } of this.#stored) {
      if (values === "ones") {
        all.fill(1, at, at + rows * columns);
        continue;
      }
      for (let row = 0; row < rows; row += 1) {
        for (let column = 0; column < columns; column += 1) {
          const value = piece[(start + row * columns + column) % PIECE] as number;
          all[at + (transposed ? column * rows + row : row * columns + column)] = value;
        }
      }
    }
    return all;
  }

  /** The file, whose output is what `output` computes. */
  file(output: string, { image, dimension }: Shape): Uint8Array<ArrayBuffer> {
    this.#nodes.push([text(1, output), text(2, EMBEDDINGS), text(4, "Identity")].flat());
    const dim = (size: number | string): Message => bytes(1, typeof size === "string" ? text(2, size) : integer(1, size));
    const value = (name: string, dims: (number | string)[]): Message =>
      [...text(1, name), ...bytes(2, bytes(1, [...integer(1, DATA.float), ...bytes(2, dims.flatMap(dim))]))];
    const graph = [
      ...this.#nodes.map((node) => bytes(1, node)),
      text(2, "tower"),
      ...[...this.#initializers.values()].map((initializer) => bytes(5, initializer)),
      bytes(11, value(PIXELS, ["batch", 3, image, image])),
      bytes(12, value(EMBEDDINGS, ["batch", dimension])),
    ].flat();
    return Uint8Array.from([integer(1, IR_VERSION), text(2, "clip-vision's bench.html"), bytes(7, graph), bytes(8, integer(2, OPSET))].flat());
  }
}
