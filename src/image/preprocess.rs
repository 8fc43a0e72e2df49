//! [`PreprocessConfig`]: what a model's `preprocessor_config.json` says, as operations on an [`Image`].
//!
//! The forms of the file that published CLIP models use are all read: sizes as a number, as
//! `{"shortest_edge": n}` or as `{"height": h, "width": w}`, switches missing (older than they are) or present, and,
//! in a newer `processor_config.json`, everything under `image_processor`. What is missing is CLIP's own default, as
//! it is in transformers' `CLIPImageProcessor`
//! (<https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/image_processing_clip.py>).

use serde_json::{Map, Value};

use super::{Image, ResizeFilter};
use crate::error::{Error, ErrorKind, Result, shortened};
use crate::json;

/// How a model wants its images: what to resize to, to cut out, and to normalize by.
///
/// `Default` is CLIP's: shortest edge to 224 by bicubic, the middle 224×224, x/255, CLIP's mean and deviation.
///
/// ```
/// use clip_vision::image::PreprocessConfig;
/// use clip_vision::Image;
///
/// let config = PreprocessConfig::from_json(br#"{"size": {"shortest_edge": 64}, "crop_size": 64}"#)?;
/// assert_eq!(config.output_size(), Some((64, 64)));
/// assert_eq!(config, PreprocessConfig::clip(64));
/// let image = config.apply(Image::from_path("tests/golden/images/photo-420.jpg"));
/// assert_eq!(image.to_pixel_tensor()?.data.len(), 3 * 64 * 64);
/// # Ok::<(), clip_vision::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PreprocessConfig {
    resize: Option<Target>,
    filter: ResizeFilter,
    crop: Option<Crop>,
    rescale: Option<f64>,
    normalize: Option<([f32; 3], [f32; 3])>,
}

/// What a resize aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    ShortestEdge(usize),
    Exactly {
        height: usize,
        width: usize,
    },
    /// The longer edge, in a square whose rest has one color.
    Padded {
        edge: usize,
        fill: [u8; 3],
    },
}

/// What is cut out of the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Crop {
    height: usize,
    width: usize,
    /// Whether half a pixel beside it goes to the even number, as in torchvision, and not down, as in transformers.
    rounded: bool,
}

impl Crop {
    fn square(edge: usize) -> Self {
        Self { height: edge, width: edge, rounded: false }
    }
}

/// What a kind of processor does where its file does not say.
struct Defaults {
    /// To a height and a width, without a crop; or the shortest edge, and a crop.
    square: bool,
    filter: ResizeFilter,
    mean: [f64; 3],
    std: [f64; 3],
}

const CLIP: Defaults = Defaults { square: false, filter: ResizeFilter::CatmullRom, mean: MEAN, std: STD };
/// `image_processor_type`, or in old files `feature_extractor_type`, with what it stands for. Of all others the defaults are CLIP's.
/// <https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip/image_processing_siglip.py>
const KINDS: [(&str, Defaults); 3] = [
    ("SiglipImageProcessor", Defaults { square: true, mean: [0.5; 3], std: [0.5; 3], ..CLIP }),
    ("ViTImageProcessor", Defaults { square: true, filter: ResizeFilter::Triangle, mean: [0.5; 3], std: [0.5; 3] }),
    ("ViTFeatureExtractor", Defaults { square: true, filter: ResizeFilter::Triangle, mean: [0.5; 3], std: [0.5; 3] }),
];

/// What errors call the file.
const FILE: &str = "preprocessor_config.json, or processor_config.json in its place,";
/// What a `processor_config.json` has the settings under, and keys of which one is there where it has them as they are.
const NESTED: &str = "image_processor";
const FLAT: [&str; 6] = ["size", "crop_size", "image_mean", "image_std", "do_resize", "do_normalize"];

const EDGE: usize = 224;
const RESCALE_FACTOR: f64 = 1.0 / 255.0;
/// <https://github.com/openai/CLIP/blob/main/clip/clip.py>
const MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
const STD: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];

impl Default for PreprocessConfig {
    fn default() -> Self {
        Self::clip(EDGE)
    }
}

impl PreprocessConfig {
    /// CLIP's own preprocessing for a model whose images are `image_size` pixels high and wide: at least 1, or images it is
    /// applied to are refused.
    pub fn clip(image_size: usize) -> Self {
        Self {
            resize: Some(Target::ShortestEdge(image_size)),
            filter: ResizeFilter::CatmullRom,
            crop: Some(Crop::square(image_size)),
            rescale: Some(RESCALE_FACTOR),
            normalize: Some((MEAN.map(|mean| mean as f32), STD.map(|std| std as f32))),
        }
    }

