"""What transformers computes for texts with the whole models: embeddings, and probabilities of labels for pictures."""

from contextlib import contextmanager

import numpy as np
import torch
from transformers.models.clip import modeling_clip

from .embeddings import load_model, load_processor, pixel_tensor, unit
from .files import ROOT, fresh_directory, write_json, write_rows, write_tensors
from .models import SPECS
from .pictures import drop_alpha, open_upright
from .texts import embedded_texts
from .tokens import TOKENIZER, load_tokenizer, token_ids

LABELLED = ["rgb-photo.png", "bits-text.png"]


def embed_ids(model, ids):
    """The projected embedding, not normalised."""
    with torch.no_grad():
        return model.get_text_features(torch.tensor([ids])).pooler_output[0].numpy()


@contextmanager
def without_causal_mask():
    """Every token sees every other for a while."""
    before = modeling_clip.create_causal_mask
    modeling_clip.create_causal_mask = lambda *args, **kwargs: None
    yield
    modeling_clip.create_causal_mask = before


def probabilities(model, pixels, texts):
    """The softmax over the texts of logits_per_image: one text a forward pass, since lengths differ."""
    with torch.no_grad():
        image = torch.from_numpy(np.ascontiguousarray(pixels)).unsqueeze(0)
        logits = [model(input_ids=torch.tensor([ids]), pixel_values=image).logits_per_image[0, 0] for ids in texts]
        return torch.stack(logits).softmax(-1).numpy()


def lowest_cosine(pairs):
    return round(min(float(a.astype(np.float64) @ b.astype(np.float64)) for a, b in pairs), 7)


def highest_cosine(embeddings, texts):
    """Of texts that differ up to their first end token."""
    seen = [row[: row.index(TOKENIZER.eos_token_id)] for row in texts]
    cosines = [
        float(a @ b)
        for i, (a, row) in enumerate(zip(embeddings, seen))
        for b, other in zip(embeddings[:i], seen)
        if row != other
    ]
    return round(max(cosines), 4)


def text_effects(model, ids, right):
    """How far texts lie apart, and what mistakes change."""
    with without_causal_mask():
        seeing_all = [unit(embed_ids(model, row)) for row in ids]
    tower = model.text_model
    positions = tower.embeddings.position_embedding.weight
    before = positions.data.clone()
    positions.data.zero_()
    nowhere = [unit(embed_ids(model, row)) for row in ids]
    positions.data.copy_(before)
    return {
        "closest_pair": highest_cosine(right, ids),
        "mistakes": {
            "no causal mask": lowest_cosine(zip(right, seeing_all)),
            "no positions": lowest_cosine(zip(right, nowhere)),
        },
    }


def write_text():
    """expected_text/<model>.safetensors, texts.json, separation_text.json."""
    directory = fresh_directory("expected_text")
    texts, ids_of, summary = embedded_texts(), {}, {}
    for spec in SPECS:
        if spec.text is None:
            continue
        files = ROOT / "models" / spec.name
        tokenizer, processor, model = load_tokenizer(files), load_processor(files), load_model(files)
        ids = [token_ids(tokenizer, text, spec.text.length) for text in texts]
        right = [unit(embed_ids(model, row)) for row in ids]
        tensors = {"embeddings": np.stack(right), "logit_scale": model.logit_scale.detach().exp().numpy().reshape(1)}
        for file in LABELLED:
            pixels = pixel_tensor(processor, drop_alpha(open_upright(ROOT / "images" / file)))
            tensors[f"probabilities/{file}"] = probabilities(model, pixels, ids)
        write_tensors(directory / f"{spec.name}.safetensors", tensors)
        ids_of[spec.name] = ids
        summary[spec.name] = text_effects(model, ids, right)
    rows = [[text, *(ids_of[name][index] for name in ids_of)] for index, text in enumerate(texts)]
    write_rows(ROOT / "texts.json", {"models": list(ids_of)}, "rows", rows)
    write_json(ROOT / "separation_text.json", summary)
    print(summary)
