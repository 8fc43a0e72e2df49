"""What transformers computes for every model and image, stage by stage where it helps to find an error."""

import json

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel, CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from .files import ROOT, fresh_directory, write_json, write_tensors
from .models import SPECS
from .pictures import drop_alpha, open_upright
from .separation import closest_pair, effects_of_mistakes

# Lossless pictures, so that every value has to agree.
STAGE_IMAGES = ["rgb-photo.png", "bits-text.png"]
PIXEL_IMAGES = [
    *STAGE_IMAGES, "rgba.png", "palette.png", "rgb-1x1.png", "rgb-3x500.png", "rgb-20x13.png", "rgb-225x224.png",
    "rgb-500x375.png",
]
LARGE_IMAGE = 200  # from this image size on, pixel tensors are kept as u8 and only for PIXEL_IMAGES


def load_processor(directory):
    """transformers' Pillow processor as the model's files, or their absence, have it."""
    if (directory / "preprocessor_config.json").exists():
        return CLIPImageProcessorPil.from_pretrained(directory)
    return CLIPImageProcessorPil()


def load_model(directory):
    """The model in f32, whatever its storage; every tensor of the file used and none missing."""
    whole = json.loads((directory / "config.json").read_text())["model_type"] == "clip"
    kind = CLIPModel if whole else CLIPVisionModelWithProjection
    model, loading = kind.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    position_ids = {"text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"}
    unexpected = set(loading["unexpected_keys"]) - position_ids
    if loading["missing_keys"] or unexpected or loading["mismatched_keys"]:
        raise ValueError(f"{directory.name}: {loading}")
    return model.eval()


def pixel_tensor(processor, image):
    """f32 (3, H, W), as the model sees it."""
    return processor(image, return_tensors="np")["pixel_values"][0]


def pixel_bytes(processor, image):
    """u8 (H, W, 3): resized and cropped, neither rescaled nor normalised."""
    chw = processor(image, return_tensors="np", do_rescale=False, do_normalize=False)["pixel_values"][0]
    if chw.dtype != np.uint8:
        raise ValueError(f"expected bytes, got {chw.dtype}")
    return np.moveaxis(chw, 0, -1)


def embed(model, pixels):
    """The projected embedding, not normalised."""
    batch = torch.from_numpy(np.ascontiguousarray(pixels)).unsqueeze(0)
    with torch.no_grad():
        if isinstance(model, CLIPModel):
            return model.get_image_features(batch).pooler_output[0].numpy()
        return model(batch).image_embeds[0].numpy()


def unit(embedding):
    """L2-normalised in f32, as `x / x.norm()` in torch."""
    tensor = torch.from_numpy(embedding)
    return (tensor / tensor.norm()).numpy()


def stages(model, pixels):
    """The activations along the vision tower, by name."""
    tower = model.vision_model
    found = {}

    def keep(name):
        return lambda module, inputs, output: found.__setitem__(name, output)

    modules = {
        "embeddings": tower.embeddings,
        "pre_layrnorm": tower.pre_layrnorm,
        "pooled": tower.post_layernorm,
        "projected": model.visual_projection,
        **{f"layer.{index}": layer for index, layer in enumerate(tower.encoder.layers)},
    }
    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    embed(model, pixels)
    for handle in handles:
        handle.remove()
    return {name: output[0].numpy() for name, output in found.items()}


def keeps_bytes(spec, file):
    """Whether pixels_u8 is kept: small tensors always; of the large ones some, and the same pipeline's only once."""
    if spec.image < LARGE_IMAGE:
        return True
    return file in (PIXEL_IMAGES if spec.preprocessor else STAGE_IMAGES)


def expected_of_image(spec, processor, model, row):
    """All goldens of one model and one image, by tensor name."""
    file, large = row["file"], spec.image >= LARGE_IMAGE
    upright = open_upright(ROOT / "images" / file)
    rgb = drop_alpha(upright)
    pixels = pixel_tensor(processor, rgb)
    tensors = {f"embedding/{file}": unit(embed(model, pixels))}
    if keeps_bytes(spec, file):
        tensors[f"pixels_u8/{file}"] = pixel_bytes(processor, rgb)
    if not large and file in PIXEL_IMAGES:
        tensors[f"pixels/{file}"] = pixels
    if file in STAGE_IMAGES:
        tensors.update({f"stage/{file}/{name}": value for name, value in stages(model, pixels).items()})
    if row["alpha"]:  # given the transparent picture itself, transformers composites it over white
        tensors[f"embedding_white/{file}"] = unit(embed(model, pixel_tensor(processor, upright)))
        if not large:
            tensors[f"pixels_u8_white/{file}"] = pixel_bytes(processor, upright)
    return tensors


def write_expected(rows):
    """expected/<model>.safetensors, and separation.json."""
    directory = fresh_directory("expected")
    summary = {}
    for spec in SPECS:
        files = ROOT / "models" / spec.name
        processor, model = load_processor(files), load_model(files)
        tensors = {}
        for row in rows:
            tensors.update(expected_of_image(spec, processor, model, row))
        write_tensors(directory / f"{spec.name}.safetensors", tensors)
        embeddings = {row["file"]: tensors[f"embedding/{row['file']}"] for row in rows}
        inputs = [pixel_tensor(processor, drop_alpha(open_upright(ROOT / "images" / file))) for file in STAGE_IMAGES]
        summary[spec.name] = {
            **closest_pair(embeddings, rows),
            "mistakes": effects_of_mistakes(spec, model, lambda: [unit(embed(model, pixels)) for pixels in inputs]),
        }
        print(json.dumps({spec.name: summary[spec.name]}, indent=2))
    write_json(ROOT / "separation.json", summary)
