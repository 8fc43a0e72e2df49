"""PNGs that are strange in one way each."""

import struct
import zlib

import numpy as np

WIDTH, HEIGHT = 13, 11
NAMES = {0: "gray", 2: "rgb", 3: "palette", 4: "gray-alpha", 6: "rgba"}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name, data=b"", crc=None):
    found = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", found)


def header(bits, color, interlaced=False, size=(WIDTH, HEIGHT)):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, color, 0, 0, interlaced))


def png(*chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def samples(bits, color, seed=1):
    """A picture with smooth parts and rough ones, and with the extremes: rows of pixels of samples."""
    random = np.random.default_rng([seed, bits, color])
    most = 2**bits - 1
    y, x, channel = np.mgrid[0:HEIGHT, 0:WIDTH, 0 : CHANNELS[color]]
    smooth = (x * (3 + channel) + y * 5 + channel * 40) * most // 200
    rough = random.integers(0, most + 1, smooth.shape)
    values = np.where(x > WIDTH // 2, rough, smooth) % (most + 1)
    if CHANNELS[color] == 1:
        # Of 16 bits some below 256, which Pillow does not clip.
        values[0, :4, 0] = (0, most, most & 200, most & 77)
    return values


def packed_rows(values, bits):
    for row in values.reshape(len(values), -1):
        if bits == 16:
            yield row.astype(">u2").tobytes()
        elif bits == 8:
            yield row.astype(np.uint8).tobytes()
        else:
            each = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]
            yield np.packbits(each.reshape(-1)).tobytes()


def filtered(rows, pixel, filters):
    """Filters rows, the first by the first filter and so on, round and round."""
    above, out = None, []
    for number, row in enumerate(rows):
        kind = filters[number % len(filters)]
        above = above or bytes(len(row))
        result = bytearray()
        for i, value in enumerate(row):
            left, corner = (row[i - pixel], above[i - pixel]) if i >= pixel else (0, 0)
            up = above[i]
            estimate = left + up - corner
            nearest = min((left, up, corner), key=lambda candidate: abs(estimate - candidate))
            result.append((value - (0, left, up, (left + up) // 2, nearest)[kind]) % 256)
        out.append(bytes([kind]) + bytes(result))
        above = row
    return out


def picture_rows(bits, color, interlaced=False, filters=(4, 1, 0, 3, 2)):
    """The filtered rows of the picture, filter bytes before them."""
    values = samples(bits, color)
    pixel = max(1, bits * CHANNELS[color] // 8)
    if not interlaced:
        return filtered(packed_rows(values, bits), pixel, filters)
    rows = []
    for left, top, columns, lines in PASSES:
        part = values[top::lines, left::columns]
        if part.size:
            rows += filtered(packed_rows(part, bits), pixel, filters)
    return rows


def pixels(bits, color, interlaced=False):
    return zlib.compress(b"".join(picture_rows(bits, color, interlaced)), 9)


PALETTE = bytes((i * 37 + i // 3) % 256 for i in range(3 * 256))


def palette_for(bits, color):
    return chunk(b"PLTE", PALETTE[: 3 * 2**bits]) if color == 3 else b""


END = chunk(b"IEND")


def whole(bits, color, before=b"", behind=b"", interlaced=False, data=None):
    data = pixels(bits, color, interlaced) if data is None else data
    return png(header(bits, color, interlaced), palette_for(bits, color), before, chunk(b"IDAT", data), behind, END)


def kinds():
    for color, depths in DEPTHS.items():
        for bits in depths:
            for interlaced in (False, True):
                name = f"{NAMES[color]}-{bits}{'-interlaced' if interlaced else ''}.png"
                yield name, whole(bits, color, interlaced=interlaced), "a color type and depth"


def transparency():
    cases = [
        ("gray-1", 1, 0, b"\0\1"),
        ("gray-1-black", 1, 0, b"\0\0"),
        ("gray-2", 2, 0, b"\0\1"),
        ("gray-2-spread", 2, 0, b"\0\x55"),
        ("gray-4", 4, 0, b"\0\x11"),
        ("gray-8", 8, 0, b"\0\xc8"),
        ("gray-8-high", 8, 0, b"\7\xc8"),
        ("gray-16", 16, 0, b"\0\x4d"),
        ("gray-16-clipped", 16, 0, b"\x12\xff"),
        ("rgb-8", 8, 2, struct.pack(">HHH", *samples(8, 2)[3, 2])),
        ("rgb-16", 16, 2, struct.pack(">HHH", *(samples(16, 2)[3, 2] >> 8))),
        ("rgb-16-low", 16, 2, struct.pack(">HHH", *samples(16, 2)[3, 2])),
        ("palette-one", 4, 3, b"\xff\xff\0\xff"),
        ("palette-one-and-line", 4, 3, b"\xff\0\xff\n"),
        ("palette-many", 4, 3, bytes(range(0, 240, 20))),
        ("palette-opaque", 4, 3, b"\xff" * 9),
        ("palette-empty", 4, 3, b""),
        ("palette-long", 8, 3, bytes(255 - i % 256 for i in range(256))),
        ("gray-long", 8, 0, b"\0\xc8\1"),
        ("rgb-long", 8, 2, struct.pack(">HHH", *samples(8, 2)[3, 2]) + b"\1"),
        ("where-alpha-is", 8, 6, b"\0\1\0\2\0\3"),
        ("where-gray-alpha-is", 8, 4, b"\0\1"),
    ]
    for name, bits, color, data in cases:
        yield f"trns-{name}.png", whole(bits, color, chunk(b"tRNS", data)), "transparency beside the pixels"
    yield "trns-behind.png", whole(8, 0, behind=chunk(b"tRNS", b"\0\xc8")), "transparency behind the pixels"
    twice = chunk(b"tRNS", b"\0\1") + chunk(b"tRNS", b"\0\xc8")
    yield "trns-twice.png", whole(8, 0, twice), "two such chunks"
    crc = chunk(b"tRNS", b"\0\xc8", crc=1)
    yield "trns-behind-crc.png", whole(8, 0, behind=crc), "behind the pixels, its checksum wrong"
    first = png(header(4, 3), chunk(b"tRNS", b"\0\x80"), palette_for(4, 3), chunk(b"IDAT", pixels(4, 3)), END)
    yield "trns-before-palette.png", first, "transparency before the palette"


def palettes():
    data = chunk(b"IDAT", pixels(4, 3))
    for length in (0, 1, 2, 3, 17, 47, 767, 768, 769, 770):
        palette = chunk(b"PLTE", PALETTE[:length].ljust(length, b"\x99"))
        yield f"palette-of-{length}.png", png(header(4, 3), palette, data, END), f"a palette of {length} bytes"
    yield "palette-absent.png", png(header(4, 3), data, END), "no palette"
    twice = chunk(b"PLTE", PALETTE[300:348]) + chunk(b"PLTE", PALETTE[:30])
    yield "palette-twice.png", png(header(4, 3), twice, data, END), "two palettes"
    behind = png(header(4, 3), data, palette_for(4, 3), END)
    yield "palette-behind.png", behind, "a palette behind the pixels"
    early = png(palette_for(4, 3), header(4, 3), data, END)
    yield "palette-before-header.png", early, "a palette before the header"
    yield "palette-in-rgb.png", whole(8, 2, chunk(b"PLTE", PALETTE[:50])), "a palette where none is needed"
    without = png(header(8, 3), chunk(b"tRNS", b"\1\2\3"), chunk(b"IDAT", pixels(8, 3)), END)
    yield "palette-absent-transparent.png", without, "no palette, but transparency"


def ends():
    for bits, color, interlaced in ((8, 2, False), (8, 6, False), (4, 3, True), (16, 0, False), (8, 4, True)):
        rows = picture_rows(bits, color, interlaced)
        name = f"{NAMES[color]}-{bits}{'-interlaced' if interlaced else ''}"
        for count in (1, 5, len(rows) - 1):
            data = zlib.compress(b"".join(rows[:count]))
            file = whole(bits, color, interlaced=interlaced, data=data)
            yield f"rows-{count}-{name}.png", file, f"{count} of {len(rows)} rows"
    rows = b"".join(picture_rows(8, 2))
    data = zlib.compress(rows)
    yield "rows-too-many.png", whole(8, 2, data=zlib.compress(rows + bytes(500))), "more data than rows"
    yield "rows-half.png", whole(8, 2, data=zlib.compress(rows[:-7])), "the stream ends within a row"
    for cut in (1, 3, 4, 5):
        yield f"adler-cut-{cut}.png", whole(8, 2, data=data[:-cut]), f"{cut} bytes of the stream missing at its end"
    yield "adler-wrong.png", whole(8, 2, data=data[:-1] + bytes([data[-1] ^ 1])), "a wrong checksum of the stream"
    flat = zlib.compress(b"".join(bytes([2]) + bytes(WIDTH * 3) for _ in range(HEIGHT)))
    yield "adler-cut-flat.png", whole(8, 2, data=flat[:-4]), "no checksum, and the last rows one long repetition"
    split = chunk(b"IDAT", data[:-4]) + chunk(b"IDAT", data[-4:-1] + bytes([data[-1] ^ 1]))
    yield "adler-wrong-later.png", png(header(8, 2), split, END), "a wrong checksum in a chunk of its own"
    short = zlib.compress(b"".join(picture_rows(8, 2)[:5]))
    split = chunk(b"IDAT", short[:-4]) + chunk(b"IDAT", short[-4:])
    yield "rows-5-adler-later.png", png(header(8, 2), split, END), "5 rows, and the checksum in a chunk of its own"
    split = chunk(b"IDAT", short[:-6]) + chunk(b"IDAT", short[-6:])
    yield "rows-5-end-later.png", png(header(8, 2), split, END), "5 rows, the last bytes in a chunk of their own"
    file = whole(8, 2)
    for name, cut in (("iend", 12), ("iend-half", 6), ("iend-crc", 2), ("idat-crc", 14), ("idat-crc-all", 16)):
        yield f"cut-{name}.png", file[:-cut], "cut, but all rows are there"
    yield "cut-adler.png", file[:-18], "cut within the checksum of the stream"
    yield "cut-data.png", file[:-60], "cut within the rows"
    yield "junk-behind.png", file + b"GIF89a" * 20, "more behind the end"
    junk = png(header(8, 2), chunk(b"IDAT", data), b"\1\2\3\4\5\6\7\x08" * 9)
    yield "junk-for-end.png", junk, "no chunks behind the pixels, but something"


def data_chunks():
    data = pixels(8, 2)

    def split(*parts, between=b""):
        return png(header(8, 2), between.join(chunk(b"IDAT", part) for part in parts), END)

    yield "idat-bytes.png", split(*(data[i : i + 1] for i in range(120)), data[120:]), "a byte in each of many chunks"
    yield "idat-empty.png", split(b"", data[:50], b"", b"", data[50:], b""), "empty chunks"
    yield "idat-crc.png", png(header(8, 2), chunk(b"IDAT", data, crc=5), END), "a wrong checksum"
    text = chunk(b"tEXt", b"a\0b")
    yield "idat-interleaved.png", split(data[:50], data[50:], between=text), "text between data"
    late = png(header(8, 2), chunk(b"IDAT", data), text, chunk(b"IDAT", b"junk"), END)
    yield "idat-late.png", late, "data behind the data and a text"
    ddat = png(header(8, 2), chunk(b"IDAT", data[:70]), chunk(b"DDAT", data[70:]), END)
    yield "idat-ddat.png", ddat, "data in a chunk of another name"
    raw = b"".join(picture_rows(8, 2))
    for window in (9, 12, 15):
        packer = zlib.compressobj(9, zlib.DEFLATED, window)
        yield f"zlib-window-{window}.png", whole(8, 2, data=packer.compress(raw) + packer.flush()), "a window"
    for level, strategy, name in ((0, 0, "stored"), (1, 0, "fast"), (9, 4, "fixed"), (9, 2, "huffman"), (9, 3, "runs")):
        packer = zlib.compressobj(level, zlib.DEFLATED, 15, 9, strategy)
        yield f"zlib-{name}.png", whole(8, 2, data=packer.compress(raw) + packer.flush()), "another way of packing"
    packer = zlib.compressobj()
    flushed = b"".join(packer.compress(raw[i : i + 40]) + packer.flush(zlib.Z_SYNC_FLUSH) for i in range(0, len(raw), 40))
    yield "zlib-flushed.png", whole(8, 2, data=flushed + packer.flush()), "many blocks, some of them empty"
    small = bytes([0x08, 0x1D]) + data[2:]
    yield "zlib-window-lies.png", whole(8, 2, data=small), "a window said to be of 256 bytes"
    yield "zlib-header.png", whole(8, 2, data=b"\x78\x00" + data[2:]), "a header whose check fails"
    packer = zlib.compressobj(zdict=b"dictionary")
    yield "zlib-dictionary.png", whole(8, 2, data=packer.compress(raw) + packer.flush()), "a dictionary is needed"
    far = bytes(i * i // 7 % 256 for i in range(2000))
    packer, more = zlib.compressobj(), zlib.compressobj(wbits=-15, zdict=far)
    data = packer.compress(raw) + packer.flush(zlib.Z_FULL_FLUSH) + more.compress(far[:100]) + more.flush() + bytes(4)
    yield "zlib-too-far-behind.png", whole(8, 2, data=data), "behind the rows a repetition of what is before the stream"
    wrong = bytearray(raw)
    wrong[0] = 5
    yield "filter-5.png", whole(8, 2, data=zlib.compress(wrong)), "a filter that there is not"


def ancillary():
    def control(number, width=WIDTH, height=HEIGHT, left=0, top=0, dispose=0, blend=0):
        numbers = struct.pack(">IIIIIHHBB", number, width, height, left, top, 1, 10, dispose, blend)
        return chunk(b"fcTL", numbers)

    def actl(frames):
        return chunk(b"acTL", struct.pack(">II", frames, 0))

    data, frame = chunk(b"IDAT", pixels(8, 6)), chunk(b"fdAT", struct.pack(">I", 2) + pixels(8, 6))
    start = header(8, 6)
    yield "cicp-odd.png", whole(8, 2, chunk(b"cICP", b"\x09\x10\x09\x01")), "colors that are no RGB"
    yield "cicp-short.png", whole(8, 2, chunk(b"cICP", b"\x09")), "a short chunk"
    yield "gama-0.png", whole(8, 2, chunk(b"gAMA", bytes(4))), "a gamma of 0"
    yield "gama-short.png", whole(8, 2, chunk(b"gAMA", b"\1")), "a short chunk"
    yield "iccp-broken.png", whole(8, 2, chunk(b"iCCP", b"name\0\0no zlib")), "a broken profile"
    yield "iccp-method.png", whole(8, 2, chunk(b"iCCP", b"name\0\1no zlib")), "a profile packed in an unknown way"
    yield "bkgd-odd.png", whole(8, 2, chunk(b"bKGD", b"\1")), "a short background"
    yield "crc-text.png", whole(8, 2, chunk(b"tEXt", b"a\0b", crc=9)), "a wrong checksum of a text"
    yield "unknown-critical.png", whole(8, 2, chunk(b"ABCD", b"data")), "an unknown chunk that is said to matter"
    yield "name-odd.png", whole(8, 2, chunk(b"a1_b", b"data")), "a name with a number"
    yield "name-none.png", whole(8, 2, chunk(b"a-b.", b"data")), "a name that is none"
    yield "header-twice.png", png(header(8, 6), header(8, 2), chunk(b"IDAT", pixels(8, 2)), END), "two headers"
    unknown = png(header(8, 1), header(8, 2), chunk(b"IDAT", pixels(8, 2)), END)
    yield "header-unknown-first.png", unknown, "two headers, the first of no known color type"
    yield "header-long.png", png(chunk(b"IHDR", header(8, 2)[8:21] + b"more"), chunk(b"IDAT", pixels(8, 2)), END), "longer"
    yield "header-crc.png", png(header(8, 2)[:-4] + b"1234", chunk(b"IDAT", pixels(8, 2)), END), "a wrong checksum"
    yield "apng.png", png(start, actl(2), control(0), data, control(1), frame, END), "an animation"
    odd = png(start, actl(2), control(0, dispose=9, blend=9), data, control(1), frame, END)
    yield "apng-dispose-9.png", odd, "an unknown way of disposing"
    hidden = png(start, actl(1), data, control(0), chunk(b"fdAT", struct.pack(">I", 1) + pixels(8, 6)), END)
    yield "apng-hidden.png", hidden, "a picture that is no frame"
    part = zlib.compress(b"".join(b"\0" + bytes(range(40, 56)) for _ in range(3)))
    small = png(start, actl(1), control(0, 4, 3, 5, 6), chunk(b"IDAT", part), END)
    yield "apng-part.png", small, "a first frame that is a part of the picture"
    part = zlib.compress(b"".join(b"\0" + bytes([i, 255 - i]) for i in range(3)))
    small = png(header(4, 3), chunk(b"PLTE", PALETTE[5:53]), control(0, 4, 3, 5, 6), chunk(b"IDAT", part), END)
    yield "fctl-part.png", small, "a frame of a part, without an animation"
    first = struct.pack(">I", 1) + pixels(8, 6)
    yield "apng-no-idat.png", png(start, actl(1), control(0), chunk(b"fdAT", first), END), "all data in frames' chunks"
    yield "apng-sequence.png", png(start, actl(1), control(7), data, END), "a wrong number of a frame"
    yield "apng-actl-twice.png", png(start, actl(2), actl(2), control(0), data, END), "two controls"
    yield "apng-short.png", png(start, chunk(b"acTL", b"\0"), chunk(b"fcTL", b"\0"), data, END), "short controls"


EXIF = b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"


def metadata():
    raw = b"\nexif\n      26\n" + EXIF.hex().encode() + b"\n"
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
    key, name = b"Raw profile type exif\0", b"XML:com.adobe.xmp\0"
    cases = {
        "exif": (b"eXIf", EXIF),
        "exif-prefix": (b"eXIf", b"Exif\0\0" + EXIF),
        "exif-text": (b"tEXt", b"exif\0" + EXIF),
        "exif-raw": (b"tEXt", key + raw),
        "exif-raw-packed": (b"zTXt", key + b"\0" + zlib.compress(raw)),
        "exif-raw-cut": (b"zTXt", key + b"\0" + zlib.compress(raw)[:-6]),
        "exif-raw-international": (b"iTXt", key + b"\0\0\0\0" + raw),
        "xmp": (b"iTXt", name + b"\0\0\0\0" + xmp),
        "xmp-packed": (b"iTXt", name + b"\1\0\0\0" + zlib.compress(xmp)),
        "xmp-not-utf8": (b"iTXt", name + b"\0\0\0\0\xff" + xmp),
        "xmp-text": (b"tEXt", name + xmp),
        "xmp-packed-text": (b"zTXt", name + b"\0" + zlib.compress(xmp)),
        "xmp-broken": (b"iTXt", name + b"\1\0\0\0no zlib"),
        "xmp-short": (b"iTXt", name + b"\0"),
    }
    for case, (kind, data) in cases.items():
        yield f"up-{case}.png", whole(8, 2, chunk(kind, data)), "which side is up"
        if "raw" not in case:
            yield f"up-{case}-behind.png", whole(8, 2, behind=chunk(kind, data)), "the same, behind the pixels"
    both = chunk(b"eXIf", EXIF) + chunk(b"tEXt", key + raw.replace(b"0006", b"0003")) + chunk(b"iTXt", name + b"\0\0\0\0" + xmp)
    yield "up-all.png", whole(8, 2, both), "several of them"
    last = chunk(b"iTXt", name + b"\0\0\0\0" + xmp) + chunk(b"iTXt", name + b"\1\0\0\0no zlib")
    yield "up-last-broken.png", whole(8, 2, last), "the last of two texts is broken"
    last = chunk(b"zTXt", key + b"\0" + zlib.compress(raw)) + chunk(b"zTXt", key + b"\0no zlib")
    yield "up-last-empty.png", whole(8, 2, last), "the last of two texts is as good as empty"
    hidden = chunk(b"IEND") + chunk(b"eXIf", EXIF)
    yield "up-behind-end.png", whole(8, 2, behind=hidden), "behind the end"


def files():
    for group in (kinds, transparency, palettes, ends, data_chunks, ancillary, metadata):
        yield from group()
