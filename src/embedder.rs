//! The synchronous façade: a loaded model with its preprocessing, and the loader that makes it.
//!
//! It and everything below it is plain synchronous code; what is above it (`native.rs`, `crates/wasm`, the command line)
//! only calls what is here.

#[cfg(feature = "wgpu")]
use crate::backend::gpu::Executor;
use crate::backend::{Photos, Threads};
use crate::error::{Error, ErrorKind, Result};
use crate::image::{Image, Measured, PixelTensor, PreprocessConfig};
use crate::model::bundle;
use crate::model::config::{Scores, VisionConfig};
use crate::model::encoder::Wanted;
use crate::model::sentence_transformers::{self, MODULES};
use crate::model::vision::VisionTower;
use crate::weights::FILES;
#[cfg(feature = "candle")]
use candle_core::Tensor;
use kernels::Pool;
use std::path::Path;
use std::sync::{Arc, Mutex};

mod convert;
mod files;
#[cfg(feature = "gpu")]
mod gpu;
mod hints;
mod loader;
mod onnx_files;
mod options;
mod pass;
mod plan;
mod preparer;
#[cfg(feature = "gpu")]
mod probe;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod texts;

pub use convert::{ConvertOptions, Converted, Vocab, convert};
use files::Place;
#[cfg(feature = "tokio")]
pub(crate) use files::dimension_at;
pub use loader::Loader;
pub use options::{ModelFiles, Options, Table};
pub use pass::Pass;
pub use preparer::Preparer;
#[cfg(feature = "gpu")]
pub use probe::{Matrices, Probe, Verdict};
pub use text::TextModel;
use texts::TextState;

/// Images of one forward pass where a GPU computes, and that [`ClipVision::embed_batch`] holds as pixels, unless there are enough threads
/// for more.
const BATCH: usize = 8;

/// A CLIP model with its preprocessing: images in, embeddings out; and, where its files have a text tower, texts. Some have
/// but one of the two: what asks for the other one is an error.
///
/// Shared freely between threads: embedding takes `&self`. The text tower takes no memory before it is first used.
///
/// ```
/// use clip_vision::{ClipVision, Image, Options};
///
/// let clip = ClipVision::from_dir("models/shapes", Options::default())?;
/// let embedding = clip.embed(Image::from_path("tests/golden/images/photo-420.jpg"))?;
/// assert_eq!(embedding.len(), clip.dimension());
/// assert_eq!(clip.image_size(), clip.config()?.image_size);
/// assert!(clip.weight_bytes() > 1 << 20 && clip.options().normalize);
/// # Ok::<(), clip_vision::Error>(())
/// ```
pub struct ClipVision {
    vision: Option<Vision>,
    /// Length of an embedding.
    dimension: usize,
    options: Options,
    weight_bytes: usize,
    text: Mutex<TextState>,
    /// What computes, where it is a GPU.
    #[cfg(feature = "wgpu")]
    executor: Option<Arc<Executor>>,
}

/// What a model does with images.
struct Vision {
    tower: Arc<VisionTower>,
    preprocess: PreprocessConfig,
    /// Was that a guess, since no file says it?
    default_preprocessing: bool,
    /// The files that say all this.
    config_json: Vec<u8>,
    preprocessor_json: Option<Vec<u8>>,
}

impl std::fmt::Debug for ClipVision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClipVision").field("config", &self.config().ok()).field("options", &self.options).finish()
    }
}

