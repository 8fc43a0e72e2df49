//! Where a model computes, and in which arithmetic.

use super::buffers::Buffers;
use super::threads::Threads;
use crate::error::{Error, ErrorKind, Result};
use crate::precision::Precision;
use crate::weights::Target;
#[cfg(feature = "candle")]
use candle_core::{DType, Device, Tensor};
use std::num::NonZero;
use std::sync::Arc;

#[cfg(all(test, feature = "candle"))]
thread_local! {
    /// Whether models that this thread loads are computed by candle on the CPU as well: tests hold it against the kernels.
    pub(crate) static CANDLE_ON_CPU: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Where the model computes, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    #[cfg(feature = "candle")]
    device: Device,
    precision: Precision,
    /// The memory of the kernels' results; `None` where candle computes.
    buffers: Option<Arc<Buffers>>,
    /// Whether weights are a GPU's, and passes are plans for it.
    #[cfg(feature = "gpu")]
    plans: bool,
}

impl Backend {
    /// The kernels, on at most `threads` threads.
    #[cfg(not(feature = "candle"))]
    pub(crate) fn on_cpu(precision: Precision, threads: Option<NonZero<usize>>) -> Self {
        Self {
            precision,
            buffers: Some(Arc::new(Buffers::new(Threads::at_most(threads)))),
            #[cfg(feature = "gpu")]
            plans: false,
        }
    }

    /// The kernels on the CPU, on at most `threads` threads, and candle everywhere else.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] where the device does not have the precision.
    #[cfg(feature = "candle")]
    pub(crate) fn new(device: &Device, precision: Precision, threads: Option<NonZero<usize>>) -> Result<Self> {
        if precision == Precision::Int8 && !device.is_cpu() {
            return Err(Error::new(ErrorKind::InvalidArgument, "precision int8 is computed on the CPU only"));
        }
        let kernels = device.is_cpu();
        #[cfg(test)]
        let kernels = kernels && !CANDLE_ON_CPU.get();
        if kernels && matches!(precision, Precision::F16 | Precision::Bf16) {
            let what = format!("precision {} is computed on NVIDIA GPUs only (device \"cuda\")", precision.name());
            return Err(Error::new(ErrorKind::InvalidArgument, what));
        }
        let buffers = kernels.then(|| Arc::new(Buffers::new(Threads::at_most(threads))));
        Ok(Self {
            device: device.clone(),
            precision,
            buffers,
            #[cfg(feature = "gpu")]
            plans: false,
        })
    }

    /// The same, with weights for a GPU and plans in place of passes.
    #[cfg(feature = "gpu")]
    pub(crate) fn planning(self, plans: bool) -> Self {
        Self { plans, ..self }
    }

    #[cfg(feature = "candle")]
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// Of the tensors that candle computes with.
    #[cfg(feature = "candle")]
    pub(super) fn dtype(&self) -> DType {
        match self.precision {
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
            Precision::Stored | Precision::F32 | Precision::Int8 => DType::F32,
        }
    }

    /// Values of a model, as candle computes with them.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`].
    #[cfg(feature = "candle")]
    pub(super) fn tensor(&self, values: Vec<f32>, shape: &[usize]) -> Result<Tensor> {
        Ok(Tensor::from_vec(values, shape, &self.device)?.to_dtype(self.dtype())?)
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// The threads that the kernels run on; none where candle computes.
    pub(crate) fn threads(&self) -> Option<Threads> {
        self.buffers.as_ref().map(|buffers| *buffers.threads())
    }

    /// The same, whose kernels run on the calling thread alone, in memory of their own.
    pub(crate) fn on_one_thread(&self) -> Self {
        let one = Threads::at_most(Some(NonZero::<usize>::MIN));
        Self { buffers: self.buffers.as_ref().map(|_| Arc::new(Buffers::new(one))), ..self.clone() }
    }

    /// The memory of the kernels' results.
    pub(super) fn buffers(&self) -> Result<&Arc<Buffers>> {
        self.buffers.as_ref().ok_or_else(super::mixed)
    }

    /// Whether our kernels compute, and not candle.
    pub(crate) fn has_kernels(&self) -> bool {
        self.buffers.is_some()
    }

    /// What a model's weights are read for.
    pub(crate) fn target(&self) -> Target {
        #[cfg(feature = "gpu")]
        if self.plans {
            return Target::Gpu { int8: self.precision == Precision::Int8 };
        }
        if self.has_kernels() {
            Target::Cpu { int8: self.precision == Precision::Int8 }
        } else {
            Target::Candle { half: matches!(self.precision, Precision::F16 | Precision::Bf16) }
        }
    }
}

/// The number in the name of a device of some kind: 0 without one.
fn number_of(kind: &str, name: &str) -> Option<usize> {
    match name.strip_prefix(kind)? {
        "" => Some(0),
        number => number.strip_prefix(':')?.parse().ok(),
    }
}

/// The number of the GPU, through wgpu, that a name stands for.
pub(crate) fn wgpu_number(name: &str) -> Option<usize> {
    number_of("gpu", name)
}

/// The number of the GPU, through CUDA, that a name stands for; `None` for the CPU.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`]: an unknown name. [`ErrorKind::Device`]: one of wgpu's.
fn cuda_number(name: &str) -> Result<Option<usize>> {
    if name == "cpu" {
        return Ok(None);
    }
    if wgpu_number(name).is_some() {
        let what = format!("device {name:?}: this build has no wgpu; build with `--features wgpu`");
        return Err(Error::new(ErrorKind::Device, what));
    }
    number_of("cuda", name).map(Some).ok_or_else(|| {
        let what = format!("unknown device {name:?}: there are \"cpu\", \"cuda\", \"cuda:N\", \"gpu\" and \"gpu:N\"");
        Error::new(ErrorKind::InvalidArgument, what)
    })
}

/// A device that this build knows nothing of.
fn no_cuda(name: &str) -> Error {
    let what = format!("device {name:?}: this build has no CUDA; build with `--features cuda` (or `cudnn`)");
    Error::new(ErrorKind::Device, what)
}

/// An error unless the name is the CPU's.
///
/// # Errors
/// [`ErrorKind::Device`], [`ErrorKind::InvalidArgument`].
#[cfg(not(feature = "candle"))]
pub(crate) fn check_device_name(name: &str) -> Result<()> {
    cuda_number(name)?.map_or(Ok(()), |_| Err(no_cuda(name)))
}

/// The device of candle's that a name stands for: `"cpu"`, `"cuda"` (the first GPU) or `"cuda:N"`. For GPUs through wgpu there is
/// [`Options::device_named`](crate::Options::device_named).
///
/// ```
/// use clip_vision::device_from_name;
///
/// assert!(device_from_name("cpu")?.is_cpu());
/// assert!(device_from_name("gpu").is_err());
/// # Ok::<(), clip_vision::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Device`]: the device is not there, or this build has no support for it; the message says how to build
/// one that has. [`ErrorKind::InvalidArgument`]: an unknown name.
#[cfg(feature = "candle")]
pub fn device_from_name(name: &str) -> Result<Device> {
    let Some(number) = cuda_number(name)? else { return Ok(Device::Cpu) };
    if !candle_core::utils::cuda_is_available() {
        return Err(no_cuda(name));
    }
    Device::new_cuda(number)
        .map_err(|error| Error::new(ErrorKind::Device, format!("device {name:?} does not start")).with_source(error))
}
