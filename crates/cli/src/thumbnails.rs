//! Small pictures in terminals that can show them, below what `search` finds.
//!
//! Nothing is asked of the terminal: one that doesn't answer would hold everything up, as it does programs that ask (the crate viuer
//! among them). What it can is told by the environment alone, and its width by the system.

use crate::index::walk::has_extension;
use clap::ValueEnum;
use clip_vision::image::{Decode, ResizeFilter};
use clip_vision::{Image, Result};
use console::Term;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

mod escapes;
mod png;

/// Columns and rows of a terminal that a picture takes at most. A row is about as high as two columns are wide.
const COLUMNS: usize = 36;
const ROWS: usize = 10;
/// The longer edge, in pixels, of what is sent to a terminal that shows pictures: enough for the columns of a sharp screen.
const EDGE: usize = 384;

/// When and how pictures are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Thumbnails {
    /// As the environment says that the terminal can
    #[default]
    Auto,
    /// Not at all
    Never,
    /// As kitty and Ghostty show pictures
    Kitty,
    /// As iTerm2 and WezTerm do
    Iterm,
    /// Of blocks in 24-bit colors
    Blocks,
}

/// A terminal's way to show a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Kitty,
    Iterm,
    Blocks,
}

/// Draws pictures.
pub struct Drawer {
    way: Way,
    columns: usize,
}

/// Pixels, rows from the top, three bytes each.
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Thumbnails {
    /// What draws on standard output; none where nothing is to be drawn.
    pub fn drawer(self) -> Option<Drawer> {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let way = match self {
            Self::Auto if std::io::stdout().is_terminal() => way_of(&variable)?,
            Self::Auto | Self::Never => return None,
            Self::Kitty => Way::Kitty,
            Self::Iterm => Way::Iterm,
            Self::Blocks => Way::Blocks,
        };
        let columns = Term::stdout().size_checked().map_or(COLUMNS, |(_, columns)| usize::from(columns));
        Some(Drawer { way, columns: columns.clamp(1, COLUMNS) })
    }
}

/// What a terminal can, by the environment. Some variables come from the terminal that another one was started from: those that the
/// terminal itself always sets are looked at first.
fn way_of(variable: &dyn Fn(&str) -> String) -> Option<Way> {
    let is_set = |name: &str| !variable(name).is_empty();
    let term = variable("TERM");
    if is_set("NO_COLOR") || term == "dumb" {
        return None;
    }
    // tmux and screen hand on no pictures, but colors.
    let is_multiplexed = is_set("TMUX") || is_set("STY") || term.starts_with("screen") || term.starts_with("tmux");
    let has_colors = matches!(variable("COLORTERM").as_str(), "truecolor" | "24bit") || is_set("WT_SESSION");
    let by_colors = has_colors.then_some(Way::Blocks);
    if is_multiplexed {
        return by_colors;
    }
    match (term.as_str(), variable("TERM_PROGRAM").as_str()) {
        ("xterm-kitty" | "xterm-ghostty", _) | (_, "ghostty") => Some(Way::Kitty),
        (_, "iTerm.app" | "WezTerm") => Some(Way::Iterm),
        (_, "") if is_set("KITTY_WINDOW_ID") => Some(Way::Kitty),
        // What ssh may hand on of iTerm2.
        (_, "") if variable("LC_TERMINAL") == "iTerm2" => Some(Way::Iterm),
        _ => by_colors,
    }
}

impl Drawer {
    /// What draws the picture of a file, in lines that begin where the line before has ended: nothing if it can't be read, which
    /// is no fault of a search.
    pub fn draw(&self, path: &Path) -> String {
        let Some(picture) = Picture::open(path) else { return String::new() };
        let fit = Fit::of(&picture, self.columns);
        let drawn = match self.way {
            Way::Kitty => Some(escapes::kitty(&picture, fit)),
            Way::Iterm => Some(escapes::iterm(&picture, fit)),
            Way::Blocks => picture.resized(fit.columns, fit.half_rows).ok().map(|small| escapes::blocks(&small)),
        };
        drawn.map(|drawn| format!("\n{drawn}")).unwrap_or_default()
    }
}

/// The file of a picture in an index: by its name from here, or from the folder of the index.
pub fn file_of(name: &str, index: &Path) -> Option<PathBuf> {
    // An index may come from anyone. What is no plain file, such as a pipe, could be read for ever.
    if cfg!(windows) && asks_another_machine(name) || !has_extension(Path::new(name)) {
        return None;
    }
    let beside = index.parent().map(|folder| folder.join(name));
    [Some(PathBuf::from(name)), beside].into_iter().flatten().find(|path| path.is_file())
}

/// Whether Windows would ask another machine for a file of that name, with the password of who runs this: `\\host\share`, with either
/// slash, and what begins with `\??\`.
fn asks_another_machine(name: &str) -> bool {
    let name = name.replace('/', "\\");
    name.starts_with("\\\\") || name.starts_with("\\??\\")
}

/// How much of the terminal a picture takes, in proportion: as many columns as there are, or as many rows.
#[derive(Clone, Copy)]
struct Fit {
    columns: usize,
    half_rows: usize,
    is_wide: bool,
}

impl Fit {
    fn of(&Picture { width, height, .. }: &Picture, most: usize) -> Self {
        let is_wide = width * ROWS * 2 > height * most;
        let scaled = |length: usize, by: usize, of: usize| ((length * by + of / 2) / of).max(1);
        if is_wide {
            Self { columns: most, half_rows: scaled(height, most, width), is_wide }
        } else {
            Self { columns: scaled(width, ROWS * 2, height), half_rows: ROWS * 2, is_wide }
        }
    }
}

impl Picture {
    /// A file's picture, upright, what is transparent over white, its longer edge of `EDGE` pixels; none if it can't be read.
    fn open(path: &Path) -> Option<Self> {
        let image = Image::from_path(path).decode(Decode::Fast);
        // In the middle of a square, which is known before the picture's size is.
        let filled = image.resize_and_pad(EDGE, ResizeFilter::Triangle, [0; 3]).measure(|| 0.0).ok()?;
        let longest = filled.size.0.max(filled.size.1) as f64;
        let scaled =
            |length: usize| ((length as f64 * EDGE as f64 / longest).round_ties_even() as usize).clamp(1, EDGE);
        let (width, height) = (scaled(filled.size.0), scaled(filled.size.1));
        let (left, top) = ((EDGE - width) / 2, (EDGE - height) / 2);
        let square = bytes(&filled.tensor.data);
        let rows = square.chunks_exact(EDGE * 3).skip(top).take(height);
        let rgb = rows.flat_map(|row| row.iter().skip(left * 3).take(width * 3)).copied().collect();
        Some(Self { width, height, rgb })
    }

    fn resized(self, width: usize, height: usize) -> Result<Self> {
        let image = Image::from_rgb8(self.width, self.height, self.rgb).resize(width, height, ResizeFilter::Triangle);
        Ok(Self { width, height, rgb: bytes(&image.measure(|| 0.0)?.tensor.data) })
    }
}

/// Planes of red, green and blue, of values from 0 to 255, as bytes of a pixel each.
fn bytes(planes: &[f32]) -> Vec<u8> {
    let len = planes.len() / 3;
    let value = |plane: usize, at: usize| planes.get(plane * len + at).copied().unwrap_or_default() as u8;
    (0..len).flat_map(|at| [value(0, at), value(1, at), value(2, at)]).collect()
}

#[cfg(test)]
mod tests;
