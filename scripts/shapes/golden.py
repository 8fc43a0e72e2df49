"""Pictures for the tests of this repository: one of each shape in each color, as files that people have.

`shapes.safetensors` holds them, encoded, by name; `shapes.json` has the captions, with the ids that transformers gives
them, and which caption is true of which picture.
"""

import io
import json
import random

import numpy as np
from safetensors.numpy import save_file
from transformers import CLIPTokenizer

from .measure import Plain
from .pictures import draw
from .words import COLORS, SHAPES, Scene, caption, random_scene

EDGES = (72, 112)  # pixels of the shorter side: small files
FORMATS = [("jpg", {"format": "JPEG", "quality": 85}), ("webp", {"format": "WEBP", "quality": 85}), ("png", {"format": "PNG"})]


def encoded(image, options):
    file = io.BytesIO()
    image.save(file, **options)
    return np.frombuffer(file.getvalue(), np.uint8)


def write_golden(model, directory, seed):
    tokenizer = CLIPTokenizer.from_pretrained(model)
    captions, pictures, files = [], [], {}
    for shape in range(len(SHAPES)):
        for color in range(len(COLORS)):
            rng = random.Random(f"{seed}/{len(captions)}")
            scene = Scene(**{**vars(random_scene(rng, count=0)), "shape": shape, "color": color})
            while scene.background == color:
                scene = Scene(**{**vars(scene), "background": random_scene(rng, count=0).background})
            edge, longer = rng.randint(*EDGES), rng.uniform(1, 1.5)
            size = rng.choice([(edge, round(edge * longer)), (round(edge * longer), edge)])
            extension, options = FORMATS[len(captions) % len(FORMATS)]
            name = f"{COLORS[color]} {SHAPES[shape]}.{extension}"
            files[name] = encoded(draw(scene, rng, size)[0], options)
            pictures.append([name, len(captions)])
            text = caption(Scene(shape, color, 0), Plain())
            captions.append([text, tokenizer(text).input_ids])
    save_file(files, directory / "shapes.safetensors")
    (directory / "shapes.safetensors").chmod(0o644)
    rows = {name: ",\n".join(json.dumps(row) for row in table) for name, table in (("captions", captions), ("pictures", pictures))}
    text = ",\n".join(f'"{name}": [\n{table}\n]' for name, table in rows.items())
    (directory / "shapes.json").write_text(f"{{\n{text}\n}}\n")
    print(f"{len(files)} pictures, {sum(len(file) for file in files.values())} bytes")
