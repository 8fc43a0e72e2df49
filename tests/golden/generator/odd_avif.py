"""AVIF: pictures of Pillow's own encoder at its settings, and the same AV1 data in files of boxes that are put together here."""

import io
import struct

import numpy as np
from PIL import Image

# What libaom needs least of, so that the files are the same everywhere.
SETTINGS = {"codec": "aom", "speed": 9, "max_threads": 1}


def picture(width, height, mode, seed=3):
    """Waves with noise, and plain corners as far out as colors go."""
    random = np.random.default_rng(seed)
    channels = len(mode) if mode.startswith("RGB") else 1
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 90 * np.sin(x / (5 + 3 * k) + k) + 50 * np.cos(y / (4 + 2 * k)) for k in range(channels)]
    values = np.clip(np.stack(waves, -1) + random.normal(0, 10, (height, width, channels)), 0, 255).astype(np.uint8)
    if channels > 2:
        values[:6, :6, :3], values[-6:, -6:, :3] = (0, 0, 255), (255, 0, 0)
        values[:6, -6:, :3], values[-6:, :6, :3] = (0, 255, 0), (255, 255, 0)
    if channels == 4:
        values[..., 3] = np.clip(x * 300 / width - 20, 0, 255)
    return Image.fromarray(values if channels > 1 else values[..., 0])


def avif(image, **settings):
    out = io.BytesIO()
    image.save(out, "AVIF", **{"quality": 80, **SETTINGS, **settings})
    return out.getvalue()


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def boxes(data):
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + length]
        at += length




def coded(image, **settings):
    """The AV1 data of a picture, and its av1C."""
    data = avif(image, **settings)
    meta = next(body for kind, body in boxes(data) if kind == b"meta")[4:]
    properties = next(body for kind, body in boxes(meta) if kind == b"iprp")
    container = next(body for kind, body in boxes(properties) if kind == b"ipco")
    config = next(body for kind, body in boxes(container) if kind == b"av1C")
    return next(body for kind, body in boxes(data) if kind == b"mdat"), config


NCLX = (1, 13, 6, 1)


def nclx(primaries, transfer, matrix, full):
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, full << 7))


def ispe(width, height):
    return box(b"ispe", bytes(4), struct.pack(">II", width, height))


def pixi(channels):
    return box(b"pixi", bytes(4), bytes([channels]), bytes([8] * channels))


