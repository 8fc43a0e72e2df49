"""The photos that are most like one of a collection, from a file that the demo exports or the command line writes.

    python nearest.py photos.arrow beach.jpg        # pip install pyarrow
    python nearest.py photos.npy beach.jpg          # pip install numpy; photos.npy.names.json lies beside it
"""

import json
import pathlib
import sys

import numpy


def read(path):
    """Names, and a matrix with a row of length 1 for each."""
    if path.suffix == ".npy":
        names = json.loads(path.with_name(path.name + ".names.json").read_text(encoding="utf-8"))
        rows = numpy.load(path)
    else:
        from pyarrow import ipc

        table = ipc.open_file(path).read_all()
        names = table["id"].to_pylist()
        rows = numpy.stack(table["embedding"].to_numpy())
    return names, rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def main(path, photo, count=5):
    names, rows = read(pathlib.Path(path))
    if photo not in names:
        raise SystemExit(f"{path} has no {photo}; it begins with {', '.join(names[:3])}")
    scores = rows @ rows[names.index(photo)]
    for at in numpy.argsort(-scores, kind="stable")[:count]:
        print(f"{scores[at]:.3f}  {names[at]}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
