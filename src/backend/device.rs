//! Where a model computes, and in which arithmetic.

use super::pool::Pool;
use crate::error::{Error, ErrorKind, Result};
use crate::weights::Target;
#[cfg(feature = "candle")]
use candle_core::Device;
use std::str::FromStr;
use std::sync::Arc;

/// The arithmetic of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precision {
    /// As the weights are stored: [`Int8`](Self::Int8) for a file that `clip-vision convert` wrote in 8 bits, and else
    /// [`F32`](Self::F32).
    #[default]
    Stored,
    /// Single precision: embeddings equal to Python's.
    F32,
    /// Linear layers in 8-bit integers, everything else in single precision: a quarter of the memory, and faster.
    /// On the CPU only.
    Int8,
}

impl Precision {
    /// The name that the command line and the npm package use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }
}

impl FromStr for Precision {
    type Err = Error;

    /// Reads `"f32"`, `"int8"` or `"stored"`.
    fn from_str(name: &str) -> Result<Self> {
        let known = [Self::Stored, Self::F32, Self::Int8].into_iter().find(|precision| precision.name() == name);
        known.ok_or_else(|| {
            let what = format!("unknown precision {name:?}: there are \"f32\", \"int8\" and \"stored\"");
            Error::new(ErrorKind::InvalidArgument, what)
        })
    }
}

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
    pool: Option<Arc<Pool>>,
}

impl Backend {
    /// The kernels.
    #[cfg(not(feature = "candle"))]
    pub(crate) fn on_cpu(precision: Precision) -> Self {
        Self { precision, pool: Some(Arc::default()) }
    }

    /// The kernels on the CPU, and candle everywhere else.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] where the device does not have the precision.
    #[cfg(feature = "candle")]
    pub(crate) fn new(device: &Device, precision: Precision) -> Result<Self> {
        if precision == Precision::Int8 && !device.is_cpu() {
            return Err(Error::new(ErrorKind::InvalidArgument, "precision int8 is computed on the CPU only"));
        }
        let kernels = device.is_cpu();
        #[cfg(test)]
        let kernels = kernels && !CANDLE_ON_CPU.get();
        Ok(Self { device: device.clone(), precision, pool: kernels.then(Arc::default) })
    }

    #[cfg(feature = "candle")]
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// The memory of the kernels' results.
    pub(super) fn pool(&self) -> Result<&Arc<Pool>> {
        self.pool.as_ref().ok_or_else(super::mixed)
    }

    /// Whether our kernels compute, and not candle.
    pub(crate) fn has_kernels(&self) -> bool {
        self.pool.is_some()
    }

    /// What a model's weights are read for.
    pub(crate) fn target(&self) -> Target {
        if self.has_kernels() { Target::Cpu { int8: self.precision == Precision::Int8 } } else { Target::Candle }
    }
}

/// The number of the GPU that a name stands for; `None` for the CPU.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`]: an unknown name.
fn gpu_number(name: &str) -> Result<Option<usize>> {
    match name {
        "cpu" => return Ok(None),
        "cuda" => return Ok(Some(0)),
        _ => {}
    }
    let number = name.strip_prefix("cuda:").and_then(|number| number.parse().ok());
    number.map(Some).ok_or_else(|| {
        let what = format!("unknown device {name:?}: there are \"cpu\", \"cuda\" and \"cuda:N\"");
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
    gpu_number(name)?.map_or(Ok(()), |_| Err(no_cuda(name)))
}

/// The device that a name stands for: `"cpu"`, `"cuda"` (the first GPU) or `"cuda:N"`.
///
/// # Errors
/// [`ErrorKind::Device`]: the device is not there, or this build has no support for it; the message says how to build
/// one that has. [`ErrorKind::InvalidArgument`]: an unknown name.
#[cfg(feature = "candle")]
pub fn device_from_name(name: &str) -> Result<Device> {
    let Some(number) = gpu_number(name)? else { return Ok(Device::Cpu) };
    if !candle_core::utils::cuda_is_available() {
        return Err(no_cuda(name));
    }
    Device::new_cuda(number)
        .map_err(|error| Error::new(ErrorKind::Device, format!("device {name:?} does not start")).with_source(error))
}
