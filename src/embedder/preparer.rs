//! [`Preparer`]: a model's preprocessing without the model.

use super::no_vision_tower;
use super::settings::Settings;
use super::{ClipVision, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::image::{Image, Measured, PixelTensor, PreprocessConfig};

/// Prepares photos for a model that is elsewhere: on a GPU, whose one thread would not decode as fast as it computes.
///
/// It is made of the same files as the model, and prepares photos by the same code.
///
/// ```
/// use clip_vision::model::Preparer;
/// use clip_vision::{ClipVision, Image, Options};
///
/// let clip = ClipVision::from_dir("models/shapes", Options::default())?;
/// let (config, preprocessor) = clip.settings().unwrap();
/// let preparer = Preparer::new(config, preprocessor, Options::default())?;
/// let photo = || Image::from_path("tests/golden/images/photo-420.jpg");
/// let pixels = preparer.measured_pixels(photo(), || 0.0)?.tensor;
/// assert_eq!(pixels, clip.measured_pixels(photo(), || 0.0)?.tensor);
/// # Ok::<(), clip_vision::Error>(())
/// ```
#[derive(Debug)]
pub struct Preparer {
    preprocess: PreprocessConfig,
    image_size: usize,
    options: Options,
}

impl Preparer {
    /// Reads the configuration, as [`Loader::new`](crate::model::Loader::new) does; of the options the limits matter.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]; [`ErrorKind::InvalidArgument`] of a model without a vision tower.
    pub fn new(config: &[u8], preprocessor: Option<&[u8]>, options: Options) -> Result<Self> {
        let Settings { config, preprocess, .. } = Settings::new(config, preprocessor)?;
        let image_size = config.vision.ok_or_else(no_vision_tower)?.image_size;
        Ok(Self { preprocess, image_size, options })
    }

    /// Width and height of the photos that the model takes.
    pub fn image_size(&self) -> usize {
        self.image_size
    }

    /// What [`ClipVision::measured_pixels`] gives.
    ///
    /// # Errors
    /// As there.
    pub fn measured_pixels(&self, image: Image, clock: impl Fn() -> f64) -> Result<Measured<PixelTensor>> {
        prepared(&self.preprocess, self.image_size, &self.options, image, clock)
    }
}

/// A photo as a model sees it.
pub(super) fn prepared(
    preprocess: &PreprocessConfig,
    image_size: usize,
    options: &Options,
    image: Image,
    clock: impl Fn() -> f64,
) -> Result<Measured<PixelTensor>> {
    let image = if image.is_normalized() { image } else { preprocess.apply(image) };
    let measured = image.or(options.limits, &options.url_access).measure(clock)?;
    let PixelTensor { height, width, .. } = measured.tensor;
    check_size(height, width, image_size)?;
    Ok(measured)
}

fn check_size(height: usize, width: usize, image_size: usize) -> Result<()> {
    let (shape, expected) = ([3, height, width], [3, image_size, image_size]);
    if shape == expected {
        return Ok(());
    }
    let what = format!("a pixel tensor of shape {shape:?}; the model takes {expected:?}");
    Err(Error::new(ErrorKind::InvalidArgument, what).about_shape(&expected, &shape))
}

impl ClipVision {
    /// The texts of the model's `config.json` and, where there is one, of the file that says how photos are prepared: what a
    /// [`Preparer`] is made of. None of a model without a vision tower.
    pub fn settings(&self) -> Option<(&[u8], Option<&[u8]>)> {
        self.vision.as_ref().map(|vision| (vision.config_json.as_slice(), vision.preprocessor_json.as_deref()))
    }

    /// What a [`Preparer`] made of a photo, taken on: `data` is the tensor's values, channel by channel.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another number of values.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let size = clip.image_size();
    /// let gray = clip.prepared_pixels(vec![0.0; 3 * size * size])?;
    /// assert_eq!((gray.height, gray.width), (size, size));
    /// assert!(clip.prepared_pixels(vec![0.0; 7]).is_err());
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn prepared_pixels(&self, data: Vec<f32>) -> Result<PixelTensor> {
        let size = self.image_size();
        if size > 0 && data.len() == 3 * size * size {
            return Ok(PixelTensor { data, height: size, width: size });
        }
        let what = format!("a pixel tensor of {} values; the model takes 3 × {size} × {size}", data.len());
        Err(Error::new(ErrorKind::InvalidArgument, what))
    }
}
