"""The model: a CLIP of about 1.2 million weights, trained from scratch on scenes and captions."""

import json
import math
import random
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel

from .pictures import draw
from .words import (
    ANY, BACKGROUNDS, COLORS, COLUMNS, COUNTS, NONE, ROWS, SHAPES, SIZES, caption, meaning, random_scene,
)

IMAGE = 64
LENGTH = 32  # tokens of a text
CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
PREPROCESSOR = {
    "crop_size": {"height": IMAGE, "width": IMAGE},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": CLIP_MEAN,
    "image_processor_type": "CLIPImageProcessor",
    "image_std": CLIP_STD,
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": IMAGE},
}
LARGEST_SCALE = math.log(100)
REPORT_EVERY = 50  # steps
# What the tutor asks for: the scene's fields, in their order.
HEADS = {
    "shape": SHAPES, "color": COLORS, "count": COUNTS, "size": SIZES, "column": COLUMNS, "row": ROWS,
    "background": BACKGROUNDS,
}
EASY_STEPS = 200  # what is learned of large things on plain ground carries over
SHOWN = 0.15  # of a patch, from which on it is one of a thing


def configuration(tokenizer):
    layer = {"hidden_act": "quick_gelu", "num_attention_heads": 4, "projection_dim": 96}
    return CLIPConfig(
        projection_dim=96,
        attn_implementation="eager",  # on a CPU, the fused kernel's backward pass takes three times as long
        vision_config={
            **layer, "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4, "image_size": IMAGE,
            "patch_size": 8,
        },
        text_config={
            **layer, "hidden_size": 96, "intermediate_size": 384, "num_hidden_layers": 2, "vocab_size": len(tokenizer),
            "max_position_embeddings": LENGTH, "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id,
        },
    )


# ----------------------------------------------------------------------------------------------------- training data


def picture_bytes(image):
    """u8 (IMAGE, IMAGE, 3), as the model's own preprocessing makes it."""
    shorter = min(image.size)
    wide, tall = (IMAGE * edge // shorter for edge in image.size)
    left, top = (wide - IMAGE) // 2, (tall - IMAGE) // 2
    resized = image.resize((wide, tall), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + IMAGE, top + IMAGE)), np.uint8)


@dataclass
class Drawn:
    """Scenes, their pictures, u8 (count, IMAGE, IMAGE, 3), and where the things are, u8 (count, IMAGE/2, IMAGE/2)."""

    scenes: list
    pictures: np.ndarray
    things: np.ndarray


