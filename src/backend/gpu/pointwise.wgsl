// One thread a vector of four: what $WHAT says.

struct Sizes {
  rows: u32, vectors: u32, x_start: u32, x_stride: u32,
  y_start: u32, y_stride: u32, constant: u32, tokens: u32,
};

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> constants: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3u) {
  let row = thread.y;
  let i = thread.x;
  if (row >= sizes.rows || i >= sizes.vectors) { return; }
  let first = sizes.x_start + row * sizes.x_stride + i;
  let to = sizes.y_start + row * sizes.y_stride + i;
  $BODY
}
