//! How far a long command is, on a terminal: how many, how fast, and how long it still takes.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A bar on stderr; none where that is no terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// `count` is called only where there is a bar.
    pub fn new(quiet: bool, count: impl FnOnce() -> u64) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(count()), ProgressDrawTarget::stderr());
        let template = "{wide_bar} {human_pos}/{human_len} {msg}, {per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message("images");
        Self(bar)
    }

    /// One is done.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// One was done before: the rate is that of the others.
    pub fn keep(&self) {
        match self.0.length() {
            Some(len) => self.0.set_length(len.saturating_sub(1)),
            None => self.step(),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
