
var<workgroup> a_tile: array<vec4f, $A_TILE>; // [row][depth / 4]
var<workgroup> w_tile: array<vec4f, $W_TILE>; // [depth][column / 4]

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) thread: vec3u, @builtin(local_invocation_index) index: u32) {
  let first_row = group.y * $BMu;
  let first_column = group.x * $BN4u;
  let plane = group.z;
  var sums: array<vec4f, $SUMS>;
  for (var depth = 0u; depth < sizes.depth; depth += $BK4u) {
    for (var i = index; i < $A_TILEu; i += 64u) {
      let row = min(first_row + i / $BK4u, sizes.rows - 1u);
      let k = depth + i % $BK4u;
      a_tile[i] = select(vec4f(), a[sizes.a_start + row * sizes.a_stride + min(k, sizes.depth - 1u)], k < sizes.depth);
    }
    for (var i = index; i < $W_TILEu; i += 64u) {
      let k = min(depth * 4u + i / $BN4u, sizes.depth * 4u - 1u);
      let column = min(first_column + i % $BN4u, sizes.columns - 1u);
      w_tile[i] = weight(plane, k * sizes.columns + column);
    }
    workgroupBarrier();
    for (var k = 0u; k < $BK4u; k++) {
      for (var n = 0u; n < $TNu; n++) {
        let column = thread.x + n * 8u;
        let p = w_tile[(4u * k) * $BN4u + column];
        let q = w_tile[(4u * k + 1u) * $BN4u + column];
        let r = w_tile[(4u * k + 2u) * $BN4u + column];
        let s = w_tile[(4u * k + 3u) * $BN4u + column];
        for (var m = 0u; m < $TMu; m++) {
          let x = a_tile[(thread.y * $TMu + m) * $BK4u + k];
          let at = m * $TNu + n;
          sums[at] = fma(vec4f(x.w), s, fma(vec4f(x.z), r, fma(vec4f(x.y), q, fma(vec4f(x.x), p, sums[at]))));
        }
      }
    }
    workgroupBarrier();
  }
  for (var m = 0u; m < $TMu; m++) {
    for (var n = 0u; n < $TNu; n++) {
      put(plane, first_row + thread.y * $TMu + m, first_column + thread.x + n * 8u, sums[m * $TNu + n]);
    }
  }
}
