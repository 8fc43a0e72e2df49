"""Forms of preprocessor_config.json beyond those of the models, each with transformers' pixel tensors."""

from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from .embeddings import pixel_tensor
from .files import ROOT, write_json, write_tensors
from .models import CLIP_MEAN, CLIP_STD
from .pictures import drop_alpha, open_upright

IMAGES = ["rgb-photo.png", "bits-text.png", "rgb-20x13.png"]

# name -> what the file holds; what it does not hold is CLIP's default.
CONFIGS = {
    **{
        f"resample-{resample}": {"size": {"shortest_edge": 24}, "crop_size": {"height": 24, "width": 24}, "resample": resample}
        for resample in range(4)
    },
    "numbers": {"size": 24, "crop_size": 20},
    "crop-rectangle": {"size": {"shortest_edge": 24}, "crop_size": {"height": 18, "width": 23}},
    "crop-larger-than-size": {"size": {"shortest_edge": 19}, "crop_size": {"height": 32, "width": 29}},
    "size-rectangle": {"size": {"height": 21, "width": 34}, "do_center_crop": False},
    "size-rectangle-then-crop": {"size": {"height": 30, "width": 17}, "crop_size": 24},
    "no-resize": {"do_resize": False, "crop_size": 25},
    "no-crop": {"size": {"shortest_edge": 16}, "do_center_crop": False},
    "no-rescale": {"size": 16, "crop_size": 16, "do_rescale": False},
    "no-normalize": {"size": 16, "crop_size": 16, "do_normalize": False},
    "neither-rescale-nor-normalize": {"size": 16, "crop_size": 16, "do_rescale": False, "do_normalize": False},
    "rescale-factor": {"size": 16, "crop_size": 16, "rescale_factor": 0.00784313725490196, "do_normalize": False},
    "half-mean": {"size": 16, "crop_size": 16, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]},
    "old-extractor": {
        "crop_size": 16, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": CLIP_MEAN, "image_std": CLIP_STD,
        "resample": 3, "size": 16,
    },
    "everything-off": {
        "do_resize": False, "do_center_crop": False, "do_rescale": False, "do_normalize": False,
        "do_convert_rgb": True,
    },
}


def write_preprocessing():
    """preprocess.json (name -> config) and preprocess.safetensors (`<name>/<image>`: f32 or u8, (3, H, W))."""
    tensors = {}
    for name, config in CONFIGS.items():
        processor = CLIPImageProcessorPil(**config)
        for file in IMAGES:
            image = drop_alpha(open_upright(ROOT / "images" / file))
            tensors[f"{name}/{file}"] = pixel_tensor(processor, image).astype("float32")
    write_json(ROOT / "preprocess.json", {"images": IMAGES, "configs": CONFIGS})
    write_tensors(ROOT / "preprocess.safetensors", tensors)
