//! A graph of operations, as far as it matters where its weights are: which operation gives a value, and which ones take it.
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>

use super::tensor::Tensor;
use super::wire::{Value, fields, malformed};
use crate::error::Result;
use crate::weights::invalid;
use std::collections::HashMap;

/// Operations of a graph, and values of one operation: no published model has a tenth of them. They bound what a stranger's
/// file may cost.
const MOST_NODES: usize = 1 << 15;
const MOST_VALUES: usize = 1 << 10;
/// Bytes of the name of an operation, a value or an attribute.
const LONGEST_NAME: usize = 4 << 10;

/// Operations that are looked for among those that take a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taker {
    Add,
    Cast,
    Dequantize,
    MatMul,
    Mul,
}

impl Taker {
    const COUNT: usize = 5;

    fn of(op: &str) -> Option<Self> {
        Some(match op {
            "Add" => Self::Add,
            "Cast" => Self::Cast,
            "DequantizeLinear" => Self::Dequantize,
            "MatMul" => Self::MatMul,
            "Mul" => Self::Mul,
            _ => return None,
        })
    }
}

/// A name in an operation: parts of the model keep several.
///
/// # Errors
/// [`ErrorKind::Weights`](crate::ErrorKind::Weights): it is none, or so long that it is none.
fn short(value: Value<'_>) -> Result<&str> {
    let name = value.text()?;
    if name.len() > LONGEST_NAME {
        return Err(invalid(format!("the ONNX graph has a name of {} bytes", name.len())));
    }
    Ok(name)
}

/// An operation.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// How many there are before it.
    pub(super) index: usize,
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
                (1 | 2, _) if node.inputs.len() + node.outputs.len() == MOST_VALUES => {
                    return Err(invalid(format!("the ONNX graph has an operation of more than {MOST_VALUES} values")));
                }
                (1, name) => node.inputs.push(short(name)?.to_owned()),
                (2, name) => node.outputs.push(short(name)?.to_owned()),
                (4, op) => short(op)?.clone_into(&mut node.op),
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
                (1, text) => name = short(text)?,
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

    pub(super) fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(String::as_str)
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
    consumers: HashMap<String, Consumers>,
}

/// What takes a value.
#[derive(Default)]
struct Consumers {
    all: Vec<usize>,
    /// The first of each kind that is looked for.
    first: [Option<usize>; Taker::COUNT],
}

impl Graph {
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): something takes, before it, what this operation gives. So there
    /// are no circles.
    pub(super) fn push(&mut self, mut node: Node) -> Result<()> {
        let index = self.nodes.len();
        if index == MOST_NODES {
            return Err(invalid(format!("the ONNX graph has more than {MOST_NODES} operations")));
        }
        let out_of_order =
            |name: &str| Err(invalid(format!("the ONNX graph's operations are out of order at the value {name}")));
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            if self.consumers.contains_key(name) || self.producers.insert(name.clone(), index).is_some() {
                return out_of_order(name);
            }
        }
        let taker = Taker::of(&node.op);
        for name in node.inputs.iter().filter(|name| !name.is_empty()) {
            if self.producers.get(name) == Some(&index) {
                return out_of_order(name);
            }
            let consumers = self.consumers.entry(name.clone()).or_default();
            if consumers.all.last() != Some(&index) {
                consumers.all.push(index); // once, however often it takes the value
            }
            if let Some(taker) = taker {
                consumers.first[taker as usize].get_or_insert(index);
            }
        }
        node.index = index;
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
        let consumers = self.consumers.get(value).map(|consumers| consumers.all.as_slice()).unwrap_or_default();
        consumers.iter().filter_map(|index| self.nodes.get(*index))
    }

    /// The first operation of a kind that takes a value.
    pub(super) fn consumer(&self, value: &str, taker: Taker) -> Option<&Node> {
        self.nodes.get(self.consumers.get(value)?.first[taker as usize]?)
    }

    /// The constants among the operations, by name.
    pub(super) fn take_constants(&mut self) -> Vec<(String, Tensor)> {
        let constant = |node: &mut Node| Some((node.output().to_owned(), node.constant.take()?));
        self.nodes.iter_mut().filter_map(constant).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(inputs: &[&str], output: &str) -> Node {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Node { inputs: strings(inputs), outputs: strings(&[output]), ..Node::default() }
    }

    #[test]
    fn what_takes_a_value_often_is_one_consumer() {
        let mut graph = Graph::default();
        graph.push(node(&["x"; 1000], "y")).unwrap();
        assert_eq!(graph.consumers("x").count(), 1);
    }

    #[test]
    fn operations_and_their_values_are_bounded() {
        let message = [0x0a, 1, b'x'].repeat(MOST_VALUES);
        assert!(Node::parse(&message).is_ok());
        let error = Node::parse(&[message, vec![0x12, 1, b'y']].concat()).unwrap_err();
        assert!(error.to_string().contains("more than 1024 values"), "{error}");

        let name = |len: usize| [&[0x0a, (len & 127) as u8 | 128, (len >> 7) as u8][..], &b"x".repeat(len)].concat();
        assert!(Node::parse(&name(LONGEST_NAME)).is_ok());
        let error = Node::parse(&name(LONGEST_NAME + 1)).unwrap_err();
        assert!(error.to_string().contains("a name of 4097 bytes"), "{error}");

        let mut graph = Graph::default();
        for at in 0..MOST_NODES {
            graph.push(node(&[], &format!("y{at}"))).unwrap();
        }
        let error = graph.push(node(&[], "last")).unwrap_err();
        assert!(error.to_string().contains("more than 32768 operations"), "{error}");
    }
}
