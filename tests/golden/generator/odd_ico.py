"""ICO and CUR: which picture of several, what stands inside, and what of it is transparent."""

import io
import random
import struct

from PIL import Image, PngImagePlugin

from .odd_bmp import BITFIELDS, MASKS, info, palette, ramp, stride


def noise(length, seed=3):
    return random.Random(seed).randbytes(length)


def dib(bits, width=9, height=7, mask=True, colors=b"", top_down=False, **more):
    """A bitmap of twice the height, with its mask. `colors` is the palette."""
    size = len(colors) // (3 if more.get("length") == 12 else 4)
    if more.get("length") != 12:
        more["colors"] = size
    high = -2 * height if top_down else 2 * height
    pixels = noise(stride(bits, width) * height, bits)
    if size and bits == 8:
        pixels = bytes(byte % size for byte in pixels)
    return info(bits, width=width, height=high, **more) + colors + pixels + (noise(stride(1, width) * height) if mask else b"")


def png(mode, size=(9, 7), **more):
    out = io.BytesIO()
    bands = len(mode) if mode not in ("P", "1", "I;16") else 1
    data = noise(size[0] * size[1] * (2 if mode == "I;16" else bands))
    if mode == "1":
        image = Image.frombytes("L", size, data).convert("1")
    else:
        image = Image.frombytes(mode, size, data)
    if mode == "P":
        image.putpalette(noise(768))
    image.save(out, "png", **more)
    return out.getvalue()


def container(kind, pictures, gap=b""):
    """`pictures` are (width, height, colors, planes, bits, bytes)."""
    place = 6 + 16 * len(pictures) + len(gap)
    entries, bodies = b"", b""
    for width, height, colors, planes, bits, data in pictures:
        entries += struct.pack("<BBBBHHII", width, height, colors, 0, planes, bits, len(data), place + len(bodies))
        bodies += data
    return struct.pack("<HHH", 0, kind, len(pictures)) + entries + gap + bodies


def ico(*pictures, **more):
    return container(1, pictures, **more)


def cur(*pictures, **more):
    return container(2, pictures, **more)


def one(bits, data, size=(9, 7), colors=0, kind=ico):
    return kind((*size, colors, 1, bits, data))


KINDS = {
    "bilevel": (1, {"colors": ramp((0, 255))}),
    "bilevel-colors": (1, {"colors": palette(2)}),
    "4": (4, {"colors": palette(16)}),
    "8": (8, {"colors": palette(40)}),
    "gray": (8, {"colors": ramp(range(256))}),
    "16": (16, {}),
    "565": (16, {"compression": BITFIELDS, "masks": MASKS["565"]}),
    "24": (24, {}),
    "24-core": (24, {"length": 12}),
    "24-top-down": (24, {"top_down": True}),
    "32": (32, {}),
    "32-top-down": (32, {"top_down": True}),
    "32-bgra": (32, {"length": 56, "compression": BITFIELDS, "masks": MASKS["bgra"]}),
    "32-rgba": (32, {"length": 124, "compression": BITFIELDS, "masks": MASKS["rgba"]}),
}


