"""The encoded images, `images.json` which describes them, Pillow's decoding of the lossy ones, the broken files."""

import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from .files import ROOT, fresh_directory, write_rows
from .sources import bits, fnv1a64, gradient, noise

ORIENTATION_TAG = 0x0112

# EXIF orientation -> the transposition that turns the upright picture into the stored one.
STORED_BY_ORIENTATION = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass
class Picture:
    """One file of images/: what is drawn, and how Pillow is to save it."""

    file: str
    image: Image.Image
    save: dict = field(default_factory=dict)
    lossy: bool = False
    subject: str = ""  # pictures of one subject may have similar embeddings
    orientation: int = 1
    note: str = ""


def photo(width, height, seed, grain=0.0):
    """A synthetic photograph: a slanted gradient, shapes, confetti, a line of text, grain (standard deviation in levels)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    angle = rng.uniform(0, 2 * np.pi)
    slope = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle) + 0.5
    start, end = rng.uniform(0, 255, (2, 3))
    backdrop = start + (end - start) * np.clip(slope, 0, 1)[..., None]
    image = Image.fromarray(backdrop.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for index in range(7):
        left, right = np.sort(rng.uniform(-0.1, 1.1, 2)) * width
        top, bottom = np.sort(rng.uniform(-0.1, 1.1, 2)) * height
        color = tuple(int(level) for level in rng.integers(0, 256, 3))
        shape = (draw.ellipse, draw.rectangle, draw.line)[index % 3]
        extra = {"width": max(1, width // 40)} if index % 3 == 2 else {}
        shape((left, top, right, bottom), fill=color, **extra)
    for _ in range(60):  # confetti, thickest at the center, which is what crops keep
        spot = rng.normal(0.5, 0.12, 2) * (width, height)
        radius = rng.uniform(1, 7, 2)
        color = tuple(int(level) for level in rng.integers(0, 256, 3))
        draw.ellipse((*(spot - radius), *(spot + radius)), fill=color)
    font = ImageFont.load_default(size=max(8, height // 6))
    ink = tuple(int(level) for level in rng.integers(0, 256, 3))
    draw.text((width * 0.05, height * 0.6), f"clip {seed} Ägypten", fill=ink, font=font)
    if not grain:
        return image
    grained = np.asarray(image) + rng.normal(0, grain, (height, width, 3))
    return Image.fromarray(np.clip(np.round(grained), 0, 255).astype(np.uint8))


def text_bitmap(width, height):
    """Black words on white without antialiasing: the sharpest edges that a scan has."""
    image = Image.new("1", (width, height), 1)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=15)
    for line, words in enumerate(["The quick brown fox jumps", "over 13 lazy dogs: 0O1lI|", "—— ÄÖÜ ßéñ @#%&"]):
        draw.text((3, 2 + 19 * line), words, fill=0, font=font)
    return image


def with_alpha(image):
    """RGBA whose alpha runs from 0 to 255 across, with a hole, over colors that stay where nothing shows."""
    width, height = image.size
    alpha = gradient(width, height, 0)[..., 0].copy()
    alpha[height // 4 : height // 2, width // 2 :] = 0
    return Image.fromarray(np.dstack([np.asarray(image), alpha]))


def gray16(width, height):
    """16-bit gray: the whole range on the left, on the right only what fits in 8 bits."""
    y, x = np.mgrid[0:height, 0:width]
    levels = np.where(x < width // 2, x * 65535 // (width - 1) ^ y * 257, x * y % 256)
    return Image.fromarray(levels.astype(np.uint16))


def palette_with_alpha(image):
    """A palette whose first entries are transparent by degrees (PNG's tRNS)."""
    indexed = image.quantize(32, dither=Image.Dither.NONE)
    return indexed, bytes(min(255, 16 * index) for index in range(32))


def exif(orientation):
    tags = Image.Exif()
    tags[ORIENTATION_TAG] = orientation
    return tags.tobytes()


def oriented(file, upright, orientation, lossy, **save):
    """A picture stored turned, with the EXIF orientation that sets it upright."""
    transposition = STORED_BY_ORIENTATION[orientation]
    stored = upright if transposition is None else upright.transpose(transposition)
    return Picture(file, stored, {"exif": exif(orientation), **save}, lossy, "exif", orientation)


def jpegs():
    def jpeg(file, image, **save):
        return Picture(file, image, {"quality": 90, **save}, lossy=True)

    yield jpeg("photo-420.jpg", photo(320, 240, 1, 4), subsampling=2)
    yield jpeg("photo-444.jpg", photo(213, 320, 2, 4), subsampling=0)
    yield jpeg("photo-422.jpg", photo(201, 151, 3, 4), subsampling=1)
    yield jpeg("photo-gray.jpg", photo(240, 180, 4, 4).convert("L"))
    yield jpeg("photo-progressive.jpg", photo(300, 225, 5, 3), subsampling=2, progressive=True)
    yield jpeg("photo-cmyk.jpg", photo(120, 90, 6, 3).convert("CMYK"))
    yield jpeg("photo-640x427.jpg", photo(640, 427, 7, 2), subsampling=2)
    yield jpeg("photo-coarse.jpg", photo(160, 121, 8, 6), quality=20)
    upright = photo(60, 40, 9)
    for orientation in STORED_BY_ORIENTATION:
        yield oriented(f"exif-{orientation}.jpg", upright, orientation, True, quality=95, subsampling=0)


def pngs():
    yield Picture("rgb-photo.png", photo(160, 120, 10, 8))
    yield Picture("rgb-500x375.png", photo(500, 375, 11))
    yield Picture("rgb-225x224.png", photo(225, 224, 12))
    yield Picture("rgb-224x224.png", photo(224, 224, 13))
    yield Picture("rgb-223x301.png", photo(223, 301, 14))
    yield Picture("rgb-31x29.png", photo(31, 29, 15))
    yield Picture("rgb-20x13.png", photo(20, 13, 16, 20))
    yield Picture("rgb-noise.png", Image.fromarray(noise(64, 48, 17)), subject="noise")
    yield Picture("rgb-1x1.png", Image.new("RGB", (1, 1), (200, 30, 60)), subject="flat")
    yield Picture("rgb-1x64.png", Image.fromarray(noise(1, 64, 18)), subject="lines")
    yield Picture("rgb-64x1.png", Image.fromarray(noise(64, 1, 19)), subject="lines")
    yield Picture("rgb-3x500.png", Image.fromarray(noise(3, 500, 20)), subject="lines")
    yield Picture("rgb-500x3.png", Image.fromarray(noise(500, 3, 21)), subject="lines")
    yield Picture("rgba.png", with_alpha(photo(96, 64, 22, 5)))
    indexed, transparency = palette_with_alpha(photo(128, 96, 23))
    yield Picture("palette-alpha.png", indexed, {"transparency": transparency})
    yield Picture("palette.png", photo(130, 97, 24, 5).quantize(64))
    yield Picture("gray.png", photo(97, 131, 25, 5).convert("L"))
    yield Picture("gray-alpha.png", with_alpha(photo(90, 61, 26, 5)).convert("LA"))
    clipped = "Pillow 13 clips 16-bit gray at 255 when it converts to RGB: all but the darkest 256 levels are white"
    yield Picture("gray16.png", gray16(120, 80), note=clipped)
    yield Picture("bits-noise.png", Image.fromarray(bits(100, 80, 27)).convert("1"), subject="noise")
    yield Picture("bits-text.png", text_bitmap(260, 60))
    yield oriented("exif-6.png", photo(60, 40, 9), 6, False)


def others():
    yield Picture("lossy.webp", photo(200, 150, 28, 4), {"quality": 80}, lossy=True)
    yield Picture("lossless.webp", photo(121, 90, 29, 2), {"lossless": True})
    yield Picture("lossless-alpha.webp", with_alpha(photo(88, 66, 30)), {"lossless": True, "exact": True})
    yield oriented("exif-5.webp", photo(60, 40, 9), 5, False, lossless=True)
    yield Picture("still.gif", photo(101, 75, 31).quantize(128))
    yield Picture("transparent.gif", photo(91, 70, 32).quantize(64), {"transparency": 5})
    frames = [photo(80, 60, seed).quantize(64) for seed in (33, 34, 35)]
    yield Picture("animated.gif", frames[0], {"save_all": True, "append_images": frames[1:], "duration": 100})
    yield Picture("rgb.bmp", photo(61, 45, 36, 5))
    yield Picture("rgb.tiff", photo(80, 53, 37, 5), {"compression": "tiff_lzw"})
    yield oriented("exif-8.tiff", photo(60, 40, 9), 8, False, compression="tiff_lzw")


def has_alpha(image):
    return "A" in image.getbands() or "transparency" in image.info


def open_upright(path):
    """The picture as people open it: decoded, and turned as its EXIF orientation says."""
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image)


