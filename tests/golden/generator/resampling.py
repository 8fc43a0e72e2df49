"""Pillow's resize, and transformers' shortest edge and center crop, over pictures that Rust regenerates."""

import math
import random

import numpy as np
from PIL import Image
from transformers.image_transforms import center_crop, get_resize_output_image_size
from transformers.image_utils import ChannelDimension

from .files import ROOT, write_rows, write_tensors
from .sources import SOURCES, fnv1a64, source

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# (width, height, new width, new height): each for all four filters.
CHOSEN_SIZES = [
    (1, 1, 1, 1), (1, 1, 7, 5), (5, 7, 1, 1), (1, 9, 4, 3), (9, 1, 3, 4), (1, 300, 224, 2), (300, 1, 2, 224),
    (2, 2, 3, 3), (8, 8, 8, 8), (8, 8, 8, 5), (8, 8, 5, 8), (16, 16, 8, 8), (33, 33, 32, 32), (32, 32, 33, 33),
    # the order of the passes: at, above and below the place where Pillow 13 turns to vertical first
    (37, 90, 64, 33), (64, 33, 37, 90), (40, 60, 30, 40), (40, 60, 30, 39), (40, 60, 30, 41), (40, 60, 40, 30),
    (40, 60, 41, 59), (41, 60, 40, 57), (50, 30, 20, 29), (100, 260, 40, 104), (3, 500, 12, 400),
    # CLIP's own
    (640, 427, 335, 224), (427, 640, 224, 335), (500, 375, 298, 224), (225, 224, 225, 224), (224, 225, 224, 225),
    (223, 301, 224, 302), (300, 1000, 224, 746), (1000, 300, 746, 224), (96, 64, 336, 224),
]
LARGE_SIZES = [(4000, 60, 224, 34), (60, 4000, 30, 2000), (4000, 3, 500, 7), (3, 4000, 9, 300), (1300, 900, 324, 224),
               (20, 30, 1500, 40), (30, 20, 40, 1200)]
FULL_SIZES = [(5, 4, 3, 7), (7, 9, 10, 4), (12, 5, 4, 3), (3, 11, 6, 2)]
RANDOM_SIZES = 60
# With a generator of their own, so that the sizes above have stayed what they were.
MORE_RANDOM_SIZES = 180

SHORTEST_EDGES = [1, 16, 30, 42, 224, 336]


def log_uniform(rng, largest):
    return min(largest, int(math.exp(rng.uniform(0, math.log(largest + 1)))))


def random_sizes(rng, count):
    """Sizes from 1 to 4000, as often small as large, within 250,000 pixels on the way."""
    sizes = []
    while len(sizes) < count:
        width, height, new_width, new_height = (log_uniform(rng, 4000) for _ in range(4))
        if max(width * height, new_width * height, width * new_height, new_width * new_height) <= 250_000:
            sizes.append((width, height, new_width, new_height))
    return sizes


def described(kind, width, height, seed):
    return {"source": kind, "seed": seed, "width": width, "height": height}


def write_resize():
    """resize.json and, for the smallest cases, whole outputs in resize.safetensors."""
    rng = random.Random(20)
    kinds = list(SOURCES)
    rows, whole = [], {}
    all_sizes = CHOSEN_SIZES + LARGE_SIZES + FULL_SIZES + random_sizes(rng, RANDOM_SIZES)
    all_sizes += random_sizes(random.Random(23), MORE_RANDOM_SIZES)
    for index, (width, height, new_width, new_height) in enumerate(all_sizes):
        for turn, (name, resample) in enumerate(FILTERS.items()):
            kind, seed = kinds[(index + turn) % len(kinds)], rng.randrange(2**31)
            pixels = source(kind, width, height, seed)
            output = np.asarray(Image.fromarray(pixels).resize((new_width, new_height), resample))
            row = {**described(kind, width, height, seed), "filter": name,
                   "new_width": new_width, "new_height": new_height, "fnv1a64": fnv1a64(output)}
            if (width, height, new_width, new_height) in FULL_SIZES:
                row["tensor"] = f"{width}x{height}-{new_width}x{new_height}-{name}"
                whole[row["tensor"] + "/in"], whole[row["tensor"] + "/out"] = pixels, output
            rows.append(row)
    write_rows(ROOT / "resize.json", {}, "cases", rows)
    write_tensors(ROOT / "resize.safetensors", whole)


def shortest_edge_size(width, height, edge):
    """(new width, new height) as transformers computes them; no memory is taken for the picture."""
    picture = np.broadcast_to(np.uint8(0), (3, height, width))
    new_height, new_width = get_resize_output_image_size(
        picture, edge, default_to_square=False, input_data_format=ChannelDimension.FIRST
    )
    return new_width, new_height


def write_sizes():
    """sizes.json: rows [width, height, shortest edge, new width, new height]."""
    rng = random.Random(21)
    pairs = [(1, 1), (1, 2), (3, 500), (500, 3), (1, 100_000), (100_000, 1), (640, 427), (427, 640), (225, 224),
             (224, 225), (224, 224), (6000, 4000), (4032, 3024), (8000, 6000), (65535, 65534), (65535, 2)]
    pairs += [(rng.randint(1, 700), rng.randint(1, 700)) for _ in range(60)]
    pairs += [(rng.randint(1, 9000), rng.randint(1, 9000)) for _ in range(60)]
    rows = [
        [width, height, edge, *shortest_edge_size(width, height, edge)]
        for width, height in pairs
        for edge in SHORTEST_EDGES
    ]
    write_rows(ROOT / "sizes.json", {"columns": ["width", "height", "edge", "new_width", "new_height"]}, "rows", rows)


