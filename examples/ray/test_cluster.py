"""A cluster of two workers on this machine; one is killed in the middle, and every picture is in the index exactly once.

    CLIP_VISION=…/clip-vision python test_cluster.py MODEL
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import ray
from ray.cluster_utils import Cluster

HERE = pathlib.Path(__file__).parent
PICTURES, A_SHARD = 2_000, 25


def draw(path, number):
    """A BMP of 16×16."""
    pixels = bytes((number * 37 + at % (3 + number % 11) * 40) & 255 for at in range(768))
    head = b"BM" + b"".join(word.to_bytes(4, "little") for word in (54 + 768, 0, 54, 40, 16, 16, 1 | 24 << 16, 0, 768, 2835, 2835, 0, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + pixels)


def main(model):
    folder = pathlib.Path(tempfile.mkdtemp())
    for number in range(PICTURES):
        draw(folder / "photos" / str(number % 10) / f"{number}.bmp", number)
    shards, out = folder / "shards", folder / "photos.jsonl"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    workers = [cluster.add_node(num_cpus=1) for _ in range(2)]
    killed_at = []

    def kill():
        """Ends a worker without a word, once a quarter of the shards is there."""
        while len(list(shards.glob("[!.]*.parquet"))) < PICTURES // A_SHARD // 4:
            time.sleep(0.02)
        killed_at.append(len(list(shards.glob("[!.]*.parquet"))))
        cluster.remove_node(workers[1], allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    command = [sys.executable, str(HERE / "index.py"), "--address", cluster.address, "--model", model, "--photos", str(folder / "photos")]
    subprocess.run([*command, "--out", str(out), "--shards", str(shards), "--pictures-a-shard", str(A_SHARD)], check=True)
    killer.join(timeout=1)
    assert killed_at and killed_at[0] < PICTURES // A_SHARD, f"no worker was killed in the middle: {killed_at}"
    names = [json.loads(line)["path"] for line in out.read_text(encoding="utf-8").splitlines()]
    expected = {str(path) for path in (folder / "photos").rglob("*.bmp")}
    assert len(names) == len(set(names)) == PICTURES and set(names) == expected, (len(names), len(set(names)))
    # Ray's way out takes what is left of the cluster with it.
    cluster.shutdown()
    print(f"{PICTURES} pictures, each once; one of two workers was killed when {killed_at[0]} of {PICTURES // A_SHARD} shards were done (Ray {ray.__version__})")


if __name__ == "__main__":
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    main(*sys.argv[1:])
