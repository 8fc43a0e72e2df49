"""Makes the pictures that the image sections of `npm run bench` decode:

    python make_images.py OUT

12 and 48 megapixels, as JPEG (baseline and progressive, 4:2:0), PNG and WebP. They resemble photographs: colors that change
slowly, texture on several scales, edges, a camera's noise. about.json: each file's width and height.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZES = {"12mp": (4000, 3000), "48mp": (8000, 6000)}


def photograph(rng, width, height):
    """Noise of every scale, the finer the weaker, as in nature; and things with edges."""
    pixels = np.zeros((height, width, 3), np.float32)
    side, weight = 3, 1.0
    while side < width // 2:
        layer = rng.integers(0, 256, (side * height // width + 1, side, 3), dtype=np.uint8)
        pixels += weight * np.asarray(Image.fromarray(layer).resize((width, height), Image.Resampling.BICUBIC), np.float32)
        side, weight = side * 3, weight * 0.45
    pixels *= 255 / pixels.max()
    image = Image.fromarray(pixels.astype(np.uint8))
    canvas = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.002, 0.06) * width
        color = tuple(int(level) for level in rng.integers(0, 256, 3))
        canvas.ellipse((x - radius, y - radius * rng.uniform(0.3, 1), x + radius, y + radius), fill=color)
    grain = rng.normal(0, 3, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def main(out):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    about = {}
    for name, (width, height) in SIZES.items():
        image = photograph(np.random.default_rng(30), width, height)
        saves = {
            f"{name}.jpg": {"quality": 90, "subsampling": "4:2:0"},
            f"{name}-progressive.jpg": {"quality": 90, "subsampling": "4:2:0", "progressive": True},
            f"{name}.png": {"compress_level": 4},
            f"{name}.webp": {"quality": 85, "method": 2},
        }
        for file, save in saves.items():
            image.save(out / file, **save)
            about[file] = {"width": width, "height": height, "bytes": (out / file).stat().st_size}
    (out / "about.json").write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
