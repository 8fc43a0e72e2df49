"""A folder of pictures indexed by a Ray cluster: Ray Data hands out the names, each worker runs the command line, and
`clip-vision merge` makes one index of the shards.

    python index.py --model DIR --photos DIR --out photos.clip-vision [--shards DIR] [--pictures-a-shard 1000]

Photos, model and shards are on a file system that all machines see (NFS, FSx, a mounted bucket). `clip-vision` is on the PATH of
each, or CLIP_VISION says where. A shard is written to its place as a whole, by a name that depends on what is in it alone, the model's
path and the pictures' paths, sizes and times of change: a task that Ray runs again, since its machine was lost, writes the same
file, and one that is there already is not computed again.
"""

import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import uuid

import ray

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ico"}
PROGRAM = os.environ.get("CLIP_VISION", "clip-vision")


def pictures(folder):
    """Their paths, in order; what is hidden is passed over."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and pathlib.Path(name).suffix.lower() in SUFFIXES:
                yield str(pathlib.Path(place) / name)


def stamp(path):
    """The path, and what tells another picture of that path."""
    try:
        found = os.stat(path)
    except OSError:
        return path  # `index` says what is wrong with it
    return f"{path}\t{found.st_size}\t{found.st_mtime_ns}"


def embed(batch, model, shards, threads):
    """Indexes the pictures of a batch as one shard; the path of the shard, and how many of them failed."""
    paths = sorted(batch["item"].tolist())
    name = hashlib.sha256("\n".join([os.path.abspath(model), *map(stamp, paths)]).encode()).hexdigest()[:20]
    shard = pathlib.Path(shards) / f"{name}.parquet"
    failed = pathlib.Path(f"{shard}.failed.jsonl")
    if not shard.exists():
        # By a name of its own: two tasks with the same batch, on whatever machines, don't get in each other's way.
        work = pathlib.Path(shards) / f".{name}.{uuid.uuid4().hex}.parquet"
        command = [PROGRAM, "index", "--quiet", "--model", model, "--out", str(work), "--", *paths]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "RAYON_NUM_THREADS": str(threads)})
        of_work = pathlib.Path(f"{work}.failed.jsonl")
        failures = len(of_work.read_text(encoding="utf-8").splitlines()) if of_work.exists() else 0
        # 1: some pictures failed, and the others are in the index; if all failed, there is none.
        if done.returncode not in (0, 1) and failures != len(paths):
            raise RuntimeError(done.stderr)
        if failures:
            of_work.replace(failed)
        pathlib.Path(f"{work}.rows").unlink()
        if failures == len(paths):
            return {"shard": [""], "failed": [failures]}
        work.replace(shard)
    failures = len(failed.read_text(encoding="utf-8").splitlines()) if failed.exists() else 0
    return {"shard": [str(shard)], "failed": [failures]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--shards")
    parser.add_argument("--pictures-a-shard", type=int, default=1000)
    parser.add_argument("--cores-a-task", type=int, default=1)
    parser.add_argument("--address", default=None, help="of the cluster; by default a new one on this machine")
    asked = parser.parse_args()
    shards = asked.shards or f"{asked.out}.shards"
    pathlib.Path(shards).mkdir(parents=True, exist_ok=True)

    ray.init(address=asked.address)
    paths = list(pictures(asked.photos))
    blocks = -(-len(paths) // asked.pictures_a_shard)
    dataset = ray.data.from_items(paths, override_num_blocks=blocks).map_batches(
        embed,
        batch_size=None,  # a block a shard
        fn_kwargs={"model": asked.model, "shards": shards, "threads": asked.cores_a_task},
        num_cpus=asked.cores_a_task,
    )
    rows = dataset.take_all()
    failed = sum(row["failed"] for row in rows)
    subprocess.run([PROGRAM, "merge", "--out", asked.out, *sorted({row["shard"] for row in rows} - {""})], check=True)
    print(f"{len(paths)} pictures in {len(rows)} shards, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