    /// Which of a model's two files says how its images are prepared, as transformers chooses: `processor_config.json`
    /// where it has an `image_processor` in it (transformers 5 writes nothing else), else `preprocessor_config.json`, else a
    /// `processor_config.json` that says it without that name. None where neither does: then CLIP's own preprocessing is
    /// a guess.
    pub fn file_of<'a>(processor: Option<&'a [u8]>, preprocessor: Option<&'a [u8]>) -> Option<&'a [u8]> {
        let object = |bytes: &[u8]| json::read::<Map<String, Value>>(bytes).ok();
        // What is no JSON is taken, and refused when it is read.
        let is = |file: &&[u8], test: fn(&Map<String, Value>) -> bool| object(file).is_none_or(|object| test(&object));
        let nested = processor.filter(|file| is(file, |object| object.get(NESTED).is_some_and(Value::is_object)));
        let flat = processor.filter(|file| is(file, |object| FLAT.iter().any(|key| object.contains_key(*key))));
        nested.or(preprocessor).or(flat)
    }

    /// Reads a `preprocessor_config.json`, or a `processor_config.json`.
    ///
    /// Keys that are not known are passed over; `null` is as good as absent.
    ///
    /// # Errors
    /// `Config`, naming the key, where a value makes no sense or asks for something that is not done here.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let value: Value = json::read(bytes)
            .map_err(|error| Error::new(ErrorKind::Config, format!("{FILE} is not valid JSON")).with_source(error))?;
        let Value::Object(object) = &value else {
            return Err(Error::new(ErrorKind::Config, format!("{FILE} is not a JSON object")));
        };
        let keys = match object.get(NESTED) {
            Some(Value::Object(inner)) => Keys(inner),
            _ => Keys(object),
        };
        Self::from_keys(keys)
    }

    /// SigLIP's own preprocessing: to the model's size, whatever the image's proportions, by bicubic; −1 to 1.
    pub(crate) fn siglip(image_size: usize) -> Self {
        Self {
            resize: Some(Target::Exactly { height: image_size, width: image_size }),
            crop: None,
            normalize: Some(([0.5; 3], [0.5; 3])),
            ..Self::clip(image_size)
        }
    }

    /// DINOv2's own preprocessing: the shortest edge to 256 pixels by bicubic, the middle 224, ImageNet's mean and deviation.
    pub(crate) fn dinov2() -> Self {
        let imagenet = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        Self { resize: Some(Target::ShortestEdge(256)), normalize: Some(imagenet), ..Self::clip(EDGE) }
    }

    /// What `preprocess_cfg` of an `open_clip_config.json` says, for a model whose images are `image_size` pixels high and wide.
    /// <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/transform.py>
    ///
    /// # Errors
    /// `Config`, naming the key.
    pub(crate) fn of_open_clip(settings: &Map<String, Value>, image_size: usize) -> Result<Self> {
        let keys = Keys(settings);
        let text = |key: &str, default: &'static str| match keys.get(key) {
            None => Ok(default.to_owned()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(keys.error(key, "must be a text")),
        };
        let clip = Self::clip(image_size);
        let filter = match text("interpolation", "bicubic")?.as_str() {
            "bilinear" => ResizeFilter::Triangle,
            "bicubic" | "random" => ResizeFilter::CatmullRom,
            _ => return Err(keys.error("interpolation", "must be bicubic or bilinear")),
        };
        let squashed = Target::Exactly { height: image_size, width: image_size };
        let (resize, crop) = match text("resize_mode", "shortest")?.as_str() {
            "shortest" => (clip.resize, Some(Crop { rounded: true, ..Crop::square(image_size) })),
            "squash" => (Some(squashed), None),
            "longest" => (Some(Target::Padded { edge: image_size, fill: keys.color("fill_color")? }), None),
            _ => return Err(keys.error("resize_mode", "must be shortest, longest or squash")),
        };
        let channels = |key: &str, default: [f64; 3]| {
            Ok::<_, Error>(keys.channels(key)?.unwrap_or(default.map(|value| value as f32)))
        };
        let (mean, std) = (channels("mean", MEAN)?, channels("std", STD)?);
        if std.contains(&0.0) {
            return Err(keys.error("std", "has a zero"));
        }
        Ok(Self { resize, filter, crop, normalize: Some((mean, std)), ..clip })
    }

    fn from_keys(keys: Keys<'_>) -> Result<Self> {
        let defaults = keys.defaults()?;
        let square = keys.switch("default_to_square", defaults.square)?;
        let size = match keys.size("size")? {
            Some(Size::Number(edge)) if square => Target::Exactly { height: edge, width: edge },
            Some(Size::Number(edge) | Size::ShortestEdge(edge)) => Target::ShortestEdge(edge),
            Some(Size::Exactly { height, width }) => Target::Exactly { height, width },
            None if defaults.square => Target::Exactly { height: EDGE, width: EDGE },
            None => Target::ShortestEdge(EDGE),
        };
        let size = match (keys.switch("use_square_size", false)?, size) {
            (true, Target::ShortestEdge(edge)) => Target::Exactly { height: edge, width: edge },
            (_, size) => size,
        };
        let crop = match keys.size("crop_size")? {
            Some(Size::Number(edge)) => Crop::square(edge),
            Some(Size::Exactly { height, width }) => Crop { height, width, rounded: false },
            Some(Size::ShortestEdge(_)) => return Err(keys.error("crop_size", "must have a height and a width")),
            None => Crop::square(EDGE),
        };
        let factor = keys.number("rescale_factor")?.unwrap_or(RESCALE_FACTOR);
        if !(factor as f32).is_finite() {
            return Err(keys.error("rescale_factor", "is not finite"));
        }
        let mean = keys.channels("image_mean")?.unwrap_or(defaults.mean.map(|mean| mean as f32));
        let std = keys.channels("image_std")?.unwrap_or(defaults.std.map(|std| std as f32));
        if std.contains(&0.0) {
            return Err(keys.error("image_std", "has a zero"));
        }
        let filter = keys.filter("resample", defaults.filter)?;
        Ok(Self {
            resize: keys.switch("do_resize", true)?.then_some(size),
            filter,
            crop: keys.switch("do_center_crop", !defaults.square)?.then_some(crop),
            rescale: keys.switch("do_rescale", true)?.then_some(factor),
            normalize: keys.switch("do_normalize", true)?.then_some((mean, std)),
        })
    }

    /// `image` with this model's operations queued on it.
    ///
    /// The values of the tensor are (x·rescale_factor − mean)/std, with the roundings to f32 that transformers does:
    /// one after the rescaling (which is done in f64), one after the subtraction, one after the division.
    pub fn apply(&self, image: Image) -> Image {
        let image = match self.resize {
            Some(Target::ShortestEdge(edge)) => image.resize_shortest_edge(edge, self.filter),
            Some(Target::Exactly { height, width }) => image.resize(width, height, self.filter),
            Some(Target::Padded { edge, fill }) => image.resize_and_pad(edge, self.filter, fill),
            None => image,
        };
        let image = match self.crop {
            Some(Crop { height, width, rounded: false }) => image.center_crop(width, height),
            Some(Crop { height, width, rounded: true }) => image.center_crop_rounded(width, height),
            None => image,
        };
        let image = match self.rescale {
            Some(factor) => image.rescale(factor),
            None => image,
        };
        match self.normalize {
            Some((mean, std)) => image.normalize_with(mean, std),
            None => image,
        }
    }

    /// Height and width of every tensor that comes out, or `None` where they depend on the image.
    pub fn output_size(&self) -> Option<(usize, usize)> {
        match (self.crop, self.resize) {
            (Some(Crop { height, width, .. }), _) => Some((height, width)),
            (None, Some(Target::Exactly { height, width })) => Some((height, width)),
            (None, Some(Target::Padded { edge, .. })) => Some((edge, edge)),
            _ => None,
        }
    }
}