def cropped(pixels, crop_width, crop_height):
    """transformers' center crop of an (H, W, 3) array, padded with zeros where the picture is smaller."""
    return center_crop(
        pixels, (crop_height, crop_width), data_format=ChannelDimension.LAST, input_data_format=ChannelDimension.LAST
    )


def crop_row(kind, width, height, seed, crop_width, crop_height):
    output = cropped(source(kind, width, height, seed), crop_width, crop_height)
    if output.shape != (crop_height, crop_width, 3):
        raise ValueError(f"crop of {width}x{height} to {crop_width}x{crop_height} gave {output.shape}")
    return {**described(kind, width, height, seed), "crop_width": crop_width, "crop_height": crop_height,
            "fnv1a64": fnv1a64(output)}


def write_crops():
    """crops.json: center crops alone; every parity of the difference, larger, smaller and mixed."""
    rng = random.Random(22)
    sizes = [(width, height, 8, 9) for width in (1, 2, 7, 8, 9, 10, 15) for height in (1, 3, 8, 9, 10, 16)]
    sizes += [tuple(rng.randint(1, 70) for _ in range(4)) for _ in range(40)]
    rows = [crop_row("noise", width, height, index + 1, crop_width, crop_height)
            for index, (width, height, crop_width, crop_height) in enumerate(sizes)]
    write_rows(ROOT / "crops.json", {}, "cases", rows)


def resized_and_cropped(pixels, edge, crop_width, crop_height, resample):
    """The shortest edge and the crop in a row, as the processor does them."""
    height, width, _ = pixels.shape
    size = shortest_edge_size(width, height, edge)
    return cropped(np.asarray(Image.fromarray(pixels).resize(size, resample)), crop_width, crop_height)


def thin_strip(pixels, edge, crop, resample):
    """`resized_and_cropped` for a picture one pixel wide or high whose resized form would not fit in memory.

    Along the side of one pixel resampling is the identity, so only the long side is resampled, and the
    result repeated. That this equals the direct way is checked on a shorter strip.
    """
    height, width, _ = pixels.shape
    new_width, new_height = shortest_edge_size(width, height, edge)
    size = (1, new_height) if width == 1 else (new_width, 1)
    line = np.asarray(Image.fromarray(pixels).resize(size, resample))
    line = line[(new_height - crop) // 2 :][:crop] if width == 1 else line[:, (new_width - crop) // 2 :][:, :crop]
    return np.ascontiguousarray(np.broadcast_to(line, (crop, crop, 3)))


def write_shortest_edge_and_crop():
    """resize_and_crop.json: the way that CLIP goes, up to strips of 1 x 100000."""
    rng = random.Random(23)
    rows = []

    def add(kind, width, height, seed, edge, crop, name, output):
        rows.append({**described(kind, width, height, seed), "filter": name, "edge": edge, "crop_width": crop,
                     "crop_height": crop, "fnv1a64": fnv1a64(output)})

    sizes = [(3, 500, 224, 224), (500, 3, 224, 224), (1, 700, 64, 64), (700, 1, 64, 64), (225, 224, 224, 224),
             (224, 225, 224, 224), (640, 427, 224, 224), (427, 640, 224, 224), (200, 900, 224, 224), (20, 13, 224, 224),
             (1, 1, 224, 224), (99, 70, 50, 77), (70, 99, 33, 40), (2000, 90, 30, 30), (90, 2000, 30, 30)]
    sizes += [(rng.randint(1, 400), rng.randint(1, 400), rng.randint(8, 90), rng.randint(8, 90)) for _ in range(40)]
    for index, (width, height, edge, crop) in enumerate(sizes):
        kind, seed = list(SOURCES)[index % 4], rng.randrange(2**31)
        for name in ("bicubic", list(FILTERS)[index % 4]):
            output = resized_and_cropped(source(kind, width, height, seed), edge, crop, crop, FILTERS[name])
            add(kind, width, height, seed, edge, crop, name, output)

    for width, height in ((1, 300), (300, 1)):
        pixels = source("noise", width, height, 3)
        direct = resized_and_cropped(pixels, 16, 16, 16, Image.Resampling.BICUBIC)
        if not np.array_equal(direct, thin_strip(pixels, 16, 16, Image.Resampling.BICUBIC)):
            raise ValueError("a thin strip is not resampled along one side only")
    for kind, width, height in (("noise", 1, 100_000), ("bits", 100_000, 1)):
        output = thin_strip(source(kind, width, height, 77), 224, 224, Image.Resampling.BICUBIC)
        add(kind, width, height, 77, 224, 224, "bicubic", output)
    write_rows(ROOT / "resize_and_crop.json", {}, "cases", rows)


def write_resampling():
    write_resize()
    write_sizes()
    write_crops()
    write_shortest_edge_and_crop()
