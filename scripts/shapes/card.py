"""The model card: what the model is, how it was made, and its numbers."""

from .words import BACKGROUNDS, COLORS, SHAPES

CARD = """---
license: mit
library_name: transformers
pipeline_tag: zero-shot-image-classification
tags: [clip]
---

# Shapes

A CLIP of {parameters:.1f} million weights that knows simple shapes: trained from scratch, in minutes, on pictures that a
script draws. It is small enough to live in the repository ({megabytes:.1f} MB in f16) and means what it says, so demo, first
example and end-to-end tests of clip-vision work at once, offline. It knows nothing of photographs.

- **Things**: {shapes}
- **Colors**: {colors}
- **Backgrounds**: these colors, and {patterns}
- **Captions** like "a red circle", "two small green stars", "a photo of a large blue ring on a striped background", "a tiny
  pink heart at the top left"; a few synonyms ("disc", "violet", "big")

```python
from transformers import pipeline

classify = pipeline("zero-shot-image-classification", model="models/shapes")
classify("drawing.png", candidate_labels=["red circle", "blue star"], hypothesis_template="a {{}}")
```

## How it was made

`scripts/train_shapes.py` (torch, transformers and Pillow from PyPI; fixed seeds): {pictures:,} pictures of one to four things of a
kind, in three sizes, at nine places, on {backgrounds} kinds of background, from 64 to 512 pixels and square or not, with smooth and hard
edges, outlines, light, blur, noise and JPEG; {steps:,} steps of {batch} of them, each with a fresh caption. The loss is CLIP's, with all
captions and pictures that are true of each other as targets, not only those that were drawn together. Beside it the vision
tower learns easier tasks that are dropped afterward: where in a patch the things are, which shape a patch is of, and each
property of the picture by itself. All of it took {minutes:.0f} minutes of processor time on {cpu}.

| | vision | text |
|---|---|---|
| layers, width, heads, MLP | {vision} | {text} |
| input | {image} px, patches of {patch} | {length} tokens, of {vocab} |

Embeddings have {projection} values.

## Numbers

On {measured:,} + {measured:,} pictures of another seed (one thing each; one to four things), with the files as they are here, read
by transformers ({versions}). `scripts/train_shapes.py --evaluate` prints them.

| measured | |
|---|---|
{rows}

"Kind known" means that all captions name the right shape, color and count and differ in the rest. A caption finds a picture
if it is true of it: {count} pictures hold some that look alike. For comparison, guessing finds {guess:.1%} of {kinds} kinds.

## License

MIT OR Apache-2.0, like the rest of the repository. There is no data but what the script draws.
"""


def listed(names):
    return ", ".join(names)


def card(model, tokenizer, rows, about):
    """The card's text; `about` has what only the training script knows."""
    vision, text = model.config.vision_config, model.config.text_config
    shape = "{0.num_hidden_layers}, {0.hidden_size}, {0.num_attention_heads}, {0.intermediate_size}"
    kinds = len(SHAPES) * len(COLORS)
    return CARD.format(
        parameters=sum(parameter.numel() for parameter in model.parameters()) / 1e6,
        shapes=listed(SHAPES),
        colors=listed(COLORS),
        patterns=listed(BACKGROUNDS[len(COLORS) :]),
        backgrounds=len(BACKGROUNDS),
        vision=shape.format(vision),
        text=shape.format(text),
        image=vision.image_size,
        patch=vision.patch_size,
        length=text.max_position_embeddings,
        vocab=len(tokenizer),
        projection=model.config.projection_dim,
        rows="\n".join(f"| {what} | {shown} |" for what, shown, _ in rows),
        kinds=kinds,
        guess=1 / kinds,
        **about,
    )
