"""Pictures of a folder or an object store indexed by a Ray cluster: Ray Data hands out the names, each worker runs the command
line, and `clip-vision merge` makes one index of the shards.

    python index.py --model DIR --photos DIR --out photos.clip-vision [--shards DIR] [--pictures-a-shard 1000]
    python index.py --model DIR --photos s3://bucket/prefix --out photos.parquet --shards s3://bucket/shards

A folder, and --shards without an address, is on a file system that all machines see (NFS, FSx, a mounted bucket); addresses are those
that pyarrow opens (s3://, gs://, …), with its ways to give keys and regions. The model is at the same path on each machine.
`clip-vision` is on the PATH of each, or CLIP_VISION says where.

A task has the pictures of a shard in a folder of its own, under TMPDIR, and puts the shard to its place as a whole, by a name that
depends on what is in it alone, the model's files and the pictures' names, sizes and times of change: a task that Ray runs again, since
its machine was lost, writes the same file, and one that is there already is not computed again.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

import pyarrow
import pyarrow.fs
import pyarrow.parquet
import ray

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ico"}
PROGRAM = os.environ.get("CLIP_VISION", "clip-vision")
# Of an object store whole objects appear, and nothing is renamed.
WHOLE = {"s3", "gcs", "abfs"}
TRIES = 4
# Of a picture's file; the command line reads no larger ones.
MOST_BYTES = 512 << 20


class Place:
    """A folder, or a part of an object store."""

    def __init__(self, name):
        self.name, self.scheme, self.is_folder = name, "", "://" not in name
        if self.is_folder:
            self.fs, self.root = pyarrow.fs.LocalFileSystem(), name
        else:
            self.fs, self.root = pyarrow.fs.FileSystem.from_uri(name)
            self.scheme = f"{name.split('://')[0]}://"

    def __reduce__(self):
        return Place, (self.name,)  # each machine opens it by itself

    def path(self, name):
        return f"{self.root.rstrip('/')}/{name}"

    def size(self, path):
        """Its bytes; None if it is not there."""
        found = self.fs.get_file_info(path)
        return found.size if found.type == pyarrow.fs.FileType.File else None

    def put(self, local, path):
        """A file as a whole, or nothing, whenever this is killed."""
        if self.fs.type_name in WHOLE:
            self.copy_in(local, path)
            return
        # By a name of its own: two tasks with the same shard, on whatever machines, don't get in each other's way.
        folder, name = path.rsplit("/", 1)
        temporary = f"{folder}/.{name}.{uuid.uuid4().hex}.tmp"
        self.copy_in(local, temporary)
        self.fs.move(temporary, path)

    def copy_in(self, local, path):
        data = pathlib.Path(local).read_bytes()  # all that could fail here, before there is anything there
        with self.fs.open_output_stream(path) as out:
            out.write(data)

    def get(self, path, local):
        with self.fs.open_input_stream(path) as source, open(local, "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)

    def remove(self, path):
        try:
            self.fs.delete_file(path)
        except FileNotFoundError:
            pass


def pictures(place):
    """Their paths in order; what is hidden is passed over. Of an object store, which tells them together, with sizes and times of
    change; of a folder the tasks look at each."""
    if place.is_folder:
        yield from ({"path": path, "size": 0, "changed": 0} for path in pictures_of_folder(place.root))
        return
    found = place.fs.get_file_info(pyarrow.fs.FileSelector(place.root, recursive=True, allow_not_found=True))
    within = len(place.root.rstrip("/")) + 1
    for one in sorted(found, key=lambda one: one.path):
        is_hidden = any(part.startswith(".") for part in one.path[within:].split("/"))
        if one.type == pyarrow.fs.FileType.File and not is_hidden and is_picture(one.base_name):
            yield {"path": one.path, "size": one.size, "changed": one.mtime_ns or 0}


def is_picture(name):
    return pathlib.PurePosixPath(name).suffix.lower() in SUFFIXES


def pictures_of_folder(folder):
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and is_picture(name):
                path = os.path.join(place, name)
                if is_utf8(path):
                    yield path
                else:
                    print(f"passed over, since its name is not UTF-8: {path!a}", file=sys.stderr)


def is_utf8(path):
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def stamp(place, picture):
    """The picture's name, and what tells another picture of that name."""
    name, size, changed = f"{place.scheme}{picture['path']}", picture["size"], picture["changed"]
    if place.is_folder:
        try:
            found = os.stat(picture["path"])
        except OSError:
            return name  # `index` says what is wrong with it
        size, changed = found.st_size, found.st_mtime_ns
    return f"{name}\t{size}\t{changed}"


