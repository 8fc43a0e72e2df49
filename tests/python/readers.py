"""An index of the command line in what people read such files with: DuckDB, LanceDB, Polars, pandas, PyArrow and NumPy, and
PostgreSQL with pgvector, where the package that brings it can be had and run.

    python readers.py CLIP_VISION MODEL PHOTOS

Each finds the same ten as `clip-vision search`, from the same Parquet file (or `.npy`).
"""

import contextlib
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import duckdb
import lancedb
import numpy
import pandas
import polars
import pyarrow
import pyarrow.parquet

QUERIES = ["a red heart", "a green ring"]


def run(program, *arguments):
    """The lines that the command line prints."""
    done = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ranked(ids, matrix, query):
    """The ten ids with the largest cosines: all rows are of length 1."""
    order = numpy.argsort(-(matrix @ query), kind="stable")[:10]
    return [ids[at] for at in order]


def duckdb_top(parquet, query):
    width = len(query)
    sql = f"""select id from read_parquet('{parquet}')
        order by array_cosine_similarity(embedding::float[{width}], $1::float[{width}]) desc limit 10"""
    return [row[0] for row in duckdb.execute(sql, [query.tolist()]).fetchall()]


def lancedb_top(photos, query):
    found = photos.search(query, vector_column_name="embedding").distance_type("cosine").limit(10)
    return [row["id"] for row in found.to_list()]


def in_pgvector(connection, parquet):
    """The recipe of docs/rust.md."""
    file = pyarrow.parquet.ParquetFile(parquet)
    width = file.schema_arrow.field("embedding").type.list_size
    connection.execute("create extension vector")
    connection.execute(f"create table photos (id text primary key, embedding vector({width}))")
    with connection.cursor().copy("copy photos (id, embedding) from stdin") as copy:
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                copy.write_row((row["id"], str(row["embedding"])))
    connection.execute("create index on photos using hnsw (embedding vector_cosine_ops)")


def pgvector_top(connection, query):
    found = connection.execute("select id from photos order by embedding <=> %s::vector limit 10", [str(query.tolist())])
    return [row[0] for row in found]


@contextlib.contextmanager
def postgres():
    """A connection to a server of PostgreSQL of its own, on a socket in its folder; or why there is none."""
    package = importlib.util.find_spec("pgserver")
    if not package:
        yield None, "there is no wheel of pgserver for this Python"
        return
    import psycopg

    programs = pathlib.Path(package.origin).parent / "pginstall" / "bin"
    # It refuses to run as root.
    other = {"user": "nobody"} if os.geteuid() == 0 else {}
    folder = tempfile.mkdtemp(prefix="pg-")
    if other:
        shutil.chown(folder, **other)
    server = None
    try:
        init = [programs / "initdb", "--pgdata", f"{folder}/data", "--username", "postgres", "--auth", "trust", "--no-sync"]
        try:
            subprocess.run(init, check=True, capture_output=True, text=True, cwd=folder, **other)
        except PermissionError as error:
            yield None, f"nobody can't run it: {error}"
            return
        command = [programs / "postgres", "-D", f"{folder}/data", "-k", folder, "-c", "listen_addresses="]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **other)
        for again in range(600):
            try:
                connection = psycopg.connect(host=folder, user="postgres", dbname="postgres", autocommit=True)
                break
            except psycopg.OperationalError:
                if again == 599 or server.poll() is not None:
                    raise
                time.sleep(0.1)
        with connection:
            yield connection, None
    finally:
        if server:
            server.terminate()
            server.wait()
        shutil.rmtree(folder)


def main(program, model, photos):
    with postgres() as (connection, why_none):
        compare(program, model, photos, connection, why_none)