def draw_range(seed, start, stop):
    count = stop - start
    drawn = Drawn([], np.empty((count, IMAGE, IMAGE, 3), np.uint8), np.empty((count, IMAGE // 2, IMAGE // 2), np.uint8))
    for index in range(count):
        rng = random.Random(f"{seed}/{start + index}")
        scene = random_scene(rng)
        picture, things = draw(scene, rng)
        drawn.scenes.append(scene)
        drawn.pictures[index] = picture_bytes(picture)
        drawn.things[index] = things.resize((IMAGE // 2, IMAGE // 2), Image.Resampling.BOX)
    return drawn


def draw_many(seed, count, workers, chunk=1000):
    """The first `count` pictures of a seed, the same for every number of workers."""
    starts = range(0, count, chunk)
    with ProcessPoolExecutor(workers) as pool:
        parts = list(
            pool.map(draw_range, [seed] * len(starts), starts, [min(count, start + chunk) for start in starts])
        )
    return Drawn(
        [scene for part in parts for scene in part.scenes],
        np.concatenate([part.pictures for part in parts]),
        np.concatenate([part.things for part in parts]),
    )


def pixel_tensor(pictures):
    """f32 (batch, 3, IMAGE, IMAGE), normalized, of u8 (batch, IMAGE, IMAGE, 3).

    Contiguous, or the backward pass of the patch embedding takes longer than all the rest.
    """
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous().float() / 255
    mean, std = torch.tensor(CLIP_MEAN).view(3, 1, 1), torch.tensor(CLIP_STD).view(3, 1, 1)
    return (x - mean) / std


def shifted(pixels, x, y):
    """The whole batch moved by a few pixels, the border repeated."""
    most, edge = max(abs(x), abs(y)), pixels.shape[-1]
    padded = F.pad(pixels, (most,) * 4, mode="replicate")
    return padded[..., most + y : most + y + edge, most + x : most + x + edge]


def token_ids(tokenizer, texts):
    return tokenizer(texts, padding=True, truncation=True, max_length=LENGTH, return_tensors="pt").input_ids


def truths(meanings, scenes):
    """(captions, scenes): whether each caption is true of each scene."""
    said = torch.tensor([meaning.fields() for meaning in meanings])[:, None]
    seen = torch.tensor([scene.fields() for scene in scenes])[None]
    return ((said == ANY) | (said == seen)).all(-1)


# ----------------------------------------------------------------------------------------------------------- training


def waves(positions, channels, longest):
    """(positions, channels): sines and cosines of growing wavelength, as "Attention is all you need" has them."""
    rates = longest ** -torch.linspace(0, 1, channels // 2)
    angles = positions[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


def place_patches(model, amplitude=0.3):
    """Starts the patches' positions as waves along both axes, as strong as what the patches hold.

    With CLIP's own faint random start most of the training goes by before attention knows left from right.
    """
    config = model.config.vision_config
    grid, half = config.image_size // config.patch_size, config.hidden_size // 2
    row, column = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    positions = torch.cat([waves(axis.flatten().float(), half, grid) for axis in (row, column)], 1)
    with torch.no_grad():
        model.vision_model.embeddings.position_embedding.weight[1:] = amplitude * positions


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def image_embeddings(model, pixels):
    return unit(model.visual_projection(model.vision_model(pixels).pooler_output))


def text_embeddings(model, ids):
    return unit(model.text_projection(model.text_model(ids).pooler_output))


def contrastive_loss(logits, true):
    """CLIP's loss, both ways, with all pairs that are true shared as the target, not only the diagonal.

    `logits` (texts, images). <https://arxiv.org/abs/2004.11362>, the sum outside the logarithm.
    """
    def one_way(logits, true):
        target = true / true.sum(-1, keepdim=True)
        return -(target * F.log_softmax(logits, dim=-1)).sum(-1).mean()

    true = true.float()
    return (one_way(logits, true) + one_way(logits.T, true.T)) / 2


class Tutor(torch.nn.Module):
    """Easier tasks that the vision tower learns beside, and that are forgotten afterward.

    Halfway up, each patch tells where in it the things are; before the last layer, each patch of a thing tells its shape; at
    the top, the class token tells every field of the scene. Without them the first half of the training knows nothing but
    colors.
    """

    def __init__(self, config):
        super().__init__()
        self.cells = config.patch_size // 2
        self.halfway = config.num_hidden_layers // 2
        self.where = torch.nn.Linear(config.hidden_size, self.cells**2)
        self.shape = torch.nn.Linear(config.hidden_size, len(SHAPES))
        self.fields = torch.nn.ModuleDict({name: torch.nn.Linear(config.hidden_size, len(of)) for name, of in HEADS.items()})

    def forward(self, seen, things, scenes):
        """The loss of the three tasks, of the output of the vision tower and of where the things are, (batch, edge, edge)."""
        answers = torch.tensor([scene.fields() for scene in scenes])
        cells = F.unfold(things[:, None], self.cells, stride=self.cells).transpose(1, 2)  # (batch, patches, cells)
        where = F.binary_cross_entropy_with_logits(self.where(seen.hidden_states[self.halfway][:, 1:]).float(), cells)
        shown = cells.mean(-1) > SHOWN
        shape = F.cross_entropy(
            self.shape(seen.hidden_states[-2][:, 1:][shown]).float(),
            answers[:, :1].expand(shown.shape)[shown],
        )
        fields = [
            F.cross_entropy(head(seen.pooler_output).float(), answers[:, index], ignore_index=NONE)
            for index, head in enumerate(self.fields.values())
        ]
        return where, shape, sum(fields) / len(fields)


def pace(step, steps, warmup=100, fall=0.35):
    """The learning rate as a part of its peak: up, level, and down over the last part of the steps, in straight lines."""
    return min(1, (step + 1) / warmup, (steps - step) / (fall * steps))


def easy(scene):
    """Whether the training begins with a scene: one thing, not small, on a plain background."""
    return scene.count == 0 and SIZES[scene.size] != "small" and scene.background < len(COLORS)


def optimizers(model, peak, decay):
    """Muon for the layers' matrices, which learn in fewer steps by it; AdamW, at half the rate, for all else."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=peak, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=peak / 2, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.0),
    ]


def train(tokenizer, drawn, *, seed, steps, batch, peak, decay):
    """A trained model."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = CLIPModel(configuration(tokenizer))
    place_patches(model)
    tutor = Tutor(model.config.vision_config)
    both = torch.nn.ModuleList([model, tutor])
    steppers = optimizers(both, peak, decay)
    schedules = [torch.optim.lr_scheduler.LambdaLR(stepper, lambda step: pace(step, steps)) for stepper in steppers]
    every = range(len(drawn.scenes))
    first = [index for index in every if easy(drawn.scenes[index])]
    began, sums, order = time.monotonic(), np.zeros(4), []
    for step in range(steps):
        if len(order) < batch:
            order = rng.sample(first, len(first)) if step < EASY_STEPS else rng.sample(every, len(every))
        chosen, order = order[:batch], order[batch:]
        scenes = [drawn.scenes[index] for index in chosen]
        meanings = [meaning(scene, rng) for scene in scenes]
        ids = token_ids(tokenizer, [caption(said, rng) for said in meanings])
        x, y = rng.randint(-1, 1), rng.randint(-1, 1)
        pixels = shifted(pixel_tensor(drawn.pictures[chosen]), 2 * x, 2 * y)
        things = shifted(torch.from_numpy(drawn.things[chosen]).float()[:, None] / 255, x, y)[:, 0]
        with torch.autocast("cpu", torch.bfloat16):
            seen = model.vision_model(pixels, output_hidden_states=True)
            images, texts = unit(model.visual_projection(seen.pooler_output)), text_embeddings(model, ids)
            lessons = tutor(seen, things, scenes)
        logits = model.logit_scale.exp() * texts.float() @ images.float().T
        loss = contrastive_loss(logits, truths(meanings, scenes))
        (loss + sum(lessons)).backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        for stepper, schedule in zip(steppers, schedules):
            stepper.step()
            stepper.zero_grad()
            schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, LARGEST_SCALE)
        sums += [part.item() for part in (loss, *lessons)]
        if (step + 1) % REPORT_EVERY == 0:
            means = " + ".join(f"{mean:.3f}" for mean in sums / REPORT_EVERY)
            scale, elapsed = model.logit_scale.exp(), time.monotonic() - began
            print(f"step {step + 1}/{steps}  loss {means}  scale {scale:.1f}  {elapsed:.0f} s", flush=True)
            sums[:] = 0
    return model.eval()


# -------------------------------------------------------------------------------------------------------------- files


def write(model, tokenizer, directory):
    """config.json, preprocessor_config.json, model.safetensors in f16."""
    config = {**json.loads(model.config.to_json_string()), "architectures": ["CLIPModel"], "dtype": "float16"}
    (directory / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (directory / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=2) + "\n")
    tensors = {name: tensor.to(torch.float16).contiguous() for name, tensor in sorted(model.state_dict().items())}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "model.safetensors").chmod(0o644)
