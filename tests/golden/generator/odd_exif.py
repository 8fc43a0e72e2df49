"""EXIF and XMP in a JPEG: whatever an orientation may be written as."""

import io
import struct

from .formats import xmp
from .pictures import photo

ORIENTATION, MAKER = 0x0112, 0x010F
FORMATS = {1: "B", 3: "H", 4: "L", 5: "LL", 6: "b", 7: "B", 8: "h", 9: "l", 10: "ll", 11: "f", 12: "d", 13: "L", 16: "Q"}
NAMES = {1: "BYTE", 3: "SHORT", 4: "LONG", 5: "RATIONAL", 6: "SBYTE", 7: "UNDEFINED", 8: "SSHORT", 9: "SLONG"}
NAMES |= {10: "SRATIONAL", 11: "FLOAT", 12: "DOUBLE", 13: "IFD", 16: "LONG8"}


def entry(order, tag, kind, values, data_at, count=None):
    """The 12 bytes of a tag, and its values where they stand elsewhere."""
    each = FORMATS.get(kind, "B")
    data = values if isinstance(values, bytes) else b"".join(struct.pack(order + each[:1], value) for value in values)
    count = len(data) // struct.calcsize("=" + each) if count is None else count
    head = struct.pack(order + "HHL", tag, kind, count)
    if len(data) <= 4:
        return head + data.ljust(4, b"\0"), b""
    return head + struct.pack(order + "L", data_at), data


def tiff(tags, order="<", magic=None, cut=None):
    """A directory of `tags`: a tag, a type, its values, and a count if it lies."""
    start = magic or (b"II*\0" if order == "<" else b"MM\0*")
    data_at = 8 + 2 + 12 * len(tags) + 4
    entries, rest = b"", b""
    for tag in tags:
        head, data = entry(order, *tag[:3], data_at + len(rest), *tag[3:])
        entries, rest = entries + head, rest + data
    whole = start + struct.pack(order + "LH", 8, len(tags)) + entries + struct.pack(order + "L", 0) + rest
    return whole[: len(whole) if cut is None else cut]


def jpeg(*segments):
    file = io.BytesIO()
    photo(24, 16, 91, 3).save(file, "JPEG", quality=50)
    parts = b"".join(b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment for segment in segments)
    return file.getvalue()[:2] + parts + file.getvalue()[2:]


def with_exif(data, prefix=b"Exif\0\0", over_xmp=None):
    segments = [prefix + data]
    if over_xmp:
        segments.append(b"http://ns.adobe.com/xap/1.0/\0" + xmp(over_xmp))
    return jpeg(*segments)


def values_of(kind, number):
    return [number, 1] if kind in (5, 10) else [number]


def files():
    for kind, name in NAMES.items():
        for order, side in (("<", "little"), (">", "big")):
            data = tiff([(MAKER, 3, [1]), (ORIENTATION, kind, values_of(kind, 6))], order)
            yield f"{name.lower()}-{side}.jpg", with_exif(data), f"orientation 6 as {name}, {side} endian"
        data = tiff([(ORIENTATION, kind, values_of(kind, 8) * 3)])
        yield f"{name.lower()}-three.jpg", with_exif(data, over_xmp=3), f"three values of {name}, and XMP 3"
    for kind in (0, 2, 14, 15, 17):
        data = tiff([(ORIENTATION, kind, b"6\0")])
        yield f"type-{kind}.jpg", with_exif(data, over_xmp=3), f"orientation of type {kind}, and XMP 3"
    one = [(ORIENTATION, 3, [6])]
    for number in (0, 1, 2, 5, 7, 9, 65535):
        data = tiff([(ORIENTATION, 3, [number])])
        yield f"number-{number}.jpg", with_exif(data, over_xmp=3), f"orientation {number}, and XMP 3"
    fractions = {"half": (5, [13, 2]), "twelve": (5, [12, 2]), "none": (5, [6, 0]), "negative": (10, [-6, -1])}
    for name, (kind, values) in fractions.items():
        yield f"fraction-{name}.jpg", with_exif(tiff([(ORIENTATION, kind, values)])), f"fraction {values}"
    yield "float-half.jpg", with_exif(tiff([(ORIENTATION, 11, [6.5])]), over_xmp=3), "6.5, and XMP 3"
    for name, magic, order in (("II", b"II\0*", "<"), ("MM", b"MM*\0", ">")):
        yield f"magic-{name}.jpg", with_exif(tiff(one, order, magic)), f"{name}, and the number after it in the other order"
    for name, start in (("order", b"IY*\0"), ("number", b"IIf\0"), ("zeros", b"\0\0\0\0"), ("short", b"II*")):
        data = start if name == "short" else tiff(one, magic=start)
        yield f"no-tiff-{name}.jpg", with_exif(data, over_xmp=3), f"no TIFF header: {start}, and XMP 3"
    for name, data in (("once", b""), ("twice", b"Exif\0\0")):
        yield f"empty-{name}.jpg", with_exif(data, over_xmp=3), f"nothing but the prefix, {name}, and XMP 3"
    yield "prefix-twice.jpg", with_exif(b"Exif\0\0" + tiff(one)), "Exif\\0\\0 twice"
    yield "segments.jpg", jpeg(b"Exif\0\0" + tiff(one)[:20], b"Exif\0\0" + tiff(one)[20:]), "EXIF in two segments"
    yield "count-0.jpg", with_exif(tiff([(ORIENTATION, 3, [6], 0)]), over_xmp=3), "no values, and XMP 3"
    yield "count-0-then.jpg", with_exif(tiff([(ORIENTATION, 3, [6], 0), *one]), over_xmp=3), "no values, then one"
    yield "twice.jpg", with_exif(tiff([(ORIENTATION, 3, [8]), *one])), "8, then 6"
    yield "text-then.jpg", with_exif(tiff([(ORIENTATION, 2, b"6\0"), *one])), "text, then 6"
    beyond = (MAKER, 2, b"beyond the end", 5000)
    yield "too-long-before.jpg", with_exif(tiff([beyond, *one]), over_xmp=3), "a longer value than the file before it"
    reaching = tiff([(MAKER, 2, b"cut value"), *one])
    yield "cut-before.jpg", with_exif(reaching[:-1], over_xmp=3), "a value cut short before it"
    yield "cut-after.jpg", with_exif(tiff([*one, (0x0110, 2, b"cut value")])[:-1]), "a value cut short after it"
    for cut in (8, 10, 16, 21, 22, 25):
        yield f"cut-{cut}.jpg", with_exif(tiff(one, cut=cut), over_xmp=3), f"cut to {cut} bytes, and XMP 3"
    texts = {"attribute": 'tiff:Orientation="6"', "element": "<tiff:Orientation>6<", "apostrophes": "tiff:Orientation='6'"}
    texts["second"] = 'tiff:Orientation="a" tiff:Orientation="8"'
    for name, text in texts.items():
        yield f"xmp-{name}.jpg", jpeg(b"http://ns.adobe.com/xap/1.0/\0" + text.encode()), f"XMP: {text}"
