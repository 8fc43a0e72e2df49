"""BMP: headers of all lengths, palettes of any size, masks, run lengths, and files that say where their pixels are not."""

import random
import struct

WIDTH, HEIGHT = 13, 7
RAW, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS = 0, 1, 2, 3, 6
MASKS = {
    "565": (0xF800, 0x7E0, 0x1F, 0),
    "555": (0x7C00, 0x3E0, 0x1F, 0),
    "1555": (0x7C00, 0x3E0, 0x1F, 0x8000),
    "bgr": (0xFF0000, 0xFF00, 0xFF, 0),
    "xbgr": (0xFF000000, 0xFF0000, 0xFF00, 0),
    "bgxr": (0xFF000000, 0xFF00, 0xFF, 0),
    "abgr": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
    "rgba": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "bgra": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    "bgar": (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
    "none": (0, 0, 0, 0),
}


def palette(count, size=4):
    colors = [(5 * i % 256, 255 - 9 * i % 256, 31 * i % 256, 0) for i in range(count)]
    return b"".join(bytes(color[:size]) for color in colors)


def ramp(levels):
    return b"".join(bytes((level % 256,)) * 3 + b"\0" for level in levels)


def stride(bits, width=WIDTH):
    return (width * bits + 31) // 32 * 4


def noise(length, seed=5):
    return random.Random(seed).randbytes(length)


def info(bits, length=40, width=WIDTH, height=HEIGHT, compression=RAW, colors=0, masks=None, planes=1):
    """A bitmap's header of `length` bytes, with the masks in it or after it."""
    if length == 12:
        return struct.pack("<IHHHH", 12, width, height, planes, bits)
    header = struct.pack("<IiiHHIIiiII", length, width, height, planes, bits, compression, 0, 0, 0, colors, 0)
    if masks and length < 52:
        return header[:length] + struct.pack("<4I", *masks)[: 16 if compression == ALPHA_BITFIELDS else 12]
    header += struct.pack("<4I", *(masks or (0, 0, 0, 0)))
    return (header + bytes(200))[:length]


def bmp(header, pixels, colors=b"", place=None, gap=b""):
    """A file; `place` is where it says that its pixels are."""
    start = 14 + len(header) + len(colors) + len(gap)
    first = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start if place is None else place)
    return first + header + colors + gap + pixels


def rows(bits, height=HEIGHT, width=WIDTH, highest=None):
    """Random rows; numbers of 4 or 8 bits up to `highest`."""
    data = noise(stride(bits, width) * height, bits)
    if highest is None:
        return data
    if bits == 8:
        return bytes(byte % (highest + 1) for byte in data)
    return bytes((byte >> 4) % (highest + 1) << 4 | (byte & 15) % (highest + 1) for byte in data)


def headers():
    for length in (12, 40, 52, 56, 64, 108, 124):
        size = 3 if length == 12 else 4
        yield f"{length}-4", bmp(info(4, length), rows(4), palette(16, size)), f"a header of {length} bytes, 4 bits"
        yield f"{length}-24", bmp(info(24, length), rows(24)), f"a header of {length} bytes, 24 bits"
    for length in (13, 16, 42, 60, 65, 128):
        yield f"{length}-4", bmp(info(4, length), rows(4), palette(16)), f"a header of {length} bytes, which Pillow refuses"
    for length in (12, 40, 52, 56, 64, 108, 124):
        yield f"{length}-bare", info(24, length) + rows(24), f"no file header, a header of {length} bytes"
    yield "bare-4", info(4) + palette(16) + rows(4), "no file header, 4 bits"
    yield "bare-565", info(16, compression=BITFIELDS, masks=MASKS["565"]) + rows(16), "no file header, masks"
    for bits in (1, 4, 8, 16, 24, 32):
        colors = palette(1 << bits) if bits < 8 else palette(20) if bits == 8 else b""
        count = 20 if bits == 8 else 0
        pixels = rows(bits, highest=19) if bits == 8 else rows(bits)
        yield f"top-down-{bits}", bmp(info(bits, height=-HEIGHT, colors=count), pixels, colors), f"from the top, {bits} bits"
    for bits in (0, 2, 48):
        yield f"bits-{bits}", bmp(info(bits), noise(600), palette(4)), f"{bits} bits"
    for planes in (0, 3):
        yield f"planes-{planes}", bmp(info(24, planes=planes), rows(24)), f"{planes} planes"
    for size in ((0, 5), (-5, 5), (5, -(1 << 24) - 5), (1 << 20, 1 << 20)):
        yield "size-%d,%d" % size, bmp(info(24, width=size[0], height=size[1]), noise(200)), "a size that can't be"
    for width, height in ((1, 1), (2, 3), (31, 2), (32, 2), (33, 2)):
        data = bmp(info(1, width=width, height=height), rows(1, height, width), palette(2))
        yield f"bilevel-{width}x{height}", data, "one bit"


