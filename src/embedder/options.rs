//! What a model is loaded of, and how.

use crate::backend::Backend;
#[cfg(not(feature = "candle"))]
use crate::backend::check_device_name;
#[cfg(feature = "candle")]
use crate::backend::device_from_name;
#[cfg(feature = "wgpu")]
use crate::backend::{gpu::Gpu, wgpu_number};
use crate::error::Result;
#[cfg(not(feature = "candle"))]
use crate::error::{Error, ErrorKind};
use crate::image::{Limits, UrlAccess};
use crate::precision::Precision;
#[cfg(feature = "candle")]
use candle_core::Device;
use std::collections::BTreeMap;
use std::num::NonZero;

/// How the table of a text tower's tokens is read.
///
/// That of a multilingual model is most of its file (256,000 rows in SigLIP 2, 901,629 in MetaCLIP 2), and a text needs some
/// ten of its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Table {
    /// By rows where it takes more than 256 MiB in single precision, which no vocabulary of English does, else whole. So it
    /// is too on a GPU.
    #[default]
    Auto,
    /// Whole, with the tower.
    Whole,
    /// By rows: those of a text's tokens, when it comes. They are kept.
    Rows,
}

impl Table {
    /// Bytes in single precision above which a table is read by rows.
    pub(super) fn left_over(self) -> Option<usize> {
        match self {
            Self::Auto => Some(256 << 20),
            Self::Whole => None,
            Self::Rows => Some(0),
        }
    }
}

/// How a model is loaded.
///
/// ```
/// use clip_vision::image::{Limits, UrlAccess};
/// use clip_vision::model::Table;
/// use clip_vision::{ClipVision, Options, Precision};
///
/// let options = Options::default()
///     .precision(Precision::Int8)
///     .device_named("cpu")?
///     .normalize(false)
///     .threads(2)
///     .table(Table::Rows)
///     .limits(Limits::default())
///     .url_access(UrlAccess::default().hosts(["images.example.com"]));
/// let clip = ClipVision::from_dir("models/shapes", options)?;
/// assert_eq!(clip.options().precision, Precision::Int8);
/// # Ok::<(), clip_vision::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The arithmetic. Default [`Precision::Stored`], which is [`Precision::F32`] for weights as they are published.
    pub precision: Precision,
    /// Where it runs. Default the CPU; see [`device_from_name`](crate::device_from_name).
    #[cfg(feature = "candle")]
    pub device: Device,
    /// Whether embeddings are divided by their L2 norm, so that a dot product is the cosine. Default true.
    pub normalize: bool,
    /// The most threads that compute at the same time, on a CPU. Default all that there are: one for each core, or as many as
    /// the environment's `RAYON_NUM_THREADS` says.
    pub threads: Option<NonZero<usize>>,
    /// How the table of the text tower's tokens is read from a disk; of files in memory it is read whole. Default
    /// [`Table::Auto`].
    pub table: Table,
    /// Whether the model is for a GPU: its weights are given out while it is loaded
    /// ([`Loader::take_matrices`](crate::model::Loader::take_matrices)), and it makes plans of what is to be computed
    /// ([`ClipVision::plan`](crate::ClipVision::plan)). Default false.
    #[cfg(feature = "gpu")]
    pub plans: bool,
    /// The GPU that computes, in place of the processor. Where it fails there is an error: nothing is computed elsewhere silently.
    #[cfg(feature = "wgpu")]
    pub gpu: Option<Gpu>,
    /// What a photo without limits of its own may cost. Default [`Limits::default`].
    pub limits: Limits,
    /// What a photo of [`Image::from_url`](crate::Image::from_url) without an access of its own may be read from. Default
    /// [`UrlAccess::default`]: no files, and no hosts whose addresses are not public.
    pub url_access: UrlAccess,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            precision: Precision::default(),
            #[cfg(feature = "candle")]
            device: Device::Cpu,
            normalize: true,
            threads: None,
            table: Table::default(),
            #[cfg(feature = "gpu")]
            plans: false,
            #[cfg(feature = "wgpu")]
            gpu: None,
            limits: Limits::default(),
            url_access: UrlAccess::default(),
        }
    }
}

impl Options {
    /// The same with another arithmetic.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// The same on another device.
    #[cfg(feature = "candle")]
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// The same on the device that a name stands for: `"cpu"`; `"cuda"` or `"cuda:N"`, an NVIDIA GPU through candle; `"gpu"` or
    /// `"gpu:N"`, any GPU through Vulkan, Metal or DirectX 12. They are counted from 0.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device): the device is not there, or this build has no support for it; the message says how to build
    /// one that has. [`InvalidArgument`](crate::ErrorKind::InvalidArgument): an unknown name.
    pub fn device_named(self, name: &str) -> Result<Self> {
        #[cfg(feature = "wgpu")]
        if let Some(number) = wgpu_number(name) {
            return Ok(self.gpu(Gpu::open(number)?));
        }
        #[cfg(feature = "candle")]
        return Ok(self.device(device_from_name(name)?));
        #[cfg(not(feature = "candle"))]
        check_device_name(name).map(|()| self)
    }

