//! Attention.

use super::*;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn attention_equals_the_naive_one() {
    let mut workspace = Workspace::new();
    for isa in Isa::available() {
        let mut rng = Rng(6);
        for case in 0..40 {
            let tokens = size(&mut rng);
            let sizes = Attention {
                batch: 1 + case % 3,
                tokens,
                queries: tokens,
                heads: 1 + rng.below(4),
                head_size: if case % 4 == 0 { 64 } else { size(&mut rng) },
                causal: case % 2 == 1,
            };
            let (rows, channels) = (sizes.batch * sizes.tokens, sizes.heads * sizes.head_size);
            let [q, k, v] = [3.0, 3.0, 1.0]
                .map(|scale| rng.values(rows * channels).into_iter().map(|x| x * scale).collect::<Vec<f32>>());
            let mut y = vec![f32::NAN; rows * channels];
            sizes.run(isa, [&q, &k, &v], &mut y, &mut workspace, &Backwards(1 + case % 3)).unwrap();
            for (i, (y, expected)) in y.iter().zip(naive::attention(&sizes, &q, &k, &v)).enumerate() {
                assert!((f64::from(*y) - expected).abs() <= 2e-5, "{isa:?} {sizes:?} at {i}: {y} {expected}");
            }

            // The first tokens alone look: the same to the bit.
            let few = Attention { queries: 1 + case % tokens, ..sizes };
            let of_each = |x: &[f32]| -> Vec<f32> {
                x.chunks(tokens * channels).flat_map(|x| &x[..few.queries * channels]).copied().collect()
            };
            let first = of_each(&q);
            let mut again = vec![f32::NAN; first.len()];
            few.run(isa, [&first, &k, &v], &mut again, &mut workspace, &Backwards(1 + case % 3)).unwrap();
            assert_eq!(of_each(&y), again, "{} queries", few.queries);
        }
    }
}

#[test]
fn sizes_beyond_the_address_space_are_refused() {
    let half = 1usize << (usize::BITS / 2);
    let one = Attention { batch: 1, tokens: 1, queries: 1, heads: 1, head_size: 1, causal: false };
    let cases = [
        Attention { batch: half, tokens: half, queries: half, ..one },
        Attention { heads: half, head_size: half, ..one },
        Attention { batch: 0, tokens: half, queries: 0, head_size: half, ..one },
        Attention { batch: 0, tokens: usize::MAX, queries: 0, ..one },
        Attention { batch: half, tokens: 0, queries: 0, heads: half, ..one },
    ];
    for sizes in cases {
        // Products that wrap around to nothing would fit these slices.
        let error = sizes.run(Isa::best(), [&[]; 3], &mut [], &mut Workspace::new(), &Serial).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory(_)), "{sizes:?}: {error}");
    }
    for packing in [Packing::F32, Packing::Int8(Rotation::Off)] {
        assert_eq!(packing.bytes(half, half), usize::MAX);
    }
}
