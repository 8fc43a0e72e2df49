"""Do the goldens tell right from wrong? Measured: how far pictures lie apart, and what typical mistakes change."""

from contextlib import contextmanager

import numpy as np
import torch
from transformers.activations import ACT2FN


def closest_pair(embeddings, rows):
    """The largest cosine between unit embeddings of different subjects, and whose it is."""
    subjects = {row["file"]: row["subject"] for row in rows}
    files = list(embeddings)
    matrix = np.stack([embeddings[file] for file in files])
    cosines = matrix @ matrix.T
    pairs = [
        (float(cosines[i, j]), files[j], files[i])
        for i in range(len(files))
        for j in range(i)
        if subjects[files[i]] != subjects[files[j]]
    ]
    cosine, first, second = max(pairs)
    above = sum(pair[0] > 0.9 for pair in pairs)
    return {"closest_pair": [first, second], "cosine": round(cosine, 4), "pairs": len(pairs), "pairs_above_0.9": above}


@contextmanager
def attribute(objects, name, value):
    """Every object's attribute is another for a while."""
    before = [getattr(thing, name) for thing in objects]
    for thing in objects:
        setattr(thing, name, value)
    yield
    for thing, old in zip(objects, before):
        setattr(thing, name, old)


@contextmanager
def weight(parameter, change):
    """A parameter holds `change(parameter)` for a while."""
    before = parameter.data.clone()
    parameter.data.copy_(change(before))
    yield
    parameter.data.copy_(before)


def mistakes(spec, model):
    """What an implementation gets wrong: name -> a context in which the model is wrong in that way."""
    tower = model.vision_model
    layers = tower.encoder.layers
    norms = [module for module in tower.modules() if isinstance(module, torch.nn.LayerNorm)]
    attentions = [layer.self_attn for layer in layers]
    convolution = tower.embeddings.patch_embedding.weight
    result = {
        f"activation {name}": attribute([layer.mlp for layer in layers], "activation_fn", ACT2FN[name])
        for name in ("quick_gelu", "gelu", "gelu_pytorch_tanh")
        if name != spec.activation
    }
    if spec.eps != 1e-5:
        result["layer_norm_eps 1e-5"] = attribute(norms, "eps", 1e-5)
    result["attention not scaled"] = attribute(attentions, "scale", 1.0 if attentions[0].scale != 1.0 else 0.5)
    if spec.heads % 2 == 0:
        result["half the heads"] = attribute(attentions, "head_dim", 2 * attentions[0].head_dim)
    result["no positions"] = weight(tower.embeddings.position_embedding.weight, torch.zeros_like)
    result["BGR"] = weight(convolution, lambda kernel: kernel.flip(1))
    result["patch transposed"] = weight(convolution, lambda kernel: kernel.transpose(2, 3))
    result["no query bias"] = weight(attentions[0].q_proj.bias, torch.zeros_like)
    result["uniform attention"] = weight(attentions[0].k_proj.weight, torch.zeros_like)
    return result


def effects_of_mistakes(spec, model, embeddings):
    """For each mistake the smallest cosine and the largest difference between right and wrong unit embeddings.

    `embeddings` computes a list of them with the model as it then is.
    """
    right = embeddings()
    effects = {}
    for name, wrongly in mistakes(spec, model).items():
        with wrongly:
            wrong = embeddings()
        cosine = min(float(a.astype(np.float64) @ b.astype(np.float64)) for a, b in zip(right, wrong))
        difference = max(float(np.abs(a - b).max()) for a, b in zip(right, wrong))
        effects[name] = {"cosine": round(cosine, 7), "max_difference": float(f"{difference:.3g}")}
    return effects
