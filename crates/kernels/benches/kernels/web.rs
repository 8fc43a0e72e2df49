//! What `tests/bench/kernels.mjs` calls.

use crate::products::Products;
use kernels::Isa;
use std::cell::RefCell;

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    fn seconds() -> f64;
    fn print(text: *const u8, len: usize);
}

fn now() -> f64 {
    // SAFETY: the host takes nothing.
    unsafe { seconds() }
}

fn say(line: &str) {
    // SAFETY: the host reads what is there.
    unsafe { print(line.as_ptr(), line.len()) }
}

thread_local! {
    static PRODUCTS: RefCell<Option<Products>> = const { RefCell::new(None) };
}

/// Packs weights for [`multiply`].
#[unsafe(no_mangle)]
extern "C" fn prepare(int8: bool, rows: usize, inputs: usize, outputs: usize, copies: usize) {
    match Products::new(Isa::best(), int8, [rows, inputs, outputs], copies) {
        Ok(products) => PRODUCTS.with_borrow_mut(|slot| *slot = Some(products)),
        Err(error) => say(&error.to_string()),
    }
}

/// All products, so many times.
#[unsafe(no_mangle)]
extern "C" fn multiply(rounds: usize) {
    PRODUCTS.with_borrow_mut(|products| {
        for _ in 0..rounds {
            if let Some(Err(error)) = products.as_mut().map(Products::run) {
                say(&error.to_string());
            }
        }
    });
}

/// Reports on a ViT-B/32.
#[unsafe(no_mangle)]
extern "C" fn tower(int8: bool, batch: usize, rounds: usize) {
    match crate::tower::report(now, Isa::best(), int8, batch, rounds) {
        Ok(line) => say(&line),
        Err(error) => say(&error.to_string()),
    }
}
