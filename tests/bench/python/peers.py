"""A Python contender of the native benchmark, as a process that scripts give work to:

    python peers.py onnxruntime|openvino MODEL PICTURES THREADS FILE
    python peers.py torch|torch-bf16 MODEL PICTURES THREADS

FILE is one of the model's folder onnx. As tests/bench/native.rs: each line `forward 0 1 2` or `embed 0 1 2` is answered with a line of JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np


def load_onnxruntime(model, threads, file):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model / "onnx" / file, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(["image_embeds"], {"pixel_values": pixels})[0]


def load_openvino(model, threads, file):
    import openvino

    # Where the processor has bf16, OpenVINO would compute f32 models in it.
    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model / "onnx" / file, "CPU", settings)
    return lambda pixels: compiled([pixels])[0]


def load_torch(model, threads, dtype):
    import torch
    from transformers import AutoConfig, CLIPVisionModelWithProjection, SiglipVisionModel

    torch.set_num_threads(threads)
    dtype = getattr(torch, dtype)
    is_siglip = AutoConfig.from_pretrained(model).model_type.startswith("siglip")
    kind, output = (SiglipVisionModel, "pooler_output") if is_siglip else (CLIPVisionModelWithProjection, "image_embeds")
    # The implementation of attention that is transformers' own choice.
    tower = kind.from_pretrained(model, dtype=dtype).eval()

    def run(pixels):
        with torch.inference_mode():
            return getattr(tower(torch.from_numpy(pixels).to(dtype)), output).float().numpy()

    return run


LOADERS = {
    "onnxruntime": load_onnxruntime,
    "openvino": load_openvino,
    "torch": lambda model, threads: load_torch(model, threads, "float32"),
    "torch-bf16": lambda model, threads: load_torch(model, threads, "bfloat16"),
}


def main(kind, model, pictures, threads, *file):
    model = Path(model)
    run = LOADERS[kind](model, int(threads), *file)
    image = json.loads((model / "about.json").read_text())["image"]
    size, mean, std = image["size"], *(np.array(image[name], np.float32).reshape(1, 3, 1, 1) for name in ("mean", "std"))
    pictures = np.fromfile(pictures, np.uint8).reshape(-1, size, size, 3)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order, *indices = line.split()
        chosen = pictures[[int(index) for index in indices]].transpose(0, 3, 1, 2).astype(np.float32)
        pixels = np.ascontiguousarray((chosen / 255 - mean) / std, np.float32)
        begin = time.perf_counter()
        embeddings = run(pixels)
        ms = (time.perf_counter() - begin) * 1e3
        print(json.dumps({"ms": ms} if order == "forward" else {"embeddings": embeddings.tolist()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
