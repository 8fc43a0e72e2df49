"""Compares clip-vision's decoders with Pillow over whole collections, or over mutations of their files:

    cargo build --release -p clip-vision-pixels --features avif --example digests
    python tests/golden/compare.py FOLDER… [--mutate COUNT] [--seed N]

A FOLDER may be a bare git repository, whose files at HEAD are taken. Needs Pillow 13, NumPy and safetensors. Prints, by format,
how many files are equal in every value (over white and without opacity), refused by both, by Pillow alone, by us alone, and
other; then a line for each of the last two. Files of more than 40 megapixels are left out.
"""

import argparse
import io
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path

from PIL import Image, ImageFile

from generator.odd import row

ROOT = Path(__file__).resolve().parents[2]
DIGESTS = ROOT / "target" / "release" / "examples" / "digests"
MOST_PIXELS = 40_000_000
MAGIC = {
    "JPEG": [b"\xff\xd8\xff"],
    "PNG": [b"\x89PNG\r\n\x1a\n"],
    "GIF": [b"GIF87a", b"GIF89a"],
    "BMP": [b"BM"],
    "TIFF": [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0"],
    "ICO": [b"\0\0\1\0"],
    "CUR": [b"\0\0\2\0"],
}


def format_of(data):
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp" and any(data[at : at + 4] in (b"avif", b"avis") for at in range(8, 64, 4)):
        return "AVIF"
    return next((name for name, starts in MAGIC.items() if any(data.startswith(start) for start in starts)), None)


def files_of(folder):
    """Name and bytes of each picture."""
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
        git = ["git", "-C", str(folder)]
        listed = subprocess.run([*git, "ls-tree", "-r", "-z", "HEAD"], capture_output=True, check=True).stdout
        for line in listed.split(b"\0"):
            if b"\t" not in line:
                continue
            what, name = line.split(b"\t", 1)
            blob = subprocess.run([*git, "cat-file", "blob", what.split()[2].decode()], capture_output=True)
            if blob.returncode == 0 and format_of(blob.stdout):
                yield f"{folder.name}:{name.decode(errors='replace')}", blob.stdout
        return
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if format_of(data):
            yield str(path), data


def mutated(data, rng):
    """A file that differs in a few bits, bytes or ranges."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(data))
        match rng.randrange(6):
            case 0 | 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                data[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF])
            case 3:
                del data[at : at + rng.choice([1, 2, 4, 100])]
            case 4:
                data[at:at] = data[at : at + rng.choice([1, 2, 4, 100])]
            case 5:
                data = data[: max(at, 16)]
        if len(data) < 16:
            break
    return bytes(data)


def pillow(data):
    """What Pillow makes of it, as the digests' program has it; None for what is left out."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
    except Exception:
        pass
    said = row("", data, "")
    if said.get("refused"):
        return "refused", "refused"
    return tuple(f"{said['width']}x{said['height']} {said[kind]}" for kind in ("over_white", "dropped"))


def verdict(theirs, ours):
    refused = not ours[0][:1].isdigit()
    if theirs[0] == "refused":
        return "both refuse" if refused else "Pillow refuses"
    if refused:
        return "WE REFUSE"
    return "equal" if theirs == ours else "OTHER"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--mutate", type=int, default=0, help="so many mutations a format, in place of the files")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    files = [pair for folder in options.folders for pair in files_of(folder)]
    if options.mutate:
        rng, by_format = random.Random(options.seed), defaultdict(list)
        for name, data in files:
            if len(data) < 60_000:
                by_format[format_of(data)].append((name, data))
        files = []
        for kind in by_format.values():
            for index in range(options.mutate):
                name, data = rng.choice(kind)
                files.append((f"{name}#{index}", mutated(data, rng)))
    program = subprocess.Popen([DIGESTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    counts, wrong, slowest = defaultdict(Counter), [], (0, "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        for name, data in files:
            theirs = pillow(data)
            if theirs is None:
                continue
            path.write_bytes(data)
            program.stdin.write(f"{path}\n")
            program.stdin.flush()
            answer = program.stdout.readline()
            if not answer:
                sys.exit(f"the program ended at {name}")
            _, white, dropped, milliseconds = answer.rstrip("\n").split("\t")
            slowest = max(slowest, (int(milliseconds), name))
            what = verdict(theirs, (white, dropped))
            counts[format_of(data) or "?"][what] += 1
            if what in ("WE REFUSE", "OTHER"):
                wrong.append(f"{what} {name}: {white[:120]}")
                if options.mutate:
                    kept = Path(tempfile.gettempdir()) / f"odd-{len(wrong)}"
                    kept.write_bytes(data)
    kinds = ["equal", "both refuse", "Pillow refuses", "WE REFUSE", "OTHER"]
    for kind, count in sorted(counts.items()):
        print(kind, *(f"{what}: {count[what]}" for what in kinds), sep="  ")
    print(f"slowest: {slowest[0]} ms for both, {slowest[1]}")
    print(*wrong, sep="\n")


if __name__ == "__main__":
    start = time.time()
    main()
    print(f"{time.time() - start:.0f} s")
