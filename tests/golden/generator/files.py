"""Writing the goldens: stable order, stable bytes."""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parent.parent


def fresh_directory(name):
    """An empty tests/golden/<name>, so that nothing of an earlier run stays behind."""
    path = ROOT / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_rows(path, head, rows_name, rows):
    """JSON with one line per row: thousands of small rows stay readable, and diffs stay small."""
    lines = [json.dumps(key) + ": " + json.dumps(value) for key, value in head.items()]
    body = ",\n    ".join(json.dumps(row) for row in rows)
    lines.append(f"{json.dumps(rows_name)}: [\n    {body}\n  ]")
    path.write_text("{\n  " + ",\n  ".join(lines) + "\n}\n")


def write_tensors(path, tensors):
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in sorted(tensors.items())}
    save_file(contiguous, path)
    path.chmod(0o644)