/// In a line, for people: what an index says of who made it.
///
/// ```
/// use clip_vision::image::PreprocessConfig;
///
/// let line = PreprocessConfig::clip(64).to_string();
/// assert!(line.starts_with("shortest edge to 64 (CatmullRom), middle 64×64, ×0.00392156862745098, mean [0.48145467, "));
/// ```
impl std::fmt::Display for PreprocessConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        match self.resize {
            Some(Target::ShortestEdge(edge)) => parts.push(format!("shortest edge to {edge} ({:?})", self.filter)),
            Some(Target::Exactly { height, width }) => parts.push(format!("to {width}×{height} ({:?})", self.filter)),
            Some(Target::Padded { edge, fill }) => {
                parts.push(format!("longest edge to {edge} ({:?}), padded with {fill:?}", self.filter));
            }
            None => {}
        }
        if let Some(Crop { height, width, rounded }) = self.crop {
            parts.push(format!("middle {width}×{height}{}", if rounded { " (rounded)" } else { "" }));
        }
        if let Some(factor) = self.rescale {
            parts.push(format!("×{factor}"));
        }
        if let Some((mean, std)) = self.normalize {
            parts.push(format!("mean {mean:?}, deviation {std:?}"));
        }
        f.write_str(&parts.join(", "))
    }
}

/// A size as it is written.
enum Size {
    Number(usize),
    ShortestEdge(usize),
    Exactly { height: usize, width: usize },
}

/// The file's keys, read with errors that name them.
struct Keys<'a>(&'a Map<String, Value>);

