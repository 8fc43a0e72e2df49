"""A folder of photos into embeddings, as one would write it in Python: Pillow, transformers' processor and onnxruntime.

    python folder.py FOLDER MODEL OUT.npy exact|fast FILE     # FILE: one of the model's folder onnx

Photos are decoded by as many threads as there are cores while the model computes: Pillow lets go of the interpreter's lock while it
decodes and resizes, and onnxruntime while it computes. `fast` has Pillow decode JPEGs at a fraction of their size (`draft`), no smaller
than twice what the model sees.
"""

import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import onnxruntime
from PIL import Image, ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

BATCH = 8


def main(folder, model, out, way, file):
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    cores = len(os.sched_getaffinity(0))
    processor = CLIPImageProcessorPil.from_pretrained(model)
    edge = processor.size["shortest_edge"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores
    # Threads that spin while there is nothing to compute would take the cores from those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(Path(model) / "onnx" / file, options, providers=["CPUExecutionProvider"])

    def prepare(path):
        with Image.open(path) as image:
            if way == "fast":
                image.draft("RGB", (2 * edge, 2 * edge))
            image = ImageOps.exif_transpose(image).convert("RGB")
        return np.asarray(processor(image, return_tensors="np")["pixel_values"][0])

    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    embeddings = []
    with ThreadPoolExecutor(cores) as pool:
        # A few batches ahead of the model, and no more, whatever the length of the folder.
        waiting = [pool.submit(prepare, path) for path in paths[: 3 * BATCH]]
        following = iter(paths[3 * BATCH :])
        while waiting:
            batch, waiting = waiting[:BATCH], waiting[BATCH:]
            pixels = np.stack([one.result() for one in batch])
            waiting += [pool.submit(prepare, path) for path, _ in zip(following, batch)]
            rows = session.run(["image_embeds"], {"pixel_values": pixels})[0]
            embeddings.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    np.save(out, np.concatenate(embeddings))


if __name__ == "__main__":
    main(*sys.argv[1:])
