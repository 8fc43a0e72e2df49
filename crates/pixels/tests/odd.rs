//! Files that are odd in one way each, made by us (`tests/golden/odd`, whose values are Pillow's) and after public bug
//! reports (`../shared/cases`, where that is there).
//!
//! `ODD=tiff cargo test -p clip-vision-pixels --test odd` looks at the files alone whose path has `tiff` in it.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use pixels::Image;
use serde_json::Value;
use sha2::{Digest, Sha256};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn is_wanted(path: &Path) -> bool {
    // Read with the feature alone.
    if path.extension().is_some_and(|end| end == "avif") && !cfg!(feature = "avif") {
        return false;
    }
    std::env::var("ODD").map_or(true, |word| path.to_string_lossy().contains(&word))
}

/// What Pillow refuses and we read, since browsers do, or since what is strange about it says nothing about the pixels.
const READ_ANYWAY: &[&str] = &[
    "apng-sequence.png",
    "apng-short.png",
    "blocks-control-cut.gif",
    "crc-text.png",
    "gama-short.png",
    "headers-16-4.bmp",
    "headers-42-4.bmp",
    "headers-60-4.bmp",
    "headers-bits-2.bmp",
    "iccp-method.png",
    "inside-odd-height-3-gray.cur",
    "inside-png.cur",
    "kind-ii-1-f1-o1-2x8e1.tif",
    "kind-ii-3-f1-o2-1x1.tif",
    "kind-ii-3-f1-o2-1x2.tif",
    "kind-ii-3-f1-o2-1x4.tif",
    "kind-ii-6-f1-o1-1x8.tif",
    "masked-16-bgr.bmp",
    "masked-16-other-7.bmp",
    "masked-16-other-f00.bmp",
    "masked-32-alpha-bitfields.bmp",
    "masked-32-other-3ff.bmp",
    "masked-32-rgba-40.bmp",
    "palettes-300.bmp",
    "palettes-gray-16-4.bmp",
    "palettes-gray-40-4.bmp",
    "palettes-too-many.bmp",
    "planes-ii-1-f1-o1-2x8e0.tif",
    "planes-ii-1-f1-o1-2x8e1.tif",
    "planes-ii-2-f1-o1-4x16e0.tif",
    "planes-ii-2-f1-o1-4x8e0.tif",
    "planes-ii-3-f1-o1-2x8e0.tif",
    "run-lengths-rle4-end.bmp",
    "run-lengths-rle8-end.bmp",
    "run-lengths-rle8-odd-place.bmp",
];

/// Size and the SHA-256 of the RGB bytes; transparency is dropped, or composited over white.
fn decoded(path: &Path, over_white: bool) -> Result<String, String> {
    let image = Image::from_path(path);
    let image = if over_white { image } else { image.drop_alpha() };
    let tensor = image.to_pixel_tensor().map_err(|error| format!("{error:#}"))?;
    let pixels = tensor.width * tensor.height;
    let rgb: Vec<u8> = (0..pixels)
        .flat_map(|at| (0..3).map(move |channel| (at, channel)))
        .map(|(at, channel)| tensor.data[channel * pixels + at] as u8)
        .collect();
    let hash: String = Sha256::digest(&rgb).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}x{} {hash}", tensor.width, tensor.height))
}

/// What is wrong with `path`, if anything.
fn check(path: &Path, row: &Value, over_white: bool, expected: &Value, wrong: &mut Vec<String>) {
    let expected = format!("{}x{} {}", row["width"], row["height"], expected.as_str().unwrap());
    let say =
        |what: &str| format!("{}: {what} ({})", path.file_name().unwrap().display(), row["what"].as_str().unwrap());
    match decoded(path, over_white) {
        Ok(found) if found == expected => {}
        Ok(found) if found.split(' ').next() != expected.split(' ').next() => {
            wrong.push(say(&format!("{found}, not {expected}")))
        }
        Ok(_) => wrong.push(say("other pixels")),
        Err(error) => wrong.push(say(&error)),
    }
}

fn report(compared: usize, wrong: &[String]) {
    assert!(wrong.is_empty(), "{} of {compared} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_odd_is_read_as_pillow_reads_it() {
    let (mut compared, mut wrong) = (0, Vec::new());
    let lists = std::fs::read_dir(root().join("tests/golden/odd")).unwrap();
    for list in
        lists.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json"))
    {
        let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(&list).unwrap()).unwrap();
        for row in &rows {
            let path = list.with_extension("").join(row["file"].as_str().unwrap());
            if !is_wanted(&path) {
                continue;
            }
            compared += 1;
            if row["refused"] == true {
                let file = row["file"].as_str().unwrap();
                if decoded(&path, true).is_ok() != READ_ANYWAY.contains(&file) {
                    wrong.push(format!("{file}: Pillow refuses it ({})", row["what"].as_str().unwrap()));
                }
                continue;
            }
            check(&path, row, true, &row["over_white"], &mut wrong);
            check(&path, row, false, &row["dropped"], &mut wrong);
        }
    }
    assert!(compared >= 800 || std::env::var_os("ODD").is_some(), "only {compared} compared");
    report(compared, &wrong);
}

#[test]
fn cases_after_bug_reports_are_read_as_pillow_reads_them() {
    let folder = root().join("../shared/cases");
    let Ok(manifest) = std::fs::read(folder.join("manifest.json")) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let (mut compared, mut wrong) = (0, Vec::new());
    for (name, row) in manifest.as_object().unwrap() {
        let path = folder.join("files").join(name);
        if is_wanted(&path) {
            compared += 1;
            check(&path, row, row["transparent"] == true, &row["rgb_sha256"], &mut wrong);
        }
    }
    report(compared, &wrong);
}
