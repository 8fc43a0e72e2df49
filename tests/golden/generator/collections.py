"""Files of embeddings as NumPy and pyarrow write them, and a check that both read what the package wrote (`ours.*`)."""

import zlib

import numpy
import pyarrow

from .files import ROOT

FOLDER = ROOT / "search"
COUNT, DIMENSION = 5, 4
IDS = ["a", "ü/2", "", "four", "5"]


def matrix():
    """Five small embeddings, exact in 16 bits too: value c of row r is (7 r + 3 c) mod 11 - 5."""
    rows, columns = numpy.indices((COUNT, DIMENSION))
    return ((7 * rows + 3 * columns) % 11 - 5).astype("<f4")


def write_table(name, columns, stream=False, **options):
    table = pyarrow.table(columns)
    new = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with new(FOLDER / name, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=3)


def lists(values, item, kind=pyarrow.list_):
    return pyarrow.array([list(map(float, row)) for row in values], type=kind(item))


def write_collections():
    FOLDER.mkdir(exist_ok=True)
    values = matrix()
    for name in ["f2", "f4", "f8", "i4"]:
        numpy.save(FOLDER / f"{name}.npy", values.astype(f"<{name}"))
    numpy.save(FOLDER / "fortran.npy", numpy.asfortranarray(values))
    numpy.save(FOLDER / "flat.npy", values.ravel())
    with open(FOLDER / "version2.npy", "wb") as file:
        numpy.lib.format.write_array(file, values, version=(2, 0))

    fixed = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(values.ravel()), DIMENSION)
    write_table("fixed.arrow", {"id": IDS, "embedding": fixed})
    # Other names, types and an order in which much has to be passed over.
    write_table(
        "list64.arrow",
        {
            "thumb": pyarrow.array([b"x"] * COUNT),
            "tags": pyarrow.array([["a", "b"], [], ["c"], ["d"], ["e"]]),
            "vector": lists(values, pyarrow.float64()),
            "good": pyarrow.array([True, False] * 2 + [True]),
            "number": pyarrow.array([10, 20, 30, 40, 50], type=pyarrow.uint16()),
        },
    )
    half = pyarrow.array([numpy.float16(x) for x in values.ravel()], type=pyarrow.float16())
    offsets = pyarrow.array(range(0, COUNT * DIMENSION + 1, DIMENSION), type=pyarrow.int64())
    large = pyarrow.LargeListArray.from_arrays(offsets, half)
    write_table("stream.arrows", {"name": pyarrow.array(IDS, type=pyarrow.large_string()), "embedding": large}, stream=True)
    write_table("lz4.arrow", {"id": IDS, "embedding": fixed}, compression="lz4")
    write_table("dictionary.arrow", {"id": pyarrow.array(IDS).dictionary_encode(), "embedding": fixed})
    nulls = pyarrow.array([[1.0, 2.0], None, [3.0, 4.0], [1.0, 1.0], [2.0, 2.0]], type=pyarrow.list_(pyarrow.float32(), 2))
    write_table("nulls.arrow", {"id": IDS, "embedding": nulls})
    ragged = pyarrow.array([[1.0, 2.0], [1.0], [3.0, 4.0], [1.0, 1.0], [2.0, 2.0]], type=pyarrow.list_(pyarrow.float32()))
    write_table("ragged.arrow", {"id": IDS, "embedding": ragged})
    write_table("texts.arrow", {"id": IDS})
    check_ours(values)


def check_ours(values):
    """`ours.*` is what `Embeddings.toBlob` gives of the same embeddings; tests/js/search_files.test.ts compares the bytes."""
    assert numpy.array_equal(numpy.load(FOLDER / "ours.npy"), values)
    table = pyarrow.ipc.open_file(FOLDER / "ours.arrow").read_all()
    table.validate(full=True)
    assert table["id"].to_pylist() == IDS
    assert numpy.array_equal(numpy.array(table["embedding"].to_pylist(), dtype="<f4"), values)

    file = (FOLDER / "ours.clip-vision").read_bytes()
    version, precision, dimension, count = numpy.frombuffer(file, "<u4", 4, 8)
    (length,) = numpy.frombuffer(file, "<u8", 1, 24)
    sums = numpy.frombuffer(file, "<u4", 4, 32)
    assert (version, precision, dimension, count) == (1, 0, DIMENSION, COUNT)
    scales = -(-(64 + int(length)) // 64) * 64
    rows = -(-(scales + 4 * COUNT) // 64) * 64
    parts = [file[64 : 64 + int(length)], file[scales : scales + 4 * COUNT], file[rows:], file[:44]]
    assert [zlib.crc32(part) for part in parts] == list(sums)
    assert numpy.array_equal(numpy.frombuffer(file, "<f4", COUNT * DIMENSION, rows).reshape(COUNT, DIMENSION), values)
