"""Small models of the families for `precision: "int8"`, with weights as those of the benchmark are (tests/bench/python/make_models.py):
activations of about unit variance, gains of the norms as those of trained models; and the same with one gain of each layer's norms
times 8, since trained models have such channels. Widths are multiples of 64, as all published ones are.

A folder each in families_int8/: the model's own files in half precision, expected.json and expected.safetensors, as in families/, without
pixels.
"""

from importlib.metadata import version

import torch

from .families import HALF, pictures, saved, texts
from .files import fresh_directory, write_json, write_tensors

# Of 64 channels: more than six of 768, as the benchmark has it.
OUTLIERS, GAIN = 1, 8.0
WIDTH = 64
SIZES = dict(hidden_size=WIDTH, intermediate_size=128, num_hidden_layers=3, num_attention_heads=2)
VISION = dict(**SIZES, image_size=48, patch_size=8)
TEXT = dict(**SIZES, vocab_size=200, max_position_embeddings=24)
SHOWN = ["rgb-photo.png", "bits-text.png", "rgb-223x301.png", "gray.png"]


def randomise(model, seed, outlier):
    generator = torch.Generator().manual_seed(seed)

    def normal(like, std):
        return torch.randn(like.shape, generator=generator) * std

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "logit" in name:
                parameter.fill_(2.3)
            elif "lambda1" in name:
                parameter.copy_(0.6 + normal(parameter, 0.2))
            elif "norm" in name.lower() or "layrnorm" in name:
                parameter.copy_((1.0 if name.endswith("weight") else 0.0) + normal(parameter, 0.1))
            elif name.endswith("bias"):
                parameter.copy_(normal(parameter, 0.02))
            elif any(part in name for part in ("class_embedding", "cls_token", "position_embedding")):
                parameter.copy_(normal(parameter, 0.3))
            elif any(part in name for part in ("probe", "token_embedding", "word_embeddings")):
                parameter.copy_(normal(parameter, 1.0))
            else:
                parameter.copy_(normal(parameter, parameter[0].numel() ** -0.5))
        if outlier:
            of_layers = ("layer_norm1.weight", "layer_norm2.weight", "norm1.weight", "norm2.weight", "sa_layer_norm.weight", "output_layer_norm.weight", "output.LayerNorm.weight")
            for name, parameter in model.named_parameters():
                if name.endswith(of_layers):
                    parameter[torch.randperm(WIDTH, generator=generator)[:OUTLIERS]] *= GAIN
    return model.eval()


def pixels(processor):
    shown = pictures()
    return torch.stack([torch.from_numpy(processor(shown[name], return_tensors="np")["pixel_values"][0]) for name in SHOWN])


def write(directory, images=(), embeddings=(), ids=None):
    tensors = {f"{name}/embedding": image.numpy() for name, image in zip(SHOWN, images)}
    tensors |= {f"text/{index}": text.numpy() for index, text in enumerate(embeddings)}
    write_tensors(directory / "expected.safetensors", tensors)
    facts = {"pictures": SHOWN if len(images) else [], "texts": ids or []}
    write_json(directory / "expected.json", {**facts, "versions": {name: version(name) for name in ("torch", "transformers", "pillow")}})


def filled(ids, length, pad):
    return torch.tensor([[*one, *[pad] * (length - len(one))] for one in ids])


def siglip(name, outlier):
    from transformers import SiglipConfig, SiglipModel
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    directory = fresh_directory(f"families_int8/{name}")
    model = randomise(SiglipModel._from_config(SiglipConfig(text_config=TEXT, vision_config=VISION), attn_implementation="eager"), 61, outlier)
    model = saved(model, directory, torch.float16)
    settings = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 48, "width": 48}, "image_mean": HALF, "image_std": HALF, "resample": 3}
    write_json(directory / "preprocessor_config.json", settings)
    ids = texts(61, 8, 200, 24, [], [2])
    with torch.no_grad():
        images = model.vision_model(pixel_values=pixels(SiglipImageProcessorPil.from_pretrained(directory))).pooler_output
        embeddings = model.text_model(input_ids=filled(ids, 24, 1)).pooler_output
    write(directory, images, embeddings, ids)