    /// The same with embeddings of length 1, or of the length that the model gives them.
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.normalize = normalize;
        self
    }

    /// The same with at most `threads` threads computing at the same time; 0 stands for all that there are.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = NonZero::new(threads);
        self
    }

    /// The same with the table of the text tower's tokens read otherwise.
    pub fn table(mut self, table: Table) -> Self {
        self.table = table;
        self
    }

    /// The same with weights for a GPU, and plans of what is to be computed.
    #[cfg(feature = "gpu")]
    pub fn plans(mut self, plans: bool) -> Self {
        self.plans = plans;
        self
    }

    /// The same computed on a GPU.
    #[cfg(feature = "wgpu")]
    pub fn gpu(mut self, gpu: Gpu) -> Self {
        self.gpu = Some(gpu);
        self.plans(true)
    }

    /// The same with other limits on what a photo may cost.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with other addresses that photos may be read from.
    pub fn url_access(mut self, access: UrlAccess) -> Self {
        self.url_access = access;
        self
    }

    /// What computes in this arithmetic.
    pub(super) fn backend(&self, precision: Precision) -> Result<Backend> {
        #[cfg(feature = "candle")]
        let backend = Backend::new(&self.device, precision, self.threads)?;
        #[cfg(not(feature = "candle"))]
        let backend = {
            if matches!(precision, Precision::F16 | Precision::Bf16) {
                let name = precision.name();
                let what = format!(
                    "precision {name} is computed on NVIDIA GPUs only, which a build with the feature \"cuda\" knows"
                );
                return Err(Error::new(ErrorKind::InvalidArgument, what));
            }
            Backend::on_cpu(precision, self.threads)
        };
        #[cfg(feature = "gpu")]
        let backend = backend.planning(self.plans);
        Ok(backend)
    }
}

/// The files of a model, in memory. One file that [`convert`](crate::model::convert) wrote holds all of them:
/// [`Loader::for_converted`](crate::model::Loader::for_converted) takes its bytes.
///
/// ```
/// use clip_vision::{ClipVision, ModelFiles, Options};
///
/// # let read = |name: &str| std::fs::read(format!("models/shapes/{name}")).unwrap();
/// let files = ModelFiles::new(read("config.json"), read("model.safetensors"))
///     .preprocessor(read("preprocessor_config.json"))
///     .tokenizer(read("tokenizer.json"));
/// let clip = ClipVision::from_files(files, Options::default())?;
/// # assert!(clip.text().is_ok());
/// # Ok::<(), clip_vision::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ModelFiles {
    /// `config.json`.
    pub config: Vec<u8>,
    /// `preprocessor_config.json`; without it and `processor` CLIP's own preprocessing, at the model's image size.
    pub preprocessor: Option<Vec<u8>>,
    /// `processor_config.json`, which newer models have in its place.
    pub processor: Option<Vec<u8>>,
    /// `model.safetensors`: f32, f16 or bf16; the vision tower alone or the whole CLIP. Empty where they are among the others.
    pub weights: Vec<u8>,
    /// `tokenizer.json`; with it the text tower is loaded as well. (Without the feature `text` its content is not read.)
    pub tokenizer: Option<Vec<u8>>,
    /// `vocab.json`: with `merges`, what older models have in place of `tokenizer.json`.
    pub vocab: Option<Vec<u8>>,
    /// `merges.txt`
    pub merges: Option<Vec<u8>>,
    /// More files, by their names beside `config.json`, of a model that has more: `modules.json` and what it tells of, the files of
    /// `model.safetensors.index.json` and that one itself, `vocab.txt`, `tokenizer_config.json`. Where a `modules.json` says that
    /// `config.json` is in a folder, `0_Transformer` as a rule, names begin where `modules.json` is: those of the files in that folder
    /// may begin there or beside `config.json`.
    pub others: BTreeMap<String, Vec<u8>>,
}

impl ModelFiles {
    /// `config.json` and `model.safetensors`; the others are absent.
    pub fn new(config: impl Into<Vec<u8>>, weights: impl Into<Vec<u8>>) -> Self {
        Self { config: config.into(), weights: weights.into(), ..Self::default() }
    }

    /// The same with a `preprocessor_config.json`.
    pub fn preprocessor(mut self, json: impl Into<Vec<u8>>) -> Self {
        self.preprocessor = Some(json.into());
        self
    }

    /// The same with a `processor_config.json`.
    pub fn processor(mut self, json: impl Into<Vec<u8>>) -> Self {
        self.processor = Some(json.into());
        self
    }

    /// The same with a `tokenizer.json`.
    pub fn tokenizer(mut self, json: impl Into<Vec<u8>>) -> Self {
        self.tokenizer = Some(json.into());
        self
    }

    /// The same with another file, by its name beside `config.json`.
    ///
    /// ```
    /// use clip_vision::{ClipVision, ModelFiles, Options};
    ///
    /// # let read = |name: &str| std::fs::read(format!("tests/golden/families/distilbert/{name}")).unwrap();
    /// let mut files = ModelFiles::new(read("config.json"), read("model.safetensors")).tokenizer(read("tokenizer.json"));
    /// for name in ["modules.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"] {
    ///     files = files.other(name, read(name));
    /// }
    /// let texts = ClipVision::from_files(files, Options::default())?;
    /// assert_eq!(texts.embed_text("a dog")?.len(), 26);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn other(mut self, name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.others.insert(name.into(), content.into());
        self
    }

    /// The same with a `vocab.json` and a `merges.txt`.
    pub fn vocab(mut self, vocab: impl Into<Vec<u8>>, merges: impl Into<Vec<u8>>) -> Self {
        (self.vocab, self.merges) = (Some(vocab.into()), Some(merges.into()));
        self
    }
}
