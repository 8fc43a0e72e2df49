"""GIF: blocks that are odd, palettes that don't fit, frames beside their screen, and all ways of coding and cutting data."""

import random
import struct

WIDTH, HEIGHT = 13, 11
COLORS = [(7 * i, 255 - 13 * i, (53 * i) % 256) for i in range(16)]
NUMBERS = [(x * y + x // 3 + 2 * y) % 16 for y in range(HEIGHT) for x in range(WIDTH)]
PASSES = [(0, 8), (4, 8), (2, 4), (1, 2)]


def palette(colors):
    return bytes(value for color in colors for value in color)


def packed(codes):
    """Codes, each with its width, from the lowest bit."""
    bits = count = 0
    for code, width in codes:
        bits |= code << count
        count += width
    return bits.to_bytes((count + 7) // 8, "little")


def coded(numbers, size, clear_first=True, end=True, clear_every=None):
    """LZW as encoders write it."""
    clear = 1 << size
    codes, table, width = [], None, size + 1
    before = ()
    if clear_first:
        codes.append((clear, width))

    def fresh():
        return {(number,): number for number in range(clear)} | {"next": clear + 2}

    table = fresh()
    for at, number in enumerate(numbers):
        string = (*before, number)
        if string in table:
            before = string
            continue
        codes.append((table[before], width))
        if table["next"] < 4096:
            table[string] = table["next"]
            if table["next"] == 1 << width and width < 12:
                width += 1
            table["next"] += 1
        before = (number,)
        if clear_every and at % clear_every == 0:
            codes.append((clear, width))
            table, width = fresh(), size + 1
    codes.append((table[before], width))
    # A decoder is a string behind, and by now it has caught up.
    if table["next"] == 1 << width and width < 12:
        width += 1
    if end:
        codes.append((clear + 1, width))
    return packed(codes)


def uncompressed(numbers, size):
    """Literals alone: the table is cleared before codes grow."""
    codes = []
    for at, number in enumerate(numbers):
        if at % ((1 << size) - 2) == 0:
            codes.append((1 << size, size + 1))
        codes.append((number, size + 1))
    return packed([*codes, ((1 << size) + 1, size + 1)])


def blocks(data, length=255):
    return b"".join(bytes((len(part), *part)) for part in (data[at : at + length] for at in range(0, len(data), length)))


def extension(kind, *parts):
    return bytes((0x21, kind)) + b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def control(transparent=None, disposal=0, tail=b""):
    return extension(0xF9, bytes(((transparent is not None) | disposal << 2, 0, 0, transparent or 0)) + tail)


def frame(numbers=NUMBERS, size=(WIDTH, HEIGHT), place=(0, 0), bits=4, local=b"", interlaced=False, data=None, end=b"\0"):
    width, height = size
    if interlaced:
        rows = [y for first, step in PASSES for y in range(first, height, step)]
        numbers = [number for y in rows for number in numbers[y * width : (y + 1) * width]]
    flags = interlaced << 6 | (0x80 | (len(local) // 3).bit_length() - 2 if local else 0)
    body = data if data is not None else blocks(coded(numbers, bits))
    return b"," + struct.pack("<HHHHB", *place, *size, flags) + local + bytes((bits,)) + body + end


def gif(*parts, colors=palette(COLORS), size=(WIDTH, HEIGHT), background=0, version=b"GIF89a", end=b";"):
    flags = 0x80 | (len(colors) // 3).bit_length() - 2 if colors else 0
    return version + struct.pack("<HHBBB", *size, flags, background, 0) + colors + b"".join(parts) + end


def odd_blocks():
    plain = frame()
    yield "plain-87a", gif(plain, version=b"GIF87a"), "nothing, of 1987"
    yield "zeros-between", gif(b"\0\0\0", control(), b"\0", plain), "zeros between blocks"
    yield "junk-between", gif(b"\x55\xaa?", plain), "bytes that begin no block"
    yield "unknown", gif(extension(0x42, b"what", b"ever"), plain), "an extension of an unknown kind"
    yield "unknown-empty", gif(extension(0x42), b"\x02ab\0", plain), "an empty extension, after which Pillow reads on"
    yield "comment", gif(extension(0xFE, b"a comment", b"in two parts"), plain), "a comment before the frame"
    yield "comment-empty", gif(extension(0xFE), plain), "an empty comment"
    yield "plain-text", gif(extension(0x01, bytes(12), b"text"), control(), plain), "plain text"
    yield "loops", gif(extension(0xFF, b"NETSCAPE2.0", b"\x01\x05\0"), plain), "a number of repetitions"
    yield "loops-none", gif(extension(0xFF, b"NETSCAPE2.0"), b"\x01a\0", plain), "repetitions without a number"
    xmp = b"<x:xmpmeta>\xe2\x82\xac</x:xmpmeta>\x01" + bytes(range(255, -1, -1)) + b"\0"
    yield "xmp", gif(b"\x21\xff\x0bXMP DataXMP" + xmp, plain), "XMP, which is not in blocks"
    yield "control-long", gif(control(3, tail=b"more"), plain), "a control block that is too long"
    yield "control-short", gif(extension(0xF9, b"\0\0\0"), plain), "a control block that is too short"
    yield "control-cut", gif(extension(0xF9, b"\x01\0"), plain), "a control block without its color"
    yield "control-parts", gif(extension(0xF9, b"\x01\0\0\x04", b"\x01\0\0\x05"), plain), "a control block in two parts"
    yield "control-twice", gif(control(3), control(5), plain), "two control blocks"
    yield "control-twice-off", gif(control(3), control(), plain), "two control blocks, the second without transparency"
    yield "control-empty", gif(extension(0xF9), b"\0", plain), "an empty control block"
    for disposal in (2, 3, 7):
        yield f"disposal-{disposal}", gif(control(2, disposal), plain), "the frame is to be removed"
    yield "no-end", gif(plain, end=b""), "no end"
    yield "ends-at-once", gif(), "no frame"
    yield "two-frames", gif(plain, frame(NUMBERS[::-1])), "two frames"


def odd_palettes():
    few, beyond = palette(COLORS[:4]), [number % 9 for number in NUMBERS]
    ramp = palette((i, i, i) for i in range(8))
    local = palette(COLORS[::-1])
    yield "none", gif(frame(), colors=b""), "no palette"
    yield "none-clear", gif(control(7), frame(), colors=b""), "no palette, transparency"
    yield "beyond", gif(frame(beyond), colors=few), "numbers beyond the palette"
    yield "beyond-clear", gif(control(6), frame(beyond), colors=few), "transparency beyond the palette"
    yield "beyond-clear-last", gif(control(255), frame(beyond), colors=few), "transparency far beyond the palette"
    yield "ramp", gif(frame(), colors=ramp), "gray levels in order, and numbers beyond them"
    yield "ramp-clear", gif(control(9), frame(), colors=ramp), "the same with transparency beyond them"
    yield "ramp-backwards", gif(frame(), colors=ramp[::-1]), "gray levels in the other order"
    yield "local", gif(frame(local=local)), "a palette of the frame's own"
    yield "local-alone", gif(frame(local=local), colors=b""), "a palette of the frame's own alone"
    yield "local-ramp", gif(frame(local=ramp)), "gray levels of the frame's own"
    yield "local-clear", gif(control(11), frame(local=local)), "a palette of the frame's own, transparency"
    yield "two-colors", gif(frame([n % 2 for n in NUMBERS], bits=2), colors=palette(COLORS[5:7])), "two colors in codes of 2 bits"


def odd_frames():
    small = [number % 16 for number in range(5 * 4)]
    for name, extra in {"": b"", "-clear": control(3), "-none-clear": control(3)}.items():
        colors = b"" if "none" in name else palette(COLORS)
        yield f"small{name}", gif(extra, frame(small, (5, 4), (3, 2)), colors=colors, background=6), "a frame within its screen"
        yield f"beyond{name}", gif(extra, frame(small, (5, 4), (11, 9)), colors=colors), "a frame over the edge"
    yield "outside", gif(frame(small, (5, 4), (20, 15))), "a frame beyond the edge"
    yield "screen-none", gif(frame(), size=(0, 0)), "a screen of no size"
    yield "screen-narrow", gif(frame(), size=(0, 50)), "a screen of no width"
    for size in ((0, 0), (5, 0), (0, 5)):
        yield "size-%dx%d" % size, gif(frame([0], size), frame()), "a first frame of no size"
    for width, height in ((1, 1), (1, 2), (2, 1), (3, 3), (5, 5), (1, 9), (9, 1), (8, 8), (7, 17), (4, 30)):
        pixels = [(x + y) // 3 % 4 for y in range(height) for x in range(width)]
        for name, numbers in (("flat", [1] * len(pixels)), ("drawn", pixels)):
            picture = frame(numbers, (width, height), bits=2, interlaced=True)
            yield f"interlaced-{name}-{width}x{height}", gif(picture, size=(width, height)), "small and interlaced"
    yield "interlaced-clear", gif(control(2), frame(small, (5, 4), (3, 2), interlaced=True)), "interlaced, transparent"


def odd_data():
    data = coded(NUMBERS, 4)
    noise = [random.Random(1).randrange(16) for _ in range(60 * 60)]

    def with_data(data, bits=4, **more):
        return gif(frame(data=data, bits=bits, **more))

    yield "not-cleared", with_data(blocks(coded(NUMBERS, 4, clear_first=False))), "no clear code at first"
    yield "cleared-twice", with_data(blocks(packed([(16, 5), (16, 5)])[:1] + coded(NUMBERS, 4))), "clear codes, and a shift"
    yield "cleared-often", with_data(blocks(coded(NUMBERS, 4, clear_every=9))), "many clear codes"
    yield "uncompressed", with_data(blocks(uncompressed(NUMBERS, 4))), "literals alone"
    yield "no-end-code", with_data(blocks(coded(NUMBERS, 4, end=False))), "no end code"
    yield "blocks-of-1", with_data(blocks(data, 1)), "a byte a block"
    yield "blocks-empty", with_data(blocks(data[:9]) + b"\0\0" + blocks(data[9:])), "an end of the data in its middle"
    yield "no-terminator", gif(frame(end=b"")), "no end of the data"
    yield "more", with_data(blocks(data + b"\x55" * 40)), "codes after the end"
    yield "more-pixels", with_data(blocks(coded(NUMBERS * 2, 4))), "more pixels than there are"
    yield "full-table", gif(frame(noise, (60, 60)), size=(60, 60)), "a table that fills"
    for bits in (5, 6, 7, 8, 9, 10, 11):
        yield f"bits-{bits}", gif(frame(bits=bits)), f"codes that begin with {bits} bits"
    for bits in (0, 1, 12, 13, 255):
        yield f"bits-{bits}", with_data(blocks(data), bits), f"codes that begin with {bits} bits"
    many = [number * 37 % 512 for number in NUMBERS]
    yield "bits-9-beyond", gif(frame(many, bits=9)), "numbers over 255"
    yield "early-end", with_data(blocks(coded(NUMBERS[:60], 4))), "an end before the last pixel"
    yield "first-unknown", with_data(blocks(packed([(16, 5), (20, 5)]))), "a first code that isn't in the table"
    yield "unknown", with_data(blocks(packed([(16, 5), (1, 5), (25, 5)]))), "a code that isn't in the table"
    whole = gif(frame())
    for cut in (12, 40, 61, 72, 90, len(whole) - 4, len(whole) - 3, len(whole) - 2, len(whole) - 1):
        yield f"cut-{cut}", whole[:cut], f"cut after {cut} bytes of {len(whole)}"


def files():
    for group in (odd_blocks, odd_palettes, odd_frames, odd_data):
        for name, data, what in group():
            yield f"{group.__name__.removeprefix('odd_')}-{name}.gif", data, what
