use super::*;
use crate::pixels::Orientation;

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(data);
    chunk.extend(chunks::crc(&[name, data]).to_be_bytes());
    chunk
}

fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

fn one_pixel(beside: Vec<u8>) -> Vec<u8> {
    let header = chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    file(&[header, beside, chunk(b"IDAT", &fdeflate::compress_to_vec(&[0, 77])), chunk(b"IEND", b"")])
}

#[test]
fn the_orientation_is_found_in_every_chunk_that_pillow_reads() {
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let hex: String = exif.iter().map(|byte| format!("{byte:02x}")).collect();
    let raw = format!("\nexif\n      26\n{}\n{}\n", &hex[..20], &hex[20..]);
    let xmp = b"<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/>";
    let packed = |text: &[u8]| fdeflate::compress_to_vec(text);
    let cases: [(&[u8; 4], Vec<u8>); 9] = [
        (b"eXIf", exif.to_vec()),
        (b"tEXt", [b"exif\0", exif.as_slice()].concat()),
        (b"tEXt", [b"Raw profile type exif\0", raw.as_bytes()].concat()),
        (b"zTXt", [b"Raw profile type exif\0\0", packed(raw.as_bytes()).as_slice()].concat()),
        (b"iTXt", [b"Raw profile type exif\0\0\0\0\0", raw.as_bytes()].concat()),
        (b"tEXt", [b"XML:com.adobe.xmp\0", xmp.as_slice()].concat()),
        (b"zTXt", [b"XML:com.adobe.xmp\0\0", packed(xmp).as_slice()].concat()),
        (b"iTXt", [b"XML:com.adobe.xmp\0\0\0\0\0\xff", xmp.as_slice()].concat()),
        (b"iTXt", [b"XML:com.adobe.xmp\0\x01\0en\0x\0", packed(xmp).as_slice()].concat()),
    ];
    for (name, data) in cases {
        let bytes = one_pixel(chunk(name, &data));
        let orientation = Chunks::read(&bytes).unwrap().orientation;
        assert_eq!(orientation, Orientation::Rotate90, "{}", name.escape_ascii());
        for length in 0..bytes.len() {
            // Whatever is left makes no sense, and does no harm.
            drop(Chunks::read(&bytes[..length]));
        }
    }
}

#[test]
fn of_a_flood_of_broken_texts_only_the_last_ones_are_tried() {
    let packed = fdeflate::compress_to_vec(b"<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/>");
    let text = |packed: &[u8]| chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", packed].concat());
    for (broken, orientation) in [(3, Orientation::Rotate90), (4, Orientation::Upright), (3000, Orientation::Upright)] {
        let bytes = one_pixel([text(&packed), text(b"no zlib").repeat(broken)].concat());
        assert_eq!(Chunks::read(&bytes).unwrap().orientation, orientation, "{broken}");
    }
}