impl Keys<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// What the file's kind of processor does where it does not say; the fast variants do the same.
    fn defaults(&self) -> Result<Defaults> {
        let kind = ["image_processor_type", "feature_extractor_type"].iter().find_map(|key| self.get(key)?.as_str());
        let kind = kind.map(|kind| kind.strip_suffix("Fast").unwrap_or(kind)).unwrap_or_default();
        if kind == "Siglip2ImageProcessor" {
            return Err(self.error("image_processor_type", "is that of a model for images of any proportions (NaFlex), which is not supported; take the same model of a fixed resolution"));
        }
        Ok(KINDS.into_iter().find(|(name, _)| *name == kind).map_or(CLIP, |(_, defaults)| defaults))
    }

    fn error(&self, key: &str, what: &str) -> Error {
        let value = self.0.get(key).map(|value| shortened(&value.to_string())).unwrap_or_default();
        Error::new(ErrorKind::Config, format!("{key} {what}: {value}"))
    }

    fn switch(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Bool(on)) => Ok(*on),
            Some(_) => Err(self.error(key, "must be true or false")),
        }
    }

    fn number(&self, key: &str) -> Result<Option<f64>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| self.error(key, "must be a number")),
        }
    }

    /// One number for all channels, or one for each.
    fn channels(&self, key: &str) -> Result<Option<[f32; 3]>> {
        let wrong = || self.error(key, "must be three numbers");
        let number = |value: &Value| {
            value.as_f64().map(|number| number as f32).filter(|number| number.is_finite()).ok_or_else(wrong)
        };
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(values)) => match values.as_slice() {
                [red, green, blue] => Ok(Some([number(red)?, number(green)?, number(blue)?])),
                _ => Err(wrong()),
            },
            Some(value) => number(value).map(|value| Some([value; 3])),
        }
    }

    /// One value for all channels, or one for each, from 0 to 255; black where it is not said.
    fn color(&self, key: &str) -> Result<[u8; 3]> {
        let wrong = || self.error(key, "must be a whole number from 0 to 255, or three");
        let value = |value: &Value| value.as_u64().and_then(|value| u8::try_from(value).ok()).ok_or_else(wrong);
        match self.get(key) {
            None => Ok([0; 3]),
            Some(Value::Array(values)) => match values.as_slice() {
                [red, green, blue] => Ok([value(red)?, value(green)?, value(blue)?]),
                _ => Err(wrong()),
            },
            Some(gray) => value(gray).map(|gray| [gray; 3]),
        }
    }

    fn size(&self, key: &str) -> Result<Option<Size>> {
        let pixels = |value: &Value| -> Result<usize> {
            // Python writes some whole numbers as 224.0.
            let whole = value.as_u64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as u64));
            let whole = whole.filter(|&n| n > 0 && n <= u64::from(u32::MAX >> 1));
            let whole = whole.and_then(|n| usize::try_from(n).ok());
            whole.ok_or_else(|| self.error(key, "must be of positive whole numbers"))
        };
        let Some(value) = self.get(key) else { return Ok(None) };
        match value {
            Value::Number(_) => Ok(Some(Size::Number(pixels(value)?))),
            Value::Array(both) => match both.as_slice() {
                [height, width] => Ok(Some(Size::Exactly { height: pixels(height)?, width: pixels(width)? })),
                _ => Err(self.error(key, "must be a height and a width")),
            },
            Value::Object(object) => {
                let get = |key: &str| object.get(key).filter(|value| !value.is_null());
                match (get("shortest_edge"), get("longest_edge"), get("height"), get("width")) {
                    (Some(edge), None, None, None) => Ok(Some(Size::ShortestEdge(pixels(edge)?))),
                    (None, None, Some(height), Some(width)) => {
                        Ok(Some(Size::Exactly { height: pixels(height)?, width: pixels(width)? }))
                    }
                    (_, Some(_), _, _) => Err(self.error(key, "has a longest_edge, which is not supported")),
                    _ => Err(self.error(key, "must have a shortest_edge, or a height and a width")),
                }
            }
            _ => Err(self.error(key, "must be a number, a shortest_edge, or a height and a width")),
        }
    }

    /// Pillow's number of a filter.
    fn filter(&self, key: &str, default: ResizeFilter) -> Result<ResizeFilter> {
        match self.number(key)? {
            None => Ok(default),
            Some(0.0) => Ok(ResizeFilter::Nearest),
            Some(1.0) => Ok(ResizeFilter::Lanczos3),
            Some(2.0) => Ok(ResizeFilter::Triangle),
            Some(3.0) => Ok(ResizeFilter::CatmullRom),
            Some(4.0) => Err(self.error(key, "is Pillow's BOX, which is not supported (0 to 3 are)")),
            Some(5.0) => Err(self.error(key, "is Pillow's HAMMING, which is not supported (0 to 3 are)")),
            Some(_) => Err(self.error(key, "must be a filter's number from 0 to 3")),
        }
    }
}
