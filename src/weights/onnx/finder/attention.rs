//! Which of the linear layers before an attention give its queries, keys and values.

use super::Finder;
use crate::weights::onnx::graph::{Node, Taker};
use crate::weights::onnx::parts::{AttentionInput, PartKind};

/// Ways from a softmax to the product that it weights that are looked at.
const MOST_PATHS: usize = 64;

/// The nearest on the way from what a tower sees to an operation.
#[derive(Clone, Copy, Default)]
struct Before {
    /// The product of two matrices, by its operation; the operation itself if it is one.
    product: Option<usize>,
    /// The linear layer, by its part.
    linear: Option<usize>,
}

impl<'a> Finder<'a> {
    /// Says of the linear layers before each attention what they give it.
    pub(super) fn name_attention(&mut self) {
        let before = self.before_each();
        for node in self.graph.nodes() {
            let inputs = match node.op.as_str() {
                "Attention" | "MultiHeadAttention" => [node.input(0), node.input(1), node.input(2)],
                "Softmax" => self.attention_of(node, &before),
                _ => continue,
            };
            let layers = inputs.map(|name| name.and_then(|name| self.linear_before(name, &before)));
            let kind_of = |at: Option<usize>| Some(self.parts.get(at?)?.kind);
            // The probe's layer is known by what it is given.
            let is_gathering = matches!(layers.map(kind_of), [Some(PartKind::Gathering(_)), ..]);
            for (at, input) in layers.into_iter().zip(AttentionInput::ALL) {
                let Some(part) = at.and_then(|at| self.parts.get_mut(at)) else { continue };
                match part.kind {
                    PartKind::Linear(_) | PartKind::Gathering(_) if is_gathering => {
                        part.kind = PartKind::Gathering(input)
                    }
                    PartKind::Linear(_) => part.kind = PartKind::Linear(Some(input)),
                    _ => {}
                }
            }
        }
    }

    /// What is before each operation.
    fn before_each(&self) -> Vec<Before> {
        let mut before: Vec<Before> = Vec::with_capacity(self.graph.nodes().len());
        for node in self.graph.nodes() {
            let input = node.inputs().find(|name| self.seen(name) != 0);
            let product = match node.op.as_str() {
                "MatMul" => Some(node.index),
                _ => input.and_then(|name| self.at(name, &before)?.product),
            };
            let linear = input.and_then(|name| self.linear_before(name, &before));
            before.push(Before { product, linear });
        }
        before
    }

    /// The same of the operation that gives a value.
    fn at(&self, value: &str, before: &[Before]) -> Option<Before> {
        before.get(self.graph.producer(value)?.index).copied()
    }

    /// The linear layer that a value comes from, in another shape.
    fn linear_before(&self, value: &str, before: &[Before]) -> Option<usize> {
        self.linear.get(value).copied().or_else(|| self.at(value, before)?.linear)
    }

    /// Query, key and value around a softmax.
    fn attention_of(&self, softmax: &'a Node, before: &[Before]) -> [Option<&'a str>; 3] {
        let scores = softmax.input(0).and_then(|name| self.at(name, before)?.product);
        let scores = scores.and_then(|index| self.graph.nodes().get(index));
        let mut weights = vec![softmax.output()];
        let mut product = None;
        for _ in 0..4 {
            product = weights.iter().find_map(|name| self.graph.consumer(name, Taker::MatMul));
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
}
