"""JPEGs in all their kinds, small: what Pillow makes of each, whole and at 1/2, 1/4 and 1/8 of its size.

The files are made by libjpeg-turbo's cjpeg and jpegtran (Debian's libjpeg-turbo-progs), since Pillow does not write
most of these kinds, and some are damaged afterwards. Lossless ones are made by a writer of our own. Pillow reads the
reduced sizes with Image.draft's mechanism, of lossless ones none.
"""

import io
import itertools
import re
import subprocess
import tempfile

import numpy as np
from PIL import Image, ImageFile

from . import lossless_jpeg
from .files import fresh_directory, write_rows, ROOT

SAMPLINGS = """1x1,1x1,1x1 2x1,1x1,1x1 2x2,1x1,1x1 1x2,1x1,1x1 4x1,1x1,1x1 4x2,1x1,1x1 1x4,1x1,1x1 2x4,1x1,1x1
3x1,1x1,1x1 1x3,1x1,1x1 2x2,2x1,1x2 2x2,1x2,2x1 1x1,2x2,1x1 2x1,1x2,1x1 4x1,2x1,1x1 3x2,1x1,1x1 3x2,3x1,1x1 1x4,1x2,1x1
2x2,2x2,1x1 2x1,2x1,1x1 3x1,3x1,1x1""".split()

SCANS = {
    "apart": "0;1;2;",
    "half-apart": "0;1 2;",
    "by-band": "0,1,2:0-0,0,0;0:1-63,0,0;1:1-63,0,0;2:1-63,0,0;",
    "by-bit": "0,1,2:0-0,0,3;0:1-63,0,2;1:1-63,0,2;2:1-63,0,2;0:1-63,2,1;1:1-63,2,1;2:1-63,2,1;0,1,2:0-0,3,2;"
    "0,1,2:0-0,2,1;0,1,2:0-0,1,0;0:1-63,1,0;1:1-63,1,0;2:1-63,1,0;",
}


def subject(width, height):
    """Smooth, with edges and a little noise; every run the same."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    noise = np.random.default_rng(width * 1000 + height).normal(0, 6, (height, width, 3))
    waves = [120 + 100 * np.sin(x / (3 + c) + y / (7 - c) + c) for c in range(3)]
    edges = (((x // 9) + (y // 7)) % 3 == 0) * np.array([60, -40, 90])[:, None, None]
    return Image.fromarray(np.clip(np.stack(waves, 2) + edges.transpose(1, 2, 0) + noise, 0, 255).astype(np.uint8))


def run(*command, stdin):
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


def cjpeg(image, *options, scans=None):
    pixels = io.BytesIO()
    image.save(pixels, "PPM")
    with tempfile.NamedTemporaryFile("w") as script:
        script.write(scans or "")
        script.flush()
        extra = ["-scans", script.name] if scans else []
        return run("cjpeg", *options, *extra, stdin=pixels.getvalue())


def arithmetic(data, *options):
    return run("jpegtran", "-arithmetic", *options, stdin=data)


def pillow_writes(image, **options):
    data = io.BytesIO()
    image.save(data, "JPEG", **options)
    return data.getvalue()


def segments(data):
    """(marker, start, end) of the segments up to the first scan's data."""
    at = 2
    while True:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        yield marker, at, at + 2 + length
        at += 2 + length
        if marker == 0xDA:
            return


def without(data, unwanted):
    for marker, start, end in reversed(list(segments(data))):
        if marker == unwanted:
            data = data[:start] + data[end:]
    return data


def after_scans(data, count):
    """The picture after its first scans, and an end marker."""
    starts = [match.start() for match in re.finditer(rb"\xff\xda", data)]
    return data[: starts[count]] + b"\xff\xd9"


def change(data, *changes):
    """Bytes replaced: (position from the first scan's data on, value)."""
    *_, (_, _, start) = segments(data)
    data = bytearray(data)
    for position, value in changes:
        data[start + position] = value
    return bytes(data)


