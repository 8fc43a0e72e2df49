"""What a trained model knows, measured on pictures that training never saw, with the files as transformers reads them."""

import random

import torch
from transformers import CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from .model import image_embeddings, text_embeddings, token_ids, truths
from .pictures import draw
from .words import BACKGROUNDS, COLORS, COLUMNS, COUNTS, ROWS, SHAPES, SIZES, Scene, caption, random_scene, sayable

BATCH = 250


class Plain(random.Random):
    """For captions: the first way to say a thing, without synonyms and openings."""

    def random(self):
        return 0.5

    def choice(self, options):
        return options[0]


class Reader:
    """A model's files, as a user of transformers reads them."""

    def __init__(self, directory):
        self.tokenizer = CLIPTokenizer.from_pretrained(directory)
        self.processor = CLIPImageProcessorPil.from_pretrained(directory)
        self.model = CLIPModel.from_pretrained(directory, dtype=torch.float32).eval()

    @torch.no_grad()
    def pictures(self, pictures):
        batches = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
        pixels = (self.processor(batch, return_tensors="pt")["pixel_values"] for batch in batches)
        return torch.cat([image_embeddings(self.model, batch) for batch in pixels])

    @torch.no_grad()
    def texts(self, texts):
        batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
        return torch.cat([text_embeddings(self.model, token_ids(self.tokenizer, batch)) for batch in batches])


def fresh(seed, count, only_one):
    """Scenes and pictures of a seed."""
    scenes, pictures = [], []
    for index in range(count):
        rng = random.Random(f"{seed}/{only_one}/{index}")
        scene = random_scene(rng, count=0 if only_one else None)
        scenes.append(scene)
        pictures.append(draw(scene, rng)[0])
    return scenes, pictures


def share(hits):
    return sum(hits) / len(hits)


def zero_shot(reader, scenes, images):
    """Which shape in which color, of all there are: the share of right answers, and those of each half and each size."""
    kinds = [Scene(shape, color, 0) for shape in range(len(SHAPES)) for color in range(len(COLORS))]
    best = (images @ reader.texts([caption(kind, Plain()) for kind in kinds]).T).argmax(1).tolist()
    answers = [kinds[index] for index in best]
    right = [(a.shape == s.shape, a.color == s.color) for a, s in zip(answers, scenes)]
    both = [shape and color for shape, color in right]
    result = {f"shape and color, of {len(kinds)}": share(both)}
    result["shape alone"] = share([shape for shape, _ in right])
    result["color alone"] = share([color for _, color in right])
    for size, name in enumerate(SIZES):
        result[f"shape and color of {name} things"] = share([hit for hit, s in zip(both, scenes) if s.size == size])
    return result


def choices(scene, field, values):
    """The scene's kind with each value of one more field."""
    known = {"shape": scene.shape, "color": scene.color, "count": scene.count}
    return [Scene(**{**known, **(value if isinstance(value, dict) else {field: value})}) for value in values]


def probe(reader, scenes, images, field, values):
    """Of captions that differ in one thing, how often the right one is the nearest."""
    hits = []
    cache = {}
    for scene, image in zip(scenes, images):
        options = choices(scene, field, values)
        if sum(truths(options, [scene])[:, 0].tolist()) != 1:
            continue  # a property that this scene does not have
        key = tuple(option.fields() for option in options)
        if key not in cache:
            cache[key] = reader.texts([caption(option, Plain()) for option in options])
        best = options[int((cache[key] @ image).argmax())]
        hits.append(bool(truths([best], [scene])[0, 0]))
    return share(hits), len(hits)


def retrieval(reader, scenes, images):
    """Each picture's whole caption: is the nearest picture one that it is true of? One of the nearest five?"""
    said = [sayable(scene) for scene in scenes]
    cosines = reader.texts([caption(one, Plain()) for one in said]) @ images.T
    true = truths(said, scenes)
    nearest = cosines.topk(5).indices
    hits = true.gather(1, nearest)
    return hits[:, 0].float().mean().item(), hits.any(1).float().mean().item(), true.float().sum(1).mean().item()


def measure(directory, seed, count):
    """(what, result) of everything that is measured, as a person reads it."""
    reader = Reader(directory)
    rows = []
    scenes, pictures = fresh(seed, count, only_one=True)
    images = reader.pictures(pictures)
    for what, value in zero_shot(reader, scenes, images).items():
        rows.append((f"zero-shot top-1: {what}", f"{value:.1%}", value))
    probes = [
        ("size", "size, of 2", [SIZES.index("small"), SIZES.index("large")]),
        ("place", "place, of 9", [{"column": c, "row": r} for c in range(len(COLUMNS)) for r in range(len(ROWS))]),
        ("background", f"background, of {len(BACKGROUNDS)}", range(len(BACKGROUNDS))),
    ]
    for field, what, values in probes:
        value, _ = probe(reader, scenes, images, field, values)
        rows.append((f"zero-shot top-1: {what}, kind known", f"{value:.1%}", value))
    scenes, pictures = fresh(seed, count, only_one=False)
    images = reader.pictures(pictures)
    value, _ = probe(reader, scenes, images, "count", range(len(COUNTS)))
    rows.append((f"zero-shot top-1: count, of {len(COUNTS)}, kind known", f"{value:.1%}", value))
    first, five, true = retrieval(reader, scenes, images)
    what = f"text to image, of {count} pictures"
    rows.append((f"{what}: R@1", f"{first:.1%}", first))
    rows.append((f"{what}: R@5", f"{five:.1%}", five))
    rows.append(("pictures that a caption is true of, on average", f"{true:.2f}", true))
    return rows


