
// Without workgroup memory: the fastest where threads are a processor's.
@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) thread: vec3u) {
  let column = group.x * 8u + thread.x;
  let row = (group.y * 8u + thread.y) * 4u;
  let plane = group.z;
  if (row >= sizes.rows || column >= sizes.columns) { return; }
  let last = sizes.rows - 1u;
  let a0 = sizes.a_start + row * sizes.a_stride;
  let a1 = sizes.a_start + min(row + 1u, last) * sizes.a_stride;
  let a2 = sizes.a_start + min(row + 2u, last) * sizes.a_stride;
  let a3 = sizes.a_start + min(row + 3u, last) * sizes.a_stride;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var at = column;
  for (var k = 0u; k < sizes.depth; k++) {
    let p = weight(plane, at);
    let q = weight(plane, at + sizes.columns);
    let r = weight(plane, at + 2u * sizes.columns);
    let s = weight(plane, at + 3u * sizes.columns);
    at += 4u * sizes.columns;
    let x0 = a[a0 + k];
    let x1 = a[a1 + k];
    let x2 = a[a2 + k];
    let x3 = a[a3 + k];
    s0 = fma(vec4f(x0.w), s, fma(vec4f(x0.z), r, fma(vec4f(x0.y), q, fma(vec4f(x0.x), p, s0))));
    s1 = fma(vec4f(x1.w), s, fma(vec4f(x1.z), r, fma(vec4f(x1.y), q, fma(vec4f(x1.x), p, s1))));
    s2 = fma(vec4f(x2.w), s, fma(vec4f(x2.z), r, fma(vec4f(x2.y), q, fma(vec4f(x2.x), p, s2))));
    s3 = fma(vec4f(x3.w), s, fma(vec4f(x3.z), r, fma(vec4f(x3.y), q, fma(vec4f(x3.x), p, s3))));
  }
  put(plane, row, column, s0);
  put(plane, row + 1u, column, s1);
  put(plane, row + 2u, column, s2);
  put(plane, row + 3u, column, s3);
}
