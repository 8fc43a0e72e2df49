// Layer norm: a workgroup a row, the variance in a second pass over what is left without the mean.

struct Sizes {
  rows: u32, channels: u32, vectors: u32, across: u32, // channels in values, vectors of four; workgroups along x
  x_start: u32, x_stride: u32, y_start: u32, y_stride: u32,
  weight: u32, bias: u32, eps: f32, unused: u32,
};

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> constants: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

var<workgroup> sums: array<f32, 64>;

fn total(index: u32, value: f32) -> f32 {
  sums[index] = value;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (index < half) { sums[index] += sums[index + half]; }
    workgroupBarrier();
  }
  let sum = sums[0];
  workgroupBarrier();
  return sum;
}

// What a vector has beside the mean; nothing in its padding.
fn deviation(at: u32, vector: u32, mean: f32) -> vec4f {
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * vector;
  return select(vec4f(), x[at + vector] - mean, lanes < vec4u(sizes.channels));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = group.y * sizes.across + group.x;
  if (row >= sizes.rows) { return; }
  let first = sizes.x_start + row * sizes.x_stride;
  var sum = vec4f();
  for (var i = index; i < sizes.vectors; i += 64u) { sum += x[first + i]; } // padding is zero
  let mean = total(index, dot(sum, vec4f(1.0))) / f32(sizes.channels);
  sum = vec4f();
  for (var i = index; i < sizes.vectors; i += 64u) {
    let d = deviation(first, i, mean);
    sum = fma(d, d, sum);
  }
  let scale = inverseSqrt(total(index, dot(sum, vec4f(1.0))) / f32(sizes.channels) + sizes.eps);
  let to = sizes.y_start + row * sizes.y_stride;
  for (var i = index; i < sizes.vectors; i += 64u) {
    y[to + i] = deviation(first, i, mean) * scale * constants[sizes.weight + i] + constants[sizes.bias + i];
  }
}
