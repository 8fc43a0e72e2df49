//! EXIF and XMP of any bytes in a small picture: it is decoded, and lies on its side or not.
#![no_main]

mod choices;
mod directory;
mod packed;
mod time;

use choices::Choices;
use directory::{Directory, Shape};
use libfuzzer_sys::fuzz_target;
use pixels::Image;

const WIDTH: usize = 3;
const HEIGHT: usize = 2;

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [name, data].concat();
    let crc = named.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    [&(data.len() as u32).to_be_bytes()[..], &named, &(!crc).to_be_bytes()].concat()
}

/// With EXIF in its chunk or as text in hexadecimal, XMP as text, packed or not.
fn png(exif: &[u8], xmp: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let header = chunk(b"IHDR", &[0, 0, 0, WIDTH as u8, 0, 0, 0, HEIGHT as u8, 8, 0, 0, 0, 0]);
    let mut metadata = Vec::new();
    match choices.byte() % 4 {
        _ if exif.is_empty() => {}
        0 | 1 => metadata.push(chunk(b"eXIf", exif)),
        which => {
            let hexadecimal: String = exif.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = format!("\nexif\n{:8}\n{hexadecimal}\n", exif.len()).into_bytes();
            let keyword = &b"Raw profile type exif\0"[..];
            metadata.push(match which {
                2 => chunk(b"tEXt", &[keyword, &text].concat()),
                _ => chunk(b"zTXt", &[keyword, b"\0", &packed::zlib(&text)].concat()),
            });
        }
    }
    let keyword = &b"XML:com.adobe.xmp\0"[..];
    match choices.byte() % 3 {
        _ if xmp.is_empty() => {}
        0 => metadata.push(chunk(b"iTXt", &[keyword, b"\0\0\0\0", xmp].concat())),
        1 => metadata.push(chunk(b"iTXt", &[keyword, b"\x01\0\0\0", &packed::zlib(xmp)].concat())),
        // What begins like a text, and may be anything.
        _ => metadata.push(chunk(b"iTXt", &[keyword, xmp].concat())),
    }
    let data = chunk(b"IDAT", &packed::zlib(&[0, 1, 2, 3, 0, 4, 5, 6]));
    let (before, after) = if choices.one_in(4) { (vec![], metadata) } else { (metadata, vec![]) };
    [b"\x89PNG\r\n\x1a\n".to_vec(), header, before.concat(), data, after.concat(), chunk(b"IEND", b"")].concat()
}

/// A segment of so many bytes at the most.
fn segment(prefix: &[u8], data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(0xffff - 2 - prefix.len())];
    let len = (2 + prefix.len() + data.len()) as u16;
    [&[0xff, 0xe1], &len.to_be_bytes()[..], prefix, data].concat()
}

/// A lossless JPEG of one gray value: what Huffman coding there is says that nothing differs.
fn jpeg(exif: &[u8], xmp: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    let exif_prefix: &[u8] = if choices.one_in(5) { b"" } else { b"Exif\0\0" };
    // In two segments, or in one.
    let cut = if choices.one_in(5) { exif.len() / 2 } else { exif.len() };
    for exif in [&exif[..cut], &exif[cut..]].into_iter().filter(|part| !part.is_empty()) {
        file.extend(segment(exif_prefix, exif));
    }
    if !xmp.is_empty() {
        file.extend(segment(b"http://ns.adobe.com/xap/1.0/\0", xmp));
    }
    file.extend([0xff, 0xdb, 0, 67, 0].into_iter().chain([1; 64]));
    file.extend([0xff, 0xc0, 0, 11, 8, 0, HEIGHT as u8, 0, WIDTH as u8, 1, 1, 0x11, 0]);
    for table in [0x00, 0x10] {
        // One code of one bit: 0 is nothing.
        file.extend([&[0xff, 0xc4, 0, 20, table, 1][..], &[0; 15], &[0]].concat());
    }
    file.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x3f, 0xff, 0xd9]);
    file
}

fn riff(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let padding: &[u8] = if data.len() % 2 == 1 { b"\0" } else { b"" };
    [&name[..], &(data.len() as u32).to_le_bytes(), data, padding].concat()
}

/// A lossless WebP of one color.
fn webp(exif: &[u8], xmp: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    // 14 bits of width and of height, each less 1; no alpha; version 0; then neither transforms nor a cache nor groups, and
    // five codes of one symbol each: 1 (simple), 0 (one symbol), 0 (of one bit), 0 (it is 0).
    let size = (WIDTH as u32 - 1) | (HEIGHT as u32 - 1) << 14;
    let mut bits: Vec<bool> = (0..32).map(|bit| size >> bit & 1 == 1).collect();
    bits.extend([false; 3]);
    (0..5).for_each(|_| bits.extend([true, false, false, false]));
    let packed: Vec<u8> =
        bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect();
    let picture = riff(b"VP8L", &[&[0x2f][..], &packed].concat());
    let flags = if exif.is_empty() { 0 } else { 8 } | if xmp.is_empty() { 0 } else { 4 };
    let flags = if choices.one_in(5) { choices.byte() } else { flags };
    let header = riff(b"VP8X", &[flags, 0, 0, 0, WIDTH as u8 - 1, 0, 0, HEIGHT as u8 - 1, 0, 0]);
    let mut chunks = [header, picture].concat();
    for (name, data) in [(b"EXIF", exif), (b"XMP ", xmp)].into_iter().filter(|(_, data)| !data.is_empty()) {
        chunks.extend(riff(name, data));
    }
    riff(b"RIFF", &[&b"WEBP"[..], &chunks].concat())
}

/// A TIFF, whose own tags are its EXIF.
fn tiff(exif: &[u8], xmp: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let mut directory = Directory::new(Shape { big_endian: choices.one_in(2), big: choices.one_in(3) });
    for (tag, value) in
        [(256, WIDTH as u32), (257, HEIGHT as u32), (258, 8), (259, 1), (262, 1), (277, 1), (278, HEIGHT as u32)]
    {
        directory.numbers(tag, 3, &[value]);
    }
    if !xmp.is_empty() {
        directory.bytes(700, 1, xmp);
    }
    let mut own = Choices(exif);
    if !exif.is_empty() {
        directory.bytes(274, u16::from(own.byte() % 20), own.0);
    }
    directory.file(&[vec![1; WIDTH * HEIGHT]], 1, [273, 279])
}

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices(bytes);
    let format = choices.byte() % 4;
    let len = usize::from(choices.u16() & 0xfff);
    let mut own = Choices(choices.bytes(4));
    let exif = choices.bytes(len);
    let xmp = choices.0;
    let make = [png, jpeg, webp, tiff][usize::from(format)];
    let plain = make(b"", b"", &mut Choices(b""));
    let file = make(exif, xmp, &mut own);
    let decode = |file: &[u8]| Image::from_bytes(file).decode_sync().map(|image| image.size().unwrap());
    assert_eq!(decode(&plain).expect("a picture without metadata is sound"), (WIDTH, HEIGHT));
    // Whatever the metadata say, the picture is there (unless the container is no longer one).
    match time::bounded(&file, || decode(&file)) {
        Ok(size) => assert!(size == (WIDTH, HEIGHT) || size == (HEIGHT, WIDTH), "{size:?}"),
        Err(error) => assert_ne!(format, 1, "no JPEG any more: {error}"),
    }
});
