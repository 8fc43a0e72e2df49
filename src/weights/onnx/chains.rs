//! Chains of operations that leave the numbers of a value as they are, or what they were is known: where they begin and end. They
//! are followed once, for all values in the order of the operations; a stranger's file may ask about a long one as often as it has operations.

use super::graph::{Graph, Node, Taker};
use std::collections::{HashMap, HashSet};

/// What exporters call tokens and photos.
const INPUT_IDS: &str = "input_ids";
const INPUTS: [&str; 2] = [INPUT_IDS, "pixel_values"];

/// What a value is made of.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    /// The value that no operation gives.
    pub(super) weight: &'a str,
    pub(super) scale: Option<&'a str>,
    pub(super) zero_point: Option<&'a str>,
    /// The axis of the scales.
    pub(super) axis: Option<i64>,
    pub(super) is_transposed: bool,
    /// The same of what comes behind it along an axis, if something does.
    pub(super) rest: Option<(&'a str, bool)>,
    /// Whether it is interpolated on the way.
    pub(super) is_resized: bool,
}

pub(super) struct Chains<'a> {
    graph: &'a Graph,
    /// Whether inputs are called as exporters call them.
    has_named_inputs: bool,
    made: HashMap<&'a str, Made<'a>>,
    given: HashSet<&'a str>,
    behind_casts: HashMap<&'a str, &'a str>,
    after_casts: HashMap<&'a str, &'a str>,
}

impl<'a> Chains<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        let has_named_inputs = INPUTS.iter().any(|name| graph.consumers(name).next().is_some());
        let (made, given) = (HashMap::new(), HashSet::new());
        let (behind_casts, after_casts) = (HashMap::new(), HashMap::new());
        let mut chains = Self { graph, has_named_inputs, made, given, behind_casts, after_casts };
        graph.nodes().iter().filter(|node| node.op != "Constant").for_each(|node| chains.follow(node));
        graph.nodes().iter().rev().filter(|node| node.op == "Cast").for_each(|node| chains.follow_back(node));
        chains
    }

    fn follow(&mut self, node: &'a Node) {
        let input = node.input(0);
        let made = match node.op.as_str() {
            "Concat" => self.joined(node),
            _ => input.and_then(|name| self.made_of(name)).and_then(|made| made.through(node)),
        };
        let is_given = keeps_rows(node) && self.is_given(input.unwrap_or_default());
        let behind = (node.op == "Cast").then(|| self.behind_casts(input.unwrap_or_default()));
        for output in node.outputs() {
            self.made.extend(made.map(|made| (output, made)));
            self.given.extend(is_given.then_some(output));
            self.behind_casts.extend(behind.map(|behind| (output, behind)));
        }
    }

    /// Two values, one behind the other; or two parts of one.
    fn joined(&self, node: &'a Node) -> Option<Made<'a>> {
        let mut inputs = node.inputs().map(|name| self.made_of(name));
        let (Some(Some(first)), Some(Some(second)), None) = (inputs.next(), inputs.next(), inputs.next()) else {
            return None;
        };
        let is_resized = first.is_resized || second.is_resized;
        let is_plain = |made: &Made<'_>| made.scale.is_none() && made.rest.is_none();
        if first.weight == second.weight {
            return Some(Made { is_resized, ..first });
        }
        let rest = Some((second.weight, second.is_transposed));
        (is_plain(&first) && is_plain(&second)).then_some(Made { rest, is_resized, ..first })
    }

    fn follow_back(&mut self, cast: &'a Node) {
        let end = self.after_casts(cast.output());
        for input in cast.inputs() {
            let is_first = self.graph.consumer(input, Taker::Cast).is_some_and(|first| first.index == cast.index);
            if is_first && !end.is_empty() {
                self.after_casts.insert(input, end);
            }
        }
    }

    /// What a value is made of, if its numbers are those of something that no operation gives.
    pub(super) fn made_of(&self, value: &'a str) -> Option<Made<'a>> {
        match self.graph.producer(value) {
            Some(_) => self.made.get(value).copied(),
            None => Some(Made {
                weight: value,
                scale: None,
                zero_point: None,
                axis: None,
                is_transposed: false,
                rest: None,
                is_resized: false,
            }),
        }
    }

    /// Whether a value is the tokens that the model is given, in another shape: not a row of numbers as long as they are.
    /// A list of positions may be an initializer, of which none is known yet; so where inputs are called as exporters call
    /// them, the name decides.
    pub(super) fn is_given(&self, value: &str) -> bool {
        match self.graph.producer(value) {
            Some(_) => self.given.contains(value),
            None if self.has_named_inputs => value == INPUT_IDS,
            None => !self.graph.is_constant(value),
        }
    }

    /// The value that casts made this one of.
    pub(super) fn behind_casts(&self, value: &'a str) -> &'a str {
        self.behind_casts.get(value).copied().unwrap_or(value)
    }

    /// The value that casts make of this one.
    pub(super) fn after_casts(&self, value: &'a str) -> &'a str {
        self.after_casts.get(value).copied().unwrap_or(value)
    }
}

impl<'a> Made<'a> {
    /// The same behind an operation; `None` where that makes other numbers of it.
    fn through(self, node: &'a Node) -> Option<Self> {
        // Of rows in two initializers only the first ones would be scaled or turned.
        if self.rest.is_some() && matches!(node.op.as_str(), "DequantizeLinear" | "Transpose") {
            return None;
        }
        match node.op.as_str() {
            "Identity" | "Cast" | "Reshape" | "Unsqueeze" | "Squeeze" | "Expand" | "Tile" | "Flatten" | "Slice"
            | "Split" | "Gather" => Some(self),
            // Of a probe before a product in 8 bits; its own numbers are those before it.
            "DynamicQuantizeLinear" => Some(self),
            "Resize" | "Upsample" => Some(Self { is_resized: true, ..self }),
            "Transpose" => Some(Self { is_transposed: !self.is_transposed, ..self }),
            // The first scale is that of the numbers as they are stored.
            "DequantizeLinear" if self.axis.is_none() => {
                let (scale, zero_point) = (node.input(1), node.input(2));
                Some(Self { scale, zero_point, axis: Some(node.integer("axis", 1)), ..self })
            }
            "DequantizeLinear" => Some(self),
            _ => None,
        }
    }
}

/// Whether an operation gives another shape or type alone.
fn keeps_rows(node: &Node) -> bool {
    matches!(node.op.as_str(), "Reshape" | "Cast" | "Identity" | "Unsqueeze" | "Squeeze" | "Flatten")
}
