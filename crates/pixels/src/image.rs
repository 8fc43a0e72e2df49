//! [`Image`]: the recipe and its methods.

use std::path::Path;
use std::sync::Arc;

use crate::decode::{self, Picture};
use crate::operations::{Operation, Queue};
use crate::pixels::{Header, Layout, Orientation, Pixels};
use crate::plan::{Plan, Settings};
use crate::source::{self, Source};
use crate::timing::Timed;
use crate::{Decode, Error, ErrorKind, Limits, Measured, PixelTensor, ResizeFilter, Result, UrlAccess, pipeline};

/// A picture and the operations queued on it. Cloning shares the bytes.
///
/// Operations run in the order written. Resizes and crops work on 8-bit pixels, as Pillow's do, and so must come
/// before [`normalize_unsigned`](Self::normalize_unsigned), [`normalize_signed`](Self::normalize_signed),
/// [`normalize_with`](Self::normalize_with) and [`clamp`](Self::clamp). `normalize_unsigned` and `normalize_signed`
/// need values from 0 to 255, and so can't follow another normalization; `normalize_with` and `clamp` work on the
/// values as they are then. An impossible order or parameter is reported by
/// [`to_pixel_tensor`](Self::to_pixel_tensor), before anything is read.
///
/// Without any operation the tensor holds the upright picture, in values from 0 to 255.
///
/// ```
/// use pixels::{Image, ResizeFilter};
///
/// let image = Image::from_rgb8(3, 2, vec![128; 18])
///     .resize_shortest_edge(224, ResizeFilter::CatmullRom)
///     .center_crop(224, 224)
///     .normalize_unsigned();
/// let tensor = image.to_pixel_tensor()?;
/// assert_eq!((tensor.height, tensor.width, tensor.data.len()), (224, 224, 3 * 224 * 224));
/// # Ok::<(), pixels::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Image {
    source: Source,
    operations: Vec<Operation>,
    /// None drops opacity.
    background: Option<[u8; 3]>,
    limits: Limits,
    url_access: UrlAccess,
    decode: Decode,
}

/// What shows through what is transparent, unless a caller says otherwise.
const WHITE: [u8; 3] = [255; 3];

impl Image {
    fn new(source: Source) -> Self {
        Self {
            source,
            operations: Vec::new(),
            background: Some(WHITE),
            limits: Limits::default(),
            url_access: UrlAccess::default(),
            decode: Decode::default(),
        }
    }

