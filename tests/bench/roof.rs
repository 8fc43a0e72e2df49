//! The roof over every contender: how many multiplications the processor does in a second with nothing but registers, by its own
//! instructions for them. A model's multiplications at this rate are the least time that it can take.
//!
//! f32 is fused multiply-add, in 512 bits where there are any, else in 256; int8 is VNNI's dot product, else what AVX2 has. AMX, which
//! stable Rust does not reach, is not used: where a processor has it the roof of int8 is higher.

use std::time::Instant;

/// Independent sums: more than an instruction takes cycles, times two a cycle, and no more than there are registers.
const CHAINS: usize = 12;
/// What a thread does between two looks at the clock.
const TIMES: usize = 4_000_000;

/// Milliseconds for 10⁹ multiplications on so many threads at the same time; `None` on a processor that this knows nothing of.
pub fn milliseconds(int8: bool, threads: usize) -> Option<f64> {
    let (lanes, work) = instructions(int8)?;
    let start = Instant::now();
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(|| work(TIMES)))));
    let multiplications = (threads * TIMES * CHAINS * lanes) as f64;
    Some(start.elapsed().as_secs_f64() * 1e3 / (multiplications / 1e9))
}

/// Multiplications of an instruction (or of the few that do its work), and many of these.
type Instructions = (usize, fn(usize));

#[cfg(target_arch = "x86_64")]
fn instructions(int8: bool) -> Option<Instructions> {
    use std::arch::is_x86_feature_detected as has;
    match int8 {
        false if has!("avx512f") => Some((16, x86::fma_512)),
        false if has!("fma") => Some((8, x86::fma_256)),
        true if has!("avx512vnni") => Some((64, x86::vnni_512)),
        true if has!("avx2") => Some((32, x86::madd_256)),
        _ => None,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn instructions(_int8: bool) -> Option<Instructions> {
    None
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::CHAINS;
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// A loop over one instruction, in a function that is called only where the processor has it.
    macro_rules! chains {
        ($name:ident, $feature:literal, $zero:expr, $operands:expr, $step:expr) => {
            pub fn $name(times: usize) {
                #[target_feature(enable = $feature)]
                fn run(times: usize) {
                    let (a, b) = black_box($operands);
                    let mut sums = [$zero; CHAINS];
                    for _ in 0..times {
                        for sum in &mut sums {
                            *sum = $step(*sum, a, b);
                        }
                    }
                    black_box(sums);
                }
                // SAFETY: `instructions` gives this function only where the processor has the feature.
                unsafe { run(times) }
            }
        };
    }

    chains!(fma_512, "avx512f", _mm512_setzero_ps(), (_mm512_set1_ps(0.5), _mm512_set1_ps(0.25)), |sum, a, b| {
        _mm512_fmadd_ps(a, b, sum)
    });
    chains!(fma_256, "avx2,fma", _mm256_setzero_ps(), (_mm256_set1_ps(0.5), _mm256_set1_ps(0.25)), |sum, a, b| {
        _mm256_fmadd_ps(a, b, sum)
    });
    chains!(
        vnni_512,
        "avx512f,avx512vnni",
        _mm512_setzero_si512(),
        (_mm512_set1_epi8(3), _mm512_set1_epi8(-2)),
        |sum, a, b| { _mm512_dpbusd_epi32(sum, a, b) }
    );
    chains!(
        madd_256,
        "avx2",
        _mm256_setzero_si256(),
        (_mm256_set1_epi8(3), _mm256_set1_epi8(-2)),
        // The operands change with the sum: what is the same each time would be computed once.
        |sum, a, b| _mm256_add_epi32(
            sum,
            _mm256_madd_epi16(_mm256_maddubs_epi16(a, _mm256_xor_si256(b, sum)), _mm256_set1_epi16(1))
        )
    );
}
