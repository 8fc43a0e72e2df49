//! The weighted parts of a graph, in the order in which they work: found by what is done with them, since exporters rename
//! weights, transpose them, and write a layer norm or a linear layer out in several operations.
//!
//! A value is *seen* by a tower if it is computed from the tower's photos or texts: then it is not made of weights alone.
//! Shapes of seen values are not seen, so what is computed of them is none of a tower's parts.

use super::finder::Finder;
use super::graph::Graph;

/// How a weight stands in its initializer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As the towers see it.
    Plain,
    /// With inputs on the first axis and outputs on the second.
    Transposed,
    /// In blocks of `size` whole numbers of `bits` bits along the inputs: the weight of a `MatMulNBits`.
    Blocks { bits: usize, size: usize, outputs: usize, inputs: usize },
    /// The exponential of it.
    Exponential,
}

/// Where a weight is in the file: the names of its initializer and of those that scale it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) data: String,
    pub(super) form: Form,
    /// Numbers are scaled: `(number − zero point) · scale`.
    pub(super) scale: Option<String>,
    pub(super) zero_point: Option<String>,
    /// The axis of the numbers that there is a scale for each step along, where the graph says it.
    pub(super) axis: Option<i64>,
    /// It is one of several equal parts, one behind the other along the outputs.
    pub(super) piece: Option<Piece>,
    /// The initializer of all rows but the first, where that stands alone, and how they stand there.
    pub(super) rest: Option<(String, Form)>,
    /// The graph interpolates it.
    pub(super) is_resized: bool,
}

/// One of `of` equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) index: usize,
    pub(super) of: usize,
}

impl Origin {
    pub(super) fn plain(name: &str) -> Self {
        let (data, form) = (name.to_owned(), Form::Plain);
        Self { data, form, scale: None, zero_point: None, axis: None, piece: None, rest: None, is_resized: false }
    }

    /// The same in 8 bits.
    pub(super) fn scaled(self, scale: Option<&str>, zero_point: Option<&str>) -> Self {
        Self { scale: scale.map(str::to_owned), zero_point: zero_point.map(str::to_owned), ..self }
    }

    pub(super) fn transposed(self) -> Self {
        let form = match self.form {
            Form::Plain => Form::Transposed,
            Form::Transposed => Form::Plain,
            other => other,
        };
        Self { form, ..self }
    }
}

/// Which input of attention a linear layer gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttentionInput {
    Query,
    Key,
    Value,
}

impl AttentionInput {
    /// In the order of an operation's inputs.
    pub(super) const ALL: [Self; 3] = [Self::Query, Self::Key, Self::Value];
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartKind {
    /// The convolution over patches.
    Patches,
    ClassToken,
    /// A table that tokens are looked up in.
    Tokens,
    Positions,
    Norm,
    Linear(Option<AttentionInput>),
    /// What a layer's outputs are multiplied by, channel by channel.
    LayerScale,
    /// A token that is none of a photo's, and gathers from all of them.
    Probe,
    /// A linear layer before the attention by which it does. One that gives keys and values both is among the values.
    Gathering(AttentionInput),
    /// What cosines are multiplied by, and what is added then.
    LogitScale,
    LogitBias,
}

/// A weighted part.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) kind: PartKind,
    pub(super) weight: Origin,
    pub(super) bias: Option<Origin>,
    /// Which towers see it: [`VISION`], [`TEXT`].
    pub(super) seen: u8,
}

pub(super) const VISION: u8 = 1;
pub(super) const TEXT: u8 = 2;

/// Finds the parts of a graph.
pub(super) fn parts(graph: &Graph) -> Vec<Part> {
    Finder::new(graph).parts()
}
