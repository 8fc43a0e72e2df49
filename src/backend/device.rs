//! Where a model computes, and in which arithmetic.

use super::pool::Pool;
use crate::error::{Error, ErrorKind, Result};
use candle_core::Device;
use kernels::Packing;
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

#[cfg(all(test, not(target_arch = "wasm32")))]
thread_local! {
    /// Whether models that this thread loads are computed by candle on the CPU as well: tests hold it against the kernels.
    pub(crate) static CANDLE_ON_CPU: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Where the model computes, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    device: Device,
    precision: Precision,
    /// The memory of the kernels' results; `None` where candle computes.
    pool: Option<Arc<Pool>>,
}

impl Backend {
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] where the device does not have the precision; [`ErrorKind::Device`] for a GPU in
    /// WebAssembly.
    pub(crate) fn new(device: &Device, precision: Precision) -> Result<Self> {
        if precision == Precision::Int8 && !device.is_cpu() {
            return Err(Error::new(ErrorKind::InvalidArgument, "precision int8 is computed on the CPU only"));
        }
        if cfg!(target_arch = "wasm32") && !device.is_cpu() {
            return Err(Error::new(ErrorKind::Device, "in WebAssembly models compute on the CPU"));
        }
        let kernels = device.is_cpu();
        #[cfg(all(test, not(target_arch = "wasm32")))]
        let kernels = kernels && !CANDLE_ON_CPU.get();
        Ok(Self { device: device.clone(), precision, pool: kernels.then(Arc::default) })
    }

    pub(crate) fn device(&self) -> &Device {
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

    /// How a layer's weight is packed; `None` where candle computes.
    pub(super) fn packing(&self, role: super::Role) -> Option<Packing> {
        match (self.has_kernels(), self.precision, role.rotation()) {
            (false, ..) => None,
            (true, Precision::Int8, Some(rotation)) => Some(Packing::Int8(rotation)),
            (true, ..) => Some(Packing::F32),
        }
    }
}

/// The device that a name stands for: `"cpu"`, `"cuda"` (the first GPU) or `"cuda:N"`.
///
/// # Errors
/// [`ErrorKind::Device`]: the device is not there, or this build has no support for it; the message says how to build
/// one that has. [`ErrorKind::InvalidArgument`]: an unknown name.
pub fn device_from_name(name: &str) -> Result<Device> {
    let ordinal = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|number| number.parse().ok()),
    };
    let Some(ordinal) = ordinal else {
        let what = format!("unknown device {name:?}: there are \"cpu\", \"cuda\" and \"cuda:N\"");
        return Err(Error::new(ErrorKind::InvalidArgument, what));
    };
    if !candle_core::utils::cuda_is_available() {
        let what = format!("device {name:?}: this build has no CUDA; build with `--features cuda` (or `cudnn`)");
        return Err(Error::new(ErrorKind::Device, what));
    }
    Device::new_cuda(ordinal)
        .map_err(|error| Error::new(ErrorKind::Device, format!("device {name:?} does not start")).with_source(error))
}
