"""Trains models/shapes, the small CLIP that comes with the repository:

    python -m venv venv && venv/bin/pip install torch transformers pillow numpy safetensors
    venv/bin/python scripts/train_shapes.py               # minutes on two cores; writes models/shapes
    venv/bin/python scripts/train_shapes.py --evaluate    # measures what is there
    venv/bin/python scripts/train_shapes.py --pictures    # writes tests/golden/shapes.*, which the model must read right

It needs no network and no data: what the model learns from is drawn here. Seeds are fixed; with another version of torch,
another processor or another number of threads sums are rounded differently, and the weights, not the numbers, differ.
The pieces are in shapes/, whose __init__ says what each is.
"""

import argparse
import os
import platform
import random
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# A thread that has nothing to do sleeps: spinning, it takes the core from the one that has.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch
import transformers
from PIL import __version__ as pillow_version

from shapes import model as clip
from shapes.card import card
from shapes.golden import write_golden
from shapes.measure import measure
from shapes.tokenizer import build, learn_merges, save, write_vocabulary
from shapes.words import caption, meaning, random_scene

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "models" / "shapes"
GOLDEN = ROOT / "tests" / "golden"
SEED = 6  # of pictures, weights and order
HELD_OUT = 60  # of the pictures that are measured: never drawn in training
TESTED = 600  # of those that the tests have
PICTURES = 24_000
MEASURED = 2_500
TRAINING = {"steps": 1000, "batch": 128, "peak": 4e-3, "decay": 0.05}
CAPTIONS = 20_000  # from which the tokenizer's merges are learned
VOCAB_SIZE = 1200  # at most
LARGEST = 5_000_000  # bytes of the whole directory


def make_tokenizer():
    rng = random.Random(SEED)
    return build(learn_merges([caption(meaning(random_scene(rng), rng), rng) for _ in range(CAPTIONS)], VOCAB_SIZE))


def processor_name():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"an {names[0]}" if names else platform.machine()


def versions():
    return f"torch {torch.__version__}, transformers {transformers.__version__}, Pillow {pillow_version}"


def print_rows(rows):
    width = max(len(what) for what, _, _ in rows)
    for what, shown, _ in rows:
        print(f"{what:{width}}  {shown:>7}")


def train_and_write(threads):
    drawn = clip.draw_many(SEED, PICTURES, threads)
    print(f"{PICTURES} pictures drawn", flush=True)
    tokenizer = make_tokenizer()
    model = clip.train(tokenizer, drawn, seed=SEED, **TRAINING)
    minutes = sum(os.times()[:4]) / 60  # of this process and of those that drew
    MODEL.mkdir(parents=True, exist_ok=True)
    save(tokenizer, MODEL, clip.LENGTH)
    write_vocabulary(tokenizer, MODEL)
    clip.write(model, tokenizer, MODEL)
    rows = measure(MODEL, HELD_OUT, MEASURED)
    print_rows(rows)
    about = {
        "pictures": PICTURES, "measured": MEASURED, "count": f"{MEASURED:,}", "cpu": processor_name(),
        "minutes": minutes, "versions": versions(), "steps": TRAINING["steps"], "batch": TRAINING["batch"],
        "megabytes": (MODEL / "model.safetensors").stat().st_size / 1e6,
    }
    (MODEL / "README.md").write_text(card(model, tokenizer, rows, about))
    size = sum(file.stat().st_size for file in MODEL.iterdir())
    print(f"{MODEL}: {size} bytes")
    if size > LARGEST:
        raise SystemExit(f"more than the {LARGEST} bytes that the repository has for it")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--evaluate", action="store_true", help="measure the model that is there")
    parser.add_argument("--pictures", action="store_true", help="write the pictures of the tests")
    parser.add_argument("--threads", type=int, default=2, help="default 2")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if arguments.evaluate:
        print_rows(measure(MODEL, HELD_OUT, MEASURED))
    elif arguments.pictures:
        write_golden(MODEL, GOLDEN, TESTED)
    else:
        train_and_write(arguments.threads)


if __name__ == "__main__":
    sys.exit(main())
