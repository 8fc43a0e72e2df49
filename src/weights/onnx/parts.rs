//! The weighted parts of a graph, in the order in which they work: found by what is done with them, since exporters rename
//! weights, transpose them, and write a layer norm or a linear layer out in several operations.
//!
//! A value is *seen* by a tower if it is computed from the tower's photos or texts: then it is not made of weights alone.
//! Shapes of seen values are not seen, so what is computed of them is none of a tower's parts.

use super::graph::{Graph, Node};
use std::collections::{HashMap, HashSet};

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
}

impl Origin {
    fn plain(name: &str) -> Self {
        Self { data: name.to_owned(), form: Form::Plain, scale: None, zero_point: None, axis: None }
    }

    /// The same in 8 bits.
    fn scaled(self, scale: Option<&str>, zero_point: Option<&str>) -> Self {
        Self { scale: scale.map(str::to_owned), zero_point: zero_point.map(str::to_owned), ..self }
    }

    fn transposed(self) -> Self {
        let form = match self.form {
            Form::Plain => Form::Transposed,
            Form::Transposed => Form::Plain,
            other => other,
        };
        Self { form, ..self }
    }
}

/// What exporters call tokens and photos.
const INPUT_IDS: &str = "input_ids";
const INPUTS: [&str; 2] = [INPUT_IDS, "pixel_values"];

/// Ways from a softmax to the product that it weights that are looked at.
const MOST_PATHS: usize = 64;

/// Which input of attention a linear layer gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Query,
    Key,
    Value,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The convolution over patches.
    Patches,
    ClassToken,
    /// A table that tokens are looked up in.
    Tokens,
    Positions,
    Norm,
    Linear(Option<Role>),
    /// What cosines are multiplied by.
    LogitScale,
}

/// A weighted part.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) weight: Origin,
    pub(super) bias: Option<Origin>,
    /// Which towers see it: [`VISION`], [`TEXT`].
    pub(super) seen: u8,
}

pub(super) const VISION: u8 = 1;
pub(super) const TEXT: u8 = 2;

/// Finds the parts of a graph.
pub(super) fn parts(graph: &Graph) -> Vec<Part> {
    let mut finder =
        Finder { graph, seen: HashMap::new(), parts: Vec::new(), linear: HashMap::new(), biases: HashSet::new() };
    graph.nodes().iter().for_each(|node| finder.visit(node));
    finder.name_attention();
    finder.parts
}

struct Finder<'a> {
    graph: &'a Graph,
    /// Values that towers see.
    seen: HashMap<&'a str, u8>,
    parts: Vec<Part>,
    /// What linear layers give, with and without their biases.
    linear: HashMap<&'a str, usize>,
    /// Sums that add the bias of a norm.
    biases: HashSet<&'a str>,
}

impl<'a> Finder<'a> {
    fn visit(&mut self, node: &'a Node) {
        let mut seen = node.inputs().fold(0, |seen, name| seen | self.seen(name));
        match node.op.as_str() {
            "Shape" | "Size" => seen = 0,
            "Conv" => {
                if let Some(weight) = self.weight(node.input(1)) {
                    seen |= VISION;
                    self.add(Kind::Patches, weight, self.weight(node.input(2)), seen);
                }
            }
            "ConvInteger" => {
                seen |= VISION;
                if let Some(weight) = self.weight(node.input(1)) {
                    let (scale, _) = self.scale_of(node);
                    self.add(Kind::Patches, weight.scaled(scale, node.input(3)), None, seen);
                }
            }
            "Gather" => seen |= self.table(node),
            "MatMul" | "Gemm" | "MatMulInteger" | "MatMulNBits" => self.linear_layer(node, seen),
            "LayerNormalization" => {
                if let Some(weight) = self.weight(node.input(1)) {
                    self.add(Kind::Norm, weight, self.weight(node.input(2)), seen);
                }
            }
            "Div" if seen != 0 => self.norm(node, seen),
            "Concat" if seen & VISION != 0 => {
                if let Some(weight) = node.inputs().find_map(|name| self.weight(Some(name))) {
                    self.add(Kind::ClassToken, weight, None, seen);
                }
            }
            "Add" if seen != 0 => self.sum(node, seen),
            "Mul" if seen == VISION | TEXT => self.logit_scale(node, seen),
            _ => {}
        }
        if seen != 0 {
            self.seen.insert(node.output(), seen);
        }
    }

    fn seen(&self, name: &str) -> u8 {
        self.seen.get(name).copied().unwrap_or_default()
    }

    fn add(&mut self, kind: Kind, weight: Origin, bias: Option<Origin>, seen: u8) -> usize {
        self.parts.push(Part { kind, weight, bias, seen });
        self.parts.len() - 1
    }

