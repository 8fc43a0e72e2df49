"""Small random-weight CLIP models in Hugging Face layout, each with something that an implementation can get wrong."""

from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import save_file

from .files import fresh_directory, write_json
from .tokens import TOKENIZER, write_tokenizer

CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
LEGACY_EOS = 2  # old files: the end token is the largest id of the sequence
EOS = TOKENIZER.eos_token_id
STORAGE = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass
class TextSpec:
    length: int
    eos: int  # LEGACY_EOS, or the end token's id
    tokenizer: str  # a form of write_tokenizer
    vocab: int = len(TOKENIZER)
    hidden: int = 32
    heads: int = 2
    intermediate: int = 64
    layers: int = 2


@dataclass
class ModelSpec:
    """The shape of a model, the form of its files, and how strongly its parts act on the embedding."""

    name: str
    seed: int
    image: int
    patch: int
    hidden: int
    heads: int
    intermediate: int
    layers: int
    projection: int
    activation: str
    storage: str
    config_style: str  # a key of CONFIG_STYLES
    preprocessor: dict | None
    eps: float = 1e-5
    text: TextSpec | None = None
    position_ids: bool = False
    stream: float = 1.0  # scale of the residual stream: small makes layer_norm_eps matter
    patch_gain: float = 3.0
    mean_kept: float = 0.3  # how much of a patch's mean color its embedding keeps

    @property
    def positions(self):
        return (self.image // self.patch) ** 2 + 1


def processor(size, crop, resample=3, **extra):
    """A preprocessor_config.json of today's form, with CLIP's mean and std."""
    return {
        "crop_size": crop,
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": CLIP_MEAN,
        "image_processor_type": "CLIPImageProcessor",
        "image_std": CLIP_STD,
        "resample": resample,
        "rescale_factor": 0.00392156862745098,
        "size": size,
        **extra,
    }


def feature_extractor(size, resample=3):
    """The form of openai/clip-vit-base-patch32: bare numbers, and no do_rescale, do_convert_rgb, rescale_factor."""
    return {
        "crop_size": size,
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": CLIP_MEAN,
        "image_std": CLIP_STD,
        "resample": resample,
        "size": size,
    }


SPECS = [
    # The published shape of B/32 in little: 224 px, both towers, the oldest files' form.
    ModelSpec(
        "b32-tiny", 601, image=224, patch=32, hidden=64, heads=4, intermediate=128, layers=2, projection=64,
        activation="quick_gelu", storage="float16", config_style="legacy", preprocessor=feature_extractor(224),
        text=TextSpec(length=77, eos=LEGACY_EOS, tokenizer="json"), position_ids=True,
    ),
    # Widths that no SIMD lane divides.
    ModelSpec(
        "odd-widths", 302, image=30, patch=6, hidden=30, heads=2, intermediate=53, layers=3, projection=37,
        activation="quick_gelu", storage="float32", config_style="vision", eps=1e-3, stream=0.05,
        preprocessor=feature_extractor(30),
    ),
    # Patch 14, head size 16; the truth is in the *_config_dict, beside stale defaults.
    ModelSpec(
        "patch14-gelu", 103, image=42, patch=14, hidden=48, heads=3, intermediate=96, layers=2, projection=24,
        activation="gelu", storage="float32", config_style="config-dict", eps=1e-6,
        preprocessor=processor({"shortest_edge": 42}, {"height": 42, "width": 42}, resample=2),
        text=TextSpec(length=16, eos=EOS, tokenizer="vocab"), position_ids=True, stream=0.02,
    ),
    # bf16, the tanh GELU, resized to a square without a crop, values in [-1, 1].
    ModelSpec(
        "tanh-bf16", 304, image=56, patch=8, hidden=40, heads=5, intermediate=100, layers=2, projection=40,
        activation="gelu_pytorch_tanh", storage="bfloat16", config_style="vision", mean_kept=0.5,
        preprocessor=processor(
            {"height": 56, "width": 56}, {"height": 56, "width": 56}, resample=1, do_center_crop=False,
            rescale_factor=0.00784313725490196, image_mean=[1.0, 1.0, 1.0], image_std=[1.0, 1.0, 1.0],
        ),
    ),
    # Today's config.json of a whole CLIP in f16; nearest neighbor, no normalisation; head size 64.
    ModelSpec(
        "nearest-f16", 1905, image=48, patch=16, hidden=64, heads=1, intermediate=72, layers=2, projection=33,
        activation="gelu", storage="float16", config_style="new",
        preprocessor=processor({"shortest_edge": 48}, 48, resample=0, do_normalize=False),
        text=TextSpec(length=32, eos=EOS, tokenizer="padded"), patch_gain=8.0, mean_kept=0.1,
    ),
    # No resize: crops large pictures, pads small ones; 37 px are not whole patches of 5; a large epsilon.
    ModelSpec(
        "crop-only", 906, image=37, patch=5, hidden=24, heads=4, intermediate=60, layers=2, projection=20,
        activation="gelu_pytorch_tanh", storage="float32", config_style="vision-old", eps=1e-2, stream=0.2,
        patch_gain=8.0, mean_kept=0.5,
        preprocessor=processor(37, 37, do_resize=False),
    ),
    # The token count of L/14 (257), and no preprocessor_config.json: CLIP's defaults.
    ModelSpec(
        "no-preprocessor", 1107, image=224, patch=14, hidden=32, heads=2, intermediate=64, layers=2, projection=48,
        activation="quick_gelu", storage="bfloat16", config_style="vision", preprocessor=None,
    ),
]


class WeightMaker:
    """Draws named tensors in a fixed order."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.tensors = {}

    def normal(self, name, shape, std, mean=0.0):
        self.tensors[name] = self.rng.normal(mean, std, shape)

    def linear(self, name, rows, columns, gain, bias=0.1, bias_mean=0.0):
        self.normal(f"{name}.weight", (rows, columns), gain / np.sqrt(columns))
        if bias:
            self.normal(f"{name}.bias", (rows,), bias, bias_mean)

    def layer_norm(self, name, width, scale=1.0, bias=0.1):
        self.normal(f"{name}.weight", (width,), 0.2 * scale, scale)
        self.normal(f"{name}.bias", (width,), bias * scale)

    def encoder(self, prefix, layers, hidden, intermediate, stream):
        """Sharp attention (gain of q and k), branches as strong as the residual stream.

        The bias of fc1 puts most activations where the GELUs differ most in proportion to their size.
        """
        for index in range(layers):
            layer = f"{prefix}.encoder.layers.{index}"
            for part, gain in (("q", 1.2), ("k", 1.2), ("v", 1.5)):
                self.linear(f"{layer}.self_attn.{part}_proj", hidden, hidden, gain)
            self.linear(f"{layer}.self_attn.out_proj", hidden, hidden, 1.5 * stream, 0.1 * stream)
            self.layer_norm(f"{layer}.layer_norm1", hidden)
            self.linear(f"{layer}.mlp.fc1", intermediate, hidden, 1.0, 0.3, -1.2)
            self.linear(f"{layer}.mlp.fc2", hidden, intermediate, 5.0 * stream, 0.1 * stream)
            self.layer_norm(f"{layer}.layer_norm2", hidden)

    def patch_embedding(self, name, hidden, patch, gain, mean_kept):
        """Coarse kernels (3 x 3 fields) with a little fine structure, and only a part of the mean color.

        So structure counts, while the odd level by which two JPEG decoders differ does not.
        """
        scale = np.sqrt(3 * patch * patch)
        field = np.arange(patch) * 3 // patch
        coarse = self.rng.normal(0, gain / scale, (hidden, 3, 3, 3))[:, :, field][:, :, :, field]
        fine = self.rng.normal(0, 0.2 / scale, (hidden, 3, patch, patch))
        weight = coarse + fine
        self.tensors[name] = weight - (1 - mean_kept) * weight.mean(axis=(2, 3), keepdims=True)


def make_weights(spec):
    """All tensors of the file in float64, but position_ids."""
    maker = WeightMaker(spec.seed)
    vision = "vision_model"
    maker.normal(f"{vision}.embeddings.class_embedding", (spec.hidden,), 0.3)
    maker.patch_embedding(
        f"{vision}.embeddings.patch_embedding.weight", spec.hidden, spec.patch, spec.patch_gain, spec.mean_kept
    )
    maker.normal(f"{vision}.embeddings.position_embedding.weight", (spec.positions, spec.hidden), 0.4)
    maker.layer_norm(f"{vision}.pre_layrnorm", spec.hidden, spec.stream)
    maker.encoder(vision, spec.layers, spec.hidden, spec.intermediate, spec.stream)
    maker.layer_norm(f"{vision}.post_layernorm", spec.hidden)
    maker.linear("visual_projection", spec.projection, spec.hidden, 1.0, bias=0)
    if spec.text:
        add_text_tower(maker, spec.text, spec.projection)
    return maker.tensors


def add_text_tower(maker, text, projection):
    prefix = "text_model"
    maker.normal(f"{prefix}.embeddings.token_embedding.weight", (text.vocab, text.hidden), 1.0)
    maker.normal(f"{prefix}.embeddings.position_embedding.weight", (text.length, text.hidden), 0.3)
    maker.encoder(prefix, text.layers, text.hidden, text.intermediate, 1.0)
    maker.layer_norm(f"{prefix}.final_layer_norm", text.hidden)
    maker.linear("text_projection", projection, text.hidden, 1.0, bias=0)
    maker.tensors["logit_scale"] = np.array(4.6052)


def stored_tensors(spec):
    """The tensors as the file holds them: rounded to the storage type, buffers of old files included."""
    storage = STORAGE[spec.storage]
    tensors = {name: torch.from_numpy(np.asarray(value)).to(storage) for name, value in make_weights(spec).items()}
    if spec.position_ids:
        tensors["vision_model.embeddings.position_ids"] = torch.arange(spec.positions).unsqueeze(0)
        if spec.text:
            tensors["text_model.embeddings.position_ids"] = torch.arange(spec.text.length).unsqueeze(0)
    return tensors


def vision_fields(spec):
    return {
        "attention_dropout": 0.0,
        "hidden_act": spec.activation,
        "hidden_size": spec.hidden,
        "image_size": spec.image,
        "initializer_factor": 1.0,
        "initializer_range": 0.02,
        "intermediate_size": spec.intermediate,
        "layer_norm_eps": spec.eps,
        "model_type": "clip_vision_model",
        "num_attention_heads": spec.heads,
        "num_channels": 3,
        "num_hidden_layers": spec.layers,
        "patch_size": spec.patch,
        "projection_dim": spec.projection,
    }


def text_fields(spec):
    text = spec.text
    return {
        "attention_dropout": 0.0,
        "bos_token_id": 0 if text.eos == LEGACY_EOS else TOKENIZER.bos_token_id,
        "eos_token_id": text.eos,
        "hidden_act": spec.activation,
        "hidden_size": text.hidden,
        "initializer_factor": 1.0,
        "initializer_range": 0.02,
        "intermediate_size": text.intermediate,
        "layer_norm_eps": spec.eps,
        "max_position_embeddings": text.length,
        "model_type": "clip_text_model",
        "num_attention_heads": text.heads,
        "num_hidden_layers": text.layers,
        "pad_token_id": 1,
        "projection_dim": spec.projection,
        "vocab_size": text.vocab,
    }


def whole(spec, **fields):
    """What every whole CLIP's config.json has."""
    common = {
        "architectures": ["CLIPModel"],
        "initializer_factor": 1.0,
        "logit_scale_init_value": 2.6592,
        "model_type": "clip",
        "projection_dim": spec.projection,
    }
    return {**common, **fields}


def legacy_config(spec):
    """openai/clip-vit-base-patch32: towers with the generation keys of old, and empty *_config_dict.

    The towers' own projection_dim is that of the default (512 in published files) and means nothing:
    the one at the top counts.
    """
    generation = {"add_cross_attention": False, "chunk_size_feed_forward": 0, "dropout": 0.0, "torch_dtype": None,
                  "id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "top_k": 50, "transformers_version": "4.16.0.dev0"}
    return whole(
        spec,
        text_config={**generation, **text_fields(spec), "projection_dim": 512},
        text_config_dict=None,
        torch_dtype=spec.storage,
        transformers_version=None,
        vision_config={**generation, **vision_fields(spec), "projection_dim": 512},
        vision_config_dict=None,
    )


def config_dict_config(spec):
    """Files of the time between: *_config_dict holds the truth and overrules *_config, key by key and defaults too."""
    vision = vision_fields(spec)
    stale = {**vision, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "intermediate_size": 3072}
    text = text_fields(spec)
    return whole(
        spec,
        text_config={**text, "intermediate_size": 2048},
        text_config_dict=text,
        torch_dtype=spec.storage,
        transformers_version="4.24.0",
        vision_config=stale,
        vision_config_dict={key: value for key, value in vision.items() if key != "initializer_range"},
    )


def new_config(spec):
    """As transformers 5 writes a whole CLIP: `dtype`, and no *_config_dict."""
    return whole(
        spec,
        dtype=spec.storage,
        text_config={**text_fields(spec), "dtype": spec.storage},
        transformers_version="5.23.0",
        vision_config={**vision_fields(spec), "dtype": spec.storage},
    )


def vision_config(spec, dtype_key="dtype", version="5.23.0"):
    """A vision tower alone: the fields at the top."""
    return {
        "architectures": ["CLIPVisionModelWithProjection"],
        **vision_fields(spec),
        dtype_key: spec.storage,
        "transformers_version": version,
    }


CONFIG_STYLES = {
    "legacy": legacy_config,
    "config-dict": config_dict_config,
    "new": new_config,
    "vision": vision_config,
    "vision-old": lambda spec: vision_config(spec, "torch_dtype", "4.30.0"),
}


def write_models():
    """models/<name>/ for every spec."""
    root = fresh_directory("models")
    for spec in SPECS:
        directory = root / spec.name
        directory.mkdir()
        write_json(directory / "config.json", CONFIG_STYLES[spec.config_style](spec))
        if spec.preprocessor is not None:
            write_json(directory / "preprocessor_config.json", spec.preprocessor)
        weights = directory / "model.safetensors"
        save_file(stored_tensors(spec), weights, metadata={"format": "pt"})
        weights.chmod(0o644)
        if spec.text:
            write_tokenizer(TOKENIZER, directory, spec.text.tokenizer, spec.text.length)
