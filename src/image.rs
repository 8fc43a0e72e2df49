//! [`Image`]: where a picture comes from, what is to be done to it, and the pixel tensor that results; the crate `pixels`,
//! with candle's tensors at its edge.

use crate::error::Result;
pub use crate::preprocess::PreprocessConfig;
#[cfg(feature = "candle")]
use candle_core::{Device, Tensor};
pub use pixels::{Decode, Limits, Measured, PixelTensor, ResizeFilter};
use std::path::Path;

/// A picture and the operations queued on it. Cloning shares the bytes.
///
/// Operations run in the order written. Resizes and crops work on 8-bit pixels, as Pillow's do, and so must come
/// before [`normalize_unsigned`](Self::normalize_unsigned), [`normalize_signed`](Self::normalize_signed),
/// [`normalize_with`](Self::normalize_with) and [`clamp`](Self::clamp). `normalize_unsigned` and `normalize_signed`
/// need values from 0 to 255, and so can't follow another normalization; `normalize_with` and `clamp` work on the
/// values as they are then. An impossible order or parameter is reported by
/// [`to_tensor_sync`](Self::to_tensor_sync), before anything is read.
///
/// Without any operation the tensor holds the upright picture, in values from 0 to 255.
///
/// ```
/// use clip_vision::{Device, Image, ResizeFilter};
///
/// let image = Image::from_rgb8(3, 2, vec![128; 18])
///     .resize_shortest_edge(224, ResizeFilter::CatmullRom)
///     .center_crop(224, 224)
///     .normalize_unsigned();
/// let pixels = image.to_tensor_sync(&Device::Cpu)?;
/// assert_eq!(pixels.dims(), [3, 224, 224]);
/// # Ok::<(), clip_vision::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Image(pixels::Image);

