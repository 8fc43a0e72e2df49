//! What is to be done to an image, in the order written: checked as a whole before anything is decoded.
//!
//! Two kinds of operations follow each other. Geometry (resize, crop) works on 8-bit pixels, as Pillow does.
//! Pointwise ones (normalize, clamp) turn a channel's value into another, whatever the pixel's place; as there are
//! but 256 values, any chain of them becomes a table of 256 numbers a channel, which is exact and costs one look-up.

use super::resize::ResizeFilter;
use crate::{Error, ErrorKind, Result};

/// One queued operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operation {
    Resize {
        width: usize,
        height: usize,
        filter: ResizeFilter,
    },
    ResizeShortestEdge {
        edge: usize,
        filter: ResizeFilter,
    },
    /// To the longer edge, and to a square of it by pixels of one color around.
    ResizeAndPad {
        edge: usize,
        filter: ResizeFilter,
        fill: [u8; 3],
    },
    CenterCrop {
        width: usize,
        height: usize,
        /// Whether half a pixel beside it goes to the even number, and not down.
        rounded: bool,
    },
    NormalizeUnsigned,
    NormalizeSigned,
    NormalizeWith {
        mean: [f32; 3],
        std: [f32; 3],
    },
    /// Times a factor, in f64 and then rounded, as transformers rescales.
    Rescale {
        factor: f64,
    },
    Clamp {
        min: f32,
        max: f32,
    },
}

impl Operation {
    /// The name of the method that queued it.
    fn name(&self) -> &'static str {
        match self {
            Self::Resize { .. } => "resize",
            Self::ResizeShortestEdge { .. } => "resize_shortest_edge",
            Self::ResizeAndPad { .. } => "resize_and_pad",
            Self::CenterCrop { .. } => "center_crop",
            Self::NormalizeUnsigned => "normalize_unsigned",
            Self::NormalizeSigned => "normalize_signed",
            Self::NormalizeWith { .. } => "normalize_with",
            Self::Rescale { .. } => "rescale",
            Self::Clamp { .. } => "clamp",
        }
    }

    fn is_geometry(&self) -> bool {
        use Operation::*;
        matches!(self, Resize { .. } | ResizeShortestEdge { .. } | ResizeAndPad { .. } | CenterCrop { .. })
    }

    /// Whether it turns values into others, and leaves the image's size.
    pub(crate) fn is_pointwise(&self) -> bool {
        !self.is_geometry()
    }

    fn check_parameters(&self) -> Result<()> {
        let wrong = |what: String| Err(self.error(&what));
        match *self {
            Self::Resize { width, height, .. } | Self::CenterCrop { width, height, .. }
                if width == 0 || height == 0 =>
            {
                wrong(format!("a size of {width}x{height}"))
            }
            Self::ResizeShortestEdge { edge: 0, .. } | Self::ResizeAndPad { edge: 0, .. } => {
                wrong("an edge of 0".into())
            }
            Self::NormalizeWith { mean, .. } if mean.iter().any(|mean| !mean.is_finite()) => {
                wrong(format!("a mean of {mean:?}"))
            }
            Self::NormalizeWith { std, .. } if std.iter().any(|std| !std.is_finite() || *std == 0.0) => {
                wrong(format!("a standard deviation of {std:?}"))
            }
            Self::Rescale { factor } if !factor.is_finite() => wrong(format!("a factor of {factor}")),
            Self::Clamp { min, max } if min.is_nan() || max.is_nan() || min > max => {
                wrong(format!("no values between {min} and {max}"))
            }
            _ => Ok(()),
        }
    }

    /// The value that `value` of channel `channel` becomes.
    fn apply(&self, value: f32, channel: usize) -> f32 {
        match *self {
            Self::NormalizeUnsigned => value / 255.0,
            Self::NormalizeSigned => value * 2.0 / 255.0 - 1.0,
            Self::NormalizeWith { mean, std } => (value - mean[channel]) / std[channel],
            Self::Rescale { factor } => (f64::from(value) * factor) as f32,
            Self::Clamp { min, max } => value.clamp(min, max),
            Self::Resize { .. }
            | Self::ResizeShortestEdge { .. }
            | Self::ResizeAndPad { .. }
            | Self::CenterCrop { .. } => value,
        }
    }

    /// An error that names it.
    pub(crate) fn error(&self, what: &str) -> Error {
        Error::new(ErrorKind::InvalidArgument, format!("{}: {what}", self.name()))
    }
}

/// What a chain of pointwise operations makes of each 8-bit value of each channel.
pub(crate) type Table = [[f32; 256]; 3];

/// A checked queue of operations.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Resizes and crops, in order.
    pub(crate) geometry: Vec<Operation>,
    /// What an 8-bit value of each channel becomes.
    pub(crate) table: Table,
}

