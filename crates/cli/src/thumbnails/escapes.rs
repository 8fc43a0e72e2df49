//! The codes that make a terminal show a picture.

use super::{Fit, Picture, ROWS, png};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

/// Characters of base64 that kitty takes at a time.
const CHUNK: usize = 4096;

/// A PNG, by kitty's protocol: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>. With `q=2` kitty answers nothing, which would
/// be read as if it was typed.
pub fn kitty(picture: &Picture, fit: Fit) -> String {
    let data = STANDARD.encode(png::encode(picture));
    let size = if fit.is_wide { format!("c={}", fit.columns) } else { format!("r={ROWS}") };
    let (mut drawn, mut rest, mut keys) = (String::new(), data.as_str(), format!("a=T,f=100,q=2,{size},"));
    while !rest.is_empty() {
        // Base64 is ASCII: it may be cut anywhere.
        let (chunk, after) = rest.split_at(rest.len().min(CHUNK));
        let is_more = u8::from(!after.is_empty());
        drawn += &format!("\x1b_G{keys}m={is_more};{chunk}\x1b\\");
        (rest, keys) = (after, "q=2,".to_owned());
    }
    drawn
}

/// A PNG, as iTerm2 has it: <https://iterm2.com/documentation-images.html>.
pub fn iterm(picture: &Picture, fit: Fit) -> String {
    let file = png::encode(picture);
    let size = if fit.is_wide { format!("width={}", fit.columns) } else { format!("height={ROWS}") };
    let data = STANDARD.encode(&file);
    format!("\x1b]1337;File=inline=1;size={};{size};preserveAspectRatio=1:{data}\x07", file.len())
}

/// A character for two pixels: its upper half in the color of one, behind it the color of the one below.
pub fn blocks(picture: &Picture) -> String {
    let rows: Vec<&[u8]> = picture.rgb.chunks_exact(picture.width * 3).collect();
    let mut drawn = String::new();
    for (at, pair) in rows.chunks(2).enumerate() {
        if at > 0 {
            drawn.push('\n');
        }
        let [upper, lower] = [pair.first(), pair.get(1)];
        let mut before = None;
        for at in (0..picture.width * 3).step_by(3) {
            let color = |row: Option<&&[u8]>| {
                row.and_then(|row| row.get(at..at + 3)).and_then(|color| <[u8; 3]>::try_from(color).ok())
            };
            let colors = (color(upper), color(lower));
            if before != Some(colors) {
                drawn += "\x1b[";
                if let Some([red, green, blue]) = colors.0 {
                    let _ = write!(drawn, "38;2;{red};{green};{blue}");
                }
                if let Some([red, green, blue]) = colors.1 {
                    let _ = write!(drawn, ";48;2;{red};{green};{blue}");
                }
                drawn.push('m');
                before = Some(colors);
            }
            drawn.push('▀');
        }
        drawn += "\x1b[0m";
    }
    drawn
}