def inside():
    for name, (bits, how) in KINDS.items():
        yield f"{name}.ico", one(bits, dib(bits, **how)), f"{name} in an icon"
        yield f"{name}.cur", one(bits, dib(bits, **how), kind=cur), f"{name} in a cursor"
        yield f"{name}-far.cur", cur((9, 7, 0, 1, bits, dib(bits, **how)), gap=b"gap"), f"{name} in a cursor, not at once"
    alone = bytearray(one(32, dib(32), kind=cur))
    alone[18:22] = bytes(4)
    yield "place-0.cur", bytes(alone), "a bitmap at 0, which is after the directory"
    for bits in (0, 1, 8, 24):
        yield f"32-said-{bits}.ico", one(bits, dib(32)), f"32 bits a pixel, {bits} said"
    for kind, bits in (("24", 32), ("8", 32), ("bilevel", 0)):
        yield f"{kind}-said-{bits}.ico", one(bits, dib(KINDS[kind][0], **KINDS[kind][1])), f"{kind}, {bits} bits said"
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield f"png-{mode.replace(';', '')}.ico", one(32, png(mode)), f"PNG, {mode}"
    yield "png.cur", one(32, png("RGBA"), kind=cur), "PNG in a cursor"
    for mode, key in (("L", 7), ("RGB", (1, 2, 3)), ("P", 5)):
        yield f"png-{mode}-key.ico", one(32, png(mode, transparency=key)), f"PNG, {mode}, a color that is transparent"
    exif = Image.Exif()
    exif[0x112] = 6
    yield "png-exif.ico", one(32, png("RGB", exif=exif)), "PNG that says which side is up"
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", '<x:xmpmeta tiff:Orientation="3"/>')
    yield "png-xmp.ico", one(32, png("RGB", pnginfo=text)), "PNG with XMP that says which side is up"
    yield "png-other-size.ico", one(32, png("RGB", (5, 12)), (16, 16)), "PNG of another size"
    yield "other-size.ico", one(24, dib(24), (32, 32)), "a bitmap of another size"
    yield "other-size.cur", one(24, dib(24), (32, 32), kind=cur), "a bitmap of another size"
    yield "file.ico", one(24, b"BM" + bytes(12) + dib(24)), "a bitmap with a file's header"
    for width in (1, 16, 31, 32, 33):
        yield f"width-{width}.ico", one(24, dib(24, width, 2), (width, 2)), "rows of other lengths"
    for height in (1, 3):
        for kind in ("gray", "24"):
            bits, how = KINDS[kind]
            data = bytearray(dib(bits, **how))
            data[8] = height
            yield f"odd-height-{height}-{kind}.cur", one(bits, bytes(data), kind=cur), "an odd height"
            yield f"odd-height-{height}-{kind}.ico", one(bits, bytes(data)), "an odd height"


def several():
    small, large, wide = dib(24, 4, 4), dib(24, 8, 8), dib(24, 16, 4)
    gray = dib(8, 8, 8, colors=palette(40))
    for kind in (ico, cur):
        end = kind.__name__
        yield f"two.{end}", kind((4, 4, 0, 1, 24, small), (8, 8, 0, 1, 24, large)), "the second is larger"
        yield f"two-turned.{end}", kind((8, 8, 0, 1, 24, large), (4, 4, 0, 1, 24, small)), "the first is larger"
        yield f"deeper.{end}", kind((8, 8, 0, 1, 24, large), (8, 8, 0, 1, 8, gray)), "of one size, 24 and 8 bits"
        yield f"deeper-turned.{end}", kind((8, 8, 0, 1, 8, gray), (8, 8, 0, 1, 24, large)), "of one size, 8 and 24 bits"
        yield f"wide.{end}", kind((16, 4, 0, 1, 24, wide), (8, 8, 0, 1, 24, large)), "of as many pixels"
        yield f"wider.{end}", kind((4, 4, 0, 1, 24, small), (16, 4, 0, 1, 24, wide)), "wider, but not higher"
        yield f"zero.{end}", kind((8, 8, 0, 1, 24, large), (0, 0, 0, 1, 24, small)), "a size of 0, which is 256"
        yield f"none.{end}", kind(), "no picture"
        yield f"count.{end}", kind((4, 4, 0, 1, 24, small))[:4] + b"\x03\0" + kind((4, 4, 0, 1, 24, small))[6:], "too many said"
        whole = kind((8, 8, 0, 1, 24, large))
        for cut in (5, 20, 30, len(whole) - 33, len(whole) - 4, len(whole) - 3, len(whole) - 1):
            yield f"cut-{cut}.{end}", whole[:cut], f"cut after {cut} bytes of {len(whole)}"
    for first, second in ((16, 0), (0, 16), (2, 200), (1, 3)):
        yield f"colors-{first}-{second}.ico", ico((8, 8, first, 1, 0, large), (8, 8, second, 1, 0, gray)), "by their colors"
    yield "no-mask.ico", one(24, dib(24, mask=False)), "no mask"
    yield "no-mask-32.ico", one(32, dib(32, mask=False)), "no mask, 32 bits"
    yield "mask-elsewhere.ico", one(24, dib(24) + noise(60)), "more after the mask"


def files():
    for group in (inside, several):
        for name, data, what in group():
            yield f"{group.__name__}-{name}", data, what