    /// The weight that a value is, or is made of without changing its numbers.
    fn weight(&self, name: Option<&'a str>) -> Option<Origin> {
        let mut name = name?;
        let (mut scale, mut zero_point, mut axis, mut is_transposed) = (None, None, None, false);
        while let Some(node) = self.graph.producer(name) {
            match node.op.as_str() {
                "Identity" | "Cast" | "Reshape" | "Unsqueeze" | "Squeeze" | "Expand" | "Flatten" | "Slice"
                | "Gather" => {}
                "Transpose" => is_transposed = !is_transposed,
                "DequantizeLinear" => {
                    (scale, zero_point) = (node.input(1), node.input(2));
                    axis = Some(node.integer("axis", 1));
                }
                _ => return None,
            }
            name = node.input(0)?;
        }
        let origin = Origin { axis, ..Origin::plain(name).scaled(scale, zero_point) };
        let origin = if is_transposed { origin.transposed() } else { origin };
        (self.seen(name) == 0).then_some(origin)
    }

    /// Of an operation's two inputs the one that a tower sees, and the weight that the other one is.
    fn seen_and_weight(&self, node: &'a Node) -> Option<(&'a str, Origin)> {
        let (first, second) = (node.input(0)?, node.input(1)?);
        let (seen, other) = if self.seen(first) != 0 { (first, second) } else { (second, first) };
        Some((seen, self.weight(Some(other))?))
    }

    /// Rows that are looked up: the tower that sees them.
    fn table(&mut self, node: &'a Node) -> u8 {
        let is_known = self.parts.iter().any(|part| part.kind == Kind::Tokens);
        let Some(table) = node.input(0).filter(|table| self.graph.producer(table).is_none()) else { return 0 };
        if is_known || !node.input(1).is_some_and(|ids| self.is_given(ids)) {
            return 0;
        }
        let scaled = self.graph.consumer(node.output(), "DequantizeLinear");
        let (scale, zero_point) = scaled.map(|scaled| (scaled.input(1), scaled.input(2))).unwrap_or_default();
        self.add(Kind::Tokens, Origin::plain(table).scaled(scale, zero_point), None, TEXT);
        TEXT
    }

    /// Whether a value is the tokens that the model is given, in another shape: not a row of numbers as long as they are.
    /// A list of positions may be an initializer, of which none is known yet; so where inputs are called as exporters call
    /// them, the name decides.
    fn is_given(&self, mut name: &'a str) -> bool {
        while let Some(node) = self.graph.producer(name) {
            if !matches!(node.op.as_str(), "Reshape" | "Cast" | "Identity" | "Unsqueeze" | "Squeeze" | "Flatten") {
                return false;
            }
            name = node.input(0).unwrap_or_default();
        }
        let is_taken = |name: &str| self.graph.consumers(name).next().is_some();
        match INPUTS.into_iter().any(is_taken) {
            true => name == INPUT_IDS,
            false => !self.graph.is_constant(name),
        }
    }

    fn linear_layer(&mut self, node: &'a Node, seen: u8) {
        let (weight, output) = match node.op.as_str() {
            "MatMulInteger" => {
                let (scale, output) = self.scale_of(node);
                let weight = self.weight(node.input(1)).map(|weight| weight.transposed().scaled(scale, node.input(3)));
                (weight, output.unwrap_or_default())
            }
            "MatMulNBits" => (blocks(node), node.output()),
            "Gemm" => {
                let weight = self.weight(node.input(1));
                let is_plain = node.integer("transA", 0) == 0 && node.float("alpha", 1.0) == 1.0;
                let weight = weight.filter(|_| is_plain && node.float("beta", 1.0) == 1.0);
                let is_transposed = node.integer("transB", 0) == 0;
                (weight.map(|weight| if is_transposed { weight.transposed() } else { weight }), node.output())
            }
            _ => (self.weight(node.input(1)).map(Origin::transposed), node.output()),
        };
        let Some(weight) = weight.filter(|_| seen != 0) else { return };
        let bias = if node.op == "Gemm" { self.weight(node.input(2)) } else { None };
        let at = self.add(Kind::Linear(None), weight, bias, seen);
        self.linear.insert(output, at);
    }

    /// The scale of the weight of a product of whole numbers, and the product when it has been applied:
    /// `Cast(product) · (scale of the activations · scale)`.
    fn scale_of(&self, node: &'a Node) -> (Option<&'a str>, Option<&'a str>) {
        let cast = self.graph.consumer(node.output(), "Cast").map_or(node.output(), Node::output);
        let Some(product) = self.graph.consumer(cast, "Mul") else { return (None, None) };
        let scales = product.inputs().filter_map(|name| self.graph.producer(name)).find(|node| node.op == "Mul");
        let scale = scales.and_then(|scales| scales.inputs().find(|name| self.graph.producer(name).is_none()));
        (scale, Some(product.output()))
    }

