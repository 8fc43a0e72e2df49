//! Where a tower's layers come from.
//!
//! A tower says once what it is made of, in a function over a [`Source`], in which each tensor is named once. That function
//! runs twice: over [`Declared`], which notes the tensors that have to be read, and over [`Loaded`], which makes layers of
//! them once they have been. So no tensor can be declared and forgotten, or be used without having been declared. What a
//! tower is generic over is what the first run has no values for.

use crate::backend::{Backend, LayerNorm, Linear, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::VisionConfig;
use crate::model::positions::interpolated;
use crate::model::token_rows::{TokenRows, TokenTable};
use crate::weights::{Header, TensorSpec, Use, Value, Weights};
use std::collections::HashSet;
use std::sync::Arc;

/// Gives a tower its layers.
pub(crate) trait Source {
    type Linear;
    type LayerNorm;
    type Table;
    type Tokens;
    type Scalar;

    /// A linear layer: `weight` has outputs on the first axis and inputs on all others, `bias` (outputs).
    fn linear(&mut self, weight: TensorSpec, bias: Option<TensorSpec>) -> Result<Self::Linear>;

    /// A layer norm: `weight` and `bias` are (channels).
    fn layer_norm(&mut self, weight: TensorSpec, bias: TensorSpec, eps: f64) -> Result<Self::LayerNorm>;

    /// Rows that are looked up, or one such row.
    fn table(&mut self, spec: TensorSpec) -> Result<Self::Table>;

    /// The positions of a vision tower's tokens, with the patches' `bias` added to those of patches, and interpolated where
    /// they are those of another number of patches.
    fn patch_positions(&mut self, spec: TensorSpec, bias: TensorSpec, config: &VisionConfig) -> Result<Self::Table>;

    /// The positions of a text tower's tokens, with the first of `types`, which is that of every token, added to each.
    fn typed_positions(&mut self, positions: TensorSpec, types: TensorSpec) -> Result<Self::Table>;

    /// The table of a text tower's tokens, which may be left in its file.
    fn tokens(&mut self, spec: TensorSpec) -> Result<Self::Tokens>;

    /// One number.
    fn scalar(&mut self, spec: TensorSpec) -> Result<Self::Scalar>;

    /// A linear layer of an encoder: `{name}.weight` and `{name}.bias`.
    fn hidden(&mut self, name: &str, outputs: usize, inputs: usize) -> Result<Self::Linear> {
        let weight = TensorSpec::new(format!("{name}.weight"), [outputs, inputs], Use::Hidden);
        self.linear(weight, Some(TensorSpec::new(format!("{name}.bias"), [outputs], Use::Vector)))
    }

    /// A layer norm: `{name}.weight` and `{name}.bias`.
    fn norm(&mut self, name: &str, channels: usize, eps: f64) -> Result<Self::LayerNorm> {
        let [weight, bias] =
            ["weight", "bias"].map(|part| TensorSpec::new(format!("{name}.{part}"), [channels], Use::Vector));
        self.layer_norm(weight, bias, eps)
    }
}

/// Notes the tensors that a tower asks for.
#[derive(Default)]
pub(crate) struct Declared(pub(crate) Vec<TensorSpec>);

impl Declared {
    /// Refuses a file that has a tensor of the tower which was not declared: it is another model than its configuration
    /// says. The tower's tensors are those whose names begin with `prefix` and one of `parts`.
    pub(crate) fn refuse_others(&self, header: &Header, prefix: &str, parts: &[&str]) -> Result<()> {
        let known: HashSet<&str> = self.0.iter().map(|spec| spec.name.as_str()).collect();
        let is_surplus = |name: &str| match name.strip_prefix(prefix) {
            // A buffer that old files hold: 0, 1, 2, …; and what stands for hidden patches in training.
            None | Some("embeddings.position_ids" | "embeddings.mask_token") => false,
            Some(rest) => parts.iter().any(|part| rest.starts_with(part)) && !known.contains(name),
        };
        match header.names().find(|name| is_surplus(name)) {
            Some(name) => {
                let what = format!("the weights contain tensor {name}, which config.json leaves no place for");
                Err(Error::new(ErrorKind::Weights, what).about_tensor(name))
            }
            None => Ok(()),
        }
    }
}

impl Source for Declared {
    type Linear = ();
    type LayerNorm = ();
    type Table = ();
    type Tokens = ();
    type Scalar = ();

    fn linear(&mut self, weight: TensorSpec, bias: Option<TensorSpec>) -> Result<()> {
        self.0.push(weight);
        self.0.extend(bias);
        Ok(())
    }

    fn layer_norm(&mut self, weight: TensorSpec, bias: TensorSpec, _: f64) -> Result<()> {
        self.0.extend([weight, bias]);
        Ok(())
    }

    fn table(&mut self, spec: TensorSpec) -> Result<()> {
        self.0.push(spec);
        Ok(())
    }

    fn patch_positions(&mut self, spec: TensorSpec, bias: TensorSpec, _: &VisionConfig) -> Result<()> {
        self.0.extend([spec, bias]);
        Ok(())
    }

    fn typed_positions(&mut self, positions: TensorSpec, types: TensorSpec) -> Result<()> {
        self.0.extend([positions, types]);
        Ok(())
    }

    fn tokens(&mut self, spec: TensorSpec) -> Result<()> {
        self.table(spec)
    }

    fn scalar(&mut self, spec: TensorSpec) -> Result<()> {
        self.0.push(spec);
        Ok(())
    }
}

/// Makes layers of what was read.
pub(crate) struct Loaded {
    pub(crate) weights: Weights,
    pub(crate) backend: Backend,
    /// The tokens whose rows the table has, if not all.
    pub(crate) kept: Option<Arc<[u32]>>,
}

impl Loaded {
    /// The values of a tensor that was not packed.
    fn floats(&mut self, spec: &TensorSpec) -> Result<Vec<f32>> {
        match self.weights.take(&spec.name)? {
            Value::Floats(values) => Ok(values),
            _ => Err(other_form(spec)),
        }
    }
}

impl Source for Loaded {
    type Linear = Linear;
    type LayerNorm = LayerNorm;
    type Table = Table;
    type Tokens = TokenTable;
    type Scalar = f32;

    fn linear(&mut self, weight: TensorSpec, bias: Option<TensorSpec>) -> Result<Linear> {
        let bias = bias.map(|bias| self.floats(&bias)).transpose()?;
        match self.weights.take(&weight.name)? {
            Value::Packed(packed) => Linear::packed(packed, bias.as_deref()),
            #[cfg(feature = "gpu")]
            Value::Matrix(matrix) => Linear::gpu(weight.name, &weight.shape, &matrix, bias),
            #[cfg(feature = "candle")]
            Value::Floats(values) => Linear::candle(values, &weight.shape, bias, &self.backend),
            _ => Err(other_form(&weight)),
        }
    }

    fn layer_norm(&mut self, weight: TensorSpec, bias: TensorSpec, eps: f64) -> Result<LayerNorm> {
        LayerNorm::new(self.floats(&weight)?, self.floats(&bias)?, eps, &self.backend)
    }

    fn table(&mut self, spec: TensorSpec) -> Result<Table> {
        Table::new(self.floats(&spec)?, &spec.shape, &self.backend)
    }

    fn patch_positions(&mut self, spec: TensorSpec, bias: TensorSpec, config: &VisionConfig) -> Result<Table> {
        let (all, bias) = (self.floats(&spec)?, self.floats(&bias)?);
        let class_token = usize::from(config.has_class_token()) * config.hidden_size;
        let (class_token, patches) = all.split_at_checked(class_token).ok_or_else(|| other_form(&spec))?;
        let mut patches = interpolated(patches, config.position_grid, config.grid_size(), config.hidden_size);
        patches.chunks_exact_mut(bias.len().max(1)).for_each(|patch| {
            patch.iter_mut().zip(&bias).for_each(|(value, bias)| *value += bias);
        });
        Table::new([class_token, &patches].concat(), &[config.num_tokens(), config.hidden_size], &self.backend)
    }

    fn typed_positions(&mut self, positions: TensorSpec, types: TensorSpec) -> Result<Table> {
        let (mut values, types) = (self.floats(&positions)?, self.floats(&types)?);
        let channels = positions.shape.last().copied().unwrap_or_default().max(1);
        values.chunks_exact_mut(channels).for_each(|row| {
            row.iter_mut().zip(&types).for_each(|(value, of_type)| *value += of_type);
        });
        Table::new(values, &positions.shape, &self.backend)
    }

    fn tokens(&mut self, spec: TensorSpec) -> Result<TokenTable> {
        match self.weights.take(&spec.name)? {
            Value::Floats(values) => match &self.kept {
                Some(kept) => {
                    let shape: Vec<usize> =
                        std::iter::once(kept.len()).chain(spec.shape.iter().skip(1).copied()).collect();
                    let places = kept.iter().zip(0..).map(|(id, place)| (*id, place)).collect();
                    Ok(TokenTable::Kept(Table::new(values, &shape, &self.backend)?, places))
                }
                None => Table::new(values, &spec.shape, &self.backend).map(TokenTable::Whole),
            },
            Value::Left(place) => Ok(TokenTable::Rows(TokenRows::new(place))),
            _ => Err(other_form(&spec)),
        }
    }

    fn scalar(&mut self, spec: TensorSpec) -> Result<f32> {
        self.floats(&spec)?.first().copied().ok_or_else(|| other_form(&spec))
    }
}

/// A tensor that was read for something else than it is used for: the two runs of a tower's function differ.
fn other_form(spec: &TensorSpec) -> Error {
    Error::new(ErrorKind::Weights, format!("tensor {} was not read as {:?}", spec.name, spec.usage))
}