def places():
    colors = palette(16)
    head, pixels = info(4), rows(4)
    for name, place in {"0": 0, "after-header": 54, "in-header": 20, "far": 5000, "early": 90, "1": 1}.items():
        yield name, bmp(head, pixels, colors, place), "pixels elsewhere"
    yield "gap", bmp(head, pixels, colors, gap=b"gap"), "a gap before the pixels"
    for bits, masks in ((24, None), (16, MASKS["565"])):
        head = info(bits, compression=BITFIELDS if masks else RAW, masks=masks)
        yield f"0-{bits}", bmp(head, rows(bits), place=0), "pixels at 0"
        yield f"after-header-{bits}", bmp(head, rows(bits), place=54), "pixels right after the header"
    yield "0-palette-24", bmp(info(24, colors=4), rows(24), palette(4), place=0), "pixels at 0, and a palette that is not needed"
    yield "8-after-header", bmp(info(8, colors=9), rows(8, highest=8), palette(9), place=54), "8 bits, pixels right after the header"
    yield "core-after-header", bmp(info(4, 12), pixels, palette(16, 3), place=26), "OS/2 1, pixels right after the header"
    yield "core-0", bmp(info(4, 12), pixels, palette(16, 3), place=0), "OS/2 1, pixels at 0"
    for bits in (1, 4, 24, 32):
        colors = palette(1 << bits) if bits < 8 else b""
        whole = bmp(info(bits), rows(bits), colors)
        padding = stride(bits) - (WIDTH * bits + 7) // 8
        for lacking in sorted({1, padding, padding + 1}):
            yield f"cut-{bits}-{lacking}", whole[: len(whole) - lacking], f"{lacking} lacking at the end, {padding} of padding"
    for length in (13, 30, 60):
        yield f"cut-at-{length}", bmp(info(4), pixels, palette(16))[:length], f"cut after {length} bytes"


def palettes():
    for bits in (1, 4, 8):
        for count in (1, 2, 3, 17, 40):
            if bits == 8 or count < 18:
                data = bmp(info(bits, colors=count), rows(bits), palette(count))
                yield f"{bits}-of-{count}", data, f"{count} colors in {bits} bits"
    for name, levels in {
        "black-white": (0, 255),
        "white-black": (255, 0),
        "black": (0,),
        "white": (255,),
        "16": range(16),
        "17": [17 * i for i in range(16)],
        "40": range(40),
    }.items():
        for bits in (4, 8):
            data = bmp(info(bits, colors=len(levels)), rows(bits), ramp(levels))
            yield f"gray-{name}-{bits}", data, f"gray levels in {bits} bits"
            data = bmp(info(bits, colors=len(levels), width=3), rows(bits, width=3), ramp(levels))
            yield f"gray-narrow-{name}-{bits}", data, f"gray levels in {bits} bits, narrow"
    yield "gray-256", bmp(info(8), rows(8), ramp(range(256))), "all gray levels"
    yield "gray-256-but-one", bmp(info(8), rows(8), ramp([*range(255), 254])), "all gray levels but one"
    yield "gray-300", bmp(info(8, colors=300), rows(8), ramp(range(300))), "300 gray levels"
    yield "300", bmp(info(8, colors=300), rows(8), palette(300)), "300 colors"
    yield "too-many", bmp(info(8, colors=70000), rows(8), palette(256)), "70,000 colors, it says"
    yield "lacking", bmp(info(8, colors=256), rows(8, highest=9), palette(9), place=14 + 40 + 36), "colors that aren't there"
    yield "core-8", bmp(info(8, 12), rows(8), palette(256, 3)), "OS/2 1, 8 bits"
    yield "core-gray", bmp(info(1, 12), rows(1), b"\0\0\0\xff\xff\xff"), "OS/2 1, black and white"


