//! Nanoseconds of the decoder's parts and of whole pictures.

fn main() {}
