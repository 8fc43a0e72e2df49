use super::*;
use base64::{Engine, prelude::BASE64_STANDARD};

/// A file of the goldens.
fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/images").join(name)
}

/// Of an environment, names and values.
type Variables<'a> = &'a [(&'a str, &'a str)];

fn way(variables: Variables) -> Option<Way> {
    way_of(&|name| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
    })
}

#[test]
fn the_environment_says_what_a_terminal_shows() {
    let kitty = ("TERM", "xterm-kitty");
    let colors = ("COLORTERM", "truecolor");
    let cases: &[(Variables, Option<Way>)] = &[
        (&[], None),
        (&[("TERM", "xterm-256color")], None),
        (&[colors], Some(Way::Blocks)),
        (&[("COLORTERM", "24bit")], Some(Way::Blocks)),
        (&[("COLORTERM", "yes")], None),
        (&[("WT_SESSION", "a-b-c")], Some(Way::Blocks)),
        (&[kitty, colors], Some(Way::Kitty)),
        (&[("TERM", "xterm-ghostty")], Some(Way::Kitty)),
        (&[("TERM_PROGRAM", "ghostty"), colors], Some(Way::Kitty)),
        (&[("KITTY_WINDOW_ID", "1")], Some(Way::Kitty)),
        (&[("TERM_PROGRAM", "iTerm.app"), colors], Some(Way::Iterm)),
        (&[("TERM_PROGRAM", "WezTerm")], Some(Way::Iterm)),
        (&[("LC_TERMINAL", "iTerm2")], Some(Way::Iterm)),
        // A terminal that was started from another one.
        (&[("TERM_PROGRAM", "vscode"), ("KITTY_WINDOW_ID", "1"), colors], Some(Way::Blocks)),
        (&[("TERM_PROGRAM", "Apple_Terminal"), ("LC_TERMINAL", "iTerm2")], None),
        (&[kitty, ("TERM_PROGRAM", "iTerm.app")], Some(Way::Kitty)),
        // tmux and screen.
        (&[kitty, ("TMUX", "/run/tmux,1,0"), colors], Some(Way::Blocks)),
        (&[("TERM", "tmux-256color"), ("TERM_PROGRAM", "tmux"), ("KITTY_WINDOW_ID", "1")], None),
        (&[("TERM", "screen.xterm-256color"), ("LC_TERMINAL", "iTerm2"), colors], Some(Way::Blocks)),
        (&[("STY", "1.pts"), ("KITTY_WINDOW_ID", "1")], None),
        (&[kitty, ("NO_COLOR", "1")], None),
        (&[colors, ("NO_COLOR", "")], Some(Way::Blocks)),
        (&[("TERM", "dumb"), colors], None),
    ];
    for (variables, expected) in cases {
        assert_eq!(way(variables), *expected, "{variables:?}");
    }
}

/// The pixels of a photo as they are decoded exactly, in the size of a thumbnail.
fn exact(path: &Path, width: usize, height: usize) -> Vec<u8> {
    let image = Image::from_path(path).resize(width, height, ResizeFilter::Triangle);
    bytes(&image.measure(|| 0.0).unwrap().tensor.data)
}