def drop_alpha(image):
    """`.convert("RGB")`; a color key that Pillow keeps in `info` is forgotten too, lest transformers apply it."""
    rgb = image.convert("RGB")
    rgb.info.pop("transparency", None)
    return rgb


def write_decoded(directory, picture, rgb):
    """Pillow's pixels of a lossy picture as PNG, so that a test can tell a decoder's error from the pipeline's."""
    rgb.info.clear()
    name = f"{picture.file}.png"
    rgb.save(directory / name, optimize=True)
    return f"decoded/{name}"


def describe(picture, path, decoded_directory):
    """The picture's line of images.json."""
    with Image.open(path) as opened:
        stored_mode, stored_format = opened.mode, opened.format
    upright = open_upright(path)
    rgb = drop_alpha(upright)
    pixels = np.asarray(rgb)
    entry = {
        "file": picture.file,
        "format": stored_format.lower(),
        "mode": stored_mode,
        "width": rgb.width,
        "height": rgb.height,
        "orientation": picture.orientation,
        "alpha": has_alpha(upright),
        "lossy": picture.lossy,
        "subject": picture.subject or picture.file,
        "rgb_fnv1a64": fnv1a64(pixels),
        "rgb_sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
    }
    if picture.note:
        entry["note"] = picture.note
    if picture.lossy:
        entry["decoded"] = write_decoded(decoded_directory, picture, rgb)
    return entry


def write_images():
    """images/, decoded/ and images.json; returns the manifest's rows."""
    images, decoded = fresh_directory("images"), fresh_directory("decoded")
    rows = []
    for make in (jpegs, pngs, others):
        for picture in make():
            path = images / picture.file
            picture.image.save(path, **picture.save)
            rows.append(describe(picture, path, decoded))
    write_rows(ROOT / "images.json", {}, "images", rows)
    return rows


def encoded(image, kind, **save):
    buffer = io.BytesIO()
    image.save(buffer, kind, **save)
    return buffer.getvalue()


def write_broken():
    """Files that must each fail with a decode error."""
    directory = fresh_directory("broken")
    picture = photo(160, 120, 40, 5)
    jpeg, png = encoded(picture, "JPEG", quality=90), encoded(picture, "PNG")
    contents = {
        "not-an-image.jpg": b"This is a note, not a photograph.\n",
        "page.png": b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not found</body></html>\n",
        "empty.jpg": b"",
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "truncated-header.jpg": jpeg[:40],
        "truncated.png": png[: len(png) // 2],
        "truncated-header.png": png[:20],
    }
    for name, content in contents.items():
        (directory / name).write_bytes(content)
