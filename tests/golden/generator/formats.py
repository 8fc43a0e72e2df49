"""formats/ and formats.json: one small file of every kind of every format, with the hash of Pillow's pixels; foreign/:
what only a browser decodes."""

import struct
import warnings

import numpy as np
import pillow_heif
from PIL import Image

from .files import ROOT, fresh_directory, write_rows
from .pictures import drop_alpha, exif, open_upright, photo, with_alpha
from .sources import bits, fnv1a64

WIDTH, HEIGHT = 44, 31


def xmp(orientation):
    description = f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/>'
    rdf = f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{description}</rdf:RDF>'
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{rdf}</x:xmpmeta>'.encode()


def frames(make):
    return [make(photo(WIDTH, HEIGHT, 60 + index)) for index in range(3)]


def files():
    """File name, picture, and how Pillow saves it."""
    rgb = photo(WIDTH, HEIGHT, 50, 6)
    rgba, gray = with_alpha(rgb), rgb.convert("L")
    bilevel = Image.fromarray(bits(WIDTH, HEIGHT, 51)).convert("1")
    gray16 = Image.fromarray(np.asarray(gray).astype(np.uint16) * 5)
    indexed = rgb.quantize(200)

    yield "bilevel.png", bilevel, {}
    yield "gray-key.png", gray, {"transparency": 90}
    yield "rgb-key.png", rgb, {"transparency": (10, 20, 30)}
    for depth in (1, 2, 4, 8):
        yield f"palette-{depth}.png", rgb.quantize(1 << depth if depth < 8 else 200), {"bits": depth}
    first, *others = frames(with_alpha)
    yield "animated.png", first, {"save_all": True, "append_images": others, "duration": 50}
    # The default image is none of the frames.
    yield "animated-default.png", rgba, {"save_all": True, "append_images": others, "default_image": True}
    yield "exif-3.png", rgb, {"exif": exif(3)}

    yield "alpha.webp", rgba, {"quality": 60}
    yield "gray.webp", gray, {"quality": 60}
    yield "coarse.webp", rgb, {"quality": 1}
    first, *others = frames(lambda frame: frame)
    yield "animated.webp", first, {"save_all": True, "append_images": others, "lossless": True}
    first, *others = frames(with_alpha)
    yield "animated-alpha.webp", first, {"save_all": True, "append_images": others, "quality": 70}
    yield "exif-7.webp", rgb, {"exif": exif(7), "lossless": True}
    yield "xmp-6.webp", rgb, {"xmp": xmp(6), "lossless": True}

    yield "gray.gif", gray, {}
    yield "bilevel.gif", bilevel, {}
    yield "interlaced.gif", indexed, {"interlace": 1}
    yield "straight.gif", indexed, {"interlace": 0}

    for name, image in {"bilevel": bilevel, "gray": gray, "palette": indexed, "rgb": rgb, "rgba": rgba}.items():
        yield f"{name}.bmp", image, {}

    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"rgb-{compression.removeprefix('tiff_')}.tiff", rgb, {"compression": compression}
    yield "gray-jpeg.tiff", gray, {"compression": "jpeg"}
    yield "bilevel-group4.tiff", bilevel, {"compression": "group4"}
    yield "bilevel-packbits.tiff", bilevel, {"compression": "packbits"}
    for name, image in {
        "gray": gray,
        "gray-alpha": rgba.convert("LA"),
        "gray16": gray16,
        "palette": indexed,
        "rgba": rgba,
        "cmyk": rgb.convert("CMYK"),
    }.items():
        yield f"{name}.tiff", image, {"compression": "tiff_lzw"}
    yield "two-pages.tiff", rgb, {"save_all": True, "append_images": [photo(20, 20, 52)]}
    yield "exif-5.tiff", rgb, {"tiffinfo": {0x112: 5}}

    yield "xmp-8.jpg", rgb, {"xmp": xmp(8), "quality": 90}
    # EXIF goes before XMP.
    yield "exif-2-xmp-8.jpg", rgb, {"exif": exif(2), "xmp": xmp(8), "quality": 90}


def run_length_bmp(compression, bits, height, coded):
    """7 pixels wide, with six colors; `height` below 0: rows from the top."""
    palette = b"".join(bytes((20 * index, 255 - 30 * index, 7 * index, 0)) for index in range(6))
    start = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, 7, height, 1, bits, compression, len(coded), 0, 0, 6, 0)
    return struct.pack("<2sIHHI", b"BM", start + len(coded), 0, 0, start) + info + palette + coded


def written_by_hand():
    """What Pillow reads and does not write."""
    # A run, literals of odd length, a jump, a run too long for its line, a color beyond the palette, the end.
    rle8 = bytes((3, 1, 0, 3, 2, 3, 4, 0, 1, 5, 0, 0, 2, 1, 0, 2, 2, 1, 3, 2, 0, 0, 9, 4, 0, 0, 7, 200, 0, 1))
    rle4 = bytes((5, 0x12, 0, 5, 0x34, 0x51, 0x20, 0, 0, 0, 4, 0x45, 0, 2, 1, 1, 2, 0x33, 0, 0, 7, 0xA1, 7, 0x11, 0, 1))
    yield "run-length-8.bmp", run_length_bmp(1, 8, 5, rle8)
    yield "run-length-8-top-down.bmp", run_length_bmp(1, 8, -5, rle8)
    yield "run-length-4.bmp", run_length_bmp(2, 4, 5, rle4)
    planes = bytearray(run_length_bmp(0, 8, 2, bytes(range(16))))
    planes[26] = 3
    yield "three-planes.bmp", bytes(planes)


def write_formats():
    directory = fresh_directory("formats")
    rows = []
    for name, image, save in files():
        image.save(directory / name, **save)
    for name, content in written_by_hand():
        (directory / name).write_bytes(content)
    for path in sorted(directory.iterdir()):
        with Image.open(path) as opened:
            mode = opened.mode
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rgb = drop_alpha(open_upright(path))
        rows.append(
            {"file": path.name, "mode": mode, "width": rgb.width, "height": rgb.height, "rgb_fnv1a64": fnv1a64(np.asarray(rgb))}
        )
    write_rows(ROOT / "formats.json", {}, "files", rows)


def write_foreign():
    """What only browsers, or applications, read: nearly the picture of images/rgb-photo.png."""
    directory = fresh_directory("foreign")
    photo(160, 120, 10, 8).save(directory / "photo.avif", quality=90, subsampling="4:4:4", speed=8, max_threads=1)
    pillow_heif.register_heif_opener()
    photo(160, 120, 10, 8).save(directory / "photo.heic", quality=90, chroma="444")