def digest(model):
    """What tells another model, in the same place too: all that is in its files."""
    model = pathlib.Path(model)
    files = sorted(path for path in model.rglob("*") if path.is_file()) if model.is_dir() else [model]
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(model)}\t{path.stat().st_size}\n".encode())
        with open(path, "rb") as file:
            while some := file.read(1 << 20):
                total.update(some)
    return total.hexdigest()


def download(place, picture, local):
    """A picture to a file; why not, if it is not there any more or is another one. What else goes wrong is tried again, and then ends
    the run: a store that is away says nothing of the picture."""
    if picture["size"] > MOST_BYTES:
        return f"a file of {picture['size']} bytes: {MOST_BYTES} are the most"
    for again in range(TRIES):
        try:
            place.get(picture["path"], local)
            break
        except FileNotFoundError:
            return "it was there when the pictures were listed, and is no more"
        except pyarrow.ArrowInvalid as error:
            return str(error)  # a key that pyarrow takes for no path, such as a//b.jpg
        except OSError as error:
            if again == TRIES - 1:
                raise RuntimeError(f"cannot read {place.scheme}{picture['path']}: {error}") from error
            time.sleep(2**again / 2)
    # The shard's name, by which it is found again, speaks of the picture that was listed.
    return None if os.path.getsize(local) == picture["size"] else "it has another size than when the pictures were listed"


def fetch(place, listed, folder):
    """The pictures' files by what they are called in the index, and why there is none of others."""
    if place.is_folder:
        return {picture["path"]: picture["path"] for picture in listed}, {}
    # By numbers: not every key of an object can be the name of a file.
    files = {
        f"{place.scheme}{picture['path']}": str(folder / f"{number}{pathlib.PurePosixPath(picture['path']).suffix.lower()}")
        for number, picture in enumerate(listed)
    }
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        reasons = threads.map(lambda picture, local: download(place, picture, local), listed, files.values())
        failed = {name: why for name, why in zip(files, reasons, strict=True) if why}
    return {name: local for name, local in files.items() if name not in failed}, failed


def rename(shard, names):
    """Writes a shard again by other names."""
    table = pyarrow.parquet.read_table(shard)
    ids = pyarrow.array([names[name] for name in table["id"].to_pylist()], table.schema.field("id").type)
    table = table.set_column(table.schema.get_field_index("id"), table.schema.field("id"), ids)
    pyarrow.parquet.write_table(table, shard, compression="none")


def index(files, model, threads, folder):
    """A shard of these files, if any of them is a picture, and why others are none."""
    shard = folder / "shard.parquet"
    command = [PROGRAM, "index", "--quiet", "--model", model, "--out", str(shard), "--", *files.values()]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "RAYON_NUM_THREADS": str(threads)})
    listed = pathlib.Path(f"{shard}.failed.jsonl")
    lines = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines()] if listed.exists() else []
    names = {local: name for name, local in files.items()}
    failed = {names.get(line["path"], line["path"]): line["error"] for line in lines}
    # 1: some pictures failed, and the others are in the index; if all failed, there is none.
    if done.returncode not in (0, 1) and len(failed) != len(files):
        raise RuntimeError(done.stderr)
    if not shard.exists():
        return None, failed
    if any(local != name for local, name in names.items()):
        rename(shard, names)
    return shard, failed


