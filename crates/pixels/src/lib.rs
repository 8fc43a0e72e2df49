//! [`Image`]: where a picture comes from, what is to be done to it, and the pixel tensor that results.
//!
//! An image is a recipe. Nothing is read, decoded or computed until [`Image::to_pixel_tensor`]; then the whole queue
//! is checked, and the rows of the source go, as they are decoded within its [`Limits`], through the operations in the
//! order written. The result equals what Pillow and transformers compute: see [`ResizeFilter`] for the filters, and
//! [`Decode`] for a faster way that is nearly equal.
//!
//! In: encoded bytes, or 8-bit RGB(A) rows (`hwc`). Out: f32, (3, H, W), RGB (`chw`).

mod decode;
mod error;
mod exif;
mod format;
mod image;
mod inflate;
mod limits;
mod memory;
mod operations;
mod pipeline;
mod pixels;
mod plan;
mod resize;
mod source;
mod timing;
mod url_access;

pub use self::error::{Error, ErrorKind, Result, Source as ErrorSource};
pub use self::image::Image;
pub use self::limits::Limits;
pub use self::pipeline::PixelTensor;
pub use self::resize::ResizeFilter;
pub use self::url_access::UrlAccess;

/// How closely a decoder follows Pillow's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Decode {
    /// Every value equals Pillow's. The default.
    #[default]
    Exact,
    /// A JPEG that is to be made much smaller is decoded at 1/2, 1/4 or 1/8 of its size, at no less than twice the size
    /// that it gets (Pillow's `draft` with a `reducing_gap` of 2). docs/bench.md has the times and the cosines. Everything
    /// else is decoded exactly.
    Fast,
}

/// What an image was made of and what that took, beside its tensor.
#[derive(Clone, Debug)]
pub struct Measured<T> {
    /// What became of the image.
    pub tensor: T,
    /// Upright width and height of the picture, before any operation.
    pub size: (usize, usize),
    /// What the clock counted while encoded bytes became pixels.
    pub decode: f64,
    /// What it counted while these became the tensor.
    pub preprocess: f64,
}

impl<T> Measured<T> {
    /// The same with another tensor.
    pub fn try_map<U, E>(self, change: impl FnOnce(T) -> Result<U, E>) -> Result<Measured<U>, E> {
        let Self { tensor, size, decode, preprocess } = self;
        Ok(Measured { tensor: change(tensor)?, size, decode, preprocess })
    }
}
