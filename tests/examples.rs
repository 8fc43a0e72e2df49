//! The programs in `examples/`, run as a person runs them; `server.rs` has the server.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(all(feature = "text", feature = "tokio"))]
#![allow(clippy::unwrap_used)]

mod common;

use common::golden;
use common::programs::example;
use std::path::PathBuf;
use std::sync::OnceLock;

fn shapes() -> PathBuf {
    common::root().join("models/shapes")
}

fn output(name: &str, arguments: &[&str]) -> String {
    let output = example(name).arg(shapes()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn photo(name: &str) -> String {
    golden(&format!("images/{name}")).display().to_string()
}

/// A drawing as an uncompressed BMP.
fn bmp(edge: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Vec<u8> {
    let stride = (edge * 3).next_multiple_of(4);
    let mut file = b"BM".to_vec();
    for number in [54 + stride * edge, 0, 54, 40, edge, edge] {
        file.extend((number as u32).to_le_bytes());
    }
    file.extend([1, 0, 24, 0]);
    file.resize(54, 0);
    for y in (0..edge).rev() {
        let mut row: Vec<u8> = (0..edge).flat_map(|x| pixel(x, y).into_iter().rev()).collect();
        row.resize(stride, 0);
        file.extend(row);
    }
    file
}

/// A folder with a red circle and a blue square on white, and a file that is no photo.
fn folder() -> PathBuf {
    static WRITTEN: OnceLock<PathBuf> = OnceLock::new();
    // Once: a test would find a file that another one is writing again.
    WRITTEN.get_or_init(write_folder).clone()
}

fn write_folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("examples-photos");
    std::fs::create_dir_all(&folder).unwrap();
    let white = [250, 250, 250];
    let circle = bmp(96, |x, y| {
        let (x, y) = (x as i32 - 48, y as i32 - 48);
        if x * x + y * y < 30 * 30 { [230, 30, 40] } else { white }
    });
    let square = bmp(96, |x, y| if (20..76).contains(&x) && (20..76).contains(&y) { [40, 100, 230] } else { white });
    std::fs::write(folder.join("circle.bmp"), circle).unwrap();
    std::fs::write(folder.join("square.bmp"), square).unwrap();
    std::fs::write(folder.join("notes.txt"), "no photo").unwrap();
    folder
}

#[test]
fn embed_compares_photos() {
    let photo = photo("photo-420.jpg");
    let printed = output("embed", &[&photo, &photo]);
    assert!(printed.contains("cosine to the next: 1.0000"), "{printed}");
}

#[test]
fn search_finds_by_words() {
    let folder = folder().display().to_string();
    for (text, best) in [("a red circle", "circle.bmp"), ("a blue square", "square.bmp")] {
        let printed = output("search", &[&folder, text]);
        assert!(printed.lines().next().unwrap().ends_with(best), "{text}: {printed}");
        assert_eq!(printed.lines().count(), 2, "{printed}");
    }
}

#[test]
fn zero_shot_names_a_drawing() {
    let circle = folder().join("circle.bmp").display().to_string();
    let printed = output("zero_shot", &[&circle, "a blue square", "a red circle", "a green star"]);
    assert!(printed.lines().next().unwrap().ends_with("a red circle"), "{printed}");
}

#[test]
fn own_preprocessing_differs_a_little() {
    let printed = output("own_preprocessing", &[&photo("photo-640x427.jpg")]);
    let cosine: f32 = printed.trim().rsplit(' ').next().unwrap().parse().unwrap();
    assert!((0.3..0.99999).contains(&cosine), "{printed}");
}
