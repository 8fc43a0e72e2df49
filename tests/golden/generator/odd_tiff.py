"""TIFF: each kind that Pillow opens, and what writers get wrong.

A file is a header, its strips or tiles, its tags' values, and its directory, put together here by hand, since no library
writes the half of it.
"""

import io
import itertools
import struct
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin

WIDTH, HEIGHT = 11, 5
BYTE, ASCII, SHORT, LONG, RATIONAL, SHORTS, LONGS, FLOAT, LONG8 = 1, 2, 3, 4, 5, 8, 9, 11, 16
CODES = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", RATIONAL: "I", SHORTS: "h", LONGS: "i", FLOAT: "f", LONG8: "Q"}


def tiff(tags, chunks, order="<", big=False, magic=None, tiled=False, counts=True, after=b""):
    """A file. `tags`: number -> (type, values); those that say where `chunks` are come of themselves."""
    word = "Q" if big else "I"
    out = bytearray(b"II" if order == "<" else b"MM")
    out += struct.pack(order + "H", 43 if big else 42) if magic is None else magic
    out += struct.pack(order + "HHQ", 8, 0, 0) if big else struct.pack(order + "I", 0)
    offsets = []
    for chunk in chunks:
        offsets.append(len(out))
        out += chunk
    tags = dict(tags)
    if offsets:
        tags.setdefault(324 if tiled else 273, (LONG, offsets))
    if counts and offsets:
        tags.setdefault(325 if tiled else 279, (LONG, [len(chunk) for chunk in chunks]))
    entries = bytearray()
    for tag in sorted(tags):
        kind, values = tags[tag]
        data = struct.pack(f"{order}{len(values)}{CODES[kind]}", *values)
        count = len(values) // 2 if kind == RATIONAL else len(values)
        if len(data) > struct.calcsize(word):
            out += bytes(len(out) % 2)
            place = struct.pack(order + word, len(out))
            out += data
        else:
            place = data.ljust(struct.calcsize(word), b"\0")
        entries += struct.pack(f"{order}HH{word}", tag, kind, count) + place
    out += bytes(len(out) % 2)
    start = 8 if big else 4
    out[start : start + struct.calcsize(word)] = struct.pack(order + word, len(out))
    out += struct.pack(order + ("Q" if big else "H"), len(tags)) + entries + struct.pack(order + word, 0)
    return bytes(out) + after


def pixels(channels, bits, number=1, order="<", height=HEIGHT, width=WIDTH, seed=0):
    """Samples that differ everywhere, as (height, width, channels), of the file's byte order."""
    random = np.random.default_rng(seed)
    y, x, c = np.mgrid[:height, :width, :channels]
    ramp = x * 251 // width + y * 17 + c * 31 + random.integers(0, 40, (height, width, channels))
    if number == 3:
        return (ramp - 40 + 0.75).astype(order + "f4")
    if bits == 16:
        # Half of it is within what is clipped.
        return (ramp * (1 if channels == 1 else 130) - (60 if number == 2 else 0)).astype(order + "i2")
    if bits == 32:
        return (ramp - 60 * (number == 2)).astype(order + "i4")
    return (ramp % (1 << bits)).astype("<u2" if bits == 12 else "u1")


def packed(samples, bits):
    """Rows of whole bytes."""
    rows = samples.reshape(len(samples), -1)
    if bits in (8, 16, 32):
        return [row.tobytes() for row in rows]
    spread = (rows[:, :, None].astype(int) >> np.arange(bits)[::-1]) & 1
    return [row.tobytes() for row in np.packbits(spread.reshape(len(rows), -1).astype(np.uint8), axis=1)]


def reversed_bits(data):
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)


