//! What the tests share: golden files, photos that they make themselves, and one body of tests for every machine.
#![allow(dead_code, unused_imports, reason = "each test binary includes all of this and uses a part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod basics;
pub mod drawings;
pub mod giants;
pub mod goldens;
pub mod programs;
pub mod random;
pub mod shapes;
pub mod sources;
pub mod texts;

pub use basics::*;
