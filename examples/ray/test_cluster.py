"""A cluster of two workers on this machine; one is killed in the middle, and every picture is in the index exactly once: of a folder, and
of an object store, a server of S3 on this machine.

    CLIP_VISION=…/clip-vision python test_cluster.py MODEL
"""

import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import boto3
import index
import numpy
import pyarrow.fs
import ray
from moto.server import ThreadedMotoServer
from ray.cluster_utils import Cluster

HERE = pathlib.Path(__file__).parent
# What of the folder is in the object store as well, and what of that vanishes while it is indexed.
PICTURES, A_SHARD, IN_STORE, VANISHING = 2_000, 25, 500, 3


def draw(path, number):
    """A BMP of 16×16."""
    pixels = bytes((number * 37 + at % (3 + number % 11) * 40) & 255 for at in range(768))
    head = b"BM" + b"".join(word.to_bytes(4, "little") for word in (54 + 768, 0, 54, 40, 16, 16, 1 | 24 << 16, 0, 768, 2835, 2835, 0, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + pixels)


def read(out):
    """The rows of an index, by name: each is there once."""
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    rows = {line["path"]: line["embedding"] for line in lines}
    assert len(rows) == len(lines), f"{len(lines)} rows of {len(rows)} pictures"
    return rows


def indexed(model, photos, shards, out, pictures, status=0, meanwhile=lambda: None):
    """Indexes them on a cluster of which a worker is killed in the middle; what was printed."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    workers = [cluster.add_node(num_cpus=1) for _ in range(2)]
    place, killed_at, over = index.Place(shards), [], threading.Event()

    def done():
        found = place.fs.get_file_info(pyarrow.fs.FileSelector(place.root, allow_not_found=True))
        return sum(one.base_name.endswith(".parquet") and not one.base_name.startswith(".") for one in found)

    def kill():
        """Ends a worker without a word, once a quarter of the shards is there."""
        while done() < pictures // A_SHARD // 4 and not over.is_set():
            time.sleep(0.02)
        meanwhile()
        killed_at.append(done())
        cluster.remove_node(workers[1], allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    command = [sys.executable, str(HERE / "index.py"), "--address", cluster.address, "--model", model, "--photos", photos]
    ran = subprocess.run([*command, "--out", str(out), "--shards", shards, "--pictures-a-shard", str(A_SHARD)], stdout=subprocess.PIPE, text=True)
    over.set()
    killer.join(timeout=60)
    assert ran.returncode == status, (ran.returncode, ran.stdout)
    assert killed_at and killed_at[0] < pictures // A_SHARD, f"no worker was killed in the middle: {killed_at}"
    # Ray's way out takes what is left of the cluster with it.
    cluster.shutdown()
    print(f"{ran.stdout.strip()}; one of two workers was killed when {killed_at[0]} were done (Ray {ray.__version__})")


def of_folder(model, folder):
    out, shards = folder / "photos.jsonl", folder / "shards"
    indexed(model, str(folder / "photos"), str(shards), out, PICTURES)
    rows = read(out)
    assert set(rows) == {str(path) for path in (folder / "photos").rglob("*.bmp")} and len(rows) == PICTURES
    # Nothing is left there but shards.
    names = [path.name for path in shards.iterdir()]
    assert len(names) == PICTURES // A_SHARD and all(name.endswith(".parquet") and not name.startswith(".") for name in names), names
    return rows


def of_store(model, folder, of_folder):
    """The same pictures, of which some vanish before their turn, with the shards in the object store too."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    # `clip-vision` needs none of it; pyarrow reads it in each worker.
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    host, port = server.get_host_and_port()
    where = f"?endpoint_override={host}:{port}&scheme=http&region=us-east-1&allow_bucket_creation=true"
    store, _ = pyarrow.fs.FileSystem.from_uri(f"s3://pictures{where}")
    store.create_dir("pictures")
    paths = sorted((folder / "photos").rglob("*.bmp"))[:IN_STORE]
    keys = {f"pictures/of/{path.parent.name}/{path.name}": path for path in paths}
    # What no folder could hold; and what is passed over.
    odd = [f"pictures/of/{paths[0].parent.name}/{paths[0].name}/b.bmp", f"pictures/of/9/{'x' * 300}.bmp", "pictures/of/9/ü ?#%41.bmp"]
    others = ["pictures/of/.hidden.bmp", "pictures/of/notes.txt", "pictures/other/x.bmp"]
    for key, path in [*keys.items(), *((key, paths[0]) for key in odd + others)]:
        with store.open_output_stream(key) as out:
            out.write(path.read_bytes())
    # pyarrow lists it, and doesn't open it.
    unreadable = "pictures/of/0//a.bmp"
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1").put_object(Bucket="pictures", Key=unreadable[9:], Body=b"BM")
    *gone, changed = last = sorted([*keys, *odd])[-VANISHING:]
    out = folder / "store.jsonl"

    def vanish():
        for key in gone:
            store.delete_file(key)
        with store.open_output_stream(changed) as out:
            out.write(paths[0].read_bytes() + b"more")

    indexed(model, f"s3://pictures/of{where}", f"s3://pictures/shards{where}", out, IN_STORE, status=1, meanwhile=vanish)
    rows = read(out)
    assert set(rows) == {f"s3://{key}" for key in [*keys, *odd] if key not in last}, sorted(rows)[-8:]
    for key, path in keys.items():
        if key not in last:
            assert numpy.allclose(rows[f"s3://{key}"], of_folder[str(path)], atol=1e-6), key
    # What failed, and why, is beside the shard.
    place = index.Place(f"s3://pictures/shards{where}")
    found = [one.path for one in place.fs.get_file_info(pyarrow.fs.FileSelector(place.root)) if one.path.endswith(".failed.jsonl")]
    failed = [json.loads(line) for path in found for line in place.fs.open_input_stream(path).read().splitlines()]
    expected = {**{key: "is no more" for key in gone}, changed: "another size", unreadable: "Empty path component"}
    assert len(failed) == len(expected), failed
    assert all(expected[one["path"].removeprefix("s3://")] in one["error"] for one in failed), failed
    server.stop()


def of_one_task(model, folder):
    """What killed tasks leave, and another model in the same place."""
    copy, shards = folder / "model", index.Place(str(folder / "of_one"))
    shutil.copytree(model, copy)
    shards.fs.create_dir(shards.root)
    photos = index.Place(str(folder / "photos" / "0"))
    listed = list(index.pictures(photos))[:5]
    batch = {key: numpy.array([picture[key] for picture in listed], dtype=object) for key in listed[0]}

    def embed():
        ((name,), (failed,)) = index.embed(batch, photos, str(copy), index.digest(copy), shards, 1).values()
        return name, failed

    name, failed = embed()
    assert failed == 0 and shards.size(shards.path(name)), (name, failed)
    # A task was killed between the list of what failed and the shard, and another while it wrote.
    shards.remove(shards.path(name))
    pathlib.Path(shards.path(f"{name}.failed.jsonl")).write_text('{"path": "x", "error": "y"}\n', encoding="utf-8")
    pathlib.Path(shards.path(f".{name}.0123.tmp")).write_bytes(b"PAR1")
    assert embed() == (name, 0)
    index.tidy(shards, [name])
    assert [path.name for path in pathlib.Path(shards.root).iterdir()] == [name]
    # Of a model with other weights, of the same size and time, another shard.
    weights = copy / "model.safetensors"
    times = weights.stat()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert embed()[0] != name
    # A store that answers nothing is asked again; if it stays so, that is no fault of the picture, and ends the run.
    for failing, raises in ((2, False), (9, True)):
        place, left = index.Place(str(folder / "photos")), [failing]

        def get(path, local):
            left[0] -= 1
            if left[0] >= 0:
                raise OSError("the store is away")
            shutil.copyfile(path, local)

        place.get = get
        path = listed[0]["path"]
        try:
            why = index.download(place, {"path": path, "size": os.path.getsize(path)}, folder / "again.bmp")
            assert why is None and not raises
        except RuntimeError as error:
            assert raises and "the store is away" in str(error) and path in str(error), error
    # Nothing to index is no index.
    (folder / "empty").mkdir()
    for wrong in (["--photos", str(folder / "empty"), "--out", "x.npy"], ["--photos", str(folder), "--out", "s3://x/y.npy"]):
        ran = subprocess.run([sys.executable, str(HERE / "index.py"), "--model", model, *wrong], capture_output=True, text=True)
        assert ran.returncode in (1, 2) and ("there are no pictures in" in ran.stderr or "--out is a file" in ran.stderr), ran


def main(model):
    with tempfile.TemporaryDirectory(prefix="clip-vision-") as folder:
        folder = pathlib.Path(folder)
        for number in range(PICTURES):
            draw(folder / "photos" / str(number % 10) / f"{number}.bmp", number)
        of_one_task(model, folder)
        rows = of_folder(model, folder)
        of_store(model, folder, rows)


if __name__ == "__main__":
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    main(*sys.argv[1:])
