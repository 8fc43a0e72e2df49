//! The asynchronous edge of native programs: `spawn_blocking` around the synchronous façade, and nothing else.
//!
//! Each call is one blocking task that runs plain synchronous code from bytes to embedding. No future is waited for
//! inside it, so it works on every tokio runtime, also one with a single thread or a single blocking thread. A dropped
//! future lets its task run to its end; nothing is left half done.

use crate::embedder::{ClipVision, Options, dimension_at};
use crate::error::{Error, ErrorKind, Result};
use crate::image::Image;
#[cfg(feature = "candle")]
use candle_core::{Device, Tensor};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// A future that owns what it needs: it can be spawned as well as awaited.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Runs synchronous work on a blocking thread of the runtime that polls the future.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let runtime = tokio::runtime::Handle::try_current().map_err(|error| {
        Error::new(ErrorKind::Compute, "asynchronous calls need a tokio runtime").with_source(error)
    })?;
    let task = runtime.spawn_blocking(work);
    task.await.map_err(|error| {
        Error::new(ErrorKind::Compute, "the blocking task panicked or was canceled").with_source(error)
    })?
}

#[cfg(feature = "candle")]
impl Image {
    /// [`to_tensor_sync`](Self::to_tensor_sync) on a blocking thread: f32 (3, H, W) on `device`.
    ///
    /// ```
    /// # use clip_vision::{Device, Image};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> clip_vision::Result<()> {
    /// let pixels = Image::from_path("tests/golden/images/rgb-500x375.png").to_tensor(&Device::Cpu).await?;
    /// assert_eq!(pixels.dims(), [3, 375, 500]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`to_pixel_tensor`](Self::to_pixel_tensor); [`ErrorKind::Compute`] outside a tokio runtime, or when it
    /// shuts down.
    pub async fn to_tensor(self, device: &Device) -> Result<Tensor> {
        let device = device.clone();
        blocking(move || self.to_tensor_sync(&device)).await
    }
}

/// A model that embeds images, asynchronously. It can be a trait object.
///
/// ```
/// use clip_vision::{ClipVisionEmbeddingModel, ImageEmbeddingCapable};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> clip_vision::Result<()> {
/// let model: Box<dyn ImageEmbeddingCapable> = Box::new(ClipVisionEmbeddingModel::from_dir("models/shapes"));
/// let embedding = model.embed_image("tests/golden/images/photo-420.jpg").await?;
/// assert_eq!(model.supported_dimensions(), [embedding.len()]);
/// let results = model.batch_embed_images(vec!["tests/golden/images/gray.png", "missing.jpg"]).await?;
/// assert!(results[0].is_ok() && results[1].is_err());
/// let gif = "R0lGODlhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs=";
/// model.embed_image_base64(gif).await?;
/// model.embed_image_url(&format!("data:image/gif;base64,{gif}")).await?;
/// # Ok(())
/// # }
/// ```
///
/// The futures own what they need (`'static`, `Send`). All resolve to [`ErrorKind::Compute`] outside a tokio runtime;
/// other errors are those of [`ClipVision::embed`] and, where the model is loaded on the way, of
/// [`ClipVision::from_dir`].
pub trait ImageEmbeddingCapable: Send + Sync {
    /// The embedding of the image in a file.
    fn embed_image(&self, path: &str) -> BoxFuture<Result<Vec<f32>>>;

    /// The embedding of the image at an address: `data:` and, with feature "http", `http(s):`; of other addresses than
    /// public ones, and of `file:`, only where [`Options::url_access`] allows it.
    fn embed_image_url(&self, url: &str) -> BoxFuture<Result<Vec<f32>>>;

    /// The embedding of an image in base64, bare or as a `data:` URL.
    fn embed_image_base64(&self, data: &str) -> BoxFuture<Result<Vec<f32>>>;

    /// The embeddings of the images in files, in their order. The outer error is the model's or the runtime's, the
    /// inner ones are the images' own.
    fn batch_embed_images(&self, paths: Vec<&str>) -> BoxFuture<Result<Vec<Result<Vec<f32>>>>>;

