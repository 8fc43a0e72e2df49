//! Finds the weighted parts of a graph: looks at each operation once, in order, and what is around it.

use super::chains::{Chains, Made};
use super::graph::{Graph, Node, Taker};
use super::parts::{AttentionInput, Form, Origin, Part, PartKind, TEXT, VISION};
use std::collections::{HashMap, HashSet};

mod attention;

/// On its way through a graph.
pub(super) struct Finder<'a> {
    graph: &'a Graph,
    chains: Chains<'a>,
    /// Values that towers see.
    seen: HashMap<&'a str, u8>,
    parts: Vec<Part>,
    /// Whether the table of tokens is among the parts, and the towers whose positions are.
    has_tokens: bool,
    positions: HashSet<u8>,
    /// Of products of whole numbers, by their operation, the scale of the weight.
    scales: HashMap<usize, Option<&'a str>>,
    /// What linear layers give, with and without their biases.
    linear: HashMap<&'a str, usize>,
    /// Sums that add the bias of a norm.
    biases: HashSet<&'a str>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        Self {
            graph,
            chains: Chains::new(graph),
            seen: HashMap::new(),
            parts: Vec::new(),
            has_tokens: false,
            positions: HashSet::new(),
            scales: HashMap::new(),
            linear: HashMap::new(),
            biases: HashSet::new(),
        }
    }

    pub(super) fn parts(mut self) -> Vec<Part> {
        self.graph.nodes().iter().for_each(|node| self.visit(node));
        self.name_attention();
        self.parts
    }

    fn visit(&mut self, node: &'a Node) {
        let mut seen = node.inputs().fold(0, |seen, name| seen | self.seen(name));
        match node.op.as_str() {
            "Shape" | "Size" => seen = 0,
            "Conv" => {
                if let Some(weight) = self.weight(node.input(1)) {
                    seen |= VISION;
                    self.add(PartKind::Patches, weight, self.weight(node.input(2)), seen);
                }
            }
            "ConvInteger" => {
                seen |= VISION;
                if let Some(weight) = self.weight(node.input(1)) {
                    let (scale, output) = self.scale_of(node);
                    let at = self.add(PartKind::Patches, weight.scaled(scale, node.input(3)), None, seen);
                    // A bias is added to it as to a product of matrices.
                    self.linear.extend(output.map(|output| (output, at)));
                }
            }
            "Gather" => seen |= self.table(node),
            "MatMul" | "Gemm" | "MatMulInteger" | "MatMulNBits" => seen |= self.linear_layer(node, seen),
            "LayerNormalization" => {
                if let Some(weight) = self.weight(node.input(1)) {
                    self.add(PartKind::Norm, weight, self.weight(node.input(2)), seen);
                }
            }
            "Div" if seen != 0 => self.norm(node, seen),
            "Concat" if seen & VISION != 0 => {
                if let Some(weight) = node.inputs().find_map(|name| self.weight(Some(name))) {
                    self.add(PartKind::ClassToken, weight, None, seen);
                }
            }
            "Add" if seen == VISION | TEXT => self.logit_bias(node, seen),
            "Add" if seen != 0 => self.sum(node, seen),
            "Mul" if seen == VISION | TEXT => self.logit_scale(node, seen),
            "Mul" if seen != 0 => self.layer_scale(node, seen),
            _ => {}
        }
        if seen != 0 {
            self.seen.insert(node.output(), seen);
        }
    }

    fn seen(&self, name: &str) -> u8 {
        self.seen.get(name).copied().unwrap_or_default()
    }

    fn add(&mut self, kind: PartKind, weight: Origin, bias: Option<Origin>, seen: u8) -> usize {
        self.parts.push(Part { kind, weight, bias, seen });
        self.parts.len() - 1
    }

    /// The weight that a value is, or is made of without changing its numbers.
    fn weight(&self, name: Option<&'a str>) -> Option<Origin> {
        let Made { weight, scale, zero_point, axis, is_transposed, rest, is_resized } = self.chains.made_of(name?)?;
        let form_of = |is_transposed| if is_transposed { Form::Transposed } else { Form::Plain };
        let rest = rest.map(|(name, is_transposed)| (name.to_owned(), form_of(is_transposed)));
        let origin = Origin { axis, rest, is_resized, ..Origin::plain(weight).scaled(scale, zero_point) };
        let origin = if is_transposed { origin.transposed() } else { origin };
        (self.seen(weight) == 0).then_some(origin)
    }

    /// Of an operation's two inputs the one that a tower sees, and the weight that the other one is.
    fn seen_and_weight(&self, node: &'a Node) -> Option<(&'a str, Origin)> {
        let (first, second) = (node.input(0)?, node.input(1)?);
        let (seen, other) = if self.seen(first) != 0 { (first, second) } else { (second, first) };
        Some((seen, self.weight(Some(other))?))
    }

    /// Rows that are looked up: the tower that sees them.
    fn table(&mut self, node: &'a Node) -> u8 {
        let Some(table) = node.input(0).filter(|table| self.graph.producer(table).is_none()) else { return 0 };
        if self.has_tokens || !node.input(1).is_some_and(|ids| self.chains.is_given(ids)) {
            return 0;
        }
        self.has_tokens = true;
        let scaled = self.graph.consumer(node.output(), Taker::Dequantize);
        let (scale, zero_point) = scaled.map(|scaled| (scaled.input(1), scaled.input(2))).unwrap_or_default();
        self.add(PartKind::Tokens, Origin::plain(table).scaled(scale, zero_point), None, TEXT);
        TEXT
    }

    /// A product with a weight; gives the tower that sees it, which is not yet known of a probe.
    fn linear_layer(&mut self, node: &'a Node, seen: u8) -> u8 {
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
        let Some(weight) = weight else { return seen };
        let bias = if node.op == "Gemm" { self.weight(node.input(2)) } else { None };
        let probe = if seen == 0 { self.weight(node.input(0)) } else { None };
        let (kind, seen) = match probe {
            Some(probe) => {
                self.add(PartKind::Probe, Origin { form: Form::Plain, ..probe }, None, VISION);
                (PartKind::Gathering(AttentionInput::Query), VISION)
            }
            None if seen == 0 => return seen,
            None => (PartKind::Linear(None), seen),
        };
        let at = self.add(kind, weight, bias, seen);
        self.linear.insert(output, at);
        seen
    }

    /// The scale of the weight of a product of whole numbers, and the product when it has been applied:
    /// `Cast(product) · (scale of the activations · scale)`.
    fn scale_of(&mut self, node: &'a Node) -> (Option<&'a str>, Option<&'a str>) {
        let graph = self.graph;
        let cast = graph.consumer(node.output(), Taker::Cast).map_or(node.output(), Node::output);
        let Some(product) = graph.consumer(cast, Taker::Mul) else { return (None, None) };
        let scale = self.scales.entry(product.index).or_insert_with(|| {
            let mut producers = product.inputs().filter_map(|name| graph.producer(name));
            let scales = producers.find(|node| node.op == "Mul")?;
            scales.inputs().find(|name| graph.producer(name).is_none())
        });
        (*scale, Some(product.output()))
    }

    /// A layer norm that is written out: a division by a standard deviation, a product and a sum.
    fn norm(&mut self, node: &'a Node, seen: u8) {
        let deviation = node.input(1).map(|name| self.chains.behind_casts(name));
        let is_deviation = deviation.and_then(|name| self.graph.producer(name)).is_some_and(|node| node.op == "Sqrt");
        let normed = self.chains.after_casts(node.output());
        let Some(product) = self.graph.consumer(normed, Taker::Mul).filter(|_| is_deviation) else { return };
        let Some(sum) = self.graph.consumer(product.output(), Taker::Add) else { return };
        let other = |node: &'a Node, than: &str| node.inputs().find(|name| *name != than);
        let weight = self.weight(other(product, normed));
        let bias = self.weight(other(sum, product.output()));
        if let (Some(weight), Some(bias)) = (weight, bias) {
            self.biases.insert(sum.output());
            self.add(PartKind::Norm, weight, Some(bias), seen);
        }
    }

    /// A bias, or positions.
    fn sum(&mut self, node: &'a Node, seen: u8) {
        let Some((value, weight)) = self.seen_and_weight(node).filter(|_| !self.biases.contains(node.output())) else {
            return;
        };
        let value = self.chains.behind_casts(value);
        if let Some(at) = self.linear.get(value).copied() {
            if let Some(part) = self.parts.get_mut(at) {
                part.bias = Some(weight);
            }
            self.linear.insert(node.output(), at);
            return;
        }
        let source = self.graph.producer(value).map(|node| node.op.as_str());
        // Of a vision tower without a class token they are added to the patches.
        let is_embedding = matches!(source, Some("Concat" | "Gather" | "DequantizeLinear"))
            || (seen == VISION && matches!(source, Some("Transpose" | "Reshape")));
        if is_embedding && self.positions.insert(seen) {
            self.add(PartKind::Positions, weight, None, seen);
        }
    }

    /// What each channel of a layer is multiplied by, before that is added to what the layer was given.
    fn layer_scale(&mut self, node: &'a Node, seen: u8) {
        let Some((value, weight)) = self.seen_and_weight(node) else { return };
        let scaled = self.chains.after_casts(node.output());
        let sum = self.graph.consumer(scaled, Taker::Add);
        let is_residual = sum.is_some_and(|sum| {
            let mut terms = [sum.input(0), sum.input(1)].into_iter().flatten();
            terms.all(|name| name == scaled || self.seen(name) != 0)
        });
        if is_residual && self.linear.contains_key(self.chains.behind_casts(value)) {
            self.add(PartKind::LayerScale, weight, None, seen);
        }
    }

    fn logit_bias(&mut self, node: &'a Node, seen: u8) {
        if let Some((_, weight)) = self.seen_and_weight(node) {
            self.add(PartKind::LogitBias, weight, None, seen);
        }
    }

    fn logit_scale(&mut self, node: &'a Node, seen: u8) {
        for name in node.inputs() {
            let name = self.chains.behind_casts(name);
            let exponential = self.graph.producer(name).filter(|node| node.op == "Exp");
            let weight = match exponential {
                Some(node) => self.weight(node.input(0)),
                None => self.weight(Some(name)).map(|weight| Origin { form: Form::Exponential, ..weight }),
            };
            if let Some(weight) = weight {
                self.add(PartKind::LogitScale, weight, None, seen);
                return;
            }
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