impl ClipVision {
    /// Loads a Hugging Face CLIP directory: `config.json`, `model.safetensors` (or the files of
    /// `model.safetensors.index.json`) and `preprocessor_config.json` or `processor_config.json`. The path may also be that of
    /// one file, as [`from_file`](Self::from_file) takes it. In place of `model.safetensors` the weights may be ONNX files in a
    /// folder `onnx`, as transformers.js' repositories have them: of those the one that suits the precision best.
    ///
    /// ```
    /// use clip_vision::{ClipVision, Options, Precision};
    ///
    /// let clip = ClipVision::from_dir("models/shapes", Options::default().precision(Precision::Int8))?;
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Fetch`]: a file is not there or not readable. [`ErrorKind::Config`], [`ErrorKind::Weights`]: a file
    /// is wrong; the message says what and where. [`ErrorKind::OutOfMemory`].
    pub fn from_dir(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        Place::of(path.as_ref()).load(options)
    }

    /// Loads one file that [`convert`] wrote (`clip-vision convert`): its documentation has an example.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn from_file(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        Place::Converted(path.as_ref().to_owned()).load(options)
    }

    /// Loads a model of files in memory; [`ModelFiles`] has an example.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir), without [`ErrorKind::Fetch`].
    pub fn from_files(files: ModelFiles, options: Options) -> Result<Self> {
        let ModelFiles { config, preprocessor, processor, weights, tokenizer, vocab, merges, mut others } = files;
        let preprocessor = PreprocessConfig::file_of(processor.as_deref(), preprocessor.as_deref());
        let named = FILES.into_iter().zip([tokenizer, vocab, merges]);
        others.extend(named.filter_map(|(name, content)| Some((name.to_owned(), content?))));
        // Files in the transformer's folder, where it has one, are named with it or without.
        let folder = others.get(MODULES).and_then(|modules| sentence_transformers::folder(modules));
        let folder = folder.map(|name| format!("{name}/")).unwrap_or_default();
        let find = |name: &str| {
            let bare = name.strip_prefix(&folder).unwrap_or(name);
            others.get(&format!("{folder}{bare}")).or_else(|| others.get(bare))
        };
        let bundle = bundle::bundled(&config, |name| Ok(find(name).cloned()))?;
        let mut loader = Loader::new(bundle.as_ref().unwrap_or(&config), preprocessor, options)?;
        let tokenizer = files::tokenizer_of(|name| Ok(find(name).cloned()))?;
        if !matches!(tokenizer, [None, None, _] | [None, _, None]) {
            loader = loader.with_text(tokenizer);
        }
        let single = loader.file().to_owned();
        if let Some(index) = find(files::INDEX).filter(|_| weights.is_empty()) {
            loader.set_index(index)?;
        }
        loop {
            let content = match find(loader.file()) {
                Some(content) => content,
                None if loader.file() == single => &weights,
                None => {
                    let what = format!("{} is not among the files (ModelFiles::other)", loader.file());
                    return Err(Error::new(ErrorKind::Weights, what));
                }
            };
            let taken = loader.set_size(content.len() as u64).and_then(|()| loader.push(content));
            taken.map_err(|error| error.within(loader.file()))?;
            if !loader.next_file()? {
                break;
            }
        }
        loader.finish()
    }

    /// The vision tower with what prepares images for it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: the model has none.
    fn vision(&self) -> Result<&Vision> {
        self.vision.as_ref().ok_or_else(no_vision_tower)
    }

    /// Whether no file of the model says how its images are prepared. CLIP's own preprocessing is used then, and another
    /// model's embeddings would not be those that Python computes: tell the user.
    pub fn has_default_preprocessing(&self) -> bool {
        self.vision.as_ref().is_some_and(|vision| vision.default_preprocessing)
    }

    /// How the model's images are prepared; `None` of a model of texts alone.
    pub fn preprocessing(&self) -> Option<&PreprocessConfig> {
        self.vision.as_ref().map(|vision| &vision.preprocess)
    }

    /// The embedding of an image: [`dimension`](Self::dimension) values, of length 1 unless
    /// [`Options::normalize`] is off.
    ///
    /// The model's own preprocessing follows the operations that the image brings along; an image that its caller has
    /// normalized already is taken as it is.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Image, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let embedding = clip.embed(Image::from_path("tests/golden/images/photo-420.jpg"))?;
    /// assert_eq!(embedding.len(), clip.dimension());
    /// let length = embedding.iter().map(|x| x * x).sum::<f32>().sqrt();
    /// assert!((length - 1.0).abs() < 1e-5);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Image::to_pixel_tensor`], and [`ErrorKind::InvalidArgument`] where the caller's own operations lead to
    /// another size than [`image_size`](Self::image_size), or where the model embeds texts alone.
    pub fn embed(&self, image: Image) -> Result<Vec<f32>> {
        self.embed_pixels(&self.pixels(image)?)
    }

    /// The embeddings of many images, each with an error of its own: a bad image spoils no other, an empty batch is an
    /// empty answer. They are decoded side by side, on as many threads as compute: what one may cost ([`Options::limits`]) so many may
    /// at a time.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Image, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let images = ["photo-420.jpg", "missing.jpg"].map(|name| Image::from_path(format!("tests/golden/images/{name}")));
    /// let results = clip.embed_batch(images.to_vec());
    /// assert!(results[0].is_ok() && results[1].is_err());
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn embed_batch(&self, images: Vec<Image>) -> Vec<Result<Vec<f32>>> {
        let mut results = Vec::with_capacity(images.len());
        let mut images = images.into_iter();
        let threads = Threads::at_most(self.options.threads);
        loop {
            // So many that each thread has some to compute by itself.
            let some: Vec<Image> = images.by_ref().take(BATCH.max(4 * threads.threads())).collect();
            if some.is_empty() {
                return results;
            }
            let photos = threads.map(some, |image| self.pixels(image));
            let good: Vec<&PixelTensor> = photos.iter().filter_map(|pixels| pixels.as_ref().ok()).collect();
            let mut embeddings = self.embed_pixels_batch(&good).into_iter();
            results.extend(photos.into_iter().map(|pixels| match pixels {
                Ok(_) => embeddings.next().unwrap_or_else(|| Err(no_embedding())),
                Err(error) => Err(error),
            }));
        }
    }

    /// The same of pixel tensors, as [`measured_pixels`](Self::measured_pixels) gives them, each f32 (3, image_size, image_size): for
    /// programs that decode on threads of their own. They are computed in the passes that take the least time: some together, and where
    /// there are enough for all threads, on each thread some by themselves. Each has an error of its own.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Image, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let photo = Image::from_path("tests/golden/images/photo-420.jpg");
    /// let pixels = clip.measured_pixels(photo.clone(), || 0.0)?.tensor;
    /// let embeddings = clip.embed_pixels_batch(&[&pixels, &pixels]);
    /// assert_eq!(embeddings[1].as_ref().ok(), Some(&clip.embed(photo)?));
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn embed_pixels_batch(&self, photos: &[&PixelTensor]) -> Vec<Result<Vec<f32>>> {
        // Should some fail together (memory, say), each is tried by itself and has its own error.
        let each = |some: &[&PixelTensor], embeddings: Result<Vec<Vec<f32>>>| match embeddings {
            Ok(embeddings) => embeddings.into_iter().map(Ok).collect(),
            Err(error) if some.len() == 1 => vec![Err(error)],
            Err(_) => some.iter().map(|pixels| self.embed_pixels(pixels)).collect(),
        };
        let Ok(Vision { tower, .. }) = self.vision() else {
            return photos.iter().map(|_| Err(no_vision_tower())).collect();
        };
        let on_gpu = !tower.has_kernels();
        #[cfg(feature = "wgpu")]
        let on_gpu = on_gpu || self.executor.is_some();
        if on_gpu {
            let passes = photos.chunks(BATCH);
            return passes.flat_map(|some| each(some, self.start_pixels(some).and_then(Pass::finish))).collect();
        }
        if photos.is_empty() {
            return Vec::new();
        }
        let passes = tower.passes(photos.len(), |some, backend| {
            let pass = tower.start_on(backend, Photos::Values(&photos[some]), Wanted::First)?;
            Pass::of_photos(tower.clone(), pass, self.options.normalize).finish()
        });
        passes.into_iter().flat_map(|(some, embeddings)| each(&photos[some], embeddings)).collect()
    }

    /// The pixel tensor that the model sees of an image: f32 (3, image_size, image_size), on the model's device.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Image, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let pixels = clip.pixel_tensor(Image::from_path("tests/golden/images/photo-420.jpg"))?;
    /// assert_eq!(pixels.dims(), [3, clip.image_size(), clip.image_size()]);
    /// assert_eq!(clip.embed_tensor(&pixels)?.len(), clip.dimension());
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    #[cfg(feature = "candle")]
    pub fn pixel_tensor(&self, image: Image) -> Result<Tensor> {
        let PixelTensor { data, height, width, .. } = self.pixels(image)?;
        Ok(Tensor::from_vec(data, (3, height, width), &self.options.device)?)
    }

    fn pixels(&self, image: Image) -> Result<PixelTensor> {
        self.measured_pixels(image, || 0.0).map(|measured| measured.tensor)
    }

    /// What the model sees of an image, f32 (3, image_size, image_size), and what it took to make, in the units of `clock`.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Image, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let start = std::time::Instant::now();
    /// let photo = Image::from_path("tests/golden/images/photo-420.jpg");
    /// let measured = clip.measured_pixels(photo, || start.elapsed().as_secs_f64())?;
    /// println!("{:?} pixels, decoded in {} s", measured.size, measured.decode);
    /// let embedding = clip.start_pixels(&[&measured.tensor])?.finish()?;
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    pub fn measured_pixels(&self, image: Image, clock: impl Fn() -> f64) -> Result<Measured<PixelTensor>> {
        let Vision { tower, preprocess, .. } = self.vision()?;
        preparer::prepared(preprocess, tower.config().image_size, &self.options, image, clock)
    }

    /// The embedding of a pixel tensor, f32 (3, image_size, image_size).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another shape.
    #[cfg(feature = "candle")]
    pub fn embed_tensor(&self, pixels: &Tensor) -> Result<Vec<f32>> {
        only(self.start(&[pixels])?.finish()?)
    }

    fn embed_pixels(&self, pixels: &PixelTensor) -> Result<Vec<f32>> {
        only(self.start_pixels(&[pixels])?.finish()?)
    }

    /// Begins to embed pixel tensors, each f32 (3, image_size, image_size), at least one, together in one forward pass.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Image, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let photo = clip.pixel_tensor(Image::from_path("tests/golden/images/photo-420.jpg"))?;
    /// let mut pass = clip.start(&[&photo, &photo])?;
    /// let embeddings = loop {
    ///     // Between two steps a program can do other things, or drop the pass.
    ///     if let Some(embeddings) = pass.step()? {
    ///         break embeddings;
    ///     }
    /// };
    /// assert_eq!(embeddings.len(), 2);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another shape, and for no tensors.
    #[cfg(feature = "candle")]
    pub fn start(&self, pixels: &[&Tensor]) -> Result<Pass> {
        self.start_with(Photos::Tensors(pixels))
    }

    /// [`start`](Self::start) with the values of pixel tensors, as [`measured_pixels`](Self::measured_pixels) gives them;
    /// the example is there.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another shape, and for no tensors.
    pub fn start_pixels(&self, pixels: &[&PixelTensor]) -> Result<Pass> {
        self.start_with(Photos::Values(pixels))
    }

    fn start_with(&self, photos: Photos<'_>) -> Result<Pass> {
        let Vision { tower, .. } = self.vision()?;
        #[cfg(feature = "wgpu")]
        if let Some(executor) = &self.executor {
            return Ok(Pass::ended(self.on_gpu(executor, photos)?));
        }
        let pass = tower.start(photos, Wanted::First)?;
        Ok(Pass::of_photos(tower.clone(), pass, self.options.normalize))
    }

    /// Threads that compute at most: [`Options::threads`], or all that there are.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Options};
    /// let clip = ClipVision::from_dir("models/shapes", Options::default().threads(1))?;
    /// assert_eq!(clip.threads(), 1);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn threads(&self) -> usize {
        Threads::at_most(self.options.threads).threads()
    }

    /// Length of an embedding.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Height and width, in pixels, of what the model sees; 0 of a model of texts alone.
    pub fn image_size(&self) -> usize {
        self.vision.as_ref().map_or(0, |vision| vision.tower.config().image_size)
    }

    /// What [`classify`](Self::classify) gives: probabilities that add up to 1, or each by itself; `None` of a model without
    /// texts.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Options};
    /// use clip_vision::model::Scores;
    ///
    /// let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// assert_eq!(clip.scores(), Some(Scores::Softmax));
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn scores(&self) -> Option<Scores> {
        self.text_config().ok().map(|config| config.scores())
    }

    /// The shape of the vision tower.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: the model embeds texts alone.
    pub fn config(&self) -> Result<&VisionConfig> {
        self.vision_tower().map(VisionTower::config)
    }

    /// The vision tower, for its parts: embeddings as they are before they are normalized, activations.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: the model embeds texts alone.
    pub fn vision_tower(&self) -> Result<&VisionTower> {
        self.vision().map(|vision| &*vision.tower)
    }

    /// How the model was loaded.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// About the bytes that the vision tower's weights take in memory.
    pub fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }
}

/// The error of asking for photos where there are none.
fn no_vision_tower() -> Error {
    let what = "this model has no vision tower: it embeds texts, for the photos of the model whose space it was taught";
    Error::new(ErrorKind::InvalidArgument, what)
}

/// The embedding of a single image or text.
fn only(mut embeddings: Vec<Vec<f32>>) -> Result<Vec<f32>> {
    embeddings.pop().ok_or_else(no_embedding)
}

fn no_embedding() -> Error {
    Error::new(ErrorKind::Compute, "the model returned no embedding")
}

/// Divides by the L2 norm; a zero embedding stays zero.
fn normalize(embedding: &mut [f32]) {
    let norm = embedding.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 0.0 {
        embedding.iter_mut().for_each(|x| *x /= norm);
    }
}