    /// Length of an embedding; 0 where the model's files cannot be read. While a model has not been loaded its configuration is
    /// read, on the calling thread.
    fn embedding_dimension(&self) -> usize;

    /// The lengths that an embedding of this model can have: one.
    fn supported_dimensions(&self) -> Vec<usize> {
        match self.embedding_dimension() {
            0 => Vec::new(),
            dimension => vec![dimension],
        }
    }
}

/// Something from which the loaded model can be had, inside a blocking task.
trait Model: Clone + Send + Sync + 'static {
    fn get(&self) -> Result<Arc<ClipVision>>;

    fn dimension(&self) -> usize;

    fn embed(&self, image: Image) -> BoxFuture<Result<Vec<f32>>> {
        let model = self.clone();
        Box::pin(blocking(move || model.get()?.embed(image)))
    }

    #[cfg(feature = "text")]
    fn embed_text(&self, text: &str) -> BoxFuture<Result<Vec<f32>>> {
        let (model, text) = (self.clone(), text.to_owned());
        Box::pin(blocking(move || model.get()?.embed_text(&text)))
    }
}

/// The trait for each [`Model`]. A blanket implementation would keep other crates from implementing it for their types.
macro_rules! image_embedding_capable {
    ($($model:ty),+) => {$(
        impl ImageEmbeddingCapable for $model {
            fn embed_image(&self, path: &str) -> BoxFuture<Result<Vec<f32>>> {
                Model::embed(self, Image::from_path(path))
            }

            fn embed_image_url(&self, url: &str) -> BoxFuture<Result<Vec<f32>>> {
                Model::embed(self, Image::from_url(url))
            }

            fn embed_image_base64(&self, data: &str) -> BoxFuture<Result<Vec<f32>>> {
                Model::embed(self, Image::from_base64(data))
            }

            fn batch_embed_images(&self, paths: Vec<&str>) -> BoxFuture<Result<Vec<Result<Vec<f32>>>>> {
                let model = self.clone();
                let images = paths.into_iter().map(Image::from_path).collect();
                Box::pin(blocking(move || Ok(model.get()?.embed_batch(images))))
            }

            fn embedding_dimension(&self) -> usize {
                self.dimension()
            }
        }
    )+};
}

image_embedding_capable!(LoadedClipVisionModel, ClipVisionEmbeddingModel);

/// A model in memory, shared: cloning copies a pointer.
///
/// ```
/// use clip_vision::{Image, LoadedClipVisionModel, Options};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> clip_vision::Result<()> {
/// let model = LoadedClipVisionModel::from_dir_with("models/shapes", Options::default().threads(1)).await?;
/// let photo = model.embed(Image::from_path("tests/golden/images/photo-420.jpg")).await?;
/// let text = model.embed_text("a red circle").await?;
/// assert_eq!([photo.len(), text.len()], [model.clip().dimension(); 2]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LoadedClipVisionModel {
    clip: Arc<ClipVision>,
}

impl LoadedClipVisionModel {
    /// Loads a model directory with the default [`Options`]; see [`ClipVision::from_dir`].
    ///
    /// # Errors
    /// Those of [`ClipVision::from_dir`]; [`ErrorKind::Compute`] outside a tokio runtime.
    pub async fn from_dir(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_dir_with(path, Options::default()).await
    }

    /// Loads a model directory.
    ///
    /// # Errors
    /// Those of [`from_dir`](Self::from_dir).
    pub async fn from_dir_with(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let path = path.as_ref().to_owned();
        blocking(move || ClipVision::from_dir(path, options)).await.map(Self::from)
    }

    /// The embedding of an image from any source, with the caller's own operations if it brings some; see
    /// [`ClipVision::embed`].
    ///
    /// # Errors
    /// Those of [`ClipVision::embed`]; [`ErrorKind::Compute`] outside a tokio runtime.
    pub async fn embed(&self, image: Image) -> Result<Vec<f32>> {
        Model::embed(self, image).await
    }