impl Image {
    /// A picture in a file, of any format that is read. The name says nothing, the content does.
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        Self(pixels::Image::from_path(path))
    }

    /// Encoded bytes: JPEG, PNG, WebP, GIF, BMP or TIFF.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(pixels::Image::from_bytes(bytes))
    }

    /// Encoded bytes in base64, bare or as a data: URL; of the standard or the URL-safe alphabet, with or without
    /// padding and line breaks.
    pub fn from_base64(data: impl Into<String>) -> Self {
        Self(pixels::Image::from_base64(data))
    }

    /// A picture at a data: or file: URL; with the crate's feature `http`, at an http: or https: URL too, which is
    /// given up after 30 seconds of silence or five minutes in all.
    pub fn from_url(url: impl Into<String>) -> Self {
        Self(pixels::Image::from_url(url))
    }

    /// `width`×`height` pixels, rows from the top, three bytes each: red, green, blue.
    ///
    /// `pixels` must be of `width·height·3` bytes, and not empty.
    pub fn from_rgb8(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        Self(pixels::Image::from_rgb8(width, height, pixels))
    }

    /// `width`×`height` pixels, rows from the top, four bytes each: red, green, blue and opacity (not premultiplied).
    ///
    /// `pixels` must be of `width·height·4` bytes, and not empty.
    pub fn from_rgba8(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        Self(pixels::Image::from_rgba8(width, height, pixels))
    }

    /// Resizes to exactly `width`×`height` pixels, whatever the proportions. A size that fits already stays as it is.
    pub fn resize(self, width: usize, height: usize, filter: ResizeFilter) -> Self {
        Self(self.0.resize(width, height, filter))
    }

    /// Resizes so that the shorter edge is `n` pixels and the longer one in proportion, rounded down
    /// (transformers' `{"shortest_edge": n}`).
    pub fn resize_shortest_edge(self, n: usize, filter: ResizeFilter) -> Self {
        Self(self.0.resize_shortest_edge(n, filter))
    }

    /// Cuts out the middle `width`×`height` pixels; where the image is smaller, surrounds it with zeros (black).
    ///
    /// An odd pixel more is cut at the right and below, an odd zero more is put at the left and above, as
    /// transformers does.
    pub fn center_crop(self, width: usize, height: usize) -> Self {
        Self(self.0.center_crop(width, height))
    }

    /// x/255: values from 0 to 1.
    pub fn normalize_unsigned(self) -> Self {
        Self(self.0.normalize_unsigned())
    }

    /// x·2/255 − 1: values from −1 to 1.
    pub fn normalize_signed(self) -> Self {
        Self(self.0.normalize_signed())
    }

    /// (x − mean)/std, per channel (red, green, blue), of the values as they are then.
    ///
    /// Every `mean` must be finite, every `std` finite and not zero.
    pub fn normalize_with(self, mean: [f32; 3], std: [f32; 3]) -> Self {
        Self(self.0.normalize_with(mean, std))
    }

    /// Values below `min` become `min`, values above `max` become `max`; `min` must not be above `max`.
    pub fn clamp(self, min: f32, max: f32) -> Self {
        Self(self.0.clamp(min, max))
    }

    /// Times `factor` in f64, rounded to f32: transformers' `rescale`.
    pub(crate) fn rescale(self, factor: f64) -> Self {
        Self(self.0.rescale(factor))
    }

    /// The color, red, green and blue, that shows through what is transparent. Default: white, as in transformers since 5.23.
    ///
    /// The photo is composited over it before every other operation, wherever this is written.
    pub fn background(self, rgb: [u8; 3]) -> Self {
        Self(self.0.background(rgb))
    }

    /// Drops opacity: a transparent pixel shows the color that is stored under it, as in Pillow's `convert("RGB")`, in
    /// open_clip and in older versions of transformers.
    pub fn drop_alpha(self) -> Self {
        Self(self.0.drop_alpha())
    }

    /// Sets what the picture may cost. Default: [`Limits::default`].
    pub fn limits(self, limits: Limits) -> Self {
        Self(self.0.limits(limits))
    }

    /// Sets how closely the decoder follows Pillow's. Default: [`Decode::Exact`].
    pub fn decode(self, decode: Decode) -> Self {
        Self(self.0.decode(decode))
    }

    /// Upright width and height, where they are known without decoding: for raw pixels and after
    /// [`decode_sync`](Self::decode_sync). Operations are not counted in.
    pub fn size(&self) -> Option<(usize, usize)> {
        self.0.size()
    }

    /// Whether an operation has turned the pixels into other values than 0 to 255, after which no model's own
    /// preprocessing can follow.
    pub(crate) fn is_normalized(&self) -> bool {
        self.0.is_normalized()
    }

    /// The same image with its source read and decoded, and its operations still queued.
    ///
    /// What comes after takes no more time for reading. All pixels are held (clones share them), while
    /// [`to_tensor_sync`](Self::to_tensor_sync) alone needs but a few rows of a JPEG at a time. Decoding is exact,
    /// whatever [`decode`](Self::decode) says.
    ///
    /// # Errors
    /// Those of [`to_tensor_sync`](Self::to_tensor_sync).
    pub fn decode_sync(self) -> Result<Self> {
        Ok(Self(self.0.decode_sync()?))
    }

    /// Reads, decodes and runs the operations: f32 of shape (3, H, W), red, green and blue planes, on `device`.
    ///
    /// # Errors
    /// `InvalidArgument` for an impossible order or parameter (told before anything is read), or raw pixels of a
    /// wrong length; `Fetch` where the source can't be read; `UnsupportedFormat` where it is no picture that is read
    /// here; `Decode` where it is broken; `TooLarge` over a limit; `OutOfMemory`.
    #[cfg(feature = "candle")]
    pub fn to_tensor_sync(self, device: &Device) -> Result<Tensor> {
        let PixelTensor { data, height, width } = self.0.to_pixel_tensor()?;
        Ok(Tensor::from_vec(data, (3, height, width), device)?)
    }

    /// The values of [`to_tensor_sync`](Self::to_tensor_sync) by themselves, and what they took by `clock`.
    ///
    /// # Errors
    /// Those of [`to_tensor_sync`](Self::to_tensor_sync).
    pub fn measure(self, clock: impl Fn() -> f64) -> Result<Measured<PixelTensor>> {
        Ok(self.0.measure(clock)?)
    }
}
