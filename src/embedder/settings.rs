//! What a model's JSON files say, wherever they are: beside its weights or in them.

use crate::error::{Error, ErrorKind, Result};
use crate::image::PreprocessConfig;
use crate::json;
use crate::model::config::{ClipConfig, Family, VisionConfig};
use crate::weights::{Stored, check_length};
use serde_json::Value;

/// What the JSON files say, and their texts, for a recording.
pub(super) struct Settings {
    pub(super) config: ClipConfig,
    pub(super) preprocess: PreprocessConfig,
    /// Does no file say how images are prepared?
    guessed: bool,
    pub(super) config_json: Vec<u8>,
    pub(super) preprocessor_json: Option<Vec<u8>>,
}

/// How images are prepared, where an `open_clip_config.json` says it.
fn open_clip_preprocessing(config_json: &[u8], image_size: usize) -> Result<Option<PreprocessConfig>> {
    let config: Value = json::read(config_json).unwrap_or_default();
    match config.get("preprocess_cfg") {
        Some(Value::Object(settings)) => PreprocessConfig::of_open_clip(settings, image_size).map(Some),
        _ => Ok(None),
    }
}

/// How a vision tower's images are prepared, and whether no file says it; a tower for images of any size is one for those that
/// come out.
fn preprocessing(
    config_json: &[u8],
    preprocessor_json: Option<&[u8]>,
    vision: &mut VisionConfig,
) -> Result<(PreprocessConfig, bool)> {
    let given = match preprocessor_json {
        Some(json) => Some(PreprocessConfig::from_json(json)?),
        None => open_clip_preprocessing(config_json, vision.image_size)?,
    };
    let guessed = given.is_none();
    let preprocess = given.unwrap_or_else(|| match vision.family {
        Family::Siglip => PreprocessConfig::siglip(vision.image_size),
        Family::Dinov2 => PreprocessConfig::dinov2(),
        Family::Clip | Family::ChineseClip | Family::DistilBert => PreprocessConfig::clip(vision.image_size),
    });
    // A DINOv2 sees images of any size; that of its configuration is the one it was taught with.
    if let (Family::Dinov2, Some((height, width))) = (vision.family, preprocess.output_size())
        && height == width
    {
        *vision = vision.clone().seeing(height)?;
    }
    let size = vision.image_size;
    match preprocess.output_size().filter(|made| *made != (size, size)) {
        Some((height, width)) => {
            let what = format!(
                "the preprocessor's settings make images of {width}×{height} pixels, the model of config.json takes {size}×{size}"
            );
            Err(Error::new(ErrorKind::Config, what))
        }
        None => Ok((preprocess, guessed)),
    }
}

impl Settings {
    pub(super) fn new(config_json: &[u8], preprocessor_json: Option<&[u8]>) -> Result<Self> {
        check_length("config.json", config_json.len() as u64)?;
        check_length("the preprocessor's file", preprocessor_json.unwrap_or_default().len() as u64)?;
        let mut config = ClipConfig::from_json(config_json)?;
        let (preprocess, guessed) = match &mut config.vision {
            Some(vision) => preprocessing(config_json, preprocessor_json, vision)?,
            None => (PreprocessConfig::default(), false),
        };
        let (config_json, preprocessor_json) = (config_json.to_vec(), preprocessor_json.map(<[u8]>::to_vec));
        Ok(Self { config, preprocess, guessed, config_json, preprocessor_json })
    }

    /// Of a file that says it itself.
    pub(super) fn of_stored(stored: Option<&Stored>) -> Result<Self> {
        let config = stored.and_then(|stored| stored.config.as_ref()).ok_or_else(|| {
            let what =
                "there is no config.json, neither beside the weights nor in them (as clip-vision convert puts it)";
            Error::new(ErrorKind::Config, what)
        })?;
        let preprocessor = stored.and_then(|stored| stored.preprocessor.as_ref());
        Self::new(config.as_bytes(), preprocessor.map(String::as_bytes))
    }

    /// Takes a vision tower's positions to be those of the photos that it sees, and says so in the configuration, which a recording
    /// carries along.
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    pub(super) fn fit_positions(&mut self) -> Result<()> {
        let Some(vision) = self.config.vision.as_mut().filter(|vision| vision.position_grid != vision.grid_size())
        else {
            return Ok(());
        };
        vision.position_grid = vision.grid_size();
        let error = |error| Error::new(ErrorKind::Config, "config.json can't be changed").with_source(error);
        let mut config: serde_json::Map<String, Value> = json::read(&self.config_json).map_err(error)?;
        config.insert("image_size".to_owned(), vision.image_size.into());
        self.config_json = serde_json::to_vec(&config).map_err(error)?;
        Ok(())
    }

    /// Does no file say how images are prepared?
    pub(super) fn has_default_preprocessing(&self) -> bool {
        self.guessed
    }

    /// The files as texts, for a recording: `config.json` and, where there is one, `preprocessor_config.json`.
    pub(super) fn texts(&self) -> (String, Option<String>) {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        (text(&self.config_json), self.preprocessor_json.as_ref().map(text))
    }
}
