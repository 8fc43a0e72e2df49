"""Makes the folders onnx and onnx_families: a small CLIP, SigLIP and DINOv2 as ONNX files, and what onnxruntime computes of them.
Run by hand:

    venv/bin/pip install torch transformers pillow numpy safetensors onnx onnxruntime onnxconverter-common onnxscript
    venv/bin/python tests/golden/generate_onnx.py [onnx] [onnx_families]

It needs the folders images, models and tokenizers. README.md says what each file holds; versions.json of the folder what it was made with.
"""

import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import onnx
import onnxconverter_common
import onnxruntime
import onnxscript
import torch
import transformers

from generator.files import ROOT, write_json
from generator.onnx_families import write_onnx_families
from generator.onnx_files import write_onnx

FOLDERS = {"onnx": write_onnx, "onnx_families": write_onnx_families}


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    tools = (torch, transformers, onnx, onnxruntime, onnxscript, onnxconverter_common)
    for folder in sys.argv[1:] or FOLDERS:
        FOLDERS[folder]()
        write_json(ROOT / folder / "versions.json", {tool.__name__: tool.__version__ for tool in tools})


if __name__ == "__main__":
    sys.exit(main())