impl Queue {
    /// Checks every parameter and the order.
    ///
    /// # Errors
    /// `InvalidArgument`, which names the operation.
    pub(crate) fn new(operations: &[Operation]) -> Result<Self> {
        let mut geometry = Vec::new();
        let mut table = [std::array::from_fn(|value| value as f32); 3];
        let mut first_pointwise: Option<&Operation> = None;
        let mut scaled: Option<&Operation> = None;
        for operation in operations {
            operation.check_parameters()?;
            if operation.is_geometry() {
                if let Some(earlier) = first_pointwise {
                    let what = format!("needs 8-bit pixels, but {} comes before it", earlier.name());
                    return Err(operation.error(&what));
                }
                if let Some(padded @ Operation::ResizeAndPad { .. }) = geometry.last() {
                    let what = format!("comes after {}, which is the last that changes an image's size", padded.name());
                    return Err(operation.error(&what));
                }
                geometry.push(*operation);
                continue;
            }
            let wants_bytes = matches!(operation, Operation::NormalizeUnsigned | Operation::NormalizeSigned);
            if let (true, Some(earlier)) = (wants_bytes, scaled) {
                let what = format!("needs values from 0 to 255, but {} comes before it", earlier.name());
                return Err(operation.error(&what));
            }
            if !matches!(operation, Operation::Clamp { .. }) {
                scaled = scaled.or(Some(operation));
            }
            first_pointwise = first_pointwise.or(Some(operation));
            for (channel, values) in table.iter_mut().enumerate() {
                for value in values.iter_mut() {
                    *value = operation.apply(*value, channel);
                }
            }
            if table.as_flattened().iter().any(|value| !value.is_finite()) {
                return Err(operation.error("the values become infinite"));
            }
        }
        Ok(Self { geometry, table })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESIZE: Operation = Operation::Resize { width: 2, height: 2, filter: ResizeFilter::Nearest };
    const CROP: Operation = Operation::CenterCrop { width: 2, height: 2, rounded: false };
    const CLAMP: Operation = Operation::Clamp { min: 1.0, max: 254.0 };
    const WITH: Operation = Operation::NormalizeWith { mean: [0.5; 3], std: [0.25, 0.5, 1.0] };

    #[test]
    fn impossible_queues_name_the_operation() {
        use Operation::*;
        let filter = ResizeFilter::Triangle;
        let cases: Vec<(Vec<Operation>, &str)> = vec![
            (vec![Resize { width: 0, height: 1, filter }], "resize:"),
            (vec![Resize { width: 1, height: 0, filter }], "resize:"),
            (vec![ResizeShortestEdge { edge: 0, filter }], "resize_shortest_edge:"),
            (vec![ResizeAndPad { edge: 0, filter, fill: [0; 3] }], "resize_and_pad:"),
            (vec![ResizeAndPad { edge: 2, filter, fill: [0; 3] }, CROP], "center_crop:"),
            (vec![CenterCrop { width: 0, height: 3, rounded: false }], "center_crop:"),
            (vec![NormalizeWith { mean: [0.0, f32::NAN, 0.0], std: [1.0; 3] }], "normalize_with:"),
            (vec![NormalizeWith { mean: [0.0; 3], std: [1.0, 1.0, 0.0] }], "normalize_with:"),
            (vec![NormalizeWith { mean: [0.0; 3], std: [1.0, 1.0, -0.0] }], "normalize_with:"),
            (vec![NormalizeWith { mean: [0.0; 3], std: [f32::NAN, 1.0, 1.0] }], "normalize_with:"),
            (vec![NormalizeWith { mean: [0.0; 3], std: [f32::INFINITY, 1.0, 1.0] }], "normalize_with:"),
            (vec![NormalizeWith { mean: [0.0; 3], std: [1e-44; 3] }], "normalize_with:"),
            (vec![Clamp { min: 1.0, max: 0.0 }], "clamp:"),
            (vec![Clamp { min: f32::NAN, max: 0.0 }], "clamp:"),
            (vec![Clamp { min: 0.0, max: f32::NAN }], "clamp:"),
            (vec![Rescale { factor: f64::NAN }], "rescale:"),
            (vec![NormalizeUnsigned, RESIZE], "resize:"),
            (vec![WITH, CROP], "center_crop:"),
            (vec![CLAMP, RESIZE], "resize:"),
            (vec![NormalizeUnsigned, NormalizeUnsigned], "normalize_unsigned:"),
            (vec![NormalizeUnsigned, NormalizeSigned], "normalize_signed:"),
            (vec![WITH, NormalizeUnsigned], "normalize_unsigned:"),
        ];
        for (operations, name) in cases {
            let error = Queue::new(&operations).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.context().starts_with(name), "{operations:?}: {error}");
        }
    }

    #[test]
    fn pointwise_operations_run_in_the_order_written() {
        use Operation::*;
        let at = |operations: &[Operation], value: usize| Queue::new(operations).unwrap().table.map(|t| t[value]);
        assert_eq!(at(&[], 200), [200.0; 3]);
        assert_eq!(at(&[RESIZE, CROP, NormalizeUnsigned], 51), [0.2; 3]);
        assert_eq!(at(&[NormalizeSigned], 255), [1.0; 3]);
        assert_eq!(at(&[NormalizeSigned], 0), [-1.0; 3]);
        assert_eq!(at(&[NormalizeUnsigned, WITH], 255), [2.0, 1.0, 0.5]);
        assert_eq!(at(&[CLAMP, NormalizeUnsigned], 0), [1.0 / 255.0; 3]);
        assert_eq!(at(&[WITH, Clamp { min: 0.0, max: 9.0 }, WITH], 1), [6.0, 1.0, 0.0]);
    }

    #[test]
    fn rescaling_by_a_255th_is_normalize_unsigned() {
        let rescaled = Queue::new(&[Operation::Rescale { factor: 1.0 / 255.0 }]).unwrap().table;
        assert_eq!(rescaled, Queue::new(&[Operation::NormalizeUnsigned]).unwrap().table);
    }
}