    /// A layer norm that is written out: a division by a standard deviation, a product and a sum.
    fn norm(&mut self, node: &'a Node, seen: u8) {
        let deviation = node.input(1).map(|name| self.behind_casts(name));
        let is_deviation = deviation.and_then(|name| self.graph.producer(name)).is_some_and(|node| node.op == "Sqrt");
        let Some(product) = self.graph.consumer(self.after_casts(node.output()), "Mul").filter(|_| is_deviation) else {
            return;
        };
        let Some(sum) = self.graph.consumer(product.output(), "Add") else { return };
        let other = |node: &'a Node, than: &str| node.inputs().find(|name| *name != than);
        let weight = self.weight(other(product, self.after_casts(node.output())));
        let bias = self.weight(other(sum, product.output()));
        if let (Some(weight), Some(bias)) = (weight, bias) {
            self.biases.insert(sum.output());
            self.add(Kind::Norm, weight, Some(bias), seen);
        }
    }

    fn behind_casts(&self, mut name: &'a str) -> &'a str {
        while let Some(node) = self.graph.producer(name).filter(|node| node.op == "Cast") {
            name = node.input(0).unwrap_or_default();
        }
        name
    }

    fn after_casts(&self, mut name: &'a str) -> &'a str {
        while let Some(node) = self.graph.consumer(name, "Cast").filter(|node| !node.output().is_empty()) {
            name = node.output();
        }
        name
    }

    /// A bias, or positions.
    fn sum(&mut self, node: &'a Node, seen: u8) {
        let Some((value, weight)) = self.seen_and_weight(node).filter(|_| !self.biases.contains(node.output())) else {
            return;
        };
        let value = self.behind_casts(value);
        if let Some(at) = self.linear.get(value).copied() {
            if let Some(part) = self.parts.get_mut(at) {
                part.bias = Some(weight);
            }
            self.linear.insert(node.output(), at);
            return;
        }
        let source = self.graph.producer(value).map(|node| node.op.as_str());
        let is_known = self.parts.iter().any(|part| part.kind == Kind::Positions && part.seen == seen);
        let is_embedding = matches!(source, Some("Concat" | "Gather" | "DequantizeLinear"));
        if is_embedding && !is_known {
            self.add(Kind::Positions, weight, None, seen);
        }
    }

    fn logit_scale(&mut self, node: &'a Node, seen: u8) {
        for name in node.inputs() {
            let name = self.behind_casts(name);
            let exponential = self.graph.producer(name).filter(|node| node.op == "Exp");
            let weight = match exponential {
                Some(node) => self.weight(node.input(0)),
                None => self.weight(Some(name)).map(|weight| Origin { form: Form::Exponential, ..weight }),
            };
            if let Some(weight) = weight {
                self.add(Kind::LogitScale, weight, None, seen);
                return;
            }
        }
    }

    /// Says of the linear layers before each attention what they give it.
    fn name_attention(&mut self) {
        for node in self.graph.nodes() {
            let inputs = match node.op.as_str() {
                "Attention" | "MultiHeadAttention" => [node.input(0), node.input(1), node.input(2)],
                "Softmax" => self.attention_of(node),
                _ => continue,
            };
            for (name, role) in inputs.into_iter().zip([Role::Query, Role::Key, Role::Value]) {
                let part = name.and_then(|name| self.linear_before(name)).and_then(|at| self.parts.get_mut(at));
                if let Some(part) = part {
                    part.kind = Kind::Linear(Some(role));
                }
            }
        }
    }

    /// Query, key and value around a softmax.
    fn attention_of(&self, softmax: &'a Node) -> [Option<&'a str>; 3] {
        let mut scores = softmax.input(0).and_then(|name| self.graph.producer(name));
        while let Some(node) = scores.filter(|node| node.op != "MatMul") {
            scores = self.seen_input(node).and_then(|name| self.graph.producer(name));
        }
        let mut weights = vec![softmax.output()];
        let mut product = None;
        for _ in 0..4 {
            product = weights.iter().find_map(|name| self.graph.consumer(name, "MatMul"));
            if product.is_some() {
                break;
            }
            let next = weights.iter().flat_map(|name| self.graph.consumers(name)).map(Node::output);
            weights = next.take(MOST_PATHS).collect();
        }
        [
            scores.and_then(|node| node.input(0)),
            scores.and_then(|node| node.input(1)),
            product.and_then(|node| node.input(1)),
        ]
    }

    fn seen_input(&self, node: &'a Node) -> Option<&'a str> {
        node.inputs().find(|name| self.seen(name) != 0)
    }

    /// The linear layer that a value comes from, in another shape.
    fn linear_before(&self, mut name: &'a str) -> Option<usize> {
        loop {
            if let Some(at) = self.linear.get(name) {
                return Some(*at);
            }
            name = self.seen_input(self.graph.producer(name)?)?;
        }
    }
}

/// The weight of a product with blocks of few bits.
fn blocks(node: &Node) -> Option<Origin> {
    let size = |name| usize::try_from(node.integer(name, 0)).ok();
    let bits = usize::try_from(node.integer("bits", 4)).ok()?;
    let form = Form::Blocks { bits, size: size("block_size")?, outputs: size("N")?, inputs: size("K")? };
    let origin = Origin { form, ..Origin::plain(node.input(1)?) };
    Some(origin.scaled(node.input(2), node.input(3)))
}
