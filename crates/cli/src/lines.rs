//! What is printed: a line for each image or text, for people or as JSON.

use serde_json::{Map, Value, json};
use std::io::{self, BufWriter, IsTerminal, Write};

/// What can be printed of an image or a text.
pub trait Answer {
    /// Adds to what the line of JSON has.
    fn json(&self, line: &mut Map<String, Value>);
    /// For people.
    fn text(&self) -> String;
}

/// All values.
pub struct Embedding(pub Vec<f32>);

impl Answer for Embedding {
    fn json(&self, line: &mut Map<String, Value>) {
        line.insert("embedding".to_owned(), json!(self.0));
    }

    fn text(&self) -> String {
        let values: Vec<String> = self.0.iter().map(f32::to_string).collect();
        values.join(" ")
    }
}

/// Of each label, in their order.
pub struct Probabilities<'a>(pub &'a [String], pub Vec<f32>);

impl Probabilities<'_> {
    /// Labels with their probabilities, the likeliest first.
    fn ranked(&self) -> Vec<(&str, f32)> {
        let mut ranked: Vec<_> = self.0.iter().map(String::as_str).zip(self.1.iter().copied()).collect();
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        ranked
    }
}

impl Answer for Probabilities<'_> {
    fn json(&self, line: &mut Map<String, Value>) {
        line.insert("label".to_owned(), json!(self.ranked().first().map(|(label, _)| label)));
        line.insert("probabilities".to_owned(), json!(self.1));
    }

    fn text(&self) -> String {
        let ranked: Vec<String> = self.ranked().iter().map(|(label, p)| format!("{label} {p:.4}")).collect();
        ranked.join("\t")
    }
}

/// What is printed: a line for each image or text.
pub struct Lines {
    pub out: BufWriter<io::StdoutLock<'static>>,
    /// What the things are, as a key of the JSON.
    key: &'static str,
    json: bool,
    /// Has nothing failed?
    pub all_good: bool,
}

impl Lines {
    pub fn new(key: &'static str, json: bool) -> Self {
        Self { out: BufWriter::new(io::stdout().lock()), key, json, all_good: true }
    }

    /// An answer, or why there is none.
    pub fn print(&mut self, name: &str, result: Result<impl Answer, impl std::fmt::Display>) -> io::Result<()> {
        self.all_good &= result.is_ok();
        let Self { out, key, .. } = self;
        if self.json {
            let mut line = Map::from_iter([((*key).to_owned(), json!(name))]);
            match result {
                Ok(answer) => answer.json(&mut line),
                Err(error) => drop(line.insert("error".to_owned(), json!(format!("{error:#}")))),
            }
            return writeln!(out, "{}", Value::Object(line));
        }
        match result {
            Ok(answer) => writeln!(out, "{name}\t{}", answer.text()),
            Err(error) => {
                printed_error(name, &format!("{error:#}"));
                Ok(())
            }
        }
    }
}

/// Says what is wrong on stderr; in red on a terminal, unless the environment's NO_COLOR is set.
pub fn complain(what: &str) {
    let is_colored = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (red, plain) = if is_colored { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    eprintln!("{red}clip-vision:{plain} {what}");
}

/// Says why there is no answer for an image or a text.
pub fn printed_error(name: &str, why: &str) {
    complain(&format!("{name}: {why}"));
}