def embed(batch, photos, model, made_by, shards, threads):
    """Indexes the pictures of a batch as one shard; the name of the shard, and how many of them failed."""
    rows = zip(*(batch[key].tolist() for key in ("path", "size", "changed")), strict=True)
    listed = [{"path": path, "size": size, "changed": changed} for path, size, changed in sorted(rows)]
    stamps = json.dumps([made_by, *(stamp(photos, picture) for picture in listed)])
    name = f"{hashlib.sha256(stamps.encode()).hexdigest()[:20]}.parquet"
    place, list_of_failed = shards.path(name), shards.path(f"{name}.failed.jsonl")
    if shards.size(place) is None:
        with tempfile.TemporaryDirectory(prefix="clip-vision-") as folder:
            folder = pathlib.Path(folder)
            files, failed = fetch(photos, listed, folder)
            shard, others = index(files, model, threads, folder) if files else (None, {})
            failed |= others
            # Before the shard, with which all is done. Another task, which was killed, may have left one.
            if failed:
                local = folder / "failed.jsonl"
                local.write_text("".join(f"{json.dumps({'path': path, 'error': why}, ensure_ascii=False)}\n" for path, why in failed.items()), encoding="utf-8")
                shards.put(local, list_of_failed)
            else:
                shards.remove(list_of_failed)
            if shard is None:
                return {"shard": [""], "failed": [len(failed)]}
            shards.put(shard, place)
    failed = 0
    if shards.size(list_of_failed) is not None:
        with shards.fs.open_input_stream(list_of_failed) as lines:
            failed = lines.read().count(b"\n")
    return {"shard": [name], "failed": [failed]}


def merge(shards, names, out):
    """One index of the shards; of an object store they come to this machine for it."""
    with tempfile.TemporaryDirectory(prefix="clip-vision-") as folder:
        files = [shards.path(name) for name in names]
        if not shards.is_folder:
            files = [os.path.join(folder, name) for name in names]
            with concurrent.futures.ThreadPoolExecutor(8) as threads:
                list(threads.map(shards.get, map(shards.path, names), files))
        subprocess.run([PROGRAM, "merge", "--out", out, *files], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--photos", required=True, help="a folder, or an address such as s3://bucket/prefix")
    parser.add_argument("--out", required=True)
    parser.add_argument("--shards", help="a folder or an address, by default OUT.shards")
    parser.add_argument("--pictures-a-shard", type=int, default=1000)
    parser.add_argument("--cores-a-task", type=int, default=1)
    parser.add_argument("--address", default=None, help="of the cluster; by default a new one on this machine")
    asked = parser.parse_args()
    if "://" in asked.out:
        parser.error("--out is a file: only --photos and --shards may be addresses")
    photos, shards = Place(asked.photos), Place(asked.shards or f"{asked.out}.shards")
    listed = list(pictures(photos))
    if not listed:
        sys.exit(f"there are no pictures in {asked.photos}")
    made_by = digest(asked.model)
    if shards.is_folder:
        shards.fs.create_dir(shards.root)

    ray.init(address=asked.address)
    blocks = -(-len(listed) // asked.pictures_a_shard)
    dataset = ray.data.from_items(listed, override_num_blocks=blocks).map_batches(
        embed,
        batch_size=None,  # a block a shard
        fn_kwargs={"photos": photos, "model": asked.model, "made_by": made_by, "shards": shards, "threads": asked.cores_a_task},
        num_cpus=asked.cores_a_task,
    )
    rows = dataset.take_all()
    failed = sum(row["failed"] for row in rows)
    names = sorted({row["shard"] for row in rows} - {""})
    tidy(shards, names)
    if not names:
        sys.exit(f"none of {len(listed)} pictures could be embedded")
    merge(shards, names, asked.out)
    print(f"{len(listed)} pictures in {len(rows)} shards, {failed} failed")
    sys.exit(1 if failed else 0)


def tidy(shards, names):
    """Removes what killed tasks have left of these shards, which are all there now."""
    if shards.fs.type_name in WHOLE:
        return
    for one in shards.fs.get_file_info(pyarrow.fs.FileSelector(shards.root)):
        if one.base_name.startswith(".") and one.base_name.endswith(".tmp") and any(one.base_name.startswith(f".{name}.") for name in names):
            shards.remove(one.path)


if __name__ == "__main__":
    main()