def lzw(data):
    """Codes of 9 bits that are all single bytes, with a clear code before the table makes them longer."""
    codes = []
    for index, byte in enumerate(data):
        if index % 250 == 0:
            codes.append(256)
        codes.append(byte)
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def old_lzw(data):
    """The same with the low bits first, as before TIFF 6."""
    codes = []
    for index, byte in enumerate(data):
        if index % 250 == 0:
            codes.append(256)
        codes.append(byte)
    number = sum(code << (9 * index) for index, code in enumerate([*codes, 257]))
    return number.to_bytes((9 * len(codes) + 16) // 8, "little")


def packbits(data):
    out = bytearray()
    for start in range(0, len(data), 100):
        part = data[start : start + 100]
        out += bytes([128, len(part) - 1]) + part
    return bytes(out)


def tags(photometric, bits, channels, number=1, fill=1, extra=(), planar=1, compression=1, rows=HEIGHT):
    found = {
        256: (SHORT, [WIDTH]),
        257: (SHORT, [HEIGHT]),
        258: (SHORT, [bits] * channels),
        259: (SHORT, [compression]),
        262: (SHORT, [photometric]),
        277: (SHORT, [channels]),
        278: (SHORT, [rows]),
        284: (SHORT, [planar]),
    }
    if number != 1:
        found[339] = (SHORT, [number] * channels)
    if fill != 1:
        found[266] = (SHORT, [fill])
    if extra:
        found[338] = (SHORT, list(extra))
    if photometric == 3:
        found[320] = (SHORT, [value * 257 for c in range(3) for value in colors(1 << bits)[:, c]])
    return found


def colors(count):
    return (np.arange(count)[:, None] * [37, 91, 151] + [5, 9, 200]) % 256


def by_key(key, compression=1, planar=1):
    """A picture of a kind in Pillow's table, in strips of 2 rows."""
    prefix, photometric, (number, *_), fill, bits, extra = key
    order, channels, bits = "<" if prefix == b"II" else ">", len(bits), bits[0]
    samples = pixels(channels, bits, number, order)
    planes = [samples] if planar == 1 else [samples[:, :, c : c + 1] for c in range(channels)]
    chunks = []
    for plane in planes:
        rows = packed(plane, bits)
        for start in range(0, HEIGHT, 2):
            chunk = b"".join(rows[start : start + 2])
            chunk = reversed_bits(chunk) if fill == 2 and compression == 1 else chunk
            chunk = zlib.compress(chunk) if compression == 8 else chunk
            chunks.append(reversed_bits(chunk) if fill == 2 and compression == 8 else chunk)
    found = tags(photometric, bits, channels, number, fill, extra, planar, compression, rows=2)
    return tiff(found, chunks, order)


def name_of(key):
    prefix, photometric, number, fill, bits, extra = key
    order = prefix.decode().lower()
    extra = "e" + "".join(map(str, extra)) if extra else ""
    return f"{order}-{photometric}-f{number[0]}-o{fill}-{len(bits)}x{bits[0]}{extra}"


def kinds():
    """Each kind of Pillow's table once: with the high byte first where that matters, compressed every other time."""
    for index, key in enumerate(TiffImagePlugin.OPEN_INFO):
        wide = key[4][0] > 8
        if key[0] == b"II" or wide:
            compression = 8 if index % 4 >= 2 else 1
            yield f"kind-{name_of(key)}.tif", by_key(key, compression), f"kind {key}, compression {compression}"
    chosen = [key for key in TiffImagePlugin.OPEN_INFO if 1 < len(key[4]) < 5 and key[0] == b"II"]
    for index, key in enumerate(chosen):
        compression = 8 if index % 3 else 1
        data = by_key(key, compression, planar=2)
        yield f"planes-{name_of(key)}.tif", data, f"planes of {key}, compression {compression}"


RGB = tags(2, 8, 3)


def rows_of(channels=3, bits=8, **more):
    return packed(pixels(channels, bits, **more), bits)


def whole(channels=3, bits=8, **more):
    return b"".join(rows_of(channels, bits, **more))


def without(found, *numbers):
    return {number: value for number, value in found.items() if number not in numbers}


def tiles(width=16, height=16, channels=3, pack=lambda data: data, compression=1, planar=1):
    samples = np.zeros((height * -(-HEIGHT // height), width * -(-WIDTH // width), channels), np.uint8)
    samples[:HEIGHT, :WIDTH] = pixels(channels, 8)
    planes = [samples] if planar == 1 else [samples[:, :, c : c + 1] for c in range(channels)]
    chunks = [
        pack(plane[y : y + height, x : x + width].tobytes())
        for plane in planes
        for y in range(0, len(samples), height)
        for x in range(0, samples.shape[1], width)
    ]
    found = without(tags(2, 8, channels, compression=compression, planar=planar), 278)
    return tiff(found | {322: (SHORT, [width]), 323: (SHORT, [height])}, chunks, tiled=True)


def directories():
    """Headers and directories that are strange."""
    yield "big.tif", tiff(RGB, [whole()], big=True), "BigTIFF"
    yield "big-palette.tif", tiff(tags(3, 4, 1), [whole(1, 4)], big=True), "BigTIFF with a palette"
    for order, magic in (("<", b"\0*"), (">", b"*\0")):
        name = "II" if order == "<" else "MM"
        yield f"magic-{name}.tif", tiff(RGB, [whole()], order, magic=magic), "magic number in the other byte order"
    yield "no-counts.tif", tiff(RGB, [whole()], counts=False), "no byte counts"
    yield "no-counts-lzw.tif", tiff(RGB | {259: (SHORT, [5])}, [lzw(whole())], counts=False), "no byte counts, LZW"
    found = RGB | {259: (SHORT, [5]), 279: (LONG, [0])}
    yield "count-0-lzw.tif", tiff(found, [lzw(whole())]), "byte count 0, LZW"
    yield "no-photometric.tif", tiff(without(tags(1, 8, 1), 262), [whole(1)]), "no photometric"
    found = without(tags(1, 8, 1, compression=8), 262)
    yield "no-photometric-deflate.tif", tiff(found, [zlib.compress(whole(1))]), "no photometric, deflate"
    yield "photometric-twice.tif", tiff(tags(1, 8, 1) | {262: (SHORT, [1, 1])}, [whole(1)]), "two photometrics"
    yield "no-rows.tif", tiff(without(RGB, 278), [whole()]), "no rows per strip"
    found = without(RGB, 278) | {259: (SHORT, [8])}
    yield "no-rows-deflate.tif", tiff(found, [zlib.compress(whole())]), "no rows per strip, deflate"
    yield "no-bits.tif", tiff(without(tags(1, 1, 1), 258, 259, 277, 284), [whole(1, 1)]), "hardly any tag"
    yield "one-bits.tif", tiff(RGB | {258: (SHORT, [8])}, [whole()]), "one BitsPerSample for three samples"
    yield "more-bits.tif", tiff(RGB | {258: (SHORT, [8, 8, 8, 8])}, [whole()]), "a BitsPerSample too many"
    yield "long-tags.tif", tiff({tag: (LONG, v) for tag, (_, v) in RGB.items()}, [whole()]), "all tags LONG"
    signed = {tag: (SHORTS, v) for tag, (_, v) in RGB.items()}
    yield "signed-tags.tif", tiff(signed, [whole()]), "all tags signed"
    yield "formats.tif", tiff(RGB | {339: (SHORT, [1, 1, 1])}, [whole()]), "a SampleFormat a sample"
    rows = rows_of()
    strips = [b"".join(rows[start : start + 2]) for start in range(0, HEIGHT, 2)]
    three = RGB | {278: (SHORT, [2])}
    yield "offsets-short.tif", tiff(three, strips[:2]), "a strip that is not there"
    more = tiff(three, [*strips, strips[0][::-1]])
    yield "strip-more.tif", more, "a strip more than there is space for: it takes the first one's place"
    yield "strips-whole.tif", tiff(RGB, [whole(), whole(seed=1)]), "two strips that each are a whole picture"
    yield "rows-more.tif", tiff(RGB | {278: (LONG, [2**32 - 1])}, [whole()]), "rows per strip without end"
    yield "cut.tif", tiff(without(RGB, 278), [], counts=False) + b"", "no strips at all"
    data = tiff(RGB | {273: (LONG, [8])}, [whole()])
    yield "cut-directory.tif", data[:-20], "a directory that is cut"
    for tag, kind, values, what in (
        (274, SHORT, [6], "orientation 6"),
        (274, LONG, [8, 8], "orientation LONG, twice"),
        (274, BYTE, [6], "orientation BYTE"),
    ):
        yield f"orient-{kind}-{values[0]}.tif", tiff(RGB | {tag: (kind, values)}, [whole()]), what
    xmp = b'<rdf:Description tiff:Orientation="5"/>'
    yield "orient-xmp.tif", tiff(RGB | {700: (BYTE, list(xmp))}, [whole()]), "orientation in XMP alone"
    yield "orient-big.tif", tiff(RGB | {274: (SHORT, [3])}, [whole()], ">", big=False), "orientation, MM"
    yield "orient-bigtiff.tif", tiff(RGB | {274: (SHORT, [7])}, [whole()], big=True), "orientation, BigTIFF"


def palettes():
    short = (SHORT, [value * 257 for c in range(3) for value in colors(20)[:, c]])
    yield "palette-short.tif", tiff(tags(3, 8, 1) | {320: short}, [whole(1)]), "a palette of 20 colors"
    byte = (BYTE, [value for c in range(3) for value in colors(16)[:, c]])
    yield "palette-bytes.tif", tiff(tags(3, 4, 1) | {320: byte}, [whole(1, 4)]), "a palette of bytes"
    low = (SHORT, [value for c in range(3) for value in colors(16)[:, c]])
    yield "palette-low.tif", tiff(tags(3, 4, 1) | {320: low}, [whole(1, 4)]), "a palette whose values are under 256"
    yield "palette-none.tif", tiff(without(tags(3, 8, 1), 320), [whole(1)]), "no palette"


def compressions():
    """Compressions, predictors, and data that are cut or go on too long."""
    for name, number, pack in (
        ("lzw", 5, lzw),
        ("old-lzw", 5, old_lzw),
        ("packbits", 32773, packbits),
        ("deflate", 8, zlib.compress),
        ("deflate-old", 32946, zlib.compress),
    ):
        packed_whole = pack(whole())
        found = RGB | {259: (SHORT, [number])}
        yield f"{name}.tif", tiff(found, [packed_whole]), name
        if name == "deflate-old":
            continue
        yield f"{name}-end.tif", tiff(found, [packed_whole[:-3]]), f"{name} without its last bytes"
        yield f"{name}-cut.tif", tiff(found, [packed_whole[:-40]]), f"{name}, cut"
        yield f"{name}-more.tif", tiff(found, [pack(whole() + bytes(99))]), f"{name} of more than there is space for"
        turned = found | {266: (SHORT, [2])}
        yield f"{name}-fill2.tif", tiff(turned, [reversed_bits(packed_whole)]), f"{name}, FillOrder 2"
        yield f"{name}-tiles.tif", tiles(pack=pack, compression=number), f"{name} in tiles"
    wrong = zlib.compress(whole())[:-4] + b"abcd"
    yield "deflate-sum.tif", tiff(RGB | {259: (SHORT, [8]), 278: (SHORT, [9])}, [wrong]), "a wrong Adler-32"
    yield "tiles-planes.tif", tiles(planar=2), "tiles in planes"
    yield "tiles-planes-lzw.tif", tiles(planar=2, pack=lzw, compression=5), "tiles in planes, LZW"
    yield "tiles-odd.tif", tiles(width=5, height=3), "tiles of 5x3 pixels"
    yield "tiles-odd-deflate.tif", tiles(5, 3, pack=zlib.compress, compression=8), "the same, deflate"
    yield from predictors()


def predictors():
    for order, (bits, channels, photometric, number) in itertools.product(
        "<>", ((8, 3, 2, 1), (16, 3, 2, 1), (16, 1, 1, 1), (16, 1, 1, 2), (32, 1, 1, 2), (32, 1, 1, 3))
    ):
        samples = pixels(channels, bits, number, order)
        whole_numbers = samples.view({8: "u1", 16: order + "u2", 32: order + "u4"}[bits])
        differences = whole_numbers.copy()
        differences[:, 1:] -= whole_numbers[:, :-1]
        found = tags(photometric, bits, channels, number, compression=8) | {317: (SHORT, [2])}
        data = zlib.compress(b"".join(packed(differences, 8 if bits == 8 else bits)))
        name = f"predictor-{'ii' if order == '<' else 'mm'}-{channels}x{bits}-f{number}.tif"
        yield name, tiff(found, [data], order), f"differences of {bits} bits, {order}"
    for order in "<>":
        samples = pixels(1, 32, 3, ">")
        rows = []
        for row in samples:
            spread = np.frombuffer(row.tobytes(), np.uint8).reshape(-1, 4).T.reshape(-1)
            rows.append(np.diff(spread, prepend=spread[:1] * 0).astype(np.uint8).tobytes())
        found = tags(1, 32, 1, 3, compression=8) | {317: (SHORT, [3])}
        name = f"predictor-{'ii' if order == '<' else 'mm'}-float.tif"
        yield name, tiff(found, [zlib.compress(b"".join(rows))], order), f"differences of floats, {order}"
    found = tags(1, 4, 1, compression=8) | {317: (SHORT, [2])}
    yield "predictor-4.tif", tiff(found, [zlib.compress(whole(1, 4))]), "differences of 4 bits: there are none"


def ycbcr():
    """YCbCr that libtiff converts, blocks and all, and that Pillow does."""
    for across, down in ((1, 1), (2, 1), (2, 2), (4, 1), (4, 2), (4, 4), (1, 2)):
        random = np.random.default_rng(across * 8 + down)
        blocks = -(-WIDTH // across) * -(-HEIGHT // down)
        data = random.integers(0, 256, blocks * (across * down + 2), np.uint8).tobytes()
        found = tags(6, 8, 3, compression=8) | {530: (SHORT, [across, down])}
        yield f"ycbcr-{across}{down}.tif", tiff(found, [zlib.compress(data)]), f"YCbCr, subsampled {across}x{down}"
        found[259] = (SHORT, [5])
        yield f"ycbcr-{across}{down}-cut.tif", tiff(found, [lzw(data)[:-60]]), f"the same, LZW, cut: {across}x{down}"
    found = tags(6, 8, 3, compression=8) | {530: (SHORT, [1, 1])}
    coefficients = found | {529: (RATIONAL, [2126, 10000, 7152, 10000, 722, 10000])}
    yield "ycbcr-709.tif", tiff(coefficients, [zlib.compress(whole())]), "YCbCr of BT.709"
    levels = found | {532: (RATIONAL, [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1])}
    yield "ycbcr-video.tif", tiff(levels, [zlib.compress(whole())]), "YCbCr with video levels"
    yield "ycbcr-default.tif", tiff(without(found, 530), [zlib.compress(whole())]), "YCbCr, subsampling not said"
    planes = [zlib.compress(pixels(3, 8)[:, :, c].tobytes()) for c in range(3)]
    yield "ycbcr-planes.tif", tiff(found | {284: (SHORT, [2])}, planes), "YCbCr in planes"


def fax():
    """Fax codings, as Pillow writes them, and cut."""
    random = np.random.default_rng(5)
    picture = Image.fromarray(np.where(random.random((24, 40)) < 0.3, 255, 0).astype(np.uint8)).convert("1")
    for name in ("group3", "group4", "tiff_ccitt", "tiff_raw_16"):
        for photometric in (0, 1):
            buffer = io.BytesIO()
            picture.save(buffer, "TIFF", compression=name, tiffinfo={262: photometric})
            data = strip(buffer.getvalue())
            found = tags(photometric, 1, 1, rows=24) | {256: (SHORT, [40]), 257: (SHORT, [24])}
            found[259] = (SHORT, [{"group3": 3, "group4": 4, "tiff_ccitt": 2, "tiff_raw_16": 32771}[name]])
            yield f"fax-{name}-{photometric}.tif", tiff(found, [data]), f"{name}, photometric {photometric}"
            if photometric == 0:
                turned = found | {266: (SHORT, [2])}
                yield f"fax-{name}-fill2.tif", tiff(turned, [reversed_bits(data)]), f"{name}, FillOrder 2"
                damaged = bytearray(data)
                damaged[len(data) // 2] ^= 0x5A
                yield f"fax-{name}-bad.tif", tiff(found, [bytes(damaged)]), f"{name}, damaged"


def strip(data):
    """The strips of a file that Pillow wrote."""
    with Image.open(io.BytesIO(data)) as image:
        offsets, lengths = image.tag_v2[273], image.tag_v2[279]
        return b"".join(data[at : at + length] for at, length in zip(offsets, lengths))


def jpegs():
    """JPEG in strips, tiles and planes."""
    rgb = Image.fromarray(np.repeat(np.repeat(pixels(3, 8), 2, 0), 2, 1))
    size = {256: (SHORT, [rgb.width]), 257: (SHORT, [rgb.height]), 278: (SHORT, [rgb.height])}
    for mode, photometric, options in (
        ("L", 1, {}),
        ("L", 0, {}),
        ("RGB", 6, {"subsampling": 2}),
        ("RGB", 6, {"subsampling": 0}),
        ("RGB", 2, {"subsampling": 0, "keep_rgb": True}),
        ("CMYK", 5, {}),
    ):
        buffer = io.BytesIO()
        rgb.convert(mode).save(buffer, "JPEG", quality=60, **options)
        data = buffer.getvalue()
        if mode == "CMYK":
            # Without Adobe's marker.
            at = data.index(b"Adobe") - 4
            data = data[:at] + data[at + 16 :]
        channels = len(mode) if mode != "L" else 1
        found = tags(photometric, 8, channels, compression=7) | size
        sub = options.get("subsampling")
        if photometric == 6:
            found[530] = (SHORT, [2, 2] if sub == 2 else [1, 1])
        name = f"jpeg-{mode.lower()}-{photometric}{'' if sub is None else f'-{sub}'}.tif"
        yield name, tiff(found, [data]), f"JPEG, {mode}, photometric {photometric}"
        if mode != "CMYK":
            yield name.replace("jpeg-", "jpeg-cut-"), tiff(found, [data[:-40]]), f"JPEG, {mode}, cut"
    planes = []
    for channel in rgb.split():
        buffer = io.BytesIO()
        channel.save(buffer, "JPEG", quality=70)
        planes.append(buffer.getvalue())
    found = tags(2, 8, 3, compression=7, planar=2) | size
    yield "jpeg-planes.tif", tiff(found, planes), "JPEG in planes"


def old_jpegs():
    """Old-style JPEG: in one stream, with its headers apart from the strips, and with its tables in tags."""
    image = Image.fromarray(np.repeat(np.repeat(pixels(3, 8), 4, 0), 4, 1))
    found = without(tags(6, 8, 3, compression=6), 278)
    found |= {256: (SHORT, [image.width]), 257: (SHORT, [image.height]), 278: (SHORT, [image.height])}
    for subsampling, blocks in ((0, [1, 1]), (2, [2, 2])):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=60, subsampling=subsampling)
        data = buffer.getvalue()
        found[530] = (SHORT, blocks)
        name = "old-jpeg-444" if subsampling == 0 else "old-jpeg-420"
        stream = {513: (LONG, [8]), 514: (LONG, [len(data)])}
        yield f"{name}.tif", tiff(found | stream, [data]), f"old-style JPEG, one stream, {blocks}"
        scan = data.index(b"\xff\xda")
        scan += 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
        headers = {273: (LONG, [8 + scan]), 279: (LONG, [len(data) - scan]), 513: (LONG, [8]), 514: (LONG, [scan])}
        yield f"{name}-headers.tif", tiff(found | headers, [data]), f"old-style JPEG, headers apart, {blocks}"
        yield f"{name}-tables.tif", tables_apart(found, data, scan), f"old-style JPEG, tables in tags, {blocks}"


def tables_apart(found, data, scan):
    """Tables of a JPEG in tags, and its scan from byte `scan` on in a strip."""
    places, chunk, at = {519: [], 520: [], 521: []}, b"", 2
    while data[at + 1] != 0xDA:
        content = data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]
        kind = {0xDB: 519, 0xC4: 521 if content[0] >> 4 else 520}.get(data[at + 1])
        if kind:
            places[kind].append(8 + len(chunk))
            chunk += content[1:]
        at += 4 + len(content)
    tables = {tag: (LONG, [*offsets, offsets[-1]]) for tag, offsets in places.items()}
    strips = {273: (LONG, [8 + len(chunk)]), 279: (LONG, [len(data) - scan])}
    return tiff(found | tables | strips, [chunk + data[scan:]])


def written():
    """What Pillow itself writes, where there is no writer here."""
    rgb = Image.fromarray(pixels(3, 8))
    for mode, compression in (
        ("RGB", "zstd"),
        ("LA", "zstd"),
        ("RGB", "lzma"),
        ("L", "lzma"),
        ("I;16", "lzma"),
    ):
        image = Image.fromarray(pixels(1, 16)[:, :, 0].astype("u2")) if mode == "I;16" else rgb.convert(mode)
        buffer = io.BytesIO()
        image.save(buffer, "TIFF", compression=compression)
        name = mode.lower().replace(";", "")
        yield f"{compression}-{name}.tif", buffer.getvalue(), f"{mode} in {compression}"


def files():
    yield from kinds()
    yield from directories()
    yield from palettes()
    yield from compressions()
    yield from ycbcr()
    yield from fax()
    yield from jpegs()
    yield from old_jpegs()
    yield from written()
