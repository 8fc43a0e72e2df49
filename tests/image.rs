//! Images end to end: every source, format, orientation, default and error. Limits and hostile files are in
//! `hostile_images.rs`.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use clip_vision::image::{PixelTensor, UrlAccess};
use clip_vision::{Error, ErrorKind, Image, ResizeFilter};
use common::golden;
use common::sources::{fnv1a64, golden_bytes, golden_json, number, rgb8, shared_images};

/// URLs of files are read.
fn files() -> UrlAccess {
    UrlAccess::default().file(true)
}

fn error(image: Image) -> Error {
    image.to_pixel_tensor().unwrap_err()
}

/// Mean difference of two pictures' values.
fn mean_difference(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / one.len() as f64
}

#[test]
fn every_golden_picture_is_pillows() {
    let manifest = golden_json("images.json");
    let rows = manifest["images"].as_array().unwrap();
    assert!(rows.len() > 40);
    for row in rows {
        let file = row["file"].as_str().unwrap();
        let (bytes, size) = rgb8(Image::from_path(golden(&format!("images/{file}"))).drop_alpha());
        assert_eq!(size, (number(row, "height"), number(row, "width")), "{file}");
        // Lossy ones too: their decoders round as Pillow's do.
        assert_eq!(fnv1a64(bytes), row["rgb_fnv1a64"].as_str().unwrap(), "{file}");
    }
}

