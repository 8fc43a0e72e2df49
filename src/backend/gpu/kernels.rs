//! The kernels' texts.

use super::plan::{Binding, Kernel, Tuning};

/// Rows from which on a product's workgroups compute 64 × 64 values in place of 32 × 32.
const MANY_ROWS: usize = 400;

/// The values of a tile of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tile {
    /// 32 × 32 by 32 columns, straight from memory.
    Direct,
    /// As many as it says, by way of workgroup memory.
    Shared(usize),
}

impl Tile {
    /// The one for so many rows.
    pub(super) fn of(tuning: Tuning, rows: usize) -> Self {
        match tuning {
            Tuning::Software => Self::Direct,
            Tuning::Hardware => Self::Shared(if rows < MANY_ROWS { 32 } else { 64 }),
        }
    }

    /// Rows and columns of a workgroup.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Direct => 32,
            Self::Shared(size) => size,
        }
    }
}

/// A product with one weight or with several of one shape, in half precision or in single.
pub(super) fn product(tile: Tile, weights: usize, half: bool) -> Kernel {
    let packed = if half { "vec2u" } else { "vec4f" };
    let read = |index: usize| match half {
        true => format!("let w = w{index}[at]; return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));"),
        false => format!("return w{index}[at];"),
    };
    let others = (1..weights)
        .map(|index| format!("@group(0) @binding({}) var<storage, read> w{index}: array<{packed}>;\n", 4 + index));
    let cases = (1..weights).map(|index| format!("  if (plane == {index}u) {{ {} }}\n", read(index)));
    let weight = cases.chain([format!("  {}", read(0))]).collect::<String>();
    let head = include_str!("gemm.wgsl");
    let (body, sizes) = match tile {
        Tile::Direct => (include_str!("gemm_direct.wgsl"), Vec::new()),
        Tile::Shared(size) => {
            let (rows, vectors) = (size / 8, size / 32);
            let depth = if size > 32 { 16 } else { 32 };
            let sizes = vec![
                ("$A_TILE", size * depth / 4),
                ("$W_TILE", depth * size / 4),
                ("$BM", size),
                ("$BN4", size / 4),
                ("$BK4", depth / 4),
                ("$SUMS", rows * vectors),
                ("$TM", rows),
                ("$TN", vectors),
            ];
            (include_str!("gemm_tiled.wgsl"), sizes)
        }
    };
    let mut wgsl = (head.to_owned() + body)
        .replace("$PACKED", packed)
        .replace("$BINDINGS\n", &others.collect::<String>())
        .replace("$WEIGHT", &weight);
    for (name, value) in sizes {
        wgsl = wgsl.replace(name, &value.to_string());
    }
    let bindings = [Binding::Read, Binding::Read, Binding::ReadWrite, Binding::Uniform].into_iter();
    let bindings = bindings.chain((0..weights).map(|_| Binding::Read)).collect();
    Kernel { label: format!("product {tile:?} of {weights}, {}", if half { "half" } else { "single" }), wgsl, bindings }
}

pub(super) fn norm() -> Kernel {
    kernel("norm", include_str!("norm.wgsl").to_owned())
}

/// Values of keys, and of values, that a workgroup holds at a time: 8 kB each.
const HELD: usize = 2048;
/// Keys that it holds at a time, at most.
const MOST_KEYS: usize = 16;

/// Attention of heads of so many channels.
pub(super) fn attention(head_size: usize) -> Kernel {
    let lanes = part(head_size);
    let (parts, keys) = (head_size / lanes, (HELD / head_size.max(1)).clamp(1, MOST_KEYS));
    let (part, score) = match lanes {
        4 => ("vec4f", "dot(products, vec4f(1.0))"),
        _ => ("f32", "products"),
    };
    let wgsl = include_str!("attention.wgsl")
        .replace("$PARTS", &parts.to_string())
        .replace("$PART", part)
        .replace("$SCORE", score)
        .replace("$TILE", &(keys * parts).to_string())
        .replace("$KEYS", &keys.to_string());
    let bindings = vec![Binding::Read, Binding::Read, Binding::Read, Binding::ReadWrite, Binding::Uniform];
    Kernel { label: format!("attention of heads of {head_size}"), wgsl, bindings }
}

/// The largest head that a workgroup can hold a key and a value of.
pub(super) const LARGEST_HEAD: usize = HELD;

/// Channels that attention reads at once.
pub(super) fn part(head_size: usize) -> usize {
    if head_size.is_multiple_of(4) { 4 } else { 1 }
}

/// What is done to each vector by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pointwise {
    /// A row of constants in each row.
    Fill,
    Copy,
    /// Adds `x`, each channel times a constant.
    AddScaled,
    Tanh,
    /// The mean of `tokens` rows.
    Mean,
}

pub(super) fn pointwise(what: Pointwise) -> Kernel {
    let body = match what {
        Pointwise::Fill => "y[to] = constants[sizes.constant + i];",
        Pointwise::Copy => "y[to] = x[first];",
        Pointwise::AddScaled => "y[to] += x[first] * constants[sizes.constant + i];",
        Pointwise::Tanh => "y[to] = tanh(clamp(y[to], vec4f(-15.0), vec4f(15.0))); // of large values it may be NaN",
        Pointwise::Mean => {
            "var sum = vec4f();\n  for (var t = 0u; t < sizes.tokens; t++) { \
             sum += x[sizes.x_start + (row * sizes.tokens + t) * sizes.x_stride + i]; }\n  y[to] = sum / f32(sizes.tokens);"
        }
    };
    let label = format!("{what:?}");
    kernel(&label, include_str!("pointwise.wgsl").replace("$WHAT", &label).replace("$BODY", body))
}

fn kernel(label: &str, wgsl: String) -> Kernel {
    let bindings = vec![Binding::Read, Binding::Read, Binding::ReadWrite, Binding::Uniform];
    Kernel { label: label.to_owned(), wgsl, bindings }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that WGSL keeps for itself; browsers refuse them as names, which wgpu does not.
    /// <https://www.w3.org/TR/WGSL/#reserved-words>
    const RESERVED: &str = "NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become \
        cast catch class co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast \
        consteval constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export \
        extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl implements \
        import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut mutable namespace \
        new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr of operator package \
        packoffset partial pass patch pixelfragment precise precision premerge priv protected pub public readonly ref regardless \
        register reinterpret_cast require resource restrict self set shared sizeof smooth snorm static static_assert static_cast \
        std subroutine super target template this thread_local throw trait try type typedef typeid typename typeof union unless \
        unorm unsafe unsized use using varying virtual volatile wgsl where with writeonly yield";

    #[test]
    fn no_name_is_a_reserved_word_and_nothing_is_left_to_be_filled_in() {
        let products = [Tile::Direct, Tile::Shared(32), Tile::Shared(64)]
            .map(|tile| [1, 2, 3].map(|weights| [true, false].map(|half| product(tile, weights, half))));
        let whats = [Pointwise::Fill, Pointwise::Copy, Pointwise::AddScaled, Pointwise::Tanh, Pointwise::Mean];
        let others = [norm(), attention(64), attention(5)].into_iter().chain(whats.map(pointwise));
        let reserved: Vec<&str> = RESERVED.split_whitespace().collect();
        for kernel in products.into_iter().flatten().flatten().chain(others) {
            assert!(!kernel.wgsl.contains('$'), "{}", kernel.wgsl);
            let code: String =
                kernel.wgsl.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
            let word = code.split(|c: char| !c.is_alphanumeric() && c != '_').find(|word| reserved.contains(word));
            assert_eq!(word, None, "{}", kernel.label);
        }
    }
}
