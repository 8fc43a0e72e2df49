"""Makes every golden file in this folder. Run once by hand, when a golden has to change:

    python -m venv venv && venv/bin/pip install torch transformers pillow pillow-heif numpy pyarrow safetensors
    venv/bin/python tests/golden/generate.py

It needs no network, takes about a minute, and with the versions of versions.json a second run changes no byte.
README.md says what each file holds. A golden changes only with a written reason.
"""

import os
import platform
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy
import PIL
import pyarrow
import safetensors
import tokenizers
import torch
import transformers
from PIL import features

from generator.collections import write_collections
from generator.embeddings import write_expected
from generator.files import ROOT, write_json
from generator.formats import write_foreign, write_formats
from generator.models import write_models
from generator.odd import write_odd
from generator.pictures import write_broken, write_images
from generator.preprocessing import write_preprocessing
from generator.resampling import write_resampling
from generator.text import write_text
from generator.tokens import write_token_ids


def write_versions():
    versions = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "pillow": PIL.__version__,
        "numpy": numpy.__version__,
        "pyarrow": pyarrow.__version__,
        "safetensors": safetensors.__version__,
        "tokenizers": tokenizers.__version__,
        "libjpeg-turbo": features.version("libjpeg_turbo"),
        "zlib-ng": features.version("zlib_ng"),
        "libwebp": features.version("webp"),
        "libtiff": features.version("libtiff"),
        "freetype": features.version("freetype2"),
    }
    write_json(ROOT / "versions.json", versions)


def main():
    torch.set_num_threads(1)  # the order of sums must not depend on the machine
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", "Palette images with Transparency")
    write_versions()
    rows = write_images()
    write_broken()
    write_formats()
    write_odd()
    write_foreign()
    write_models()
    write_expected(rows)
    write_text()
    write_token_ids()
    write_preprocessing()
    write_resampling()
    write_collections()


if __name__ == "__main__":
    sys.exit(main())
