//! What of a model's weights is read, and what is made of it.

use super::no_vision_tower;
use super::onnx_files::{self, Wanted};
use super::settings::Settings;
use super::text::{TextModel, no_text_tower};
use super::texts::TextState;
use super::{ClipVision, ConvertOptions, Options, Vision};
use crate::backend::Backend;
#[cfg(feature = "wgpu")]
use crate::backend::gpu::Executor;
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "gpu")]
use crate::model::config::VisionConfig;
use crate::model::config::{ClipConfig, Family, TextConfig};
use crate::model::source::Loaded;
use crate::model::text::TextTower;
use crate::model::vision::{VisionPrefix, VisionTower};
use crate::precision::Precision;
use crate::weights::{
    FILES, Header, OnnxFamily, Selection, Stored, Target, TensorRequest, TensorSpec, Use, Weights, text_of_ids,
};
use std::sync::{Arc, Mutex};

/// Which towers are read.
#[derive(Clone, Debug)]
pub(super) enum Towers {
    /// None: it is the settings that are asked for.
    #[cfg(feature = "tokio")]
    None,
    Vision,
    /// The text tower of a model whose vision tower has been read.
    Text(TextConfig),
    Both,
    /// All that there are, to be recorded.
    Recorded(ConvertOptions),
}

/// The contents of a tokenizer's files, in the order of [`FILES`].
pub(super) type TokenizerFiles = [Option<Vec<u8>>; 3];

/// Says what is wanted of the weights, and makes a model of them.
pub(super) struct Plan {
    towers: Towers,
    /// Absent until the header has come, where the weights hold them; and for a text tower alone.
    settings: Option<Settings>,
    options: Options,
    /// What a recording is made of.
    pub(super) source: String,
    /// The tokenizer's files that stand beside the weights: they count more than those that the weights carry along.
    files: TokenizerFiles,
    /// Bytes of a table of tokens above which it is left in its file.
    pub(super) left_over: Option<usize>,
    /// The tokens whose rows a recording has, if not all.
    pub(super) kept: Option<Arc<[u32]>>,
    /// A recording is given the tokenizer's files; or else it takes those that the weights carry along.
    pub(super) has_tokenizer: bool,
    chosen: Option<Chosen>,
}

/// What the header of the weights has decided.
struct Chosen {
    backend: Backend,
    vision_prefix: VisionPrefix,
    /// The text tower, where it is read.
    text: Option<TextConfig>,
    /// The tokens whose rows its table has, if not all.
    kept: Option<Arc<[u32]>>,
    /// What the weights of the vision tower take.
    vision_bytes: usize,
}

/// What was built of the weights.
pub(super) struct Built {
    pub(super) clip: Option<ClipVision>,
    pub(super) text: Option<(TextModel, TokenizerFiles)>,
}