def masked():
    known = {16: ("565", "555", "1555"), 24: ("bgr", "bgra"), 32: ("bgr", "xbgr", "bgxr", "abgr", "rgba", "bgra", "bgar", "none")}
    for bits, names in known.items():
        for name in names:
            for length in (40, 52, 56, 108) if name in ("565", "bgra") else (40, 56):
                head = info(bits, length, compression=BITFIELDS, masks=MASKS[name])
                yield f"{bits}-{name}-{length}", bmp(head, rows(bits)), f"masks {name} in {bits} bits, a header of {length} bytes"
    for bits, masks in ((16, (0xF00, 0xF0, 0xF, 0xF000)), (32, (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)), (16, (7, 0x38, 0xC0, 0))):
        head = info(bits, 56, compression=BITFIELDS, masks=masks)
        yield f"{bits}-other-{masks[0]:x}", bmp(head, rows(bits)), "masks that Pillow refuses"
    head = info(32, compression=ALPHA_BITFIELDS, masks=MASKS["bgra"])
    yield "32-alpha-bitfields", bmp(head, rows(32)), "masks of Windows CE"
    yield "4-indexed", bmp(info(4, compression=BITFIELDS, masks=MASKS["565"]), rows(4), palette(16)), "masks in 4 bits"
    yield "16-bgr", bmp(info(16, compression=BITFIELDS, masks=MASKS["bgr"]), rows(16)), "masks over the end of a pixel"
    yield "32-alpha-unsaid", bmp(info(32), rows(32)), "32 bits without masks"


def run_lengths():
    coded8 = bytes((3, 1, 0, 3, 2, 3, 4, 0, 1, 5, 0, 0, 2, 1, 0, 2, 2, 1, 3, 2, 0, 0, 30, 4, 0, 0, 7, 200, 0, 2, 0, 3, 5, 5, 0, 1))
    coded4 = bytes((5, 0x12, 0, 5, 0x34, 0x51, 0x20, 0, 0, 0, 4, 0x45, 0, 2, 1, 1, 2, 0x33, 0, 0, 30, 0xA1, 7, 0x11, 0, 2, 0, 3, 0, 1))
    literal = bytes((0, 200)) + bytes(number % 6 for number in range(200))
    filled = bytes((WIDTH, 2, 0, 0)) * HEIGHT
    for kind, bits, coded in ((RLE8, 8, coded8), (RLE4, 4, coded4)):
        name = f"rle{bits}"
        for height in (HEIGHT, -HEIGHT):
            head = info(bits, compression=kind, colors=6, height=height)
            yield f"{name}-{height}", bmp(head, coded, palette(6)), "runs, literals, jumps, lines cut and too long"
            yield f"{name}-{height}-filled", bmp(head, filled, palette(6)), "runs of lines"
            yield f"{name}-{height}-literal", bmp(head, literal, palette(6)), "literals over the ends of lines"
        head = info(bits, compression=kind, colors=6)
        yield f"{name}-odd-place", bmp(head, coded + filled, palette(6), gap=b"x"), "coded pixels at an odd place"
        yield f"{name}-cut", bmp(head, filled[:-6], palette(6)), "cut"
        yield f"{name}-cut-last", bmp(head, filled[:-2], palette(6)), "without the last line's end"
        yield f"{name}-cut-in-literal", bmp(head, literal[:50], palette(6)), "cut within literals"
        yield f"{name}-cut-in-jump", bmp(head, coded[:14] + b"\0\x02\x05", palette(6)), "cut within a jump"
        yield f"{name}-end", bmp(head, filled[:12] + b"\0\x01", palette(6)), "an end before the last line"
        yield f"{name}-jumps", bmp(head, b"\0\x02\x05\x02\x09\x03\0\x02\xff\xff", palette(6)), "jumps alone"
        yield f"{name}-no-ends", bmp(head, bytes((WIDTH, 4)) * HEIGHT, palette(6)), "lines without ends"
        yield f"{name}-at-0", bmp(head, filled, palette(6), place=0), "pixels at 0"
        for other in (1, 4, 8):
            if other != bits:
                head = info(other, compression=kind, colors=6)
                yield f"{name}-in-{other}", bmp(head, filled, palette(6)), f"run lengths in {other} bits"
        head = info(bits, compression=kind, colors=16)
        yield f"{name}-gray", bmp(head, filled, ramp(range(16))), "gray levels"
        head = info(bits, compression=kind, colors=2)
        yield f"{name}-bilevel", bmp(head, coded + filled, ramp((0, 255))), "black and white"
    yield "rle24", bmp(info(24, 64, compression=4), bytes((WIDTH, 1, 2, 3, 0, 0)) * HEIGHT), "run lengths in 24 bits"
    yield "jpeg", bmp(info(0, compression=4), noise(50)), "JPEG inside"


def files():
    for group in (headers, places, palettes, masked, run_lengths):
        for name, data, what in group():
            yield f"{group.__name__.replace('_', '-')}-{name}.bmp", data, what
