"""A Python contender of the native benchmark, as a process that scripts give work to:

    python peers.py onnxruntime|torch MODEL PICTURES THREADS [FILE]

As tests/bench/native.rs: each line `forward 0 1 2` or `embed 0 1 2` is answered with a line of JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

SIZE = 224
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32).reshape(1, 3, 1, 1)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32).reshape(1, 3, 1, 1)


def load_onnxruntime(model, threads, file):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model / "onnx" / file, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(["image_embeds"], {"pixel_values": pixels})[0]


def load_torch(model, threads):
    import torch
    from transformers import CLIPVisionModelWithProjection

    torch.set_num_threads(threads)
    clip = CLIPVisionModelWithProjection.from_pretrained(model).eval()

    def run(pixels):
        with torch.inference_mode():
            return clip(torch.from_numpy(pixels)).image_embeds.numpy()

    return run


def main(kind, model, pictures, threads, file=None):
    model, threads = Path(model), int(threads)
    run = load_onnxruntime(model, threads, file) if kind == "onnxruntime" else load_torch(model, threads)
    pictures = np.fromfile(pictures, np.uint8).reshape(-1, SIZE, SIZE, 3)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order, *indices = line.split()
        chosen = pictures[[int(index) for index in indices]].transpose(0, 3, 1, 2).astype(np.float32)
        pixels = np.ascontiguousarray((chosen / 255 - MEAN) / STD, np.float32)
        begin = time.perf_counter()
        embeddings = run(pixels)
        ms = (time.perf_counter() - begin) * 1e3
        print(json.dumps({"ms": ms} if order == "forward" else {"embeddings": embeddings.tolist()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