ALPHA = box(b"auxC", bytes(4), b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")


def container(items, references=(), in_idat=False, pieces=1):
    """A file of `items`: kind, bytes, properties as boxes and whether each is essential. The first is the primary one."""
    all_properties = []
    associations = b""
    for number, (_, _, properties) in enumerate(items, 1):
        marks = b""
        for content, essential in properties:
            if content not in all_properties:
                all_properties.append(content)
            marks += bytes([all_properties.index(content) + 1 | essential << 7])
        associations += struct.pack(">HB", number, len(properties)) + marks
    infos = [
        box(b"infe", struct.pack(">IHH", 2 << 24 | (number > 1), number, 0), kind, b"\0")
        for number, (kind, _, _) in enumerate(items, 1)
    ]
    refs = [box(kind, struct.pack(f">HH{len(to)}H", origin, len(to), *to)) for kind, origin, to in references]
    payload = b"".join(data for _, data, _ in items)

    def meta(start):
        places, at = b"", start
        for number, (_, data, _) in enumerate(items, 1):
            cuts = [len(data) * k // pieces for k in range(pieces + 1)]
            extents = b"".join(struct.pack(">II", at + a, b - a) for a, b in zip(cuts, cuts[1:]))
            method = struct.pack(">H", 1) if in_idat else b""
            places += struct.pack(">H", number) + method + struct.pack(">HH", 0, pieces) + extents
            at += len(data)
        version = 1 if in_idat else 0
        parts = [
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", bytes(4), struct.pack(">H", 1)),
            box(b"iloc", bytes([version, 0, 0, 0, 0x44, 0]), struct.pack(">H", len(items)), places),
            box(b"iinf", bytes(4), struct.pack(">H", len(infos)), *infos),
            box(b"iref", bytes(4), *refs) if refs else b"",
            box(
                b"iprp",
                box(b"ipco", *all_properties),
                box(b"ipma", bytes(4), struct.pack(">I", len(items)), associations),
            ),
            box(b"idat", payload) if in_idat else b"",
        ]
        return box(b"meta", bytes(4), *parts)

    head = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    if in_idat:
        return head + meta(0)
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", payload)


def still(image, color=NCLX, more=(), **options):
    """One coded picture; more properties may follow."""
    settings = {name: options.pop(name) for name in ("subsampling", "range", "quality") if name in options}
    data, config = coded(image, **settings)
    channels = 1 if settings.get("subsampling") == "4:0:0" else 3
    properties = [(ispe(*image.size), 0), (pixi(channels), 0), (box(b"av1C", config), 1)]
    properties += [(nclx(*color), 0)] if color else []
    return container([(b"av01", data, properties + list(more))], **options)


def grid(columns, rows, size, side, alpha=None, subsampling="4:2:0"):
    """A grid of tiles, of `side` each way or of a width and height; alpha: "whole" as a grid of its own, "each" for every
    tile, or "shared" by all."""
    side = side if isinstance(side, tuple) else (side, side)
    tiles = [picture(*side, "RGB", seed) for seed in range(columns * rows)]
    made = [coded(tile, subsampling=subsampling) for tile in tiles]
    body = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size)
    color = (nclx(*NCLX), 0)
    items = [(b"grid", body, [(ispe(*size), 0), (pixi(3), 0), color])]
    items += [(b"av01", data, [(ispe(*side), 0), (pixi(3), 0), (box(b"av1C", config), 1), color]) for data, config in made]
    numbers = list(range(2, 2 + len(tiles)))
    references = [(b"dimg", 1, numbers)]
    if alpha:
        masks = [coded(picture(*side, "L", 50 + k), subsampling="4:0:0") for k in range(len(tiles))]
        first = len(items) + 1
        if alpha == "whole":
            items.append((b"grid", body, [(ispe(*size), 0), (pixi(1), 0), (ALPHA, 1)]))
            references.append((b"auxl", first, [1]))
            first += 1
            references.append((b"dimg", first - 1, list(range(first, first + len(tiles)))))
        marks = [(ALPHA, 1)]
        for k, (data, config) in enumerate(masks):
            items.append((b"av01", data, [(ispe(*side), 0), (pixi(1), 0), (box(b"av1C", config), 1)] + marks))
            if alpha == "each":
                references.append((b"auxl", first + k, [numbers[k]]))
        if alpha == "shared":
            references.append((b"auxl", first, numbers))
    return container(items, references)


def referring(data, number, at, to):
    """The same file, whose reference number `number` has `to` as its item `at`."""
    start = -1
    for _ in range(number + 1):
        start = min(place for kind in (b"dimg", b"auxl") if (place := data.find(kind, start + 1)) >= 0)
    place = start + 8 + 2 * at
    return data[:place] + struct.pack(">H", to) + data[place + 2 :]


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'


def files():
    rgb, rgba, gray = (picture(40, 26, mode) for mode in ("RGB", "RGBA", "L"))
    odd, thin = picture(33, 17, "RGB"), picture(1, 9, "RGB")
    for sampling in ("4:4:4", "4:2:2", "4:2:0", "4:0:0"):
        name = sampling.replace(":", "")
        for extent in ("full", "limited"):
            yield f"rgb-{name}-{extent}.avif", avif(rgb, subsampling=sampling, range=extent), f"{sampling}, {extent} range"
            yield f"alpha-{name}-{extent}.avif", avif(rgba, subsampling=sampling, range=extent), f"{sampling} with alpha, {extent} range"
        yield f"odd-{name}.avif", avif(odd, subsampling=sampling), f"{sampling} of odd width and height"
        yield f"thin-{name}.avif", avif(thin, subsampling=sampling), f"{sampling}, one column"
    yield "gray.avif", avif(gray), "gray"
    yield "lossless.avif", avif(odd, quality=100, subsampling="4:4:4"), "of quality 100"
    yield "premultiplied.avif", avif(rgba, alpha_premultiplied=True), "colors multiplied by alpha"
    for orientation in range(2, 9):
        yield f"turned-{orientation}.avif", avif(odd, exif=exif(orientation)), f"irot and imir for orientation {orientation}"
    yield "xmp.avif", avif(odd, xmp=XMP), "an orientation in XMP alone"
    frames = [picture(24, 18, "RGB", seed) for seed in (7, 8)]
    yield "frames.avif", avif(frames[0], save_all=True, append_images=frames[1:]), "a sequence"
    clear = [picture(24, 18, "RGBA", seed) for seed in (7, 8)]
    yield "frames-alpha.avif", avif(clear[0], save_all=True, append_images=clear[1:]), "a sequence with alpha"

    for matrix, primaries in ((1, 1), (2, 2), (4, 4), (5, 5), (7, 7), (9, 9), (12, 9), (12, 12), (12, 5), (8, 1)):
        for sampling in ("4:2:0", "4:4:4"):
            for full in (0, 1):
                data = still(odd, (primaries, 13, matrix, full), subsampling=sampling)
                name = f"matrix-{matrix}-{primaries}-{sampling.replace(':', '')}-{full}.avif"
                yield name, data, f"matrix {matrix} of primaries {primaries}, {sampling}"
    for full in (0, 1):
        yield f"identity-{full}.avif", still(odd, (1, 13, 0, full), subsampling="4:4:4"), "the samples are green, blue and red"
    yield "identity-420.avif", still(odd, (1, 13, 0, 1), subsampling="4:2:0"), "samples of RGB with less of red and blue"
    yield "identity-gray.avif", still(odd, (1, 13, 0, 1), subsampling="4:0:0"), "gray with the matrix of RGB"
    yield "no-color.avif", still(odd, None), "no colr, so the AV1 data say it"
    yield "idat.avif", still(odd, in_idat=True), "the data in idat"
    yield "pieces.avif", still(odd, pieces=3), "the data in three pieces"
    irot, imir = [(box(kind, b"\1"), 1) for kind in (b"irot", b"imir")]
    yield "irot-imir.avif", still(odd, more=[irot, imir]), "turned, then mirrored"
    yield "imir.avif", still(odd, more=[(box(b"imir", b"\0"), 1)]), "top and bottom swapped"
    clap = box(b"clap", struct.pack(">8I", 20, 1, 10, 1, 0, 1, 0, 1))
    yield "clap.avif", still(rgb, more=[(clap, 1)]), "a clean aperture, which is not cut out"
    yield "strange.avif", still(odd, more=[(box(b"what", b"\1"), 1)]), "an unknown property that must be known"
    yield "unneeded.avif", still(odd, more=[(box(b"what", b"\1"), 0)]), "an unknown property"
    yield "grid.avif", grid(2, 2, (120, 100), 64), "a grid of four tiles"
    yield "grid-444.avif", grid(2, 1, (127, 64), 64, subsampling="4:4:4"), "a grid that ends within a tile"
    yield "grid-alpha.avif", grid(2, 1, (120, 64), 64, "whole"), "a grid with alpha as a grid"
    yield "grid-alphas.avif", grid(2, 1, (120, 64), 64, "each"), "a grid whose tiles have alpha"
    yield "grid-422-odd.avif", grid(2, 2, (126, 129), (64, 65), subsampling="4:2:2"), "a grid of odd height, chroma of half width"
    yield "grid-444-odd.avif", grid(2, 2, (129, 129), 65, subsampling="4:4:4"), "a grid of tiles of odd size, whole chroma"
    yield "grid-odd.avif", grid(2, 1, (127, 64), 64), "a grid of odd width, chroma of half width"
    yield "grid-odd-tiles.avif", grid(2, 1, (130, 66), (65, 66)), "a grid of tiles of odd width, chroma of half width"
    yield "grid-odd-tiles-422.avif", grid(2, 1, (130, 65), 65, subsampling="4:2:2"), "a grid of tiles of odd width, 4:2:2"
    yield "grid-odd-one.avif", grid(1, 1, (64, 63), 64), "a grid of one tile that is cut at an odd row"
    yield "grid-small.avif", grid(2, 1, (124, 62), 62), "a grid of tiles of less than 64 pixels"
    yield "grid-repeated.avif", referring(grid(2, 1, (128, 64), 64), 0, 1, 2), "a grid with one tile twice"
    alphas = grid(2, 1, (120, 64), 64, "each")
    yield "grid-alpha-two.avif", referring(alphas, 2, 0, 2), "a grid of which one tile has two alphas, the other none"
    yield "grid-alpha-shared.avif", grid(2, 1, (120, 64), 64, "shared"), "a grid whose tiles share one alpha"
    whole = avif(rgb)
    yield "cut.avif", whole[: len(whole) * 3 // 4], "cut"
    yield "mif1.avif", whole.replace(b"ftypavif", b"ftypmif1", 1), "its first brand is of every such format"
