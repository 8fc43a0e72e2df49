//! See `run.mjs`.
fn main() {
    kernel_bench::bench::main();
}
