//! What the tests of this package share.
#![allow(dead_code, clippy::unwrap_used)] // each test includes all of it and uses a part

mod basics;
pub mod drawings;
pub mod goldens;
pub mod shapes;
pub mod texts;

#[allow(unused_imports)] // as above
pub use basics::*;