/// How far values are apart on the average.
fn distance(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

#[test]
fn a_picture_is_upright_without_what_surrounds_it() {
    let sizes = [
        ("rgb-500x375.png", (384, 288)),
        ("rgb-223x301.png", (284, 384)),
        ("rgb-500x3.png", (384, 2)),
        ("rgb-1x64.png", (6, 384)),
        ("rgb-1x1.png", (384, 384)),
        ("photo-640x427.jpg", (384, 256)),
        ("rgba.png", (0, 0)),
        ("exif-6.jpg", (0, 0)),
        ("exif-8.tiff", (0, 0)),
        ("palette-alpha.png", (0, 0)),
    ];
    for (name, size) in sizes {
        let picture = Picture::open(&golden(name)).unwrap();
        assert!(
            size == (0, 0) || (picture.width, picture.height) == size,
            "{name}: {}×{}",
            picture.width,
            picture.height
        );
        assert_eq!(picture.width.max(picture.height), EDGE);
        let expected = exact(&golden(name), picture.width, picture.height);
        assert!(distance(&picture.rgb, &expected) < 2.0, "{name}: {}", distance(&picture.rgb, &expected));
    }
    // Upright: the photo lies on its side in its file.
    let picture = Picture::open(&golden("exif-6.jpg")).unwrap();
    let (width, height) = Image::from_path(golden("exif-6.jpg")).decode_sync().unwrap().size().unwrap();
    assert_eq!(picture.width > picture.height, width > height);
    for name in ["../broken/not-an-image.jpg", "there-is-none.png", "."] {
        assert!(Picture::open(&golden(name)).is_none(), "{name}");
    }
}

/// The pixels that a terminal shows of blocks, by the few codes that there are; of a pixel without a color none.
fn shown(drawn: &str) -> Vec<Vec<Option<[u8; 3]>>> {
    let mut rows = Vec::new();
    for line in drawn.lines() {
        let (mut upper, mut lower) = (Vec::new(), Vec::new());
        let (mut front, mut back) = (None, None);
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            if c == '▀' {
                upper.push(front);
                lower.push(back);
                rest = &rest[c.len_utf8()..];
                continue;
            }
            let (codes, after) = rest.strip_prefix("\x1b[").unwrap().split_once('m').unwrap();
            let codes: Vec<u8> = codes.split(';').map(|code| code.parse().unwrap()).collect();
            let mut codes = codes.as_slice();
            while let [what, others @ ..] = codes {
                codes = match (what, others) {
                    (0, _) => {
                        (front, back) = (None, None);
                        others
                    }
                    (38, [2, red, green, blue, others @ ..]) => {
                        front = Some([*red, *green, *blue]);
                        others
                    }
                    (48, [2, red, green, blue, others @ ..]) => {
                        back = Some([*red, *green, *blue]);
                        others
                    }
                    _ => panic!("{line:?}"),
                };
            }
            rest = after;
        }
        assert_eq!((front, back), (None, None), "colors go on after the picture");
        rows.extend([upper, lower]);
    }
    rows
}

#[test]
fn blocks_are_the_picture() {
    let cases = [
        ("rgb-photo.png", 36),
        ("photo-640x427.jpg", 36),
        ("rgb-223x301.png", 36),
        ("rgb-500x375.png", 7),
        ("rgb-500x3.png", 36),
    ];
    for (name, columns) in cases {
        let drawn = Drawer { way: Way::Blocks, columns }.draw(&golden(name));
        let rows = shown(drawn.strip_prefix('\n').unwrap());
        let width = rows[0].len();
        let lit: Vec<_> = rows.iter().filter(|row| row.iter().all(Option::is_some)).collect();
        assert!(
            width <= columns && rows.len() <= ROWS * 2 && rows.len() - lit.len() < 2,
            "{name}: {width}×{}",
            rows.len()
        );
        assert!(width == columns || lit.len() == ROWS * 2, "{name} is smaller than it may be: {width}×{}", lit.len());
        let (full_width, full_height) = Image::from_path(golden(name)).decode_sync().unwrap().size().unwrap();
        let high = width as f64 * full_height as f64 / full_width as f64;
        assert!((high - lit.len() as f64).abs() <= 1.0, "{name}: {width}×{} of {full_width}×{full_height}", lit.len());
        let pixels: Vec<u8> = lit.iter().flat_map(|row| row.iter().flat_map(|color| color.unwrap())).collect();
        let expected = exact(&golden(name), width, lit.len());
        assert!(distance(&pixels, &expected) < 3.0, "{name}: {}", distance(&pixels, &expected));
    }
    // An odd row has nothing below it.
    let flag = Picture { width: 2, height: 3, rgb: vec![1, 2, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] };
    let rows = shown(&escapes::blocks(&flag));
    assert_eq!(rows[..2], [vec![Some([1, 2, 3]); 2], vec![Some([4, 5, 6]), Some([7, 8, 9])]]);
    assert_eq!(rows[2..], [vec![Some([10, 11, 12]), Some([13, 14, 15])], vec![None; 2]]);
}

