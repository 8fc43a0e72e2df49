// Scaled dot-product attention with an online softmax: a workgroup 64 queries of one head, $KEYS keys at a time in
// workgroup memory. A head is $PARTS parts of type $PART.

alias Part = $PART;

struct Sizes { // starts and strides in parts
  tokens: u32, queries: u32, causal: u32, scale: f32,
  q_start: u32, q_stride: u32, k_start: u32, k_stride: u32,
  v_start: u32, v_stride: u32, o_start: u32, o_stride: u32,
};

@group(0) @binding(0) var<storage, read> q: array<Part>;
@group(0) @binding(1) var<storage, read> k: array<Part>;
@group(0) @binding(2) var<storage, read> v: array<Part>;
@group(0) @binding(3) var<storage, read_write> o: array<Part>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

var<workgroup> keys: array<Part, $TILE>;
var<workgroup> values: array<Part, $TILE>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let column = group.x * $PARTSu;
  let query = group.y * 64u + index;
  let start = sizes.q_start + (group.z * sizes.queries + min(query, sizes.queries - 1u)) * sizes.q_stride + column;
  var asked: array<Part, $PARTS>;
  var sum: array<Part, $PARTS>;
  for (var i = 0u; i < $PARTSu; i++) { asked[i] = q[start + i] * sizes.scale; }
  var largest = -3.0e38;
  var weight = 0.0;
  for (var first = 0u; first < sizes.tokens; first += $KEYSu) {
    for (var i = index; i < $TILEu; i += 64u) {
      let token = group.z * sizes.tokens + min(first + i / $PARTSu, sizes.tokens - 1u);
      keys[i] = k[sizes.k_start + token * sizes.k_stride + column + i % $PARTSu];
      values[i] = v[sizes.v_start + token * sizes.v_stride + column + i % $PARTSu];
    }
    workgroupBarrier();
    var seen = min($KEYSu, sizes.tokens - first);
    if (sizes.causal == 1u) { seen = min(seen, select(0u, query + 1u - first, query + 1u > first)); }
    for (var j = 0u; j < seen; j++) {
      var products = Part();
      for (var i = 0u; i < $PARTSu; i++) { products = fma(asked[i], keys[j * $PARTSu + i], products); }
      let score = $SCORE;
      let most = max(largest, score);
      let before = exp(largest - most);
      let share = exp(score - most);
      largest = most;
      weight = weight * before + share;
      for (var i = 0u; i < $PARTSu; i++) { sum[i] = fma(Part(share), values[j * $PARTSu + i], sum[i] * before); }
    }
    workgroupBarrier();
  }
  if (query < sizes.queries) {
    let to = sizes.o_start + (group.z * sizes.queries + query) * sizes.o_stride + column;
    for (var i = 0u; i < $PARTSu; i++) { o[to + i] = sum[i] / weight; }
  }
}
