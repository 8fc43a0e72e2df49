"""Pillow and transformers' processor as a contender of the native image benchmark, as a process that scripts give work to:

    python image_peers.py

Each line of the input is a file's path, answered with a line of JSON, `{"ms": …}`: from the file's bytes, in memory, to
the tensor that CLIP sees.
"""

import io
import json
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from PIL import Image, ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    processor = CLIPImageProcessorPil()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        content = Path(line.strip()).read_bytes()
        begin = time.perf_counter()
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
        pixels = np.asarray(processor(image, return_tensors="np")["pixel_values"])
        ms = (time.perf_counter() - begin) * 1e3
        assert pixels.shape == (1, 3, 224, 224)
        print(json.dumps({"ms": ms}), flush=True)


if __name__ == "__main__":
    main()