def metaclip2(name, outlier):
    from transformers import MetaClip2Config, MetaClip2Model
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    directory = fresh_directory(f"families_int8/{name}")
    config = MetaClip2Config(text_config={**TEXT, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}, vision_config=VISION, projection_dim=40)
    model = saved(randomise(MetaClip2Model._from_config(config, attn_implementation="eager"), 67, outlier), directory, torch.float16)
    write_json(directory / "preprocessor_config.json", {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 48}, "crop_size": 48})
    ids = texts(67, 8, 200, 24, [0], [2])
    with torch.no_grad():
        shown = pixels(CLIPImageProcessorPil(size={"shortest_edge": 48}, crop_size=48))
        images = model.visual_projection(model.vision_model(pixel_values=shown).pooler_output)
        full = filled(ids, 24, 1)
        embeddings = model.text_projection(model.text_model(input_ids=full, attention_mask=(full != 1).long()).pooler_output)
    write(directory, images, embeddings, ids)


def chinese_clip(name, outlier):
    from transformers import ChineseCLIPConfig, ChineseCLIPModel
    from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil

    directory = fresh_directory(f"families_int8/{name}")
    config = ChineseCLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=40)
    model = saved(randomise(ChineseCLIPModel._from_config(config, attn_implementation="eager"), 97, outlier), directory, torch.float16)
    settings = {"image_processor_type": "ChineseCLIPImageProcessor", "size": {"height": 48, "width": 48}, "do_center_crop": False, "resample": 3}
    write_json(directory / "preprocessor_config.json", settings)
    ids = texts(97, 8, 200, 24, [2], [3])
    full = filled(ids, 24, 0)
    with torch.no_grad():
        images = model.get_image_features(pixel_values=pixels(ChineseCLIPImageProcessorPil.from_pretrained(directory))).pooler_output
        embeddings = model.get_text_features(input_ids=full, attention_mask=(full != 0).long()).pooler_output
    write(directory, images, embeddings, ids)


def dinov2(name, outlier):
    from transformers import Dinov2Config, Dinov2Model
    from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

    directory = fresh_directory(f"families_int8/{name}")
    config = Dinov2Config(hidden_size=WIDTH, num_hidden_layers=3, num_attention_heads=2, mlp_ratio=2, image_size=64, patch_size=8)
    model = saved(randomise(Dinov2Model._from_config(config, attn_implementation="eager"), 71, outlier), directory, torch.float16)
    settings = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 48}, "crop_size": {"height": 48, "width": 48}, "do_center_crop": True, "resample": 3}
    write_json(directory / "preprocessor_config.json", settings)
    with torch.no_grad():
        images = model(pixel_values=pixels(BitImageProcessorPil.from_pretrained(directory))).pooler_output
    write(directory, images)


def distilbert(name, outlier):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dense, Pooling, Transformer
    from transformers import BertTokenizer, DistilBertConfig, DistilBertModel

    directory = fresh_directory(f"families_int8/{name}")
    config = DistilBertConfig(vocab_size=200, dim=WIDTH, hidden_dim=128, n_heads=2, n_layers=3, max_position_embeddings=24)
    randomise(DistilBertModel._from_config(config, attn_implementation="eager"), 73, outlier).half().save_pretrained(directory)
    vocab = {token: id for id, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{id}" for id in range(5, 200))])}
    BertTokenizer(vocab=vocab, do_lower_case=False).save_pretrained(directory)
    transformer = Transformer(str(directory), max_seq_length=24, model_kwargs={"dtype": torch.float32})
    dense = randomise(Dense(WIDTH, 40, bias=False, activation_function=torch.nn.Identity()), 79, False).half().float()
    model = SentenceTransformer(modules=[transformer, Pooling(WIDTH, pooling_mode="mean"), dense], device="cpu")
    ids = texts(73, 8, 200, 24, [2], [3])
    embeddings = torch.from_numpy(model.encode([" ".join(f"w{id}" for id in one[1:-1]) for one in ids]))
    model.half().save(str(directory))
    for other in ("README.md", "config_sentence_transformers.json"):
        (directory / other).unlink()
    for file in directory.rglob("*.safetensors"):
        file.chmod(0o644)
    write(directory, embeddings=embeddings, ids=ids)


def write_eight_bits():
    torch.set_num_threads(1)
    for make in (siglip, metaclip2, chinese_clip, dinov2, distilbert):
        make(make.__name__, False)
        make(f"{make.__name__}-outliers", True)