def cases():
    image = subject(45, 35)
    for sampling in SAMPLINGS:
        yield "sampling-" + sampling.replace(",", "-"), cjpeg(image, "-quality", "80", "-sample", sampling)
    for name, scans in SCANS.items():
        for sampling in ("2x2", "1x1"):
            yield f"scans-{name}-{sampling}", cjpeg(image, "-sample", sampling, scans=scans)
    for interval in ("1B", "3B", "1"):
        for kind in ("-baseline", "-progressive"):
            yield f"restart-{interval}{kind}", cjpeg(image, kind, "-restart", interval)
    for width, height in [(1, 1), (2, 2), (3, 3), (1, 40), (40, 1), (5, 17), (16, 16), (17, 16), (33, 2)]:
        for sampling in ("2x2", "2x1", "1x2"):
            yield f"size-{width}x{height}-{sampling}", cjpeg(subject(width, height), "-sample", sampling)
    for quality in ("1", "30", "100"):
        yield f"quality-{quality}", cjpeg(image, "-quality", quality)
    noise = np.random.default_rng(1).integers(0, 2, (40, 40, 3), np.uint8) * 255
    yield "noise", cjpeg(Image.fromarray(noise), "-quality", "95", "-sample", "2x2")
    yield "noise-coarse", cjpeg(Image.fromarray(noise), "-quality", "10", "-sample", "1x1")

    color = cjpeg(image, "-quality", "85", "-sample", "2x2")
    yield "gray", cjpeg(image, "-grayscale")
    # A lone component's sampling factors mean nothing, but change where its rows end.
    gray = bytearray(cjpeg(image, "-grayscale"))
    gray[gray.index(b"\xff\xc0") + 11] = 0x22
    yield "gray-2x2", bytes(gray)
    rgb = cjpeg(image, "-rgb")
    yield "rgb-adobe", rgb
    yield "rgb-by-ids", without(rgb, 0xEE)
    yield "ycc-by-ids", without(color, 0xE0)
    cmyk = pillow_writes(image.convert("CMYK"), quality=85)
    yield "cmyk", cmyk
    yield "cmyk-plain", without(cmyk, 0xEE)
    at = cmyk.index(b"Adobe") + 11
    yield "ycck", cmyk[:at] + b"\x02" + cmyk[at + 1 :]

    yield "tables-missing", without(color, 0xC4)
    tables = b"".join(color[start:end] for marker, start, end in segments(color) if marker in (0xDB, 0xC4))
    yield "tables-before", b"\xff\xd8" + tables + b"\xff\xd9" + without(without(color, 0xDB), 0xC4)
    *_, (_, scan, _) = segments(color)
    yield "garbage-between", color[:scan] + b"garbage\xff\x00\xff\xff" + color[scan:] + b"more\xff"
    progressive = cjpeg(image, "-sample", "2x2", scans=SCANS["by-bit"])
    for count in (1, 2, 4, 7, 9):
        yield f"unfinished-{count}", after_scans(progressive, count)
    restarts = cjpeg(image, "-restart", "1B", "-sample", "2x2")
    lost = restarts.index(b"\xff\xd2")
    yield "restart-lost", restarts[:lost] + b"\x12\x34" + restarts[lost + 2 :]
    yield "restart-missing", restarts[:lost] + restarts[lost + 2 :]
    yield "restart-twice", restarts[:lost] + b"\xff\xd2" + restarts[lost:]
    yield "restart-strange", restarts[:lost] + b"\xff\xd6" + restarts[lost + 2 :]
    yield "ends-early", color[:-150] + b"\xff\xd9"
    yield "cut-table-behind", color[:-2] + b"\xff\xc4\x12\x34\0"
    yield "cut-scan-behind", color[:-2] + b"\xff\xda\0"
    for seed in range(8):
        generator = np.random.default_rng(seed)
        source = [color, restarts, progressive, cmyk][seed % 4]
        places = generator.integers(0, 300, 3)
        yield f"damaged-{seed}", change(source, *((int(place), int(generator.integers(0, 255))) for place in places))


def arithmetic_cases():
    image = subject(45, 35)
    for sampling in ("1x1", "2x2", "2x1,1x1,1x1", "2x2,1x2,2x1"):
        color = cjpeg(image, "-quality", "85", "-sample", sampling)
        name = sampling.replace(",", "-")
        yield f"arithmetic-{name}", arithmetic(color)
        yield f"arithmetic-progressive-{name}", arithmetic(color, "-progressive")
    yield "arithmetic-gray", arithmetic(cjpeg(image, "-grayscale", "-quality", "100"))
    yield "arithmetic-cmyk", arithmetic(pillow_writes(image.convert("CMYK"), quality=85))
    yield "arithmetic-size-1x1", arithmetic(cjpeg(subject(1, 1)))
    noise = np.random.default_rng(1).integers(0, 2, (40, 40, 3), np.uint8) * 255
    yield "arithmetic-noise", arithmetic(cjpeg(Image.fromarray(noise), "-quality", "95", "-sample", "2x2"))
    color = cjpeg(image, "-quality", "85", "-sample", "2x2")
    for interval in ("1B", "4B", "1"):
        yield f"arithmetic-restart-{interval}", arithmetic(color, "-restart", interval)
        yield f"arithmetic-progressive-restart-{interval}", arithmetic(color, "-progressive", "-restart", interval)
    with tempfile.NamedTemporaryFile("w") as script:
        for name in ("apart", "by-bit"):
            script.seek(0)
            script.truncate()
            script.write(SCANS[name])
            script.flush()
            yield f"arithmetic-scans-{name}", arithmetic(color, "-scans", script.name)
        progressive = arithmetic(color, "-scans", script.name)
    for count in (1, 4, 9):
        yield f"arithmetic-unfinished-{count}", after_scans(progressive, count)
    plain, restarts = arithmetic(color), arithmetic(color, "-restart", "4B")
    # Other contexts than the writer's: the coefficients are wild, but what they are is settled.
    conditioning = plain.index(b"\xff\xcc") + 4
    yield "arithmetic-conditioning", plain[: conditioning + 1] + b"\x42\x01\x31" + plain[conditioning + 4 :]
    yield "arithmetic-conditioning-bad", plain[: conditioning + 1] + b"\x24" + plain[conditioning + 2 :]
    # A sequential scan has no bits to come, whatever its header says.
    *_, (_, _, scan) = segments(plain)
    yield "arithmetic-shifted", plain[: scan - 3] + b"\x07\x20\x12" + plain[scan:]
    yield "arithmetic-ends-early", plain[:-300] + b"\xff\xd9"
    yield "arithmetic-cut", plain[:-300]
    yield "arithmetic-no-end", plain[:-2]
    for seed in range(8):
        generator = np.random.default_rng(seed)
        places = generator.integers(0, 300, 2)
        source = [plain, restarts, progressive, arithmetic(color, "-progressive")][seed % 4]
        changes = [(int(place), int(generator.integers(0, 255))) for place in places]
        yield f"arithmetic-damaged-{seed}", change(source, *changes)


