//! JPEG, decoded to the same pixels as libjpeg-turbo 3.2 gives Pillow 13.
//!
//! An embedding that is to equal Python's begins with equal pixels, and decoders differ: in the rounding of the
//! inverse DCT, and above all in how they bring the color channels, which most photographs store at half size, back
//! to full size. The `image` crate's decoder equals Pillow in three values of four. This one equals it in all.
//!
//! ```
//! use jpeg::{Area, Decoder, Scale};
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/images/photo-420.jpg");
//! let bytes = std::fs::read(path)?;
//! let decoder = Decoder::new(&bytes)?;
//! let (width, height) = decoder.size(Scale::Full);
//! assert_eq!(decoder.channels(), 3);
//!
//! // All at once:
//! let rgb = decoder.decode_whole(Scale::Full)?;
//! assert_eq!(rgb.len(), width * height * 3);
//!
//! // A part of it, at half its size, a few rows at a time:
//! let (mut rows, area) = (0, Area { columns: 10..60, rows: 20..50 });
//! Decoder::new(&bytes)?.decode(Scale::Half, area, |bytes| {
//!     rows += bytes.len() / (50 * 3);
//!     Ok::<(), jpeg::Error>(())
//! })?;
//! assert_eq!(rows, 30);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Read**: baseline, extended sequential, progressive and lossless pictures of 8 bits, all but the lossless ones
//! arithmetic-coded, too; gray, YCbCr, RGB, CMYK and YCCK; all sampling factors that libjpeg reads. For TIFF files there
//! are [`Decoder::abbreviated`] and [`Colors::Stored`]. Damaged data are treated as libjpeg treats them: it goes on
//! after a bad code, and after the next restart marker. Where Pillow gives up, as on a file that is cut short, there
//! is an error here. Two things are milder: a baseline picture that lacks nothing but the end marker is read, and an
//! arithmetic-coded one may be larger than the 64 KiB that Pillow's way of reading allows for.
//!
//! **How**: [`Decoder::new`] reads the headers, [`Decoder::decode`] the rest, and hands on finished rows from the top, a
//! few at a time.
//! A picture is worked through in bands of 8 or 16 rows, all of its scans side by side, and takes hardly any memory. Only
//! some incomplete or damaged ones need their coefficients as a whole. Its inner loops run on the SIMD instructions of
//! x86, ARM and WebAssembly, through the crate [`simd`].
//!
//! ```text
//! decoder.rs     what a user calls          error.rs           what can be wrong
//! markers.rs     headers and tables         frame.rs           sizes, blocks, MCUs
//! script.rs      the order of scans         bands.rs           bands of blocks, in any order of scans
//! scan.rs        a scan, MCU by MCU         bits.rs            bits, restart markers
//! huffman.rs     codes                      tables.rs          tables that pictures share
//! block.rs       a block of coefficients
//! sequential.rs  baseline coefficients      progressive.rs     progressive coefficients, coefficients.rs their home
//! arithmetic.rs  arithmetic decoding        lossless.rs        samples without blocks
//! smooth.rs      blocks whose coefficients never came
//! rows.rs        blocks to rows             strip.rs           a component's samples
//! idct.rs        coefficients to samples    upsample.rs        samples to full size
//! color.rs       samples to RGB             vector.rs          these three over SIMD vectors
//! ```
//!
//! All formulas are from the standard (ITU-T T.81) and from <https://github.com/libjpeg-turbo/libjpeg-turbo>; each
//! module names the file.

mod arithmetic;
mod bands;
mod bits;
mod block;
mod coefficients;
mod color;
mod decoder;
mod error;
mod frame;
mod huffman;
mod idct;
mod lossless;
mod markers;
mod memory;
mod progressive;
mod rows;
mod scan;
mod script;
mod sequential;
mod smooth;
mod strip;
mod tables;
mod upsample;
mod vector;

#[cfg(test)]
mod tests;

pub use color::Colors;
pub use decoder::{Area, Decoder, Scale};
pub use error::{Error, ErrorKind, Result};
pub use tables::Tables;
