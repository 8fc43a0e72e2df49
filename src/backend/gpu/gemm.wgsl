// C = activation(A · W + bias), to which what was in C may be added, or the positions of patches. A is rows of values; W is
// [input][output], padded with zeros to whole vectors of four. Where there are several weights they share A, and each has a
// plane of C of its own.

struct Sizes {
  rows: u32, columns: u32, depth: u32, activation: u32, // columns and depth in vectors
  a_start: u32, a_stride: u32, c_start: u32, c_stride: u32,
  c_plane: u32, add: u32, group: u32, group_stride: u32, // add: 1 C itself, 2 positions
  group_first: u32, positions: u32, unused0: u32, unused1: u32,
  biases: vec4u,
};

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> constants: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
@group(0) @binding(3) var<uniform> sizes: Sizes;
@group(0) @binding(4) var<storage, read> w0: array<$PACKED>;
$BINDINGS

fn weight(plane: u32, at: u32) -> vec4f {
$WEIGHT
}

fn erf(x: vec4f) -> vec4f { // Abramowitz and Stegun 7.1.26: within 1.5e-7
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - sum * exp(-x * x));
}

fn sigmoid(x: vec4f) -> vec4f { return 1.0 / (1.0 + exp(min(-x, vec4f(80.0)))); }

fn activated(x: vec4f) -> vec4f {
  switch sizes.activation {
    case 1u: { return x * sigmoid(1.702 * x); }
    case 2u: { return 0.5 * x * (1.0 + erf(x * 0.70710678)); }
    case 3u: { return x * sigmoid(1.5957691216 * (x + 0.044715 * x * x * x)); }
    default: { return x; }
  }
}

fn put(plane: u32, row: u32, column: u32, sum: vec4f) {
  if (row >= sizes.rows || column >= sizes.columns) { return; }
  var y = activated(sum + constants[sizes.biases[plane] + column]);
  var to = row;
  if (sizes.add == 2u) {
    let place = row % sizes.group;
    to = row / sizes.group * sizes.group_stride + sizes.group_first + place;
    y += constants[sizes.positions + place * sizes.columns + column];
  }
  let at = sizes.c_start + plane * sizes.c_plane + to * sizes.c_stride + column;
  if (sizes.add == 1u) { y += c[at]; }
  c[at] = y;
}