impl Plan {
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] where the device does not have the precision.
    pub(super) fn new(towers: Towers, settings: Option<Settings>, options: Options) -> Result<Self> {
        // What can't be is refused now; the rest is decided by the weights' header.
        options.backend(options.precision)?;
        let (source, files) = (String::new(), TokenizerFiles::default());
        Ok(Self {
            towers,
            settings,
            options,
            source,
            files,
            left_over: None,
            kept: None,
            has_tokenizer: false,
            chosen: None,
        })
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// The vision tower's configuration, as far as it is known and there is one.
    #[cfg(feature = "gpu")]
    pub(super) fn vision_config(&self) -> Option<&VisionConfig> {
        self.settings.as_ref().and_then(|settings| settings.config.vision.as_ref())
    }

    /// The vision tower's configuration and the precision, in words; `None` while they are not known.
    #[cfg(feature = "gpu")]
    pub(super) fn shape(&self) -> Option<String> {
        let settings = self.settings.as_ref()?;
        Some(format!("{} {:?}", self.options.precision.name(), settings.config.vision))
    }

    /// The ONNX files that may hold what is read.
    pub(super) fn onnx_choices(&self) -> Vec<Vec<String>> {
        let (wanted, precision) = match &self.towers {
            Towers::Text(_) => (Wanted::Text, self.options.precision),
            Towers::Both => (Wanted::Both, self.options.precision),
            Towers::Recorded(ConvertOptions { vision_only: false, .. }) => (Wanted::All, Precision::Stored),
            Towers::Recorded(_) => (Wanted::Vision, Precision::Stored),
            _ => (Wanted::Vision, self.options.precision),
        };
        onnx_files::choices(wanted, precision, self.family())
    }

    /// The family of what is read, as far as that is known.
    fn family(&self) -> Option<Family> {
        let config = self.settings.as_ref().map(|settings| &settings.config);
        let vision = config.and_then(|config| config.vision.as_ref()).map(|vision| vision.family);
        match &self.towers {
            Towers::Text(config) => Some(config.family),
            _ => vision.or(config.and_then(|config| config.text.as_ref()).map(|text| text.family)),
        }
    }

    /// Reads the text tower, with these files of its tokenizer, whatever else is read.
    pub(super) fn add_text(&mut self, files: TokenizerFiles) {
        if matches!(self.towers, Towers::Vision) {
            self.towers = Towers::Both;
        }
        self.files = files;
    }

    /// About the bytes of what has to come after this: the text tower of a model that has no other.
    pub(super) fn to_come(&self) -> u64 {
        match (&self.towers, self.settings.as_ref().map(|settings| &settings.config)) {
            (Towers::Vision, Some(ClipConfig { vision: None, text: Some(config), .. })) => TextTower::bytes(config),
            _ => 0,
        }
    }

    /// The settings, from the weights or from the files beside them.
    #[cfg(feature = "tokio")]
    pub(super) fn into_settings(self) -> Option<Settings> {
        self.settings
    }

    /// The text tower that is read, if one is.
    fn text(&self, header: &Header) -> Result<Option<TextConfig>> {
        let of_file = || self.settings.as_ref().and_then(|settings| settings.config.text.clone());
        Ok(match &self.towers {
            #[cfg(feature = "tokio")]
            Towers::None => None,
            Towers::Vision | Towers::Recorded(ConvertOptions { vision_only: true, .. }) => None,
            Towers::Text(config) => Some(config.clone()),
            Towers::Both => Some(of_file().ok_or_else(no_text_tower)?),
            Towers::Recorded(_) => of_file().filter(|config| TextTower::is_in(header, config.family)),
        })
    }

    /// Builds the towers.
    pub(super) fn build(self, weights: Weights) -> Result<Built> {
        let Some(Chosen { backend, vision_prefix, text, kept, vision_bytes }) = self.chosen else {
            return Err(Error::new(ErrorKind::Weights, "the weights have no header"));
        };
        let options = self.options.precision(backend.precision());
        let mut loaded = Loaded { weights, backend, kept };
        let text = match text {
            Some(config) => {
                let tower = TextTower::build(config, &mut loaded)?;
                let carried = FILES.map(|name| loaded.weights.take_file(name));
                let files = if self.files.iter().any(Option::is_some) { self.files } else { carried };
                Some((TextModel::new(tower, options.normalize), files))
            }
            None => None,
        };
        let clip = match (self.towers, self.settings) {
            (Towers::Vision | Towers::Both, Some(settings)) => {
                let default_preprocessing = settings.has_default_preprocessing();
                let Settings { config, preprocess, config_json, preprocessor_json, .. } = settings;
                let dimension = config.embedding_dim();
                let vision = match config.vision {
                    Some(config) => {
                        let tower = Arc::new(VisionTower::build(config, vision_prefix, &mut loaded)?);
                        Some(Vision { tower, preprocess, default_preprocessing, config_json, preprocessor_json })
                    }
                    None => None,
                };
                let text = Mutex::new(TextState::Absent(config.text));
                Some(ClipVision {
                    vision,
                    dimension,
                    options,
                    weight_bytes: vision_bytes,
                    text,
                    #[cfg(feature = "wgpu")]
                    executor: None,
                })
            }
            _ => None,
        };
        Ok(Built { clip, text })
    }
}