    /// A picture in a file, of any format that is read. The name says nothing, the content does.
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        Self::new(Source::Path(path.as_ref().to_owned()))
    }

    /// Encoded bytes: JPEG, PNG, WebP, GIF, BMP, TIFF, ICO or CUR.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Source::Bytes(Arc::new(bytes.into())))
    }

    /// Encoded bytes in base64, bare or as a data: URL; of the standard or the URL-safe alphabet, with or without
    /// padding and line breaks.
    pub fn from_base64(data: impl Into<String>) -> Self {
        Self::new(Source::Base64(data.into().into()))
    }

    /// A picture at a data: URL; with the crate's feature `http`, at an http: or https: URL too, which is given up after 30
    /// seconds of silence or five minutes in all. Hosts at addresses that are not public, and file: URLs, are read only where
    /// [`url_access`](Self::url_access) allows it. Errors repeat no more of an address than its scheme, host and path.
    pub fn from_url(url: impl Into<String>) -> Self {
        Self::new(Source::Url(url.into().into()))
    }

    /// `width`×`height` pixels, rows from the top, three bytes each: red, green, blue.
    ///
    /// `pixels` must be of `width·height·3` bytes, and not empty.
    pub fn from_rgb8(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        Self::from_raw(width, height, Layout::Rgb, pixels)
    }

    /// `width`×`height` pixels, rows from the top, four bytes each: red, green, blue and opacity (not premultiplied).
    ///
    /// `pixels` must be of `width·height·4` bytes, and not empty.
    pub fn from_rgba8(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        Self::from_raw(width, height, Layout::Rgba, pixels)
    }

    fn from_raw(width: usize, height: usize, layout: Layout, data: Vec<u8>) -> Self {
        Self::new(match Pixels::new(Header { width, height, layout, orientation: Orientation::Upright }, data) {
            Ok(pixels) => Source::Pixels(Arc::new(pixels)),
            Err(error) => Source::Invalid(error.to_string().into()),
        })
    }

    fn then(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    /// Resizes to exactly `width`×`height` pixels, whatever the proportions. A size that fits already stays as it is.
    pub fn resize(self, width: usize, height: usize, filter: ResizeFilter) -> Self {
        self.then(Operation::Resize { width, height, filter })
    }

    /// Resizes so that the shorter edge is `n` pixels and the longer one in proportion, rounded down
    /// (transformers' `{"shortest_edge": n}`).
    pub fn resize_shortest_edge(self, n: usize, filter: ResizeFilter) -> Self {
        self.then(Operation::ResizeShortestEdge { edge: n, filter })
    }

    /// Resizes so that the longer edge is `n` pixels and the shorter one in proportion, and puts it in the middle of a square of
    /// `n`×`n` pixels, the rest of which has the color `fill` (red, green, blue): open_clip's `resize_mode` "longest". No
    /// other resize or crop comes after it.
    pub fn resize_and_pad(self, n: usize, filter: ResizeFilter, fill: [u8; 3]) -> Self {
        self.then(Operation::ResizeAndPad { edge: n, filter, fill })
    }

    /// Cuts out the middle `width`×`height` pixels; where the image is smaller, surrounds it with zeros (black).
    ///
    /// An odd pixel more is cut at the right and below, an odd zero more is put at the left and above, as
    /// transformers does.
    pub fn center_crop(self, width: usize, height: usize) -> Self {
        self.then(Operation::CenterCrop { width, height, rounded: false })
    }

    /// The same, but for half a pixel, as torchvision has it: when cutting it goes to the even number of pixels at the left and
    /// above, so that of 3 pixels more 2 are cut there; an odd zero more is put at the right and below.
    pub fn center_crop_rounded(self, width: usize, height: usize) -> Self {
        self.then(Operation::CenterCrop { width, height, rounded: true })
    }

    /// x/255: values from 0 to 1.
    pub fn normalize_unsigned(self) -> Self {
        self.then(Operation::NormalizeUnsigned)
    }

    /// x·2/255 − 1: values from −1 to 1.
    pub fn normalize_signed(self) -> Self {
        self.then(Operation::NormalizeSigned)
    }

    /// (x − mean)/std, per channel (red, green, blue), of the values as they are then.
    ///
    /// Every `mean` must be finite, every `std` finite and not zero.
    pub fn normalize_with(self, mean: [f32; 3], std: [f32; 3]) -> Self {
        self.then(Operation::NormalizeWith { mean, std })
    }

    /// Values below `min` become `min`, values above `max` become `max`; `min` must not be above `max`.
    pub fn clamp(self, min: f32, max: f32) -> Self {
        self.then(Operation::Clamp { min, max })
    }

    /// Times `factor` in f64, rounded to f32: transformers' `rescale`.
    pub fn rescale(self, factor: f64) -> Self {
        self.then(Operation::Rescale { factor })
    }

    /// The color, red, green and blue, that shows through what is transparent. Default: white, as in transformers since 5.23.
    ///
    /// The photo is composited over it before every other operation, wherever this is written.
    pub fn background(mut self, rgb: [u8; 3]) -> Self {
        self.background = Some(rgb);
        self
    }

    /// Drops opacity: a transparent pixel shows the color that is stored under it, as in Pillow's `convert("RGB")`, in
    /// open_clip and in older versions of transformers.
    pub fn drop_alpha(mut self) -> Self {
        self.background = None;
        self
    }

    /// Sets what the picture may cost. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what may be read by [`from_url`](Self::from_url). Default: [`UrlAccess::default`].
    pub fn url_access(mut self, access: UrlAccess) -> Self {
        self.url_access = access;
        self
    }

    /// Sets how closely the decoder follows Pillow's. Default: [`Decode::Exact`].
    pub fn decode(mut self, decode: Decode) -> Self {
        self.decode = decode;
        self
    }

    /// Upright width and height, where they are known without decoding: for raw pixels and after
    /// [`decode_sync`](Self::decode_sync). Operations are not counted in.
    pub fn size(&self) -> Option<(usize, usize)> {
        match &self.source {
            Source::Pixels(pixels) => Some(pixels.header().upright_size()),
            _ => None,
        }
    }

    /// Whether an operation has turned the pixels into other values than 0 to 255, after which no model's own
    /// preprocessing can follow.
    pub fn is_normalized(&self) -> bool {
        self.operations.iter().any(Operation::is_pointwise)
    }

    /// The same image with its source read and decoded, and its operations still queued.
    ///
    /// What comes after takes no more time for reading. All pixels are held (clones share them), while
    /// [`to_pixel_tensor`](Self::to_pixel_tensor) alone needs but a few rows of a JPEG at a time. Decoding is exact,
    /// whatever [`decode`](Self::decode) says.
    ///
    /// # Errors
    /// Those of [`to_pixel_tensor`](Self::to_pixel_tensor).
    pub fn decode_sync(self) -> Result<Self> {
        Queue::new(&self.operations)?;
        let pixels = self.with_picture(|picture| picture.into_pixels(&self.limits))?;
        Ok(Self { source: Source::Pixels(pixels), ..self })
    }

    /// Reads, decodes and runs the operations: f32 of shape (3, H, W), red, green and blue planes.
    ///
    /// # Errors
    /// `InvalidArgument` for an impossible order or parameter (told before anything is read), or raw pixels of a
    /// wrong length; `Fetch` where the source can't be read; `UnsupportedFormat` where it is no picture that is read
    /// here; `Decode` where it is broken; `TooLarge` over a limit; `OutOfMemory`.
    pub fn to_pixel_tensor(self) -> Result<PixelTensor> {
        self.measure(|| 0.0).map(|measured| measured.tensor)
    }

    /// [`to_pixel_tensor`](Self::to_pixel_tensor), and what it took by `clock`.
    ///
    /// # Errors
    /// Those of [`to_pixel_tensor`](Self::to_pixel_tensor).
    pub fn measure(self, clock: impl Fn() -> f64) -> Result<Measured<PixelTensor>> {
        let begin = clock();
        let Queue { geometry, table } = Queue::new(&self.operations)?;
        let settings = Settings { background: self.background, limits: &self.limits, decode: self.decode };
        let (tensor, size, decode) = self.with_picture(|picture| {
            let size = picture.size();
            let plan = Plan::new(&picture, &geometry, settings)?;
            let mut decode = clock() - begin;
            let source = Timed { source: picture.at(plan.scale), clock: &clock, spent: &mut decode };
            let tensor = pipeline::run(source, &plan, &table)?;
            Ok((tensor, size, decode))
        })?;
        let preprocess = clock() - begin - decode;
        Ok(Measured { tensor, size, decode, preprocess })
    }

    /// Opens the source, and hands it to `work`.
    fn with_picture<T>(&self, work: impl FnOnce(Picture<'_>) -> Result<T>) -> Result<T> {
        let limits = &self.limits;
        match &self.source {
            Source::Pixels(pixels) => {
                let (width, height) = pixels.header().upright_size();
                decode::check_pixels(width as u64, height as u64, limits)?;
                work(Picture::Pixels(pixels.clone()))
            }
            Source::Invalid(why) => Err(Error::new(ErrorKind::InvalidArgument, why.as_ref())),
            Source::Bytes(bytes) => work(Picture::open(bytes, limits)?),
            Source::Base64(text) => work(Picture::open(&source::read_base64(text, limits)?, limits)?),
            Source::Url(url) => {
                let bytes = source::read_url(url, limits, &self.url_access)?;
                Picture::open(&bytes, limits).and_then(work).map_err(|error| error.within(source::shortened(url)))
            }
            Source::Path(path) => {
                let bytes = source::read_path(path, limits)?;
                Picture::open(&bytes, limits).and_then(work).map_err(|error| error.within(path.display()))
            }
        }
    }
}
