//! A graph of operations, as far as it matters where its weights are: which operation gives a value, and which ones take it.
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>

use super::tensor::Tensor;
use super::wire::{Value, fields, malformed};
use crate::error::Result;
use crate::weights::invalid;
use std::collections::HashMap;

/// An operation.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) op: String,
    /// Names of values; empty where an optional one is left out.
    inputs: Vec<String>,
    outputs: Vec<String>,
    integers: HashMap<String, i64>,
    floats: HashMap<String, f32>,
    /// The value of a constant.
    constant: Option<Tensor>,
}

impl Node {
    pub(super) fn parse(message: &[u8]) -> Result<Self> {
        let mut node = Self::default();
        for field in fields(message) {
            match field? {
                (1, name) => node.inputs.push(name.text()?.to_owned()),
                (2, name) => node.outputs.push(name.text()?.to_owned()),
                (4, op) => op.text()?.clone_into(&mut node.op),
                (5, attribute) => node.attribute(attribute.bytes()?)?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn attribute(&mut self, message: &[u8]) -> Result<()> {
        let mut name = "";
        for field in fields(message) {
            match field? {
                (1, text) => name = text.text()?,
                (2, Value::Fixed(bytes)) => {
                    let bytes = *bytes.first_chunk().ok_or_else(malformed)?;
                    self.floats.insert(name.to_owned(), f32::from_le_bytes(bytes));
                }
                (3, number) => {
                    self.integers.insert(name.to_owned(), number.number()?.cast_signed());
                }
                (5, tensor) if name == "value" => self.constant = Some(Tensor::parse(tensor.bytes()?)?),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn input(&self, at: usize) -> Option<&str> {
        self.inputs.get(at).map(String::as_str).filter(|name| !name.is_empty())
    }

    pub(super) fn inputs(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(String::as_str)
    }

    pub(super) fn output(&self) -> &str {
        self.outputs.first().map_or("", String::as_str)
    }

    pub(super) fn integer(&self, name: &str, default: i64) -> i64 {
        self.integers.get(name).copied().unwrap_or(default)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> f32 {
        self.floats.get(name).copied().unwrap_or(default)
    }
}

/// All operations of a file, each after those whose values it takes.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    producers: HashMap<String, usize>,
    consumers: HashMap<String, Vec<usize>>,
}

impl Graph {
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): something takes, before it, what this operation gives. So there
    /// are no circles.
    pub(super) fn push(&mut self, node: Node) -> Result<()> {
        let at = self.nodes.len();
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            if self.consumers.contains_key(name) || node.inputs.contains(name) || self.producers.contains_key(name) {
                return Err(invalid(format!("the ONNX graph's operations are out of order at the value {name}")));
            }
            self.producers.insert(name.clone(), at);
        }
        for name in node.inputs.iter().filter(|name| !name.is_empty()) {
            self.consumers.entry(name.clone()).or_default().push(at);
        }
        self.nodes.push(node);
        Ok(())
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What gives a value; `None` for a weight, a constant, and what the model is given.
    pub(super) fn producer(&self, value: &str) -> Option<&Node> {
        self.nodes.get(*self.producers.get(value)?).filter(|node| node.op != "Constant")
    }

    pub(super) fn is_constant(&self, value: &str) -> bool {
        self.producers.get(value).and_then(|at| self.nodes.get(*at)).is_some_and(|node| node.op == "Constant")
    }

    /// What takes a value.
    pub(super) fn consumers(&self, value: &str) -> impl Iterator<Item = &Node> {
        let nodes = self.consumers.get(value).map(Vec::as_slice).unwrap_or_default();
        nodes.iter().filter_map(|at| self.nodes.get(*at))
    }

    /// The one operation of a kind that takes a value.
    pub(super) fn consumer(&self, value: &str, op: &str) -> Option<&Node> {
        self.consumers(value).find(|node| node.op == op)
    }

    /// The constants among the operations, by name.
    pub(super) fn take_constants(&mut self) -> Vec<(String, Tensor)> {
        let constant = |node: &mut Node| Some((node.output().to_owned(), node.constant.take()?));
        self.nodes.iter_mut().filter_map(constant).collect()
    }
}