#[cfg(feature = "wgpu")]
impl Built {
    /// The same, computed by an executor, where there is one.
    pub(super) fn on(self, executor: Option<Arc<Executor>>) -> Self {
        let clip = self.clip.map(|clip| ClipVision { executor: executor.clone(), ..clip });
        let text = self.text.map(|(text, files)| (text.on(executor), files));
        Self { clip, text }
    }
}

impl Selection for Plan {
    fn select(&mut self, header: &Header) -> Result<TensorRequest> {
        if self.settings.is_none() && !matches!(self.towers, Towers::Text(_)) {
            self.settings = Some(Settings::of_stored(header.stored())?);
        }
        if let Some(settings) = self.settings.as_mut().filter(|_| header.has_fitted_positions()) {
            settings.fit_positions()?;
        }
        let backend = self.options.backend(resolved(self.options.precision, header))?;
        let recorded = matches!(self.towers, Towers::Recorded(_));
        let target = if recorded { Target::Recording } else { backend.target() };
        let vision_prefix = VisionPrefix::find(header);
        let mut specs = match (&self.towers, &self.settings) {
            (Towers::Recorded(ConvertOptions { vision_only: true, .. }), Some(Settings { config, .. }))
                if config.vision.is_none() =>
            {
                return Err(no_vision_tower());
            }
            (Towers::Vision | Towers::Both | Towers::Recorded(_), Some(Settings { config, .. })) => {
                let of = |config| VisionTower::declare(config, vision_prefix, header);
                config.vision.as_ref().map(of).transpose()?.unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let vision_bytes = specs.iter().fold(0usize, |bytes, spec| bytes.saturating_add(spec.bytes(target)));
        let text = self.text(header)?;
        let mut kept = None;
        if let Some(config) = &text {
            let in_file = TextTower::kept(config, header)?;
            kept = in_file.or_else(|| self.kept.clone().filter(|_| recorded));
            specs.extend(TextTower::declare(config, header, self.left_over.filter(|_| !recorded), kept.as_ref())?);
            let carried = FILES.into_iter().filter(|name| !(recorded && self.has_tokenizer) && header.contains(name));
            specs.extend(carried.map(|name| TensorSpec::new(name, [], Use::File)));
        }
        self.chosen = Some(Chosen { backend, vision_prefix, text, kept, vision_bytes });
        Ok(TensorRequest { specs, target })
    }

    fn onnx_family(&self) -> Result<OnnxFamily> {
        match self.family() {
            None | Some(Family::Clip) => Ok(OnnxFamily::Clip),
            Some(Family::Siglip) => Ok(OnnxFamily::Siglip),
            Some(Family::Dinov2) => Ok(OnnxFamily::Dinov2),
            Some(Family::DistilBert | Family::ChineseClip) => Err(Error::new(
                ErrorKind::Weights,
                "ONNX files are read of CLIP, MetaCLIP 2, SigLIP and DINOv2; take the repository that the model was published in, \
                 which has model.safetensors",
            )),
        }
    }

    fn describe(&self) -> Stored {
        let precision = match (&self.towers, &self.chosen) {
            (Towers::Recorded(options), _) => options.precision.name(),
            (_, Some(Chosen { backend, .. })) => backend.precision().name(),
            (_, None) => return Stored::default(),
        };
        let (config, preprocessor) = self.settings.as_ref().map(Settings::texts).unzip();
        let (precision, source) = (precision.to_owned(), self.source.clone());
        let vocab = self.chosen.as_ref().and_then(|chosen| chosen.kept.as_deref()).map(text_of_ids);
        Stored { precision, source, config, preprocessor: preprocessor.flatten(), table: None, vocab }
    }
}

/// The precision that a file's weights are loaded in.
fn resolved(asked: Precision, header: &Header) -> Precision {
    match (asked, header.stored()) {
        (Precision::Stored, Some(stored)) if stored.precision == Precision::Int8.name() => Precision::Int8,
        (Precision::Stored, _) => Precision::F32,
        (asked, _) => asked,
    }
}