#[test]
fn kitty_and_iterm_are_sent_the_picture() {
    for (name, size_of_kitty, size_of_iterm) in [
        ("photo-640x427.jpg", "r=10", "height=10"),
        ("rgb-500x3.png", "c=36", "width=36"),
        ("rgba.png", "r=10", "height=10"),
    ] {
        let expected = Picture::open(&golden(name)).unwrap();
        let is_same = |png: Vec<u8>| {
            let image = Image::from_bytes(png).decode_sync().unwrap();
            assert_eq!(image.size(), Some((expected.width, expected.height)), "{name}");
            bytes(&image.measure(|| 0.0).unwrap().tensor.data) == expected.rgb
        };

        let drawn = Drawer { way: Way::Kitty, columns: COLUMNS }.draw(&golden(name));
        let mut data = String::new();
        let mut chunks =
            drawn.strip_prefix("\n\x1b_G").unwrap().strip_suffix("\x1b\\").unwrap().split("\x1b\\\x1b_G").peekable();
        let mut begin = format!("a=T,f=100,q=2,{size_of_kitty},");
        while let Some(chunk) = chunks.next() {
            let (keys, chunk) = chunk.split_once(';').unwrap();
            assert_eq!(keys, format!("{begin}m={}", u8::from(chunks.peek().is_some())));
            assert!(chunk.len() == 4096 || chunks.peek().is_none() && chunk.len() < 4096);
            data += chunk;
            begin = "q=2,".to_owned();
        }
        assert!(is_same(BASE64_STANDARD.decode(data).unwrap()), "kitty: {name}");

        let drawn = Drawer { way: Way::Iterm, columns: COLUMNS }.draw(&golden(name));
        let (keys, data) =
            drawn.strip_prefix("\n\x1b]1337;File=").unwrap().strip_suffix('\x07').unwrap().split_once(':').unwrap();
        let png = BASE64_STANDARD.decode(data).unwrap();
        assert_eq!(keys, format!("inline=1;size={};{size_of_iterm};preserveAspectRatio=1", png.len()));
        assert!(is_same(png), "iTerm2: {name}");
    }
}

#[test]
fn files_are_looked_for_here_and_beside_the_index() {
    let index = golden("photos.clip-vision");
    let gray = golden("gray.png");
    assert_eq!(file_of("gray.png", &index), Some(gray.clone()));
    assert_eq!(file_of(gray.to_str().unwrap(), Path::new("elsewhere.npy")), Some(gray));
    let from_here = "../../tests/golden/images/gray.png";
    assert_eq!(file_of(from_here, Path::new("elsewhere/photos.npy")), Some(PathBuf::from(from_here)));
    for name in ["there-is-none.png", "/dev/zero", "s3://bucket/a.jpg", "", "../images", "src/main.rs"] {
        assert_eq!(file_of(name, &index), None, "{name}");
    }
}

#[test]
fn names_that_windows_would_send_away_are_known() {
    for name in [
        r"\\host\share\a.jpg",
        "//host/share/a.jpg",
        r"\/host/share/a.jpg",
        r"/\host\share\a.jpg",
        r"\??\UNC\host\a.jpg",
        r"\\?\C:\a.jpg",
    ] {
        assert!(asks_another_machine(name), "{name}");
    }
    for name in ["a.jpg", "/photos/a.jpg", r"C:\photos\a.jpg", r"photos\\a.jpg", ""] {
        assert!(!asks_another_machine(name), "{name}");
    }
}
