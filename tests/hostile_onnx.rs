//! Graphs of ONNX files that are made to cost time: as many operations as a file may have, each of which asks about all others.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use clip_vision::Options;
use clip_vision::model::Loader;
use common::protobuf_number;
use std::time::Instant;

/// What a megabyte may take.
const SECONDS: f64 = 1.0;
/// Half of the operations that a graph may have.
const MANY: usize = 16_000;
/// Inputs of an operation that has many.
const GROUP: usize = 1000;

fn field(number: usize, content: &[u8]) -> Vec<u8> {
    [protobuf_number(number << 3 | 2), protobuf_number(content.len()), content.to_vec()].concat()
}

/// A graph, with the initializer `w` after its operations.
struct Graph(Vec<u8>);

impl Graph {
    /// One whose value `seen` the text tower sees.
    fn new() -> Self {
        let mut graph = Self(Vec::new());
        graph.node("Gather", ["w", "input_ids"], ["seen"]);
        graph
    }

    fn node(
        &mut self,
        op: &str,
        inputs: impl IntoIterator<Item: AsRef<str>>,
        outputs: impl IntoIterator<Item: AsRef<str>>,
    ) {
        let mut message = Vec::new();
        inputs.into_iter().for_each(|name| message.extend(field(1, name.as_ref().as_bytes())));
        outputs.into_iter().for_each(|name| message.extend(field(2, name.as_ref().as_bytes())));
        message.extend(field(4, op.as_bytes()));
        self.0.extend(field(1, &message));
    }

    /// One operation after the other: the name of the last value.
    fn chain(&mut self, op: &str, from: &str, len: usize) -> String {
        let name = |at: usize| if at == 0 { from.to_owned() } else { format!("{from}{op}{at}") };
        (0..len).for_each(|at| self.node(op, [name(at)], [name(at + 1)]));
        name(len)
    }

    /// The same operation many times.
    fn many(&mut self, op: &str, inputs: &[&str], called: &str) -> Vec<String> {
        let names: Vec<String> = (0..MANY).map(|at| format!("{called}{at}")).collect();
        names.iter().for_each(|name| self.node(op, inputs, [name]));
        names
    }

    /// Operations that take values in groups: what they give.
    fn grouped(&mut self, op: &str, values: &[String], called: &str) -> Vec<String> {
        let groups = values.chunks(GROUP).enumerate();
        groups
            .map(|(at, group)| {
                let name = format!("{called}{at}");
                self.node(op, group, [&name]);
                name
            })
            .collect()
    }

    fn file(&self) -> Vec<u8> {
        let tensor = [vec![8, 1, 16, 1], field(8, b"w"), field(9, &1f32.to_le_bytes())].concat();
        [vec![8, 8], field(7, &[self.0.clone(), field(5, &tensor)].concat())].concat()
    }
}

fn graphs() -> Vec<(&'static str, Graph)> {
    let mut graphs = Vec::new();
    let mut add = |what, make: &dyn Fn(&mut Graph)| {
        let mut graph = Graph::new();
        make(&mut graph);
        graphs.push((what, graph));
    };
    add("sums of a weight behind many casts", &|graph| {
        let end = graph.chain("Cast", "w", MANY);
        graph.many("Add", &["seen", &end], "sum");
    });
    add("softmaxes behind many operations", &|graph| {
        let end = graph.chain("Relu", "seen", MANY);
        graph.many("Softmax", &[&end], "softmax");
    });
    add("tables behind many casts of a constant", &|graph| {
        *graph = Graph(Vec::new());
        graph.node("Constant", [""; 0], ["k"]);
        let end = graph.chain("Cast", "k", MANY);
        graph.many("Gather", &["w", &end], "row");
    });
    add("quotients before many casts", &|graph| {
        let quotients: Vec<String> = graph.many("Div", &["seen", "w"], "q").into_iter().take(GROUP).collect();
        graph.node("Cast", &quotients, ["c"]);
        graph.chain("Cast", "c", MANY - 100);
    });
    add("norms whose products many operations take", &|graph| {
        graph.node("Sqrt", ["seen"], ["deviation"]);
        let quotients = graph.many("Div", &["seen", "deviation"], "q");
        let products = graph.grouped("Mul", &quotients, "p");
        let products: Vec<&str> = products.iter().map(String::as_str).collect();
        graph.many("Relu", &products, "r");
    });
    add("products of whole numbers with one scale", &|graph| {
        let products = graph.many("MatMulInteger", &["seen", "w"], "m");
        graph.grouped("Mul", &products, "p");
    });
    add("positions after many norms", &|graph| {
        graph.many("LayerNormalization", &["seen", "w", "w"], "n");
        graph.node("Concat", ["seen"], ["c"]);
        graph.node("Add", ["c", "w"], ["a"]);
        (0..MANY - 100).for_each(|at| graph.node("Add", ["c", "w"], [format!("s{at}")]));
    });
    add("operations of many values", &|graph| {
        for at in 0..150 {
            let name = |which: &'static str| (0..500).map(move |value| format!("{which}{at}.{value}"));
            graph.node("Relu", name("input"), name("output"));
        }
    });
    add("softmaxes before many ways", &|graph| {
        let softmaxes = graph.many("Softmax", &["seen"], "softmax");
        let groups = graph.grouped("Relu", &softmaxes, "g");
        let ways: Vec<String> = (0..64).map(|at| format!("way{at}")).collect();
        ways.iter().for_each(|way| graph.node("Relu", &groups, [way]));
        graph.node("Relu", &ways, ["last"]);
        graph.node("Relu", ["last"], ["end"]);
    });
    graphs
}

/// Seconds that this thread has had of a processor, as Linux counts them; elsewhere those since `start`.
fn seconds(start: Instant) -> f64 {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = counted.and_then(|counts| counts.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |count| count * 1e-9)
}

#[test]
fn a_graph_costs_no_more_than_in_proportion_to_its_length() {
    let start = Instant::now();
    for (what, graph) in graphs() {
        let file = graph.file();
        let options = Options::default().threads(1);
        let mut loader =
            Loader::new(br#"{"model_type": "clip"}"#, None, options).unwrap().with_text([None, None, None]);
        let before = seconds(start);
        let error = loader.push(&file).unwrap_err();
        let took = (seconds(start) - before) * 1e6 / file.len() as f64;
        println!("{what}: {} bytes, {took:.2} s a MB", file.len());
        assert!(error.to_string().contains("ONNX"), "{what}: {error}");
        assert!(took < SECONDS, "{what}: {took:.2} s a MB");
    }
}
