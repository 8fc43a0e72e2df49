//! [`Image`]: where a photo comes from, what is to be done to it, and the pixel tensor that results.
//!
//! All of that is done by the crate `pixels`, which knows no tensor library. Its `Image` is wrapped here for the sake of
//! [`Image::to_tensor_sync`] and [`Image::to_tensor`], which have to be methods and return candle's tensors, of this crate's
//! errors, and of the limits of a model's [`Options`](crate::Options); every other method is handed on as it is.

use crate::error::Result;
#[cfg(feature = "candle")]
use candle_core::{Device, Tensor};
pub use pixels::{Decode, Limits, Measured, PixelTensor, ResizeFilter, UrlAccess};
use std::path::Path;

mod preprocess;

pub use preprocess::PreprocessConfig;

/// A photo and the operations queued on it. Cloning shares the bytes.
///
/// Operations run in the order written. Resizes and crops work on 8-bit pixels, as Pillow's do, and so must come
/// before [`normalize_unsigned`](Self::normalize_unsigned), [`normalize_signed`](Self::normalize_signed),
/// [`normalize_with`](Self::normalize_with) and [`clamp`](Self::clamp). `normalize_unsigned` and `normalize_signed`
/// need values from 0 to 255, and so can't follow another normalization; `normalize_with` and `clamp` work on the
/// values as they are then. Widths, heights and edges are in pixels, from 1 to 2²⁹. An impossible order or parameter is
/// reported by [`to_pixel_tensor`](Self::to_pixel_tensor), as
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), before anything is read.
///
/// Without any operation the tensor holds the upright photo, in values from 0 to 255.
///
/// ```
/// use clip_vision::image::Limits;
/// use clip_vision::{Image, ResizeFilter};
///
/// let image = Image::from_path("tests/golden/images/rgba.png")
///     .limits(Limits::default())
///     .background([255, 255, 255])
///     .resize_shortest_edge(256, ResizeFilter::CatmullRom)
///     .center_crop(224, 224)
///     .normalize_unsigned()
///     .normalize_with([0.5; 3], [0.5; 3])
///     .clamp(-1.0, 1.0);
/// let pixels = image.to_pixel_tensor()?;
/// assert_eq!([pixels.height, pixels.width], [224, 224]);
/// # Ok::<(), clip_vision::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Image {
    recipe: pixels::Image,
    has_limits: bool,
    has_url_access: bool,
}

