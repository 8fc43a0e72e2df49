"""Makes phones/: HEIC and JPEG XL, which Pillow reads by plugins alone, and the RGB that these make of them.

    pip install pillow numpy safetensors pillow-heif pillow-jxl-plugin
    python tests/golden/generate_phones.py

HEIC's values differ a little from one version of libheif to another, JPEG XL's lossy ones from libjxl's to jxl-rs's.
"""

import pillow_heif
import pillow_jxl  # noqa: F401 (opens .jxl)
from generator.files import ROOT, fresh_directory
from generator.odd import rgb_over_white
from generator.odd_avif import picture
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
folder = fresh_directory("phones")
rgb, rgba, gray = (picture(40, 26, mode) for mode in ("RGB", "RGBA", "L"))
turned = Image.Exif()
turned[0x0112] = 6

rgb.save(folder / "photo.heic", quality=80)
rgb.save(folder / "turned.heic", quality=80, exif=turned.tobytes())
rgba.save(folder / "alpha.heic", quality=90)
rgb.save(folder / "lossless.jxl", lossless=True)
rgba.save(folder / "alpha.jxl", lossless=True)
gray.save(folder / "gray.jxl", lossless=True)
rgb.save(folder / "lossy.jxl", quality=85)
for path in sorted(folder.iterdir()):
    image = rgb_over_white(ImageOps.exif_transpose(Image.open(path)))
    path.with_name(f"{path.name}-{image.width}x{image.height}.rgb").write_bytes(image.tobytes())
