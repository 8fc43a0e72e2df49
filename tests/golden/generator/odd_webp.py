"""WebP: files whose chunks are strange, and lossy pictures of settings that no encoder at hand writes."""

import io
import random
import struct

from .formats import xmp
from .odd_exif import ORIENTATION, tiff
from .pictures import photo

ICC, ALPHA, EXIF, XMP, ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02
ROTATED = tiff([(ORIENTATION, 3, [6])])
SIZE = (29, 21)


def chunk(name, data, length=None, padding=b"\0"):
    length = len(data) if length is None else length
    return name + struct.pack("<I", length) + data + (padding if len(data) % 2 else b"")


def riff(*chunks, size=None, after=b""):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body + after


def u24(number):
    return struct.pack("<I", number)[:3]


def vp8x(flags, width=SIZE[0], height=SIZE[1], more=b""):
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + u24(width - 1) + u24(height - 1) + more)


def encoded(mode="RGB", size=SIZE, seed=5, **options):
    """The chunks that Pillow writes, by their names."""
    image = photo(*size, seed)
    if mode == "RGBA":
        image.putalpha(photo(*size, seed + 1, 3).convert("L").point(lambda value: 0 if value < 100 else value))
    file = io.BytesIO()
    image.save(file, "WEBP", **options)
    data, at, found = file.getvalue(), 12, {}
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 4)[0]
        found[data[at : at + 4]] = data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return found