/// Methods of `pixels::Image` by the same name; `->` those that add to the queue.
macro_rules! forward {
    ($($(#[doc = $doc:expr])* $name:ident($($argument:ident: $type:ty),*);)+) => {$(
        $(#[doc = $doc])*
        pub fn $name($($argument: $type),*) -> Self {
            Self { recipe: pixels::Image::$name($($argument),*), has_limits: false, has_url_access: false }
        }
    )+};
    ($($(#[doc = $doc:expr])* -> $name:ident($($argument:ident: $type:ty),*);)+) => {$(
        $(#[doc = $doc])*
        pub fn $name(self, $($argument: $type),*) -> Self {
            Self { recipe: self.recipe.$name($($argument),*), ..self }
        }
    )+};
}

/// Sources.
impl Image {
    forward! {
        /// A photo in a file, of any format that is read. The name says nothing, the content does.
        ///
        /// ```
        /// # use clip_vision::Image;
        /// let pixels = Image::from_path("tests/golden/images/rgb-500x375.png").to_pixel_tensor()?;
        /// assert_eq!([pixels.height, pixels.width], [375, 500]);
        /// # Ok::<(), clip_vision::Error>(())
        /// ```
        from_path(path: impl AsRef<Path>);

        /// Encoded bytes: JPEG, PNG, WebP, GIF, BMP, TIFF, ICO or CUR.
        ///
        /// ```
        /// # use clip_vision::{ErrorKind, Image};
        /// let error = Image::from_bytes(b"<html>").decode_sync().unwrap_err();
        /// assert_eq!(error.kind(), ErrorKind::UnsupportedFormat);
        /// ```
        from_bytes(bytes: impl Into<Vec<u8>>);

        /// Encoded bytes in base64, bare or as a data: URL; of the standard or the URL-safe alphabet, with or without
        /// padding and line breaks.
        ///
        /// ```
        /// # use clip_vision::Image;
        /// let gif = "R0lGODlhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs";
        /// assert_eq!(Image::from_base64(gif).decode_sync()?.size(), Some((1, 1)));
        /// # Ok::<(), clip_vision::Error>(())
        /// ```
        from_base64(data: impl Into<String>);

        /// A photo at a data: URL; with the crate's feature `http`, at an http: or https: URL too, which is given up after
        /// 30 seconds of silence or five minutes in all. Hosts at addresses that are not public, and file: URLs, are read
        /// only where [`url_access`](Self::url_access) allows it. Errors repeat no more of an address than its scheme, host
        /// and path.
        ///
        /// ```
        /// # use clip_vision::Image;
        /// let gif = "data:image/gif;base64,R0lGODlhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs=";
        /// assert_eq!(Image::from_url(gif).decode_sync()?.size(), Some((1, 1)));
        /// # Ok::<(), clip_vision::Error>(())
        /// ```
        from_url(url: impl Into<String>);

        /// `width`×`height` pixels, rows from the top, three bytes each: red, green, blue.
        ///
        /// `pixels` must be of `width·height·3` bytes, and not empty.
        ///
        /// ```
        /// # use clip_vision::Image;
        /// let red = Image::from_rgb8(2, 1, vec![255, 0, 0, 255, 0, 0]).to_pixel_tensor()?;
        /// assert_eq!(red.data, [255.0, 255.0, 0.0, 0.0, 0.0, 0.0]);
        /// # Ok::<(), clip_vision::Error>(())
        /// ```
        from_rgb8(width: usize, height: usize, pixels: Vec<u8>);

        /// `width`×`height` pixels, rows from the top, four bytes each: red, green, blue and opacity (not premultiplied).
        ///
        /// `pixels` must be of `width·height·4` bytes, and not empty.
        ///
        /// ```
        /// # use clip_vision::Image;
        /// assert_eq!(Image::from_rgba8(1, 1, vec![255, 0, 0, 128]).size(), Some((1, 1)));
        /// ```
        from_rgba8(width: usize, height: usize, pixels: Vec<u8>);
    }
}

/// Operations; the type's documentation has an example of all.
impl Image {
    forward! {
        /// Resizes to exactly `width`×`height` pixels, whatever the proportions. A size that fits already stays as it is.
        ///
        /// ```
        /// # use clip_vision::{Image, ResizeFilter};
        /// # let image = Image::from_rgb8(1, 1, vec![0; 3]);
        /// let pixels = image.resize(3, 2, ResizeFilter::Nearest).to_pixel_tensor()?;
        /// assert_eq!([pixels.height, pixels.width], [2, 3]);
        /// # Ok::<(), clip_vision::Error>(())
        /// ```
        -> resize(width: usize, height: usize, filter: ResizeFilter);

        /// Resizes so that the shorter edge is `n` pixels and the longer one in proportion, rounded down
        /// (transformers' `{"shortest_edge": n}`).
        -> resize_shortest_edge(n: usize, filter: ResizeFilter);

        /// Resizes so that the longer edge is `n` pixels and the shorter one in proportion, and puts it in the middle of a square of
        /// `n`×`n` pixels, the rest of which has the color `fill` (red, green, blue): open_clip's `resize_mode` "longest". No
        /// other resize or crop comes after it.
        -> resize_and_pad(n: usize, filter: ResizeFilter, fill: [u8; 3]);

        /// Cuts out the middle `width`×`height` pixels; where the image is smaller, surrounds it with zeros (black).
        ///
        /// An odd pixel more is cut at the right and below, an odd zero more is put at the left and above, as
        /// transformers does.
        -> center_crop(width: usize, height: usize);

        /// The same, but for half a pixel, as torchvision has it: when cutting it goes to the even number of pixels at the left
        /// and above, so that of 3 pixels more 2 are cut there; an odd zero more is put at the right and below.
        -> center_crop_rounded(width: usize, height: usize);

        /// x/255: values from 0 to 1.
        -> normalize_unsigned();

        /// x·2/255 − 1: values from −1 to 1.
        ///
        /// ```
        /// # use clip_vision::Image;
        /// let pixels = Image::from_rgb8(1, 1, vec![0, 51, 255]).normalize_signed().to_pixel_tensor()?;
        /// assert_eq!(pixels.data, [-1.0, -0.6, 1.0]);
        /// # Ok::<(), clip_vision::Error>(())
        /// ```
        -> normalize_signed();

        /// (x − mean)/std, per channel (red, green, blue), of the values as they are then.
        ///
        /// Every `mean` must be finite, every `std` finite and not zero.
        -> normalize_with(mean: [f32; 3], std: [f32; 3]);

        /// Values below `min` become `min`, values above `max` become `max`; `min` must not be above `max`.
        -> clamp(min: f32, max: f32);

        /// The color, red, green and blue, that shows through what is transparent. Default: white, as in transformers
        /// since 5.23.
        ///
        /// The photo is composited over it before every other operation, wherever this is written.
        -> background(rgb: [u8; 3]);

        /// Drops opacity: a transparent pixel shows the color that is stored under it, as in Pillow's `convert("RGB")`,
        /// in open_clip and in older versions of transformers.
        ///
        /// ```
        /// # use clip_vision::Image;
        /// let transparent_blue = Image::from_rgba8(1, 1, vec![0, 0, 255, 0]);
        /// let white = transparent_blue.clone().to_pixel_tensor()?;
        /// let blue = transparent_blue.drop_alpha().to_pixel_tensor()?;
        /// assert_eq!(white.data, [255.0, 255.0, 255.0]);
        /// assert_eq!(blue.data, [0.0, 0.0, 255.0]);
        /// # Ok::<(), clip_vision::Error>(())
        /// ```
        -> drop_alpha();

        /// Sets how closely the decoder follows Pillow's. Default: [`Decode::Exact`].
        ///
        /// ```
        /// # use clip_vision::image::Decode;
        /// # use clip_vision::{ClipVision, Image, Options};
        /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
        /// let photo = Image::from_path("tests/golden/images/photo-640x427.jpg");
        /// let fast = clip.embed(photo.clone().decode(Decode::Fast))?;
        /// let exact = clip.embed(photo)?;
        /// assert!(fast.iter().zip(&exact).map(|(x, y)| x * y).sum::<f32>() > 0.99);
        /// # Ok::<(), clip_vision::Error>(())
        /// ```
        -> decode(decode: Decode);
    }

    /// Sets what the photo may cost. Default: the model's [`Options::limits`](crate::Options::limits), or without a model
    /// [`Limits::default`].
    pub fn limits(self, limits: Limits) -> Self {
        Self { recipe: self.recipe.limits(limits), has_limits: true, ..self }
    }

    /// Sets what [`from_url`](Self::from_url) may read. Default: the model's
    /// [`Options::url_access`](crate::Options::url_access), or without a model [`UrlAccess::default`].
    ///
    /// ```
    /// # use clip_vision::{Image, image::UrlAccess};
    /// let path = std::fs::canonicalize("tests/golden/images/rgb-500x375.png").unwrap();
    /// let image = Image::from_url(format!("file://{}", path.display()));
    /// assert!(image.clone().decode_sync().is_err());
    /// assert!(image.url_access(UrlAccess::default().file(true)).decode_sync().is_ok());
    /// ```
    pub fn url_access(self, access: UrlAccess) -> Self {
        Self { recipe: self.recipe.url_access(access), has_url_access: true, ..self }
    }

    /// The same with these limits and this access to URLs, if it has none of its own.
    pub(crate) fn or(self, limits: Limits, access: &UrlAccess) -> Self {
        let image = if self.has_limits { self } else { self.limits(limits) };
        if image.has_url_access { image } else { image.url_access(access.clone()) }
    }

    /// Times `factor` in f64, rounded to f32: transformers' `rescale`.
    pub(crate) fn rescale(self, factor: f64) -> Self {
        Self { recipe: self.recipe.rescale(factor), ..self }
    }

    /// Upright width and height in pixels, where they are known without decoding: for raw pixels and after
    /// [`decode_sync`](Self::decode_sync). Operations are not counted in.
    pub fn size(&self) -> Option<(usize, usize)> {
        self.recipe.size()
    }

    /// Whether an operation has made the pixels other values than 0 to 255, after which no model's own
    /// preprocessing can follow.
    pub(crate) fn is_normalized(&self) -> bool {
        self.recipe.is_normalized()
    }

    /// The same image with its source read and decoded, and its operations still queued.
    ///
    /// What comes after takes no more time for reading. All pixels are held (clones share them), while
    /// [`to_pixel_tensor`](Self::to_pixel_tensor) alone needs but a few rows of a JPEG at a time. Decoding is exact,
    /// whatever [`decode`](Self::decode) says.
    ///
    /// ```
    /// # use clip_vision::Image;
    /// let image = Image::from_path("tests/golden/images/rgb-500x375.png").decode_sync()?;
    /// assert_eq!(image.size(), Some((500, 375)));
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`to_pixel_tensor`](Self::to_pixel_tensor).
    pub fn decode_sync(self) -> Result<Self> {
        Ok(Self { recipe: self.recipe.decode_sync()?, ..self })
    }

    /// Reads, decodes and runs the operations: f32 of shape (3, H, W), red, green and blue planes.
    ///
    /// ```
    /// # use clip_vision::Image;
    /// let pixels = Image::from_path("tests/golden/images/rgb-500x375.png").center_crop(224, 224).to_pixel_tensor()?;
    /// assert_eq!(pixels.data.len(), 3 * pixels.height * pixels.width);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument` for an impossible order or parameter (told before anything is read), or raw pixels of a
    /// wrong length; `Fetch` where the source can't be read; `UnsupportedFormat` where it is not an image of a format that is
    /// read here; `Decode` where it is broken; `TooLarge` over a limit; `OutOfMemory`.
    pub fn to_pixel_tensor(self) -> Result<PixelTensor> {
        Ok(self.recipe.to_pixel_tensor()?)
    }

    /// [`to_pixel_tensor`](Self::to_pixel_tensor) as a tensor of candle's, on `device`.
    ///
    /// ```
    /// # use clip_vision::{Device, Image};
    /// let pixels = Image::from_path("tests/golden/images/rgb-500x375.png").to_tensor_sync(&Device::Cpu)?;
    /// assert_eq!(pixels.dims(), [3, 375, 500]);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`to_pixel_tensor`](Self::to_pixel_tensor).
    #[cfg(feature = "candle")]
    pub fn to_tensor_sync(self, device: &Device) -> Result<Tensor> {
        let PixelTensor { data, height, width } = self.to_pixel_tensor()?;
        Ok(Tensor::from_vec(data, (3, height, width), device)?)
    }

    /// [`to_pixel_tensor`](Self::to_pixel_tensor), and what it took, in the units of `clock`.
    ///
    /// ```
    /// # use clip_vision::Image;
    /// let start = std::time::Instant::now();
    /// let photo = Image::from_path("tests/golden/images/photo-420.jpg");
    /// let measured = photo.measure(|| start.elapsed().as_secs_f64())?;
    /// println!("{} s of decoding, {} s of all that follows", measured.decode, measured.preprocess);
    /// # assert_eq!(measured.tensor.data.len(), 3 * measured.size.0 * measured.size.1);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`to_pixel_tensor`](Self::to_pixel_tensor).
    pub fn measure(self, clock: impl Fn() -> f64) -> Result<Measured<PixelTensor>> {
        Ok(self.recipe.measure(clock)?)
    }
}