    /// The embedding of a text, in the same space as the images'; see [`ClipVision::embed_text`].
    ///
    /// # Errors
    /// Those of [`ClipVision::embed_text`]; [`ErrorKind::Compute`] outside a tokio runtime.
    #[cfg(feature = "text")]
    pub async fn embed_text(&self, text: &str) -> Result<Vec<f32>> {
        Model::embed_text(self, text).await
    }

    /// The model itself, for synchronous code.
    pub fn clip(&self) -> &Arc<ClipVision> {
        &self.clip
    }
}

impl From<ClipVision> for LoadedClipVisionModel {
    fn from(clip: ClipVision) -> Self {
        Self { clip: Arc::new(clip) }
    }
}

impl Model for LoadedClipVisionModel {
    fn get(&self) -> Result<Arc<ClipVision>> {
        Ok(Arc::clone(&self.clip))
    }

    fn dimension(&self) -> usize {
        self.clip.dimension()
    }
}

/// A model directory that is loaded when it is first used: once, however many callers race, and kept. A load that
/// fails is tried again by the next call. Cloning shares the model.
///
/// ```
/// use clip_vision::{ClipVisionEmbeddingModel, Image, Options};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> clip_vision::Result<()> {
/// let model = ClipVisionEmbeddingModel::from_dir_with("models/shapes", Options::default());
/// model.embed(Image::from_path("tests/golden/images/photo-420.jpg")).await?; // it is loaded here
/// model.embed_text("a red circle").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ClipVisionEmbeddingModel {
    lazy: Arc<Lazy>,
}

#[derive(Debug)]
struct Lazy {
    path: PathBuf,
    options: Options,
    loaded: Mutex<Option<Arc<ClipVision>>>,
}

impl ClipVisionEmbeddingModel {
    /// A model directory, with the default [`Options`]. Returns at once and reads nothing.
    pub fn from_dir(path: impl AsRef<Path>) -> Self {
        Self::from_dir_with(path, Options::default())
    }

    /// A model directory. Returns at once and reads nothing.
    pub fn from_dir_with(path: impl AsRef<Path>, options: Options) -> Self {
        Self { lazy: Arc::new(Lazy { path: path.as_ref().to_owned(), options, loaded: Mutex::new(None) }) }
    }

    /// The embedding of an image from any source; see [`LoadedClipVisionModel::embed`].
    ///
    /// # Errors
    /// Those of [`ClipVision::from_dir`] and [`ClipVision::embed`]; [`ErrorKind::Compute`] outside a tokio runtime.
    pub async fn embed(&self, image: Image) -> Result<Vec<f32>> {
        Model::embed(self, image).await
    }

    /// The embedding of a text; see [`LoadedClipVisionModel::embed_text`].
    ///
    /// # Errors
    /// Those of [`ClipVision::from_dir`] and [`ClipVision::embed_text`]; [`ErrorKind::Compute`] outside a tokio runtime.
    #[cfg(feature = "text")]
    pub async fn embed_text(&self, text: &str) -> Result<Vec<f32>> {
        Model::embed_text(self, text).await
    }
}

impl Lazy {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<ClipVision>>> {
        // The value is set in one step: a panic while loading leaves it whole.
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Model for ClipVisionEmbeddingModel {
    /// Loads on the first call; the others wait at the lock, on their blocking threads.
    fn get(&self) -> Result<Arc<ClipVision>> {
        let mut loaded = self.lazy.lock();
        if let Some(clip) = &*loaded {
            return Ok(Arc::clone(clip));
        }
        let clip = Arc::new(ClipVision::from_dir(&self.lazy.path, self.lazy.options.clone())?);
        *loaded = Some(Arc::clone(&clip));
        Ok(clip)
    }

    /// From `config.json` while the model is not loaded, without waiting for a load that is under way.
    fn dimension(&self) -> usize {
        match self.lazy.loaded.try_lock().ok().and_then(|loaded| loaded.as_ref().map(|clip| clip.dimension())) {
            Some(dimension) => dimension,
            None => dimension_at(&self.lazy.path).unwrap_or(0),
        }
    }
}
