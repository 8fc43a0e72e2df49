"""odd/: small files that are strange in one way each, and what Pillow makes of them.

A module odd_<format>.py of this folder yields, from `files()`, a file's name, its bytes, and what is odd about it. Each
file goes to odd/<format>/, and a row about it to odd/<format>.json.
"""

import hashlib
import importlib
import io
import json
import pkgutil
import warnings

from PIL import Image, ImageOps

from .files import ROOT, fresh_directory

PREFIX = "odd_"


def rgb_over_white(image):
    """What transformers makes of a picture that is handed to it (`convert_to_rgb`, 5.24)."""
    if "A" not in image.getbands() and image.info.get("transparency") is None:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def sha256(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


def row(name, data, what):
    """What Pillow makes of `data`, turned upright: its size, and the SHA-256 of its RGB bytes over white and with its
    transparency dropped; or that it is refused."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            image = ImageOps.exif_transpose(opened)
            white, dropped = rgb_over_white(image), image.convert("RGB")
    except Exception:  # whatever Pillow says, it does not read the file
        return {"file": name, "what": what, "refused": True}
    width, height = image.size
    values = {"over_white": sha256(white), "dropped": sha256(dropped)}
    return {"file": name, "what": what, "width": width, "height": height} | values


def write_odd(formats=None):
    """All files of `formats`, or of every format."""
    package = importlib.import_module(__package__)
    modules = [module.name for module in pkgutil.iter_modules(package.__path__)]
    found = [name.removeprefix(PREFIX) for name in modules if name.startswith(PREFIX)]
    warnings.filterwarnings("ignore")
    for name in formats or found:
        module = importlib.import_module(f".{PREFIX}{name}", __package__)
        directory = fresh_directory(f"odd/{name}")
        rows = []
        for file, data, what in module.files():
            assert not (directory / file).exists(), f"two files are called {file}"
            (directory / file).write_bytes(data)
            rows.append(row(file, data, what))
        write_list(ROOT / "odd" / f"{name}.json", rows)


def write_list(path, rows):
    """A line of JSON a row."""
    path.write_text("[\n  " + ",\n  ".join(json.dumps(row) for row in rows) + "\n]\n")
