//! What `search` prints on a terminal, through a pseudo-terminal that answers nothing: `script` of util-linux makes one.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/common/basics.rs"]
#[allow(dead_code, reason = "this takes a part of it")]
mod common;

use common::{golden, root};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_clip-vision");
/// Of a terminal whose user asked for nothing.
const SILENT: [&str; 11] = [
    "COLORTERM",
    "KITTY_WINDOW_ID",
    "LC_TERMINAL",
    "NO_COLOR",
    "STY",
    "TERM",
    "TERM_PROGRAM",
    "TMUX",
    "WT_SESSION",
    "COLUMNS",
    "LINES",
];

/// Of an environment, names and values.
type Variables<'a> = &'a [(&'a str, &'a str)];

/// A folder with two pictures, one of a name that clears screens, and their index `i.jsonl`.
fn indexed(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("clip-vision-terminal-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("photos")).unwrap();
    for (from, to) in [("photo-420.jpg", "plain.jpg"), ("rgb-photo.png", "\u{1b}[2Jevil\u{9b}.png")] {
        fs::copy(golden("images").join(from), folder.join("photos").join(to)).unwrap();
    }
    let mut index = Command::new(PROGRAM);
    let index = index.args(["index", "-q", "photos", "-o", "i.jsonl", "--model"]).arg(root().join("models/shapes"));
    assert!(index.current_dir(&folder).status().unwrap().success());
    folder
}

/// What is printed on a terminal of 80 columns with these variables; none where there is no `script`.
fn on_terminal(folder: &PathBuf, variables: Variables, arguments: &str) -> Option<String> {
    on_terminal_of(80, folder, variables, arguments)
}

fn on_terminal_of(columns: usize, folder: &PathBuf, variables: Variables, arguments: &str) -> Option<String> {
    let model = root().join("models/shapes");
    let command =
        format!("stty cols {columns} rows 24; exec '{PROGRAM}' search --model '{}' {arguments}", model.display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]).current_dir(folder);
    for name in SILENT {
        script.env_remove(name);
    }
    script.envs([("TERM", "xterm-256color"), ("SHELL", "/bin/sh")]).envs(variables.iter().copied());
    // Standard input stays open, and says nothing.
    let child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: there is no `script` of util-linux here");
        return None;
    };
    let stdin = child.stdin.take();
    let (mut stdout, begin) = (child.stdout.take().unwrap(), Instant::now());
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut stdout, &mut all).map(|_| all)
    });
    while !reader.is_finished() {
        if begin.elapsed() > Duration::from_secs(300) {
            let _ = child.kill();
            panic!("it waits for an answer of the terminal");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let printed = String::from_utf8(reader.join().unwrap().unwrap()).unwrap();
    assert!(child.wait().unwrap().success(), "{printed}");
    drop(stdin);
    Some(printed)
}

#[test]
fn pictures_are_shown_where_the_environment_says_so_and_nothing_is_asked() {
    let folder = indexed("ways");
    let search = "--in i.jsonl 'a dog'";
    let cases: [(Variables, &str, &str); 8] = [
        (&[], "", ""),
        (&[("COLORTERM", "truecolor")], "", "▀"),
        (&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")], "", ""),
        (&[("COLORTERM", "truecolor")], "--thumbnails never", ""),
        (&[("COLORTERM", "truecolor")], "--json", ""),
        (&[("TERM", "xterm-kitty")], "", "\x1b_Ga=T,"),
        (&[("TERM_PROGRAM", "WezTerm")], "", "\x1b]1337;"),
        (&[], "--thumbnails kitty", "\x1b_Ga=T,"),
    ];
    for (variables, arguments, expected) in cases {
        let Some(printed) = on_terminal(&folder, variables, &format!("{search} {arguments}")) else { return };
        for (way, sign) in [("blocks", "▀"), ("kitty", "\x1b_G"), ("iterm", "\x1b]")] {
            let is_there = printed.contains(sign);
            assert_eq!(
                is_there,
                !expected.is_empty() && expected.starts_with(sign),
                "{variables:?} {arguments}: {way}"
            );
        }
        if !expected.is_empty() && expected != "▀" {
            assert_eq!(printed.matches(expected).count(), 2, "a picture each: {variables:?}");
        }
        // Questions to a terminal: its name and version, where its cursor is, its size, what it can.
        for question in
            ["\x1b[c", "\x1b[>", "\x1b[6n", "\x1b[5n", "\x1b[14t", "\x1b[16t", "\x1b[18t", "a=q", "\x1bP", "\x1b[?"]
        {
            assert!(!printed.contains(question), "{question:?} is asked: {variables:?} {arguments}");
        }
        // A name doesn't drive the terminal, and is still told.
        assert!(!printed.contains("\x1b[2J") && !printed.contains('\u{9b}'), "{printed:?}");
        assert!(printed.contains("photos/\\u001b[2Jevil\\u009b.png"), "{printed:?}");
    }
    // Nor is a picture wider than the terminal.
    let narrow = on_terminal_of(12, &folder, &[("COLORTERM", "truecolor")], search).unwrap_or_default();
    let widths: Vec<_> = narrow.lines().map(|line| line.matches('▀').count()).filter(|width| *width > 0).collect();
    assert!(!widths.is_empty() && widths.iter().all(|width| *width == 12), "{widths:?}");
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn a_picture_that_cannot_be_read_is_not_shown_and_nothing_fails() {
    let folder = indexed("gone");
    fs::write(folder.join("photos/plain.jpg"), "no picture any more").unwrap();
    fs::remove_file(folder.join("photos/\u{1b}[2Jevil\u{9b}.png")).unwrap();
    if let Some(printed) = on_terminal(&folder, &[("COLORTERM", "truecolor")], "--in i.jsonl 'a dog'") {
        assert!(printed.contains("plain.jpg") && !printed.contains('▀'), "{printed:?}");
        assert_eq!(printed.lines().count(), 2, "{printed:?}");
    }
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn into_a_file_or_a_pipe_names_go_as_they_are_and_pictures_only_when_asked_for() {
    let folder = indexed("pipe");
    let search = |arguments: &[&str]| {
        let mut search = Command::new(PROGRAM);
        search
            .args(["search", "--in", "i.jsonl", "a dog", "--model"])
            .arg(root().join("models/shapes"))
            .args(arguments);
        for name in SILENT {
            search.env_remove(name);
        }
        search.env("COLORTERM", "truecolor").current_dir(&folder).output().unwrap()
    };
    let plain = String::from_utf8(search(&[]).stdout).unwrap();
    assert!(plain.contains("\tphotos/\u{1b}[2Jevil\u{9b}.png\n") && !plain.contains('▀'), "{plain:?}");
    let forced = String::from_utf8(search(&["--thumbnails", "blocks", "--top", "1"]).stdout).unwrap();
    // As high as it may be, below one line.
    assert_eq!(
        (forced.lines().count(), forced.lines().skip(1).all(|line| line.contains('▀'))),
        (11, true),
        "{forced:?}"
    );
    assert_eq!(search(&["--thumbnails", "blocks", "--json"]).status.code(), Some(2));
    assert_eq!(search(&["--thumbnails", "sixel"]).status.code(), Some(2));
    let _ = fs::remove_dir_all(folder);
}
