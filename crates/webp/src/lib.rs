//! WebP, decoded to the same pixels as libwebp 1.6 gives Pillow 13.
//!
//! ```
//! use webp::{Decoder, Error};
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/formats/coarse.webp");
//! let bytes = std::fs::read(path)?;
//! let decoder = Decoder::new(&bytes)?;
//! let (width, height) = decoder.size();
//! assert_eq!(decoder.channels(), 3);
//!
//! // All at once:
//! let rgb = decoder.decode_whole()?;
//! assert_eq!(rgb.len(), width * height * 3);
//!
//! // Some of the rows, a few at a time:
//! let mut rows = 0;
//! Decoder::new(&bytes)?.decode(10..30, |bytes| {
//!     rows += bytes.len() / (width * 3);
//!     Ok::<(), Error>(())
//! })?;
//! assert_eq!(rows, 20);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Read**: lossy and lossless pictures, with alpha and without; of animations the first frame. A file is taken or refused
//! as Pillow takes or refuses it, down to flags that lie and the bit at which data end.
//!
//! **How**: [`Decoder::new`] reads the headers, [`Decoder::decode`] the rest, and hands on finished rows from the top, a few
//! at a time. A lossy picture takes hardly any memory. A lossless one takes four bytes a pixel, and so does alpha.
//! The inner loops of lossy pictures run on the SIMD instructions of x86, ARM and WebAssembly, through the crate [`simd`].
//!
//! ```text
//! decoder.rs    what a user calls         error.rs  what can be wrong
//! container.rs  the file, chunk.rs its chunks
//! vp8.rs        lossy pictures            vp8l.rs   lossless ones        alpha.rs  alpha of lossy ones
//! ```
//!
//! All formulas are from RFC 6386 and RFC 9649, and from <https://chromium.googlesource.com/webm/libwebp>; each module names
//! the section or the file.

mod alpha;
mod chunk;
mod container;
mod decoder;
mod error;
mod memory;
mod vp8;
mod vp8l;

#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use error::{Error, ErrorKind, Result};
