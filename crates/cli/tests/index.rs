//! `index` and what reads an index, run as a person runs them.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/common/basics.rs"]
#[allow(dead_code, reason = "this takes a part of it")]
mod common;

use clip_vision::{ClipVision, Image, Options};
use common::{golden, max_difference, root};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A folder of its own, which goes when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("clip-vision-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn command(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clip-vision"));
    command.arg(name).args(arguments);
    if ["index", "search", "classify"].contains(&name) {
        command.arg("--model").arg(root().join("models/shapes"));
    }
    command
}

fn run_in(folder: &Folder, name: &str, arguments: &[&str]) -> Output {
    command(name, arguments).current_dir(&folder.0).output().unwrap()
}

fn run_well(folder: &Folder, name: &str, arguments: &[&str]) -> String {
    let output = run_in(folder, name, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A picture of one color with a bar, as a BMP of 16×16: as many different ones as numbers.
fn draw(path: &Path, number: usize) {
    let mut bytes = Vec::from(*b"BM");
    let words = [54 + 768u32, 0, 54, 40, 16, 16, 1 | 24 << 16, 0, 768, 2835, 2835, 0, 0];
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    let color = [number * 37, number * 101 + 60, number / 7 * 53].map(|value| value as u8);
    for pixel in 0..256 {
        bytes.extend(if pixel % 16 == number % 16 { [255 - color[0], 20, 200] } else { color });
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Names and embeddings of an index that was written as JSON lines.
fn rows(folder: &Folder, index: &str) -> BTreeMap<String, Vec<f32>> {
    let text = fs::read_to_string(folder.0.join(index)).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let row = |line: &Value| serde_json::from_value(line["embedding"].clone()).unwrap();
    let rows: BTreeMap<_, _> =
        lines.iter().map(|line| (line["path"].as_str().unwrap().to_owned(), row(line))).collect();
    assert_eq!(rows.len(), lines.len(), "a picture is there twice");
    rows
}

#[test]
fn an_index_has_every_picture_of_a_folder_and_nothing_else() {
    let folder = Folder::new("index");
    for (number, name) in ["b.bmp", "a/c.BMP", "a/deep/d.bmp", "a.bmp", ".hidden.bmp", ".git/x.bmp"].iter().enumerate()
    {
        draw(&folder.0.join("photos").join(name), number);
    }
    fs::write(folder.0.join("photos/notes.txt"), "no picture").unwrap();
    fs::write(folder.0.join("photos/bad.png"), "no picture either").unwrap();
    let output = run_in(&folder, "index", &["./photos", "photos/b.bmp", "-o", "photos.jsonl"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let names: Vec<_> = rows(&folder, "photos.jsonl").into_keys().collect();
    assert_eq!(names, ["photos/a.bmp", "photos/a/c.BMP", "photos/a/deep/d.bmp", "photos/b.bmp"]);
    let failed = fs::read_to_string(folder.0.join("photos.jsonl.failed.jsonl")).unwrap();
    let failed: Value = serde_json::from_str(failed.trim()).unwrap();
    assert_eq!(failed["path"], "./photos/bad.png");
    assert!(!failed["error"].as_str().unwrap().is_empty());

    let clip = ClipVision::from_dir(root().join("models/shapes"), Options::default()).unwrap();
    for (name, embedding) in rows(&folder, "photos.jsonl") {
        let expected = clip.embed(Image::from_path(folder.0.join(&name))).unwrap();
        assert!(max_difference(&embedding, &expected) < 1e-5, "{name}");
    }
    // Once the bad one is gone, nothing is listed any more.
    fs::remove_file(folder.0.join("photos/bad.png")).unwrap();
    run_well(&folder, "index", &["photos", "-o", "photos.jsonl", "-q"]);
    assert!(!folder.0.join("photos.jsonl.failed.jsonl").exists());
}

#[test]
fn what_is_new_or_changed_is_computed_and_what_vanished_is_dropped() {
    let folder = Folder::new("again");
    for number in 0..6 {
        draw(&folder.0.join(format!("photos/{number}.bmp")), number);
    }
    let index = |arguments: &[&str]| run_in(&folder, "index", &[&["photos", "-o", "photos.jsonl"], arguments].concat());
    assert!(String::from_utf8(index(&[]).stderr).unwrap().contains("6 computed, 0 as they were"));
    let before = rows(&folder, "photos.jsonl");
    fs::remove_file(folder.0.join("photos/0.bmp")).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    draw(&folder.0.join("photos/1.bmp"), 100);
    draw(&folder.0.join("photos/6.bmp"), 6);
    let said = String::from_utf8(index(&[]).stderr).unwrap();
    assert!(said.contains("6 images") && said.contains("2 computed, 4 as they were, 1 vanished, 0 failed"), "{said}");
    let after = rows(&folder, "photos.jsonl");
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6].map(|number| format!("photos/{number}.bmp")).iter().collect::<Vec<_>>()
    );
    assert_ne!(after["photos/1.bmp"], before["photos/1.bmp"]);
    assert_eq!(after["photos/2.bmp"], before["photos/2.bmp"]);
    // Other settings give other embeddings: nothing of before counts.
    let said = String::from_utf8(index(&["--precision", "int8"]).stderr).unwrap();
    assert!(said.contains("6 computed"), "{said}");
}

#[test]
fn killed_twenty_times_nothing_is_lost_and_nothing_there_twice() {
    let folder = Folder::new("killed");
    const PICTURES: usize = 1500;
    for number in 0..PICTURES {
        draw(&folder.0.join(format!("photos/{}/{number}.bmp", number % 7)), number);
    }
    run_well(&folder, "index", &["photos", "-o", "whole.jsonl", "-q"]);
    let mut seed = 7u64;
    let (mut kills, mut kept) = (0, 0);
    let mut millis = 30;
    while kills < 20 {
        let mut child = command("index", &["photos", "-o", "killed.jsonl", "-q"])
            .current_dir(&folder.0)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        std::thread::sleep(Duration::from_millis(millis + seed % 60));
        if child.try_wait().unwrap().is_some() {
            // It was done before: from the start, and killed sooner.
            for name in ["killed.jsonl", "killed.jsonl.rows"] {
                let _ = fs::remove_file(folder.0.join(name));
            }
            (millis, kept) = (millis * 2 / 3, 0);
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        let now = fs::metadata(folder.0.join("killed.jsonl.rows")).map_or(0, |file| file.len());
        // What is cut off is at most one record.
        assert!(now + 1024 >= kept, "of {kept} bytes {now} are left");
        kept = now;
        if now < 10_000 {
            millis += 20;
        }
    }
    // As a kill in the middle of a record leaves it.
    let rows_file = folder.0.join("killed.jsonl.rows");
    let mut bytes = fs::read(&rows_file).unwrap_or_default();
    bytes.truncate(bytes.len().saturating_sub(3));
    fs::write(&rows_file, bytes).unwrap();
    run_well(&folder, "index", &["photos", "-o", "killed.jsonl", "-q"]);
    let (whole, resumed) = (rows(&folder, "whole.jsonl"), rows(&folder, "killed.jsonl"));
    assert_eq!(resumed.len(), PICTURES);
    assert!(whole.keys().eq(resumed.keys()));
    for (name, row) in &whole {
        assert!(max_difference(row, &resumed[name]) < 1e-5, "{name}");
    }
}

#[test]
fn all_formats_find_the_same_and_say_who_made_them() {
    let folder = Folder::new("formats");
    for number in 0..30 {
        draw(&folder.0.join(format!("photos/{number}.bmp")), number);
    }
    let formats = ["photos.clip-vision", "photos.npy", "photos.jsonl", "photos.parquet"];
    let formats = &formats[..if cfg!(feature = "parquet") { 4 } else { 3 }];
    let mut found = Vec::new();
    for format in formats {
        run_well(&folder, "index", &["photos", "-o", format, "-q", "--revision", "r1"]);
        found.push(run_well(&folder, "search", &["--in", format, "--json", "a red heart", "photos/3.bmp"]));
        let info: Value = serde_json::from_str(&run_well(&folder, "info", &["--json", format])).unwrap();
        assert_eq!((&info["images"], &info["model"]), (&30.into(), &"shapes".into()));
        let made = &info["made"];
        assert_eq!((&made["revision"], &made["decode"]), (&"r1".into(), &"exact".into()));
        assert!(made["preprocessing"].as_str().unwrap().contains("deviation") && made["precision"].is_string());
    }
    assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
    let line: Value = serde_json::from_str(found[0].lines().nth(1).unwrap()).unwrap();
    assert_eq!((line["found"][0]["id"].as_str(), line["found"].as_array().unwrap().len()), (Some("photos/3.bmp"), 10));
    let other = run_in(&folder, "search", &["--in", formats[0], "--name", "other", "a dog"]);
    assert!(!other.status.success() && String::from_utf8_lossy(&other.stderr).contains("--name \"shapes\""));

    // A byte that changed is noticed.
    let mut bytes = fs::read(folder.0.join(formats[0])).unwrap();
    let last = bytes.len() - 600;
    bytes[last] ^= 1;
    fs::write(folder.0.join(formats[0]), bytes).unwrap();
    let broken = run_in(&folder, "info", &[formats[0]]);
    assert!(String::from_utf8_lossy(&broken.stderr).contains("checksum"), "{broken:?}");
}

#[test]
fn shards_become_one_index_with_each_picture_once() {
    let folder = Folder::new("merge");
    for number in 0..20 {
        draw(&folder.0.join(format!("photos/{}/{number}.bmp", number / 10)), number);
    }
    run_well(&folder, "index", &["photos/0", "-o", "0.clip-vision", "-q"]);
    run_well(&folder, "index", &["photos/1", "photos/0/3.bmp", "-o", "1.npy", "-q"]);
    run_well(&folder, "merge", &["0.clip-vision", "1.npy", "-o", "all.jsonl", "-q"]);
    run_well(&folder, "index", &["photos", "-o", "whole.jsonl", "-q"]);
    assert!(rows(&folder, "all.jsonl").keys().eq(rows(&folder, "whole.jsonl").keys()));
    run_well(&folder, "index", &["photos/1", "-o", "2.npy", "-q", "--decode", "fast"]);
    let onto_itself = run_in(&folder, "merge", &["1.npy", "0.clip-vision", "-o", "1.npy"]);
    assert!(!onto_itself.status.success(), "an index is merged onto itself");
    assert!(String::from_utf8_lossy(&onto_itself.stderr).contains("1.npy is one of the indexes"));
    let refused = run_in(&folder, "merge", &["0.clip-vision", "2.npy", "-o", "all.jsonl"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not of one model"), "{refused:?}");
}

#[test]
fn an_index_is_labeled_and_its_duplicates_are_found() {
    let folder = Folder::new("labels");
    for (number, name) in [3, 4, 3].iter().zip(["a", "b", "c"]) {
        draw(&folder.0.join(format!("photos/{name}.bmp")), *number);
    }
    run_well(&folder, "index", &["photos", "-o", "photos.clip-vision", "-q"]);
    let labels = ["--labels", "red heart,blue ring", "--json"];
    let of_index = run_well(&folder, "classify", &[&labels[..], &["--in", "photos.clip-vision"]].concat());
    let of_folder = run_well(&folder, "classify", &[&labels[..], &["photos"]].concat());
    let label = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    for (one, other) in of_index.lines().zip(of_folder.lines()) {
        let (one, other) = (label(one), label(other));
        assert_eq!((&one["path"], &one["label"]), (&other["path"], &other["label"]));
    }
    assert_eq!(of_index.lines().count(), 3);
    let arguments = ["--threshold", "0.9999", "--json"];
    let groups = run_well(&folder, "duplicates", &[&arguments[..], &["--in", "photos.clip-vision"]].concat());
    let group: Value = serde_json::from_str(groups.trim()).unwrap();
    assert_eq!(group["ids"], serde_json::json!(["photos/a.bmp", "photos/c.bmp"]));
    let model = root().join("models/shapes").display().to_string();
    let of_folder = run_well(&folder, "duplicates", &[&arguments[..], &["--model", &model, "photos"]].concat());
    assert_eq!(label(of_folder.trim())["ids"], group["ids"]);

    // What an index has no use for is refused.
    for wrong in [&["--precision", "int8"][..], &["--device", "cpu"], &["--decode", "fast"], &["--background", "drop"]]
    {
        let duplicates = run_in(&folder, "duplicates", &[&["--in", "photos.clip-vision"], wrong].concat());
        assert_eq!(duplicates.status.code(), Some(2), "{wrong:?}");
        assert!(String::from_utf8_lossy(&duplicates.stderr).contains("cannot be used with"), "{duplicates:?}");
    }
    let model = ["--in", "photos.clip-vision", "--model", &model];
    assert_eq!(run_in(&folder, "duplicates", &model).status.code(), Some(2));
    for wrong in [&["--in", "photos.clip-vision", "--decode", "fast"][..], &["--name", "shapes", "photos"]] {
        assert_eq!(run_in(&folder, "classify", &[&labels[..], wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
}

/// `tests/js/native_index.test.ts` reads the same files.
#[test]
fn the_file_that_the_npm_package_reads_is_the_one_written_here() {
    let folder = Folder::new("golden");
    let of = |name: &str| golden(&format!("search/native/{name}")).display().to_string();
    for (name, precision) in [("photos.clip-vision", "f32"), ("photos-int8.clip-vision", "int8")] {
        run_well(&folder, "merge", &["-q", &of("photos.clip-vision"), "--rows", precision, "-o", name]);
        assert!(fs::read(folder.0.join(name)).unwrap() == fs::read(of(name)).unwrap(), "{name}");
    }
    let expected: Vec<Value> = serde_json::from_slice(&fs::read(of("found.json")).unwrap()).unwrap();
    let index = of("photos.clip-vision");
    for one in expected.iter().filter(|one| one["query"].as_str().unwrap().starts_with('a')) {
        let found = run_well(&folder, "search", &["--in", &index, "--json", one["query"].as_str().unwrap()]);
        let found: Value = serde_json::from_str(found.trim()).unwrap();
        let ids =
            |found: &Value| -> Vec<Value> { found.as_array().unwrap().iter().map(|one| one["id"].clone()).collect() };
        assert_eq!(ids(&found["found"]), ids(&one["found"]));
    }
}

#[test]
fn the_status_says_what_became_of_an_index() {
    let folder = Folder::new("status");
    fs::create_dir(folder.0.join("empty")).unwrap();
    assert_eq!(run_in(&folder, "index", &["empty", "-o", "x.npy"]).status.code(), Some(3));
    assert_eq!(run_in(&folder, "index", &["empty", "-o", "x.txt"]).status.code(), Some(3));
    assert_eq!(run_in(&folder, "index", &["empty"]).status.code(), Some(2));
    assert!(!folder.0.join("x.npy").exists());
    for shell in ["bash", "zsh", "fish", "powershell"] {
        assert!(run_well(&folder, "completions", &[shell]).contains("duplicates"));
    }
    assert!(run_well(&folder, "man", &[]).contains(".TH"));
    assert!(run_well(&folder, "man", &["index"]).contains("revision"));
    assert_eq!(run_in(&folder, "man", &["nothing"]).status.code(), Some(1));
}

#[test]
fn embed_reads_names_from_standard_input() {
    use std::io::Write;
    let photos = ["images/gray.png", "images/rgb-photo.png"].map(|name| golden(name).display().to_string());
    let mut child = Command::new(env!("CARGO_BIN_EXE_clip-vision"))
        .args(["embed", "--json", "-", "--model"])
        .arg(root().join("models/shapes"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{}\n\n{}\n", photos[0], photos[1]).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["path"].as_str().unwrap()).collect::<Vec<_>>(), photos);
}

/// A folder with twenty pictures in two folders, and their index `i.jsonl`.
fn indexed(name: &str) -> Folder {
    let folder = Folder::new(name);
    for number in 0..20 {
        draw(&folder.0.join(format!("photos/{}/{number}.bmp", number / 10)), number);
    }
    run_well(&folder, "index", &["photos/0", "photos/1", "-o", "i.jsonl", "-q"]);
    folder
}

#[test]
fn a_damaged_row_is_computed_anew_and_no_other() {
    let folder = indexed("damaged");
    let before = rows(&folder, "i.jsonl");
    let kept = folder.0.join("i.jsonl.rows");
    let mut bytes = fs::read(&kept).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&kept, bytes).unwrap();
    let said = run_in(&folder, "index", &["photos/0", "photos/1", "-o", "i.jsonl"]);
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("20 images in i.jsonl: 1 computed, 19 as they were, 0 vanished"), "{said}");
    assert_eq!(rows(&folder, "i.jsonl"), before);
}

#[test]
fn rows_of_a_folder_that_cannot_be_read_are_kept() {
    let folder = indexed("away");
    let before = rows(&folder, "i.jsonl");
    fs::rename(folder.0.join("photos/1"), folder.0.join("away")).unwrap();
    let output = run_in(&folder, "index", &["photos/0", "photos/1", "-o", "i.jsonl", "-q"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("photos/1"),
        "errors are printed with --quiet too: {output:?}"
    );
    assert_eq!(rows(&folder, "i.jsonl"), before);
    // A folder that is not asked for any more has vanished.
    run_well(&folder, "index", &["photos/0", "-o", "i.jsonl", "-q"]);
    assert_eq!(rows(&folder, "i.jsonl").len(), 10);
}

#[test]
fn rows_of_other_settings_are_put_aside() {
    let folder = indexed("aside");
    let before = fs::read(folder.0.join("i.jsonl.rows")).unwrap();
    run_well(&folder, "index", &["photos/0", "-o", "i.jsonl", "-q", "--decode", "fast"]);
    assert!(fs::read(folder.0.join("i.jsonl.rows.before")).unwrap() == before);
    // Nor are those written over, should a third setting come: they may have taken days.
    run_well(&folder, "index", &["photos/0", "-o", "i.jsonl", "-q", "--precision", "int8"]);
    assert!(fs::read(folder.0.join("i.jsonl.rows.before")).unwrap() == before);
    assert!(folder.0.join("i.jsonl.rows.before-2").exists());
    // With the settings that made them they are taken back.
    let run = |settings: &[&str]| {
        let output = run_in(&folder, "index", &[&["photos", "-o", "i.jsonl"], settings].concat());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = run(&[]);
    assert!(said.contains("taken back") && said.contains("0 computed, 20 as they were"), "{said}");
    assert!(fs::read(folder.0.join("i.jsonl.rows")).unwrap() == before);
    // So are those that they had made room for, of the other ten pictures the rest is computed.
    let said = run(&["--precision", "int8"]);
    assert!(said.contains("taken back") && said.contains("10 computed, 10 as they were"), "{said}");
    let said = run(&["--decode", "fast"]);
    assert!(said.contains("taken back") && said.contains("10 computed, 10 as they were"), "{said}");
    let aside = || {
        let names = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("i.jsonl.rows.before")).count()
    };
    assert_eq!(aside(), 2, "of each setting there is one");
    // As a kill between the two renames leaves them.
    fs::rename(folder.0.join("i.jsonl.rows"), folder.0.join("i.jsonl.rows.before-9")).unwrap();
    let said = run(&["--decode", "fast"]);
    assert!(said.contains("put aside") && said.contains("0 computed, 20 as they were"), "{said}");
    assert_eq!(aside(), 2);
}

#[test]
fn an_index_is_written_though_nobody_reads_what_is_printed() {
    let folder = Folder::new("unread");
    for number in 0..200 {
        draw(&folder.0.join(format!("photos/{number}.bmp")), number);
    }
    let mut run = command("index", &["photos", "-o", "i.jsonl", "--json"]);
    let mut run = run.current_dir(&folder.0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(run.stdout.take());
    assert_eq!(run.wait().unwrap().code(), Some(0));
    assert_eq!(rows(&folder, "i.jsonl").len(), 200);
}

#[test]
fn an_index_that_cannot_be_kept_ends() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let folder = Folder::new("full");
    for number in 0..200 {
        draw(&folder.0.join(format!("photos/{number}.bmp")), number);
    }
    // A disk that takes no more: 40 KiB a file.
    let run = command("index", &["photos", "-o", "i.jsonl"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\""]).arg(run.get_program()).args(run.get_args());
    let mut limited = limited.current_dir(&folder.0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..600 {
        if let Some(status) = limited.try_wait().unwrap() {
            assert_eq!(status.code(), Some(3));
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    limited.kill().unwrap();
    panic!("it hangs");
}

#[test]
fn a_picture_is_no_duplicate_of_itself() {
    let folder = indexed("itself");
    let model = root().join("models/shapes");
    let model = model.to_str().unwrap();
    let printed =
        run_well(&folder, "duplicates", &["--model", model, "--threshold", "0.999999", "photos", "photos/0", "--json"]);
    for line in printed.lines() {
        let group: Value = serde_json::from_str(line).unwrap();
        let ids: std::collections::BTreeSet<_> =
            group["ids"].as_array().unwrap().iter().map(Value::to_string).collect();
        assert_eq!(ids.len(), group["ids"].as_array().unwrap().len(), "{line}");
    }
}

#[test]
fn several_indexes_are_searched_as_one() {
    let folder = Folder::new("several");
    for number in 0..30 {
        draw(&folder.0.join(format!("photos/{}/{number}.bmp", number / 10)), number);
    }
    run_well(&folder, "index", &["photos", "-o", "whole.jsonl", "-q"]);
    let parts = ["0.clip-vision", "1.npy", if cfg!(feature = "parquet") { "2.parquet" } else { "2.jsonl" }];
    for (number, part) in parts.iter().enumerate() {
        // A picture of the first is in each.
        let own = format!("photos/{number}");
        run_well(&folder, "index", &[&own, "photos/0/3.bmp", "-o", part, "-q", "--revision", "r1"]);
    }
    let queries = ["--json", "a red heart", "photos/0/3.bmp", "photos/2/25.bmp", "--top", "7"];
    let whole = run_well(&folder, "search", &[&queries[..], &["--in", "whole.jsonl"]].concat());
    let several: Vec<&str> = parts.iter().flat_map(|part| ["--in", part]).collect();
    let found = run_well(&folder, "search", &[&queries[..], &several].concat());
    let parsed = |text: &str| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    for (one, all) in parsed(&found).iter().zip(parsed(&whole)) {
        let [one, all] = [one, &all].map(|line| line["found"].as_array().unwrap().clone());
        assert_eq!((one.len(), all.len()), (7, 7));
        for (one, all) in one.iter().zip(&all) {
            assert_eq!(one["id"], all["id"]);
            assert!((one["score"].as_f64().unwrap() - all["score"].as_f64().unwrap()).abs() < 1e-6);
        }
    }
    // Two pictures of one name are two.
    for (camera, number) in [("a", 4), ("b", 21)] {
        draw(&folder.0.join("1.bmp"), number);
        run_well(&folder, "index", &["1.bmp", "-o", &format!("{camera}.npy"), "-q"]);
    }
    let both =
        run_well(&folder, "search", &["--json", "a red heart", "--in", "a.npy", "--in", "b.npy", "--in", "a.npy"]);
    let both = &parsed(&both)[0]["found"];
    let mut indexes: Vec<&str> = both.as_array().unwrap().iter().map(|hit| hit["in"].as_str().unwrap()).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, ["a.npy", "b.npy"], "{both}");

    // A query that fails takes no answers of the others.
    fs::write(folder.0.join("bad.png"), "no picture").unwrap();
    let some = run_in(&folder, "search", &[&["--json", "bad.png", "a red heart"][..], &several].concat());
    let lines = parsed(&String::from_utf8(some.stdout).unwrap());
    assert_eq!(some.status.code(), Some(1));
    assert!(lines[0]["error"].is_string() && lines[1]["found"].as_array().unwrap().len() == 10);

    run_well(&folder, "index", &["photos/1", "-o", "r2.npy", "-q", "--revision", "r2"]);
    run_well(&folder, "index", &["photos/1", "-o", "other.npy", "-q", "--name", "other"]);
    for (wrong, why) in
        [("r2.npy", "different revisions"), ("other.npy", "the model \"other\""), ("none.npy", "cannot read none.npy")]
    {
        let refused = run_in(&folder, "search", &["--in", parts[0], "--in", wrong, "a dog"]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stderr).contains(why), "{refused:?}");
    }
}