def lossless_cases():
    image = np.asarray(subject(45, 35))
    planes = [image[:, :, channel].tolist() for channel in range(3)]
    half = [[row[::2] for row in plane[::2]] for plane in planes[1:]]
    write = lossless_jpeg.write
    jfif = lossless_jpeg.segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    adobe = lossless_jpeg.segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
    # Some predictors in each of the ways, each of them in some.
    for predictor in range(1, 8):
        yield f"lossless-{predictor}", write([row[:20] for row in planes[:1]], predictor=predictor, before=jfif)
        yield f"lossless-restart-{predictor}", write(
            [plane[:12] for plane in planes], predictor=predictor, restart_rows=5, shift=predictor
        )
    yield "lossless-by-ids", write(planes, predictor=4, ids=[7, 8, 9])
    yield "lossless-jfif-of-three", write(planes, before=jfif)
    yield "lossless-apart", write(planes, predictor=7, apart=True, restart_rows=7)
    yield "lossless-cmyk", write([*planes, planes[0][::-1]], predictor=5)
    yield "lossless-cmyk-adobe", write([*planes, planes[0][::-1]], predictor=6, before=adobe)
    sampling = [(2, 2), (1, 1), (1, 1)]
    yield "lossless-2x2", write([planes[0], *half], sampling=sampling, predictor=4, restart_rows=3)
    yield "lossless-2x2-apart", write([planes[0], *half], sampling=sampling, predictor=3, apart=True)
    yield "lossless-gray-2x2-restart", write(planes[:1], sampling=[(2, 2)], predictor=2, restart_rows=1)
    lines = write(planes[:1], sampling=[(2, 2)], predictor=2)
    yield "lossless-gray-2x2-ends-early", lines[:-900] + b"\xff\xd9"
    yield "lossless-1x1", write([[row[:1] for row in planes[0][:1]]])
    plain = write(planes, predictor=5, restart_rows=5)
    yield "lossless-ends-early", plain[:-2000] + b"\xff\xd9"
    yield "lossless-cut", plain[:-2000]
    yield "lossless-restart-lost", plain.replace(b"\xff\xd2", b"\x12\x34")
    for seed in range(4):
        generator = np.random.default_rng(seed)
        places = generator.integers(0, 1500, 3)
        changes = [(int(place), int(generator.integers(0, 255))) for place in places]
        yield f"lossless-damaged-{seed}", change(plain, *changes)


def pixels(data, scale):
    """Pillow's RGB pixels as stored (not turned upright), at 1/scale of the size; None where it refuses the file."""
    try:
        image = Image.open(io.BytesIO(data))
        if scale > 1:
            codec, _, offset, arguments = image.tile[0]
            width, height = (-(-side // scale) for side in image.size)
            image._size = (width, height)
            image.tile = [ImageFile._Tile(codec, (0, 0, width, height), offset, arguments)]
            image.decoderconfig = (scale, 0)
        return np.asarray(image.convert("RGB"))
    except OSError:
        return None


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def write_jpegs():
    directory = fresh_directory("jpeg")
    rows = []
    for name, data in itertools.chain(cases(), arithmetic_cases(), lossless_cases()):
        (directory / f"{name}.jpg").write_bytes(data)
        row = {"file": f"{name}.jpg"}
        for scale in (1,) if name.startswith("lossless") else (1, 2, 4, 8):
            found = pixels(data, scale)
            row[f"1/{scale}"] = None if found is None else [found.shape[1], found.shape[0], fnv1a64(found.tobytes())]
        rows.append(row)
    version = subprocess.run(["cjpeg", "-version"], capture_output=True, text=True).stderr.splitlines()[0]
    write_rows(ROOT / "jpeg.json", {"made by": version}, "cases", rows)
    print(f"{len(rows)} JPEGs, {sum(row['1/1'] is None for row in rows)} of them refused")