def containers():
    lossy = encoded(quality=40)[b"VP8 "]
    lossless = encoded(lossless=True)[b"VP8L"]
    clear = encoded("RGBA", lossless=True)[b"VP8L"]
    both = encoded("RGBA", quality=40)
    alpha, under = both[b"ALPH"], both[b"VP8 "]
    vp8, vp8l, alph = chunk(b"VP8 ", lossy), chunk(b"VP8L", lossless), chunk(b"ALPH", alpha)
    picture = chunk(b"VP8 ", under)
    exif, text = chunk(b"EXIF", ROTATED), chunk(b"XMP ", xmp(3))

    yield "flags-none", riff(vp8x(0), vp8), "an extended file without flags"
    yield "flags-all", riff(vp8x(ICC | ALPHA | EXIF | XMP), vp8), "flags for chunks that there are not"
    yield "flags-exif-lossless", riff(vp8x(EXIF), vp8l), "a flag for EXIF, without"
    yield "flags-unknown", riff(vp8x(1), vp8), "a flag without a meaning"
    yield "flags-high", riff(vp8x(0x80), vp8), "another one"
    yield "reserved", riff(chunk(b"VP8X", b"\0\1\2\3" + u24(28) + u24(20)), vp8), "reserved bits"
    yield "alpha-flag-lossless", riff(vp8x(ALPHA), vp8l), "a flag for alpha before a lossless picture without"
    yield "alpha-no-flag-lossless", riff(vp8x(0), chunk(b"VP8L", clear)), "no flag before a lossless picture with alpha"
    yield "alpha-no-flag", riff(vp8x(0), alph, picture), "alpha without its flag"
    yield "alpha-late", riff(vp8x(ALPHA), picture, alph), "alpha after the picture"
    yield "alpha-late-no-flag", riff(vp8x(0), picture, alph), "the same, without its flag"
    yield "alpha-twice", riff(vp8x(ALPHA), alph, alph, picture), "alpha twice"
    yield "alpha-apart", riff(vp8x(ALPHA), alph, chunk(b"ODD ", b"x"), picture), "a chunk between alpha and picture"
    yield "alpha-simple", riff(picture, alph), "alpha in a simple file"
    yield "alpha-first-simple", riff(alph, picture), "a file that begins with alpha"
    yield "alpha-lossless", riff(vp8x(ALPHA), alph, vp8l), "alpha before a lossless picture"
    yield "alpha-empty", riff(vp8x(ALPHA), chunk(b"ALPH", b""), picture), "alpha without bytes"
    yield "alpha-header", riff(vp8x(ALPHA), chunk(b"ALPH", b"\x00"), picture), "alpha of a header alone"
    raw = bytes(random.Random(3).randrange(256) for _ in range(29 * 21))
    for bits in range(64):
        if bits & 3 == 0 or bits in (2, 3, 33):
            what = f"raw alpha, its header {bits:#04x}"
            yield f"alpha-raw-{bits}", riff(vp8x(ALPHA), chunk(b"ALPH", bytes([bits]) + raw), picture), what
    for bits in (4, 8, 12, 16, 20, 0x40, 0x80):
        data = bytes([alpha[0] & 3 | bits]) + alpha[1:]
        yield f"alpha-filter-{bits}", riff(vp8x(ALPHA), chunk(b"ALPH", data), picture), f"alpha, its header {bits:#04x}"
    short = chunk(b"ALPH", b"\0" + raw[:-1])
    yield "alpha-short", riff(vp8x(ALPHA), short, picture), "raw alpha that lacks a byte"
    yield "alpha-long", riff(vp8x(ALPHA), chunk(b"ALPH", b"\0" + raw + b"more"), picture), "raw alpha and more"

    yield "exif-first", riff(vp8x(EXIF), exif, vp8), "EXIF before the picture"
    yield "exif-last", riff(vp8x(EXIF), vp8, exif), "EXIF after the picture"
    yield "exif-no-flag", riff(vp8x(0), vp8, exif), "EXIF without its flag"
    yield "exif-no-flag-first", riff(vp8x(XMP), exif, vp8, text), "EXIF without its flag, and XMP"
    yield "exif-twice", riff(vp8x(EXIF), exif, vp8, chunk(b"EXIF", tiff([(ORIENTATION, 3, [3])]))), "EXIF twice"
    yield "exif-prefix", riff(vp8x(EXIF), vp8, chunk(b"EXIF", b"Exif\0\0" + ROTATED)), "EXIF with JPEG's prefix"
    yield "exif-empty", riff(vp8x(EXIF | XMP), chunk(b"EXIF", b""), vp8, text), "EXIF without bytes, and XMP"
    yield "exif-odd", riff(vp8x(EXIF), vp8, chunk(b"EXIF", ROTATED + b"x")), "EXIF of odd length"
    yield "exif-simple", riff(vp8, exif), "EXIF in a simple file"
    yield "exif-lower", riff(vp8x(EXIF), vp8, chunk(b"exif", ROTATED)), "EXIF in lower case"
    yield "exif-zero", riff(vp8x(EXIF), vp8, chunk(b"EXI\0", ROTATED)), "EXIF with a zero"
    yield "exif-lossless", riff(vp8x(EXIF), vp8l, exif), "EXIF after a lossless picture"
    yield "xmp", riff(vp8x(XMP), vp8, text), "XMP"
    yield "xmp-no-flag", riff(vp8x(0), vp8, text), "XMP without its flag"
    yield "xmp-zero", riff(vp8x(XMP), vp8, chunk(b"XMP\0", xmp(3))), "XMP with a zero"
    yield "xmp-before", riff(vp8x(EXIF | XMP), text, exif, vp8), "XMP before EXIF, both before the picture"
    yield "unknown-first", riff(vp8x(0), chunk(b"ODD!", b"abc"), vp8), "an unknown chunk before the picture"
    yield "unknown-last", riff(vp8x(0), vp8, chunk(b"ODD!", b"abc")), "one after the picture"
    yield "unknown-simple", riff(vp8, chunk(b"ODD!", b"abc")), "one in a simple file"
    yield "unknown-before-simple", riff(chunk(b"ODD!", b"abcd"), vp8), "one at the beginning of a simple file"
    yield "unknown-huge", riff(vp8, chunk(b"ODD!", b"abc", 5000)), "one that is longer than the file"
    yield "icc", riff(vp8x(ICC), chunk(b"ICCP", b"no profile"), vp8), "a color profile that is none"

    yield "lower-case", riff(chunk(b"vp8 ", lossy)), "a picture in lower case"
    yield "zero", riff(chunk(b"VP8\0", lossy)), "a picture with a zero"
    odd = chunk(b"VP8 ", lossy + b"x"[: 1 - len(lossy) % 2], padding=b"")
    yield "no-padding", riff(odd), "a picture of odd length without padding"
    yield "padding-one", riff(chunk(b"VP8 ", lossy + b"x"[: 1 - len(lossy) % 2], padding=b"\xff")), "padding of ones"
    yield "junk-after", riff(vp8, after=b"junk after the end"), "bytes after the end"
    yield "junk-within", riff(vp8, b"junk"), "four bytes at the end"
    yield "junk-within-extended", riff(vp8x(0), vp8, b"junk"), "four bytes at the end of an extended file"
    length = len(riff(vp8)) - 8
    for name, size in {"less-2": length - 2, "less-20": length - 20, "more-1": length + 1, "odd": length - 1}.items():
        yield f"riff-{name}", riff(vp8, size=size), f"the file's length is {size}, not {length}"
    yield "riff-more-junk", riff(vp8, size=length + 10, after=bytes(10)), "the file's length has zeros in it"
    yield "riff-less-exif", riff(vp8x(0), vp8, exif, size=12 + 10 + 8 + len(vp8) - 4 + 4), "the length ends before EXIF"
    yield "riff-zero", riff(vp8, size=0), "a length of 0"
    yield "riff-largest", riff(vp8, size=0xFFFFFFFF), "the largest length"
    whole = riff(vp8)
    for cut in (8, 15, 20, 29, 30, 40, len(whole) // 2, len(whole) - 2, len(whole) - 1):
        yield f"cut-{cut}", whole[:cut], f"cut after {cut} bytes"
        if cut > 20:
            data = whole[20:cut]
            yield f"cut-{cut}-said", riff(chunk(b"VP8 ", data)), f"cut after {cut} bytes, lengths to suit"
            data = lossless[: len(lossless) * cut // len(whole)]
            yield f"cut-{cut}-lossless", riff(chunk(b"VP8L", data)), f"a lossless picture cut to {len(data)} bytes"
    for less in (1, 2, 3, 4, 5):
        yield f"short-{less}", riff(chunk(b"VP8 ", lossy[:-less])), f"a picture that lacks {less} bytes"
        yield f"short-{less}-lossless", riff(chunk(b"VP8L", lossless[:-less])), f"a lossless one that lacks {less} bytes"
        data = alpha[:-less]
        yield f"short-{less}-alpha", riff(vp8x(ALPHA), chunk(b"ALPH", data), picture), f"alpha that lacks {less} bytes"
    yield "canvas-wider", riff(vp8x(0, 30, 21), vp8), "a canvas that is wider"
    yield "canvas-lower", riff(vp8x(0, 29, 20), vp8), "a canvas that is lower"
    yield "extended-short", riff(chunk(b"VP8X", bytes(9)), vp8), "a header that is too short"
    yield "extended-long", riff(vp8x(0, more=b"ab"), vp8), "a header that is too long"
    yield "extended-twice", riff(vp8x(0), vp8x(0), vp8), "two headers"
    yield "two-pictures", riff(vp8, vp8l), "two pictures"
    yield "two-pictures-extended", riff(vp8x(0), vp8, vp8l), "two pictures in an extended file"
    yield "no-picture", riff(vp8x(0)), "no picture"

    scaled = lossy[:6] + struct.pack("<HH", 29 | 0x4000, 21 | 0xC000) + lossy[10:]
    yield "scaled", riff(chunk(b"VP8 ", scaled)), "a picture that is to be shown larger"
    for bit, name in ((1, "no-key-frame"), (2, "profile-1"), (6, "profile-3"), (8, "profile-4"), (16, "hidden")):
        yield name, riff(chunk(b"VP8 ", bytes([lossy[0] ^ bit]) + lossy[1:])), f"first byte changed by {bit:#04x}"
    yield "version-lossless", riff(chunk(b"VP8L", lossless[:4] + bytes([lossless[4] | 32]) + lossless[5:])), "version 1"
    hidden = chunk(b"VP8L", lossless[:4] + bytes([lossless[4] ^ 16]) + lossless[5:])
    yield "alpha-bit-lossless", riff(hidden), "a lossless picture's bit for alpha, where there is none"


def frame(left, top, size, bits, *chunks):
    head = u24(left // 2) + u24(top // 2) + u24(size[0] - 1) + u24(size[1] - 1) + u24(100) + bytes([bits])
    return chunk(b"ANMF", head + b"".join(chunks))


def animations():
    small = (12, 10)
    lossy, lossless = (encoded(size=small, quality=50)[b"VP8 "], encoded(size=small, lossless=True)[b"VP8L"])
    both = encoded("RGBA", size=small, quality=50)
    vp8, vp8l = chunk(b"VP8 ", lossy), chunk(b"VP8L", lossless)
    clear = chunk(b"ALPH", both[b"ALPH"]) + chunk(b"VP8 ", both[b"VP8 "])
    anim = chunk(b"ANIM", b"\x10\x20\x30\xff\0\0")
    whole, odd = vp8x(ANIMATION | ALPHA), chunk(b"ODD!", b"abcd")
    for name, data in {"lossy": vp8, "lossless": vp8l, "alpha": clear}.items():
        one = frame(4, 6, small, 0, data)
        yield f"anim-{name}", riff(whole, anim, one, one), f"a {name} frame within the canvas"
        yield f"anim-{name}-opaque", riff(vp8x(ANIMATION), anim, one), "the same, and no flag for alpha"
        yield f"anim-{name}-background", riff(whole, anim, frame(0, 0, small, 3, data)), "the same, not blended"
        yield f"anim-{name}-edge", riff(whole, anim, frame(16, 10, small, 0, data)), "a frame that does not fit"
        yield f"anim-{name}-corner", riff(vp8x(ANIMATION, 28, 20), anim, frame(16, 10, small, 0, data)), "one that fits"
    one = frame(0, 0, small, 0, vp8)
    yield "anim-no-header", riff(whole, one), "a frame without an ANIM chunk"
    yield "anim-late-header", riff(whole, one, anim), "a frame before the ANIM chunk"
    yield "anim-two-headers", riff(whole, anim, anim, one), "two ANIM chunks"
    yield "anim-short-header", riff(whole, chunk(b"ANIM", b"\0\0\0\0"), one), "an ANIM chunk that is too short"
    yield "anim-no-flag", riff(vp8x(ALPHA), anim, one), "an animation without its flag"
    yield "anim-flag-still", riff(vp8x(ANIMATION, *small), vp8), "a still picture with the flag of animations"
    yield "anim-no-frame", riff(whole, anim), "no frame"
    yield "anim-empty-frame", riff(whole, anim, frame(0, 0, small, 0), one), "a frame without chunks first"
    yield "anim-empty-last", riff(whole, anim, one, frame(0, 0, small, 0)), "a frame without chunks last"
    yield "anim-other-size", riff(whole, anim, frame(0, 0, (20, 20), 0, vp8)), "a frame's size unlike its picture's"
    yield "anim-unknown", riff(whole, anim, frame(2, 2, small, 0, odd, vp8), one), "an unknown chunk before the picture"
    yield "anim-unknown-last", riff(whole, anim, frame(2, 2, small, 0, vp8, odd), one), "an unknown chunk after it"
    rotated = riff(vp8x(ANIMATION | EXIF), anim, one, chunk(b"EXIF", ROTATED))
    yield "anim-exif", rotated, "EXIF after the frames"
    yield "anim-exif-within", riff(vp8x(ANIMATION | EXIF), anim, frame(0, 0, small, 0, vp8, chunk(b"EXIF", ROTATED))), "in one"
    yield "anim-second-broken", riff(whole, anim, one, frame(0, 0, small, 0, chunk(b"VP8 ", b"x" * 20))), "a broken second frame"
    yield "anim-still-too", riff(whole, anim, one, vp8), "a still picture after the frames"
    bare = frame(0, 0, small, 0, chunk(b"ALPH", both[b"ALPH"]))
    yield "anim-alpha-alone", riff(whole, anim, bare), "a frame of alpha alone"
    yield "anim-two-pictures", riff(whole, anim, frame(0, 0, small, 0, vp8, vp8l)), "a frame of two pictures"
    yield "anim-far", riff(vp8x(ANIMATION, 70, 3), anim, frame(58, 0, small, 0, vp8)), "a frame that is higher than the canvas"


class Encoder:
    """The arithmetic encoder of RFC 6386, section 7.3."""

    def __init__(self):
        self.out, self.range, self.bottom, self.count = bytearray(), 255, 0, 24

    def bit(self, value, probability=128):
        split = 1 + ((self.range - 1) * probability >> 8)
        if value:
            self.bottom, self.range = self.bottom + split, self.range - split
        else:
            self.range = split
        while self.range < 128:
            self.range <<= 1
            self.carry()
            self.bottom = self.bottom << 1 & 0xFFFFFFFF
            self.count -= 1
            if self.count == 0:
                self.out.append(self.bottom >> 24)
                self.bottom &= 0xFFFFFF
                self.count = 8

    def carry(self):
        if self.bottom & 1 << 31:
            at = len(self.out) - 1
            while self.out[at] == 255:
                self.out[at] = 0
                at -= 1
            self.out[at] += 1
            self.bottom &= 0x7FFFFFFF

    def number(self, value, bits):
        for at in reversed(range(bits)):
            self.bit(value >> at & 1)

    def optional(self, value, bits):
        self.bit(value is not None)
        if value is not None:
            self.number(abs(value), bits)
            self.bit(value < 0)

    def finish(self):
        for _ in range(32):
            self.bit(0)
        return bytes(self.out)


# Probabilities that the header has no other probability of a token; those that there are not are 255.
UPDATES = {
    33: 176, 34: 246, 44: 223, 45: 241, 46: 252, 55: 249, 56: 253, 57: 253, 67: 244, 68: 252, 77: 234, 78: 254,
    79: 254, 88: 253, 100: 246, 101: 254, 110: 239, 111: 253, 112: 254, 121: 254, 123: 254, 133: 248, 134: 254,
    143: 251, 145: 254, 166: 253, 167: 254, 176: 251, 177: 254, 178: 254, 187: 254, 189: 254, 199: 254, 200:
    253, 202: 254, 209: 250, 211: 254, 213: 254, 220: 254, 264: 217, 275: 225, 276: 252, 277: 241, 278: 253,
    281: 254, 286: 234, 287: 250, 288: 241, 289: 250, 290: 253, 292: 253, 293: 254, 298: 254, 308: 223, 309:
    254, 310: 254, 319: 238, 320: 253, 321: 254, 322: 254, 331: 248, 332: 254, 341: 249, 342: 254, 364: 253,
    374: 247, 375: 254, 397: 253, 398: 254, 407: 252, 430: 254, 431: 254, 440: 253, 463: 254, 464: 253, 473:
    250, 484: 254, 528: 186, 529: 251, 530: 250, 539: 234, 540: 251, 541: 244, 542: 254, 550: 251, 551: 251,
    552: 243, 553: 253, 554: 254, 556: 254, 562: 253, 563: 254, 572: 236, 573: 253, 574: 254, 583: 251, 584:
    253, 585: 253, 586: 254, 587: 254, 595: 254, 596: 254, 605: 254, 606: 254, 607: 254, 628: 254, 638: 254,
    639: 254, 649: 254, 671: 254, 792: 248, 803: 250, 804: 254, 805: 252, 806: 254, 814: 248, 815: 254, 816:
    249, 817: 253, 826: 253, 827: 253, 836: 246, 837: 253, 838: 253, 847: 252, 848: 254, 849: 251, 850: 254,
    851: 254, 859: 254, 860: 252, 869: 248, 870: 254, 871: 253, 880: 253, 882: 254, 883: 254, 892: 251, 893:
    254, 902: 245, 903: 251, 904: 254, 913: 253, 914: 253, 915: 254, 925: 251, 926: 253, 935: 252, 936: 253,
    937: 254, 947: 254, 958: 252, 968: 249, 970: 254, 981: 254, 992: 253, 1001: 250, 1034: 254,
}


def noise(
    seed, size=(45, 37), partitions=0, segments=None, simple=0, level=20, sharpness=0, deltas=None, quantizers=(20,), skip=60,
    tokens=False, length=1300,
):
    """A key frame whose header is as it is said, and whose modes and coefficients are noise.

    `segments`: whether their values are absolute, quantizers, filter levels, and the map's probabilities, each None or four
    or three values of which any may be None.
    """
    source = random.Random(seed)
    header = Encoder()
    header.number(0, 2)
    header.bit(segments is not None)
    if segments is not None:
        absolute, values, levels, probabilities = segments
        header.bit(probabilities is not None)
        header.bit(values is not None)
        if values is not None:
            header.bit(absolute)
            [header.optional(value, 7) for value in values]
            [header.optional(value, 6) for value in levels]
        for probability in probabilities or []:
            header.bit(probability is not None)
            if probability is not None:
                header.number(probability, 8)
    header.bit(simple)
    header.number(level, 6)
    header.number(sharpness, 3)
    header.bit(deltas is not None)
    if deltas is not None:
        header.bit(1)
        [header.optional(delta, 6) for delta in deltas]
    header.number(partitions, 2)
    header.number(quantizers[0], 7)
    [header.optional(value, 4) for value in (list(quantizers[1:]) + [None] * 5)[:5]]
    header.bit(1)
    for index in range(4 * 8 * 3 * 11):
        update = tokens and source.random() < 0.3
        header.bit(update, UPDATES.get(index, 255))
        if update:
            header.number(source.randrange(256), 8)
    header.bit(skip is not None)
    if skip is not None:
        header.number(skip, 8)
    # What follows is read as modes, whatever it is.
    header.number(source.getrandbits(2400), 2400)
    first, count = header.finish(), 2**partitions
    head = u24(len(first) << 5 | 0x10) + b"\x9d\x01\x2a" + struct.pack("<HH", *size)
    lengths = b"".join(u24(length // count) for _ in range(count - 1))
    return riff(chunk(b"VP8 ", head + first + lengths + source.randbytes(length)))


def noises():
    for level in (0, 1, 14, 40, 63):
        yield f"normal-{level}", noise(level, level=level), f"the normal filter, level {level}"
    for level in (1, 20, 63):
        yield f"simple-{level}", noise(level, level=level, simple=1), f"the simple filter, level {level}"
    for sharpness in (1, 4, 5, 7):
        yield f"sharp-{sharpness}", noise(sharpness, sharpness=sharpness, level=50), f"sharpness {sharpness}"
    for simple in (0, 1):
        yield f"deltas-{simple}", noise(9, simple=simple, deltas=[9, None, 1, 2, -30, 3, None, 4]), "filter deltas"
    segments = {
        "absolute": (1, [5, 60, 127, None], [0, 63, 10, None], [128, 90, 200]),
        "relative": (0, [-30, 60, 127, None], [-20, 43, None, 5], [100, None, 30]),
        "no-values": (1, None, None, [128, 128, 128]),
        "no-map": (1, [50, 1, 2, 3], [3, 1, 2, 3], None),
    }
    for index, (name, values) in enumerate(segments.items()):
        yield f"segments-{name}", noise(20 + index, segments=values), f"segments, {name}"
    for partitions in (1, 2, 3):
        yield f"partitions-{partitions}", noise(30 + partitions, partitions=partitions, length=2400), f"2^{partitions} partitions"
    yield "partitions-short", noise(34, partitions=3, length=300), "partitions that are too short"
    for name, values in {"low": (0, -15, -15, -15, -15, -15), "high": (127, 15, 15, 15, 15, 15), "mixed": (64, 3, None, -9, 7)}.items():
        yield f"quantizers-{name}", noise(40, quantizers=values), f"quantizers {values}"
    yield "no-skip", noise(44, skip=None, size=(20, 18), length=1800), "no macroblock without coefficients"
    yield "skip-all", noise(45, skip=0), "no macroblock with coefficients"
    yield "tokens", noise(46, tokens=True), "probabilities of tokens"
    for size in ((1, 1), (2, 3), (16, 16), (17, 15), (33, 1), (1, 40)):
        yield f"size-{size[0]}x{size[1]}", noise(sum(size), size), f"{size[0]}x{size[1]} pixels"


def lossless():
    image_sizes = ((1, 1), (3, 50), (50, 3))
    for size in image_sizes:
        yield f"lossless-{size[0]}x{size[1]}", riff(chunk(b"VP8L", encoded("RGBA", size, lossless=True)[b"VP8L"])), f"{size} pixels"
    for colors in (1, 2, 4, 16, 200):
        file = io.BytesIO()
        photo(40, 30, colors).quantize(colors).convert("RGB").save(file, "WEBP", lossless=True)
        yield f"lossless-colors-{colors}", file.getvalue(), f"up to {colors} colors"
    for method in (0, 3, 6):
        file = io.BytesIO()
        photo(50, 40, 7, 2).save(file, "WEBP", lossless=True, method=method)
        yield f"lossless-method-{method}", file.getvalue(), f"libwebp's method {method}"


def files():
    for make in (containers, animations, noises, lossless):
        for name, data, what in make():
            yield f"{name}.webp", data, what