#[test]
fn every_kind_of_file_is_pillows() {
    let manifest = golden_json("formats.json");
    let rows = manifest["files"].as_array().unwrap();
    assert!(rows.len() > 40);
    let mut wrong = Vec::new();
    for row in rows {
        let file = row["file"].as_str().unwrap();
        let image = Image::from_path(golden(&format!("formats/{file}"))).drop_alpha();
        match image.clone().to_pixel_tensor() {
            Err(error) => wrong.push(error.to_string()),
            Ok(_) => {
                let (bytes, size) = rgb8(image);
                let equal = fnv1a64(bytes) == row["rgb_fnv1a64"].as_str().unwrap();
                if !equal || size != (number(row, "height"), number(row, "width")) {
                    wrong.push(format!("{file}: other pixels, {size:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn every_source_gives_the_same_picture() {
    let bytes = golden_bytes("images/rgb-photo.png");
    let path = golden("images/rgb-photo.png");
    let (expected, size) = rgb8(Image::from_bytes(bytes.as_slice()));
    let folded: String =
        STANDARD.encode(&bytes).as_bytes().chunks(76).map(|line| format!("{}\r\n", line.escape_ascii())).collect();
    let sources = [
        Image::from_path(&path),
        Image::from_bytes(bytes.clone()),
        Image::from_base64(STANDARD.encode(&bytes)),
        Image::from_base64(STANDARD_NO_PAD.encode(&bytes)),
        Image::from_base64(URL_SAFE.encode(&bytes)),
        Image::from_base64(URL_SAFE_NO_PAD.encode(&bytes)),
        Image::from_base64(folded),
        Image::from_base64(format!("data:image/png;base64,{}", STANDARD.encode(&bytes))),
        Image::from_url(format!("data:image/jpeg;base64,{}", STANDARD_NO_PAD.encode(&bytes))),
        Image::from_url(format!("file://{}", path.to_str().unwrap().replace("rgb", "%72%67b"))).url_access(files()),
        Image::from_rgb8(size.1, size.0, expected.clone()),
        Image::from_rgba8(size.1, size.0, expected.chunks(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 9]).collect())
            .drop_alpha(),
        Image::from_path(&path).decode_sync().unwrap(),
    ];
    for source in sources {
        let name = format!("{source:?}");
        assert!(name.len() < 1000, "bytes are not printed: {name}");
        assert_eq!(rgb8(source.clone()), (expected.clone(), size), "{name}");
        assert_eq!(rgb8(source.resize(7, 5, ResizeFilter::Triangle)).1, (5, 7), "{name}");
    }
}

#[test]
fn the_tensor_is_planes_of_values() {
    let pixels = vec![0, 51, 102, 153, 204, 255];
    let image = Image::from_rgb8(2, 1, pixels);
    let values = [0.0, 153.0, 51.0, 204.0, 102.0, 255.0];
    assert_eq!(image.clone().to_pixel_tensor().unwrap(), PixelTensor { data: values.to_vec(), height: 1, width: 2 });
    #[cfg(feature = "candle")]
    {
        let tensor = image.to_tensor_sync(&clip_vision::Device::Cpu).unwrap();
        assert_eq!(tensor.dims(), [3, 1, 2]);
        assert_eq!(tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(), values);
    }

    let image = Image::from_rgb8(1, 1, vec![51, 102, 255]).center_crop(1, 3);
    let image = image.normalize_unsigned().normalize_with([0.2, 0.0, 0.0], [1.0, 0.5, 2.0]).clamp(-1.0, 0.7);
    // Zeros around a small image are black pixels, and normalized like them.
    let expected: [f32; 9] = [-0.2, 0.0, -0.2, 0.0, 0.7, 0.0, 0.0, 0.5, 0.0];
    for (got, wanted) in image.to_pixel_tensor().unwrap().data.into_iter().zip(expected) {
        assert!((got - wanted).abs() < 1e-6, "{got} {wanted}");
    }
}

#[test]
fn decoding_and_operating_can_be_told_apart() {
    let image = Image::from_path(golden("images/exif-6.jpg")).resize(9, 7, ResizeFilter::Lanczos3);
    assert_eq!(image.size(), None);
    let decoded = image.clone().decode_sync().unwrap();
    assert_eq!(decoded.size(), Some((60, 40)));
    assert_eq!(rgb8(decoded), rgb8(image));
    assert_eq!(Image::from_rgb8(4, 2, vec![0; 24]).size(), Some((4, 2)));
}

#[test]
fn names_say_nothing() {
    let folder = std::env::temp_dir().join(format!("clip-vision-names-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("photo.jpg");
    std::fs::write(&path, golden_bytes("images/rgb-photo.png")).unwrap();
    assert!(Image::from_path(&path).to_pixel_tensor().is_ok());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn transparency_is_composited_or_dropped() {
    let image = || Image::from_rgba8(2, 1, vec![200, 100, 50, 0, 200, 100, 50, 128]);
    assert_eq!(rgb8(image()).0, [255, 255, 255, 227, 177, 152]);
    assert_eq!(rgb8(image().drop_alpha()).0, [200, 100, 50, 200, 100, 50]);
    // Before every operation, wherever it is written.
    let resized = image().resize(4, 2, ResizeFilter::Nearest).background([0, 0, 0]);
    assert_eq!(rgb8(resized).0[..6], [0, 0, 0, 0, 0, 0]);
    // Pictures without transparency don't change.
    let opaque = Image::from_path(golden("images/rgb-photo.png"));
    assert_eq!(rgb8(opaque.clone().background([1, 2, 3])), rgb8(opaque));
}

#[test]
fn every_shared_picture_is_read_or_refused_with_a_reason() {
    for path in shared_images("formats").into_iter().chain(shared_images("broken")).chain(shared_images("exif")) {
        match Image::from_path(&path).to_pixel_tensor() {
            Ok(_) => {}
            Err(error) => {
                let refused = [ErrorKind::Decode, ErrorKind::UnsupportedFormat, ErrorKind::TooLarge];
                assert!(refused.contains(&error.kind()), "{}: {error}", path.display());
                assert!(error.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
                println!("{error}");
            }
        }
    }
}

#[test]
fn all_orientations_show_the_same_scene() {
    for scene in ["Landscape", "Portrait"] {
        let files: Vec<_> = shared_images("exif")
            .into_iter()
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(scene))
            .collect();
        let small = |path: &Path| rgb8(Image::from_path(path).resize_shortest_edge(48, ResizeFilter::Triangle));
        let Some(first) = files.first().map(|path| small(path)) else { continue };
        assert_eq!(files.len(), 9);
        for path in &files {
            let (pixels, size) = small(path);
            assert_eq!(size, first.1, "{}", path.display());
            let mean = mean_difference(&pixels, &first.0);
            assert!(mean < 8.0, "{} differs by {mean}", path.display());
        }
    }
}

#[test]
fn what_can_not_be_read_says_why() {
    let path = || Image::from_path(golden("images/rgb-photo.png"));
    // A file's first box is a broken file where the format is read, and else one of a format that is not.
    let avif = if cfg!(feature = "avif") { ErrorKind::Decode } else { ErrorKind::UnsupportedFormat };
    let svg = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>".to_vec();
    let cases: Vec<(Image, ErrorKind, &str)> = vec![
        (Image::from_path("/no/such/picture.jpg"), ErrorKind::Fetch, "/no/such/picture.jpg"),
        (Image::from_path(env!("CARGO_MANIFEST_DIR")), ErrorKind::Fetch, "directory"),
        (
            Image::from_url("file:///no/such%20picture.jpg").url_access(files()),
            ErrorKind::Fetch,
            "/no/such picture.jpg",
        ),
        (Image::from_url("file:///no/such%20picture.jpg"), ErrorKind::Fetch, "UrlAccess::file"),
        (Image::from_url("file://elsewhere/a.jpg").url_access(files()), ErrorKind::InvalidArgument, "another host"),
        (Image::from_url("picture.jpg"), ErrorKind::InvalidArgument, "picture.jpg"),
        (Image::from_url("ftp://a/b"), ErrorKind::InvalidArgument, "ftp://a/b"),
        (Image::from_base64("no base64 at all!"), ErrorKind::Decode, "base64"),
        (Image::from_base64(""), ErrorKind::UnsupportedFormat, "no bytes"),
        (Image::from_bytes([]), ErrorKind::UnsupportedFormat, "no bytes"),
        (
            Image::from_bytes(*b"hello, world"),
            ErrorKind::UnsupportedFormat,
            "no picture of a known format, of 12 bytes",
        ),
        (Image::from_bytes(svg), ErrorKind::UnsupportedFormat, "SVG"),
        (Image::from_bytes(*b"<!doctype html>"), ErrorKind::UnsupportedFormat, "HTML"),
        (Image::from_bytes(*b"\0\0\0\x1cftypavif\0\0\0\0mif1"), avif, "AVIF"),
        (Image::from_bytes(*b"\xff\xd8\xff"), ErrorKind::Decode, "JPEG"),
        (Image::from_bytes(*b"GIF89a"), ErrorKind::Decode, "GIF"),
        (Image::from_rgb8(2, 2, vec![0; 11]), ErrorKind::InvalidArgument, "12 bytes, not 11"),
        (Image::from_rgba8(2, 2, vec![0; 12]), ErrorKind::InvalidArgument, "16 bytes, not 12"),
        (Image::from_rgb8(0, 2, vec![]), ErrorKind::InvalidArgument, "0x2"),
        (path().resize(0, 1, ResizeFilter::Nearest), ErrorKind::InvalidArgument, "resize"),
        (path().normalize_unsigned().center_crop(3, 3), ErrorKind::InvalidArgument, "center_crop"),
        (path().resize(1 << 30, 1, ResizeFilter::Triangle), ErrorKind::TooLarge, "1073741824"),
        (path().center_crop(1 << 20, 1 << 20), ErrorKind::TooLarge, "limit"),
        (path().resize_shortest_edge(20_000, ResizeFilter::CatmullRom), ErrorKind::TooLarge, "a tensor of"),
        (path().resize(100_000, 100_000, ResizeFilter::Triangle), ErrorKind::TooLarge, "limit"),
        (
            Image::from_rgb8(1, 100_000, vec![7; 300_000]).resize_shortest_edge(9999, ResizeFilter::Nearest),
            ErrorKind::TooLarge,
            "resize_shortest_edge",
        ),
    ];
    for (image, kind, text) in cases {
        let name = format!("{image:?}");
        let error = error(image.clone());
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(text), "{name}: {error}");
        assert_eq!(image.decode_sync().map_or(kind, |_| kind), kind);
    }
    #[cfg(not(feature = "http"))]
    {
        let error = error(Image::from_url("https://example.com/a.jpg"));
        assert_eq!(error.kind(), ErrorKind::Fetch);
        assert!(error.to_string().contains("feature `http`"), "{error}");
    }
}

/// A server that answers one request on a port of its own.
#[cfg(feature = "http")]
fn serve(answer: Vec<u8>) -> String {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
        // The other side may hang up early, where the answer is too long.
        let _ = stream.write_all(&answer);
    });
    format!("http://{address}/picture")
}

#[cfg(feature = "http")]
fn local(url: String) -> Image {
    Image::from_url(url).url_access(UrlAccess::default().private_hosts(true))
}

#[cfg(feature = "http")]
#[test]
fn pictures_are_fetched_within_limits() {
    let png = golden_bytes("images/rgb-20x13.png");
    let answer = |status: &str, length: usize, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let fetched = local(serve(answer("200 OK", png.len(), &png)));
    assert_eq!(rgb8(fetched), rgb8(Image::from_bytes(png.clone())));
    let without_length = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", png.as_slice()].concat();
    assert_eq!(rgb8(local(serve(without_length.clone()))).1, (13, 20));

    let few = clip_vision::image::Limits { max_bytes: 100, ..Default::default() };
    let failing = [
        (local(serve(answer("404 Not Found", 4, b"gone"))), ErrorKind::Fetch),
        (local(serve(answer("200 OK", png.len() + 9, &png))), ErrorKind::Fetch),
        (local(serve(answer("200 OK", 6, b"<html>"))), ErrorKind::UnsupportedFormat),
        (local(serve(answer("200 OK", 1 << 40, &png))), ErrorKind::TooLarge),
        (local(serve(without_length)).limits(few), ErrorKind::TooLarge),
        (local("http://127.0.0.1:1/".to_owned()), ErrorKind::Fetch),
    ];
    for (image, kind) in failing {
        let error = error(image);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains("http://127.0.0.1"), "{error}");
    }
}

#[cfg(feature = "http")]
#[test]
fn hosts_are_asked_only_where_that_is_allowed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]", "[::1]"] {
        let error = error(Image::from_url(format!("http://{host}:{port}/a?key=secret")));
        assert_eq!(error.kind(), ErrorKind::Fetch, "{host}: {error:#}");
        assert!(!format!("{error:#} {error:?}").contains("secret"), "{error:?}");
    }
    let refused = "http://127.0.0.1/".to_owned();
    let message = |access: UrlAccess| error(Image::from_url(&refused).url_access(access)).to_string();
    assert!(message(UrlAccess::default()).contains("UrlAccess::private_hosts"));
    assert!(message(UrlAccess::default().private_hosts(true).http(false)).contains("scheme"));
    assert!(message(UrlAccess::default().private_hosts(true).hosts(["example.com"])).contains("list"));
    assert!(listener.accept().is_err(), "nobody was asked");
}

#[cfg(feature = "http")]
#[test]
fn redirects_are_held_to_the_same_hosts() {
    let png = golden_bytes("images/rgb-20x13.png");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", png.len());
    let picture = || serve([head.as_bytes(), &png].concat());
    let to = |location: &str| {
        let head =
            format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        serve(head.into_bytes())
    };
    assert_eq!(rgb8(local(to(&picture()))).1, (13, 20));
    // The first host is allowed, and what it leads to is not.
    let access = UrlAccess::default().private_hosts(true).hosts(["127.0.0.1"]);
    let elsewhere = picture().replace("127.0.0.1", "localhost");
    for location in [&elsewhere, "https://127.0.0.2/", "http://169.254.169.254/?key=secret"] {
        let error = error(Image::from_url(to(location)).url_access(access.clone()));
        assert_eq!(error.kind(), ErrorKind::Fetch);
        assert!(error.to_string().contains("list"), "{location}: {error:#}");
    }
    for location in ["file:///etc/hostname?secret", "ftp://127.0.0.1/secret", "http://", "/a b?secret"] {
        let error = error(Image::from_url(to(location)).url_access(access.clone()));
        assert_eq!(error.kind(), ErrorKind::Fetch);
        assert!(!format!("{error:#}").contains("secret"), "{location}: {error:#}");
    }
}