def compare(program, model, photos, connection, why_none):
    folder = pathlib.Path(tempfile.mkdtemp())
    parquet, npy = folder / "photos.parquet", folder / "photos.npy"
    for out in (parquet, npy):
        run(program, "index", "--quiet", "--model", model, photos, "--revision", "r1", "--out", str(out))

    table = pyarrow.parquet.read_table(parquet)
    kind = table.schema.field("embedding").type
    assert pyarrow.types.is_fixed_size_list(kind) and kind.value_type == pyarrow.float32(), kind
    metadata = pyarrow.parquet.read_metadata(parquet).metadata
    made = json.loads(metadata[b"clip-vision.made"])
    assert (metadata[b"clip-vision.model"], made["revision"]) == (pathlib.Path(model).name.encode(), "r1"), made
    ids = table["id"].to_pylist()
    assert len(ids) == len(set(ids)) > 10, ids
    matrix = table["embedding"].combine_chunks().flatten().to_numpy().reshape(len(ids), kind.list_size)

    frame = polars.read_parquet(parquet)
    assert isinstance(frame.schema["embedding"], polars.Array), frame.schema
    of_pandas = pandas.read_parquet(parquet)
    of_npy = numpy.load(npy)
    of_lance = lancedb.connect(folder / "lancedb").create_table("photos", table)
    names = json.loads((folder / "photos.npy.names.json").read_text(encoding="utf-8"))
    assert numpy.allclose(of_npy, matrix, atol=1e-6) and names == ids

    arrow = folder / "photos.arrow"
    with pyarrow.ipc.new_file(arrow, table.schema) as writer:
        writer.write_table(table)
    example = pathlib.Path(__file__).parents[2] / "examples" / "python" / "nearest.py"
    said = [subprocess.run([sys.executable, example, path, ids[3]], check=True, capture_output=True, text=True).stdout for path in (npy, arrow)]
    assert said[0] == said[1] and said[0].splitlines()[0] == f"1.000  {ids[3]}", said

    if connection:
        in_pgvector(connection, parquet)
    texts = run(program, "embed-text", "--json", "--model", model, *QUERIES)
    for index in (parquet, npy):
        found = run(program, "search", "--json", "--model", model, "--in", str(index), *QUERIES)
        for text, hits in zip(texts, found, strict=True):
            query = numpy.array(text["embedding"], dtype=numpy.float32)
            expected = [hit["id"] for hit in hits["found"]]
            answers = {
                "DuckDB": duckdb_top(parquet, query),
                "LanceDB": lancedb_top(of_lance, query),
                "Polars": ranked(frame["id"].to_list(), frame["embedding"].to_numpy(), query),
                "pandas": ranked(of_pandas["id"].tolist(), numpy.stack(of_pandas["embedding"]), query),
                "PyArrow": ranked(ids, matrix, query),
                "NumPy": ranked(names, of_npy, query),
            }
            if connection:
                # It rounds otherwise: copies of one picture, whose cosines are equal but for the last bits, may change places.
                cosines = dict(zip(ids, matrix @ query, strict=True))
                answer = pgvector_top(connection, query)
                apart = [abs(cosines[one] - cosines[other]) for one, other in zip(answer, expected, strict=True)]
                assert len(set(answer)) == 10 and max(apart) < 1e-6, f"pgvector, {text['text']}: {answer}, and the command line finds {expected}"
            for reader, answer in answers.items():
                assert answer == expected, f"{reader}, {text['text']}: {answer}, and the command line finds {expected}"
    # And the other way around: what Polars and PyArrow write is read.
    writers = {
        "polars": lambda path: frame.write_parquet(path, compression="uncompressed"),
        "pyarrow": lambda path: pyarrow.parquet.write_table(table, path, compression="none"),
    }
    for name, write in writers.items():
        written = folder / f"{name}.parquet"
        write(written)
        again = run(program, "search", "--json", "--model", model, "--in", str(written), *QUERIES)
        assert [[hit["id"] for hit in hits["found"]] for hits in again] == [[hit["id"] for hit in hits["found"]] for hits in found], name
    version = connection and connection.execute("select current_setting('server_version'), extversion from pg_extension where extname = 'vector'").fetchone()
    print(f"pgvector {version[1]} in PostgreSQL {version[0]} finds them too" if version else f"pgvector: skipped ({why_none})")
    print(f"DuckDB {duckdb.__version__}, LanceDB {lancedb.__version__}, Polars {polars.__version__}, pandas {pandas.__version__}, PyArrow {pyarrow.__version__} and NumPy "
          f"{numpy.__version__} find the same ten among {len(ids)} as the command line")


if __name__ == "__main__":
    main(*sys.argv[1:])
