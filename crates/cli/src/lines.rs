//! What is printed: a line for each image or text, for people or as JSON.

use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, Write};

/// What can be printed of an image or a text.
pub trait Answer {
    /// Adds to what the line of JSON has.
    fn json(&self, line: &mut Map<String, Value>);
    /// Prints it for people.
    fn print(&self, name: &str, out: &mut dyn Write) -> io::Result<()>;
}

/// All values.
pub struct Embedding(pub Vec<f32>);

impl Answer for Embedding {
    fn json(&self, line: &mut Map<String, Value>) {
        line.insert("embedding".to_owned(), json!(self.0));
    }

    fn print(&self, name: &str, out: &mut dyn Write) -> io::Result<()> {
        let values: Vec<String> = self.0.iter().map(f32::to_string).collect();
        writeln!(out, "{}\t{}", printable(name), values.join(" "))
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

    fn print(&self, name: &str, out: &mut dyn Write) -> io::Result<()> {
        let ranked: Vec<String> = self.ranked().iter().map(|(label, p)| format!("{label} {p:.4}")).collect();
        writeln!(out, "{}\t{}", printable(name), ranked.join("\t"))
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
            return writeln!(out, "{}", printable(&Value::Object(line).to_string()));
        }
        match result {
            Ok(answer) => answer.print(name, out),
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
    say_as(&format!("{red}clip-vision:{plain} "), what);
}

/// Says on stderr what may be good to know.
pub fn say(what: &str) {
    say_as("clip-vision: ", what);
}

fn say_as(who: &str, what: &str) {
    let lines = what.split('\n').map(|line| if io::stderr().is_terminal() { escaped(line) } else { line.into() });
    eprintln!("{who}{}", lines.collect::<Vec<_>>().join("\n"));
}

/// What is printed on standard output of a name, or of other text that comes from files: on a terminal its control characters, by
/// which a file's name could drive the terminal, are written out.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) && io::stdout().is_terminal() { escaped(text) } else { text.into() }
}

/// Control characters as JSON has them: within a line of JSON they then stand for the same.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let one = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    text.chars().map(one).collect::<String>().into()
}

/// Says why there is no answer for an image or a text.
pub fn printed_error(name: &str, why: &str) {
    complain(&format!("{name}: {why}"));
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(escaped("rot-blau ▀ 犬.jpg"), "rot-blau ▀ 犬.jpg");
        let name = "a\x1b[2J\u{9b}31m\x7f\t\n.jpg";
        assert_eq!(escaped(name), "a\\u001b[2J\\u009b31m\\u007f\\u0009\\u000a.jpg");
        // JSON stays the same: it escapes most of them by itself.
        let json = serde_json::to_string(name).unwrap();
        assert!(json.contains('\u{9b}'));
        assert_eq!(serde_json::from_str::<String>(&escaped(&json)).unwrap(), name);
    }
}
