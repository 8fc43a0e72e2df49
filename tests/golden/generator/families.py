"""Small random-weight models of the families beside OpenAI's CLIP, each in the files that are published, and what Python computes.

A folder each in families/: the model's own files, expected.json and expected.safetensors:

    <picture>/pixels      f32 (3, size, size), as the model sees it
    <picture>/embedding   f32 (dimension), not normalized
    text/<n>              f32 (dimension), not normalized, of the ids of expected.json, which may be those of its strings
    probabilities         f32 (pictures, texts), softmax or sigmoid, as the family has it
    logit_scale           f32 (1), before exp
    logit_bias            f32 (1), where there is one
    <picture>/patch_mean  f32 (dimension), DINOv2's: the mean of its patches after the last norm
"""

import json
from importlib.metadata import version

import numpy as np
import torch
from safetensors.torch import save_file

from .files import ROOT, fresh_directory, write_json, write_tensors
from .pictures import drop_alpha, open_upright

PICTURES = ["rgb-photo.png", "bits-text.png", "rgba.png", "rgb-223x301.png", "rgb-31x29.png", "gray.png"]
HALF = [0.5, 0.5, 0.5]


STREAM = 0.03
# What adds to the residual stream, by the names of transformers, open_clip and timm.
ADDED = ("embed", "token", "conv1.weight", "pre_layrnorm", "ln_pre", "out_proj", "fc2", "c_proj", "o_proj", "attn.proj")


def spread(model, seed, norms_after=False):
    """Random weights of which each part acts on the embedding: attention is sharp, positions are as strong as patches, the MLPs work
    where the GELUs differ, and the residual stream is so small that a norm's epsilon matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            draw = torch.randn(tensor.shape, generator=generator)
            inputs = tensor[0].numel() if tensor.dim() > 1 else 1
            of_head = ".head." in name or "attn_pool" in name or "probe" in name
            # Where norms come after what is added, all of the stream has their size.
            stream = STREAM if not norms_after and any(part in name for part in ADDED) and not of_head else 1
            if name.endswith("logit_scale"):
                tensor.fill_(2.3)
            elif name.endswith("logit_bias"):
                tensor.fill_(-1.7)
            elif "lambda1" in name:
                tensor.copy_(0.6 + 0.2 * draw)
            elif tensor.dim() == 1 and name.endswith("weight"):
                tensor.copy_(stream * (1 + 0.2 * draw))
            elif name.endswith(("fc1.bias", "c_fc.bias", "lin1.bias")):
                tensor.copy_(0.3 * draw - 0.8)
            elif tensor.dim() == 1:
                tensor.copy_(stream * 0.2 * draw)
            elif any(part in name for part in ("fc2", "c_proj", "lin2")):
                tensor.copy_(stream * 3 * draw / inputs**0.5)
            elif "patch_embed" in name or "conv1" in name:
                tensor.copy_(stream * 1.5 * draw / inputs**0.5)
            elif "embed" in name or "token" in name or "probe" in name or "latent" in name:
                tensor.copy_(stream * 0.6 * draw)
            else:
                tensor.copy_(stream * 1.3 * draw / inputs**0.5)
    return model.eval()


def pictures():
    return {name: drop_alpha(open_upright(ROOT / "images" / name)) for name in PICTURES}


def texts(seed, count, vocab, longest, start, end):
    """Ids: a start, some words, an end."""
    random = np.random.default_rng(seed)
    made = []
    for index in range(count):
        words = random.integers(10, vocab - 10, size=min(index + 1, longest - 2)).tolist()
        made.append([*start, *words, *end])
    return made


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def write(directory, pixels, images, embeddings=None, probabilities=None, model=None, more=None, **facts):
    tensors = dict(more or {})
    for name, pixel, image in zip(PICTURES, pixels, images):
        tensors[f"{name}/pixels"], tensors[f"{name}/embedding"] = pixel.numpy(), image.numpy()
    for index, text in enumerate([] if embeddings is None else embeddings):
        tensors[f"text/{index}"] = text.numpy()
    if probabilities is not None:
        tensors["probabilities"] = probabilities.numpy()
        tensors["logit_scale"] = model.logit_scale.detach().float().numpy().reshape(1)
        if getattr(model, "logit_bias", None) is not None:
            tensors["logit_bias"] = model.logit_bias.detach().float().numpy().reshape(1)
    write_tensors(directory / "expected.safetensors", tensors)
    versions = {name: version(name) for name in ("torch", "transformers", "open_clip_torch", "timm", "sentence-transformers", "pillow")}
    write_json(directory / "expected.json", {"pictures": PICTURES, **facts, "versions": versions})


def saved(model, directory, storage):
    """Stores a model of transformers as it publishes them, and gives it what was stored."""
    model.to(storage).save_pretrained(directory)
    (directory / "model.safetensors").chmod(0o644)
    return model.to(torch.float32)


def siglip(name, seed, storage, *, image, patch, hidden, projection=None, vocab=300, pad=None, processor):
    from transformers import SiglipConfig, SiglipModel
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    directory = fresh_directory(f"families/{name}")
    text = dict(hidden_size=hidden, intermediate_size=53, num_hidden_layers=2, num_attention_heads=3, vocab_size=vocab, max_position_embeddings=16)
    vision = dict(hidden_size=hidden, intermediate_size=61, num_hidden_layers=3, num_attention_heads=3, image_size=image, patch_size=patch)
    if projection is not None:
        text["projection_size"] = projection
    model = spread(SiglipModel._from_config(SiglipConfig(text_config=text, vision_config=vision), attn_implementation="eager"), seed)
    model = saved(model, directory, storage)
    given = {"architectures": ["SiglipModel"], "initializer_factor": 1.0, "model_type": "siglip"}
    text_config = {**text, "model_type": "siglip_text_model"} | ({} if pad is None else {"pad_token_id": pad})
    write_json(directory / "config.json", {**given, "text_config": text_config, "vision_config": {**vision, "model_type": "siglip_vision_model"}})
    write_json(directory / "preprocessor_config.json", processor)
    prepare = SiglipImageProcessorPil.from_pretrained(directory)
    pixels = torch.stack([torch.from_numpy(prepare(picture, return_tensors="np")["pixel_values"][0]) for picture in pictures().values()])
    pad_id = 1 if pad is None else pad
    ids = texts(seed, 8, vocab, 16, [], [2])
    full = torch.tensor([[*one, *[pad_id] * (16 - len(one))] for one in ids])
    with torch.no_grad():
        output = model(input_ids=full, pixel_values=pixels)
        images = model.vision_model(pixel_values=pixels).pooler_output
        embeddings = model.text_model(input_ids=full).pooler_output
    write(directory, pixels, images, embeddings, torch.sigmoid(output.logits_per_image), model, texts=ids, pad=pad_id, scores="sigmoid")


def metaclip2():
    from transformers import MetaClip2Config, MetaClip2Model
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    directory = fresh_directory("families/metaclip2")
    text = dict(hidden_size=30, intermediate_size=44, num_hidden_layers=2, num_attention_heads=3, vocab_size=200, max_position_embeddings=20, bos_token_id=0, pad_token_id=1, eos_token_id=2)
    vision = dict(hidden_size=36, intermediate_size=50, num_hidden_layers=2, num_attention_heads=4, image_size=30, patch_size=6)
    config = MetaClip2Config(text_config=text, vision_config=vision, projection_dim=28)
    model = saved(spread(MetaClip2Model._from_config(config, attn_implementation="eager"), 31), directory, torch.float32)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 30}, crop_size=30)
    write_json(directory / "preprocessor_config.json", {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 30}, "crop_size": {"height": 30, "width": 30}, "do_center_crop": True, "resample": 3})
    pixels = torch.stack([torch.from_numpy(processor(picture, return_tensors="np")["pixel_values"][0]) for picture in pictures().values()])
    ids = texts(31, 8, 200, 20, [0], [2])
    ids.append([0, 12, 2, 199, 34, 2])  # the first 2 counts, however large the others are
    full = torch.tensor([[*one, *[1] * (20 - len(one))] for one in ids])
    with torch.no_grad():
        output = model(input_ids=full, attention_mask=(full != 1).long(), pixel_values=pixels)
        images = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
        embeddings = model.text_projection(model.text_model(input_ids=full).pooler_output)
    write(directory, pixels, images, embeddings, output.logits_per_image.softmax(-1), model, texts=ids, scores="softmax")


def dinov2():
    from transformers import Dinov2Config, Dinov2Model
    from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

    directory = fresh_directory("families/dinov2")
    config = Dinov2Config(hidden_size=36, num_hidden_layers=3, num_attention_heads=3, mlp_ratio=2, image_size=70, patch_size=7)
    model = saved(spread(Dinov2Model._from_config(config, attn_implementation="eager"), 47), directory, torch.float32)
    settings = {
        "crop_size": {"height": 42, "width": 42}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True,
        "do_resize": True, "image_mean": [0.485, 0.456, 0.406], "image_processor_type": "BitImageProcessor", "image_std": [0.229, 0.224, 0.225],
        "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 48},
    }
    write_json(directory / "preprocessor_config.json", settings)
    prepare = BitImageProcessorPil.from_pretrained(directory)
    pixels = torch.stack([torch.from_numpy(prepare(picture, return_tensors="np")["pixel_values"][0]) for picture in pictures().values()])
    with torch.no_grad():
        output = model(pixel_values=pixels)
    means = {f"{name}/patch_mean": mean.numpy() for name, mean in zip(PICTURES, output.last_hidden_state[:, 1:].mean(1))}
    write(directory, pixels, output.pooler_output, more=means, scores=None)


def open_clip_files(directory, model, model_cfg, preprocess_cfg, seed, longest, vocab, siglip=False):
    from open_clip.transform import PreprocessCfg, image_transform_v2

    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, directory / "open_clip_model.safetensors")
    (directory / "open_clip_model.safetensors").chmod(0o644)
    write_json(directory / "open_clip_config.json", {"model_cfg": model_cfg, "preprocess_cfg": preprocess_cfg})
    prepare = image_transform_v2(PreprocessCfg(size=model.visual.image_size, **preprocess_cfg), is_train=False)
    pixels = torch.stack([prepare(picture) for picture in pictures().values()])
    # The end token of CLIP is the largest there is.
    ids = texts(seed, 8, vocab, longest, *(([], [2]) if siglip else ([vocab - 2], [vocab - 1])))
    full = torch.tensor([[*one, *[int(siglip)] * (longest - len(one))] for one in ids])
    with torch.no_grad():
        images, embeddings = model.encode_image(pixels), model.encode_text(full)
        logits = model.logit_scale.exp() * unit(images) @ unit(embeddings).T
        probabilities = torch.sigmoid(logits + model.logit_bias) if siglip else logits.softmax(-1)
    write(directory, pixels, images, embeddings, probabilities, model, texts=ids, scores="sigmoid" if siglip else "softmax")


def open_clip(name, seed, preprocess, **extra):
    from open_clip.model import CLIP

    directory = fresh_directory(f"families/{name}")
    model_cfg = {
        "embed_dim": 26,
        **extra,
        "vision_cfg": {"image_size": 30, "layers": 2, "width": 36, "head_width": 12, "patch_size": 6, "mlp_ratio": 1.5},
        "text_cfg": {"context_length": 20, "vocab_size": 220, "width": 30, "heads": 3, "layers": 2},
    }
    model = spread(CLIP(**model_cfg), seed)
    open_clip_files(directory, model, model_cfg, preprocess, seed, 20, 220)


def siglip_timm(processor):
    """A SigLIP with timm's vision tower and open_clip's text tower, as `timm/ViT-B-16-SigLIP` and its like are published. Of
    the towers that open_clip's configuration can name none is small, so the sizes are in a config.json."""
    from functools import partial

    from open_clip.transformer import LayerNorm, TextTransformer
    from timm.models.vision_transformer import VisionTransformer
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    directory = fresh_directory("families/siglip_timm")
    trunk = VisionTransformer(img_size=32, patch_size=8, embed_dim=36, depth=2, num_heads=3, mlp_ratio=1.5, class_token=False, global_pool="map", num_classes=0, act_layer="gelu_tanh")
    text = TextTransformer(
        context_length=16, vocab_size=300, width=30, heads=3, layers=2, mlp_ratio=1.5, output_dim=36, no_causal_mask=True, pad_id=1, pool_type="last",
        proj_bias=True, act_layer=partial(torch.nn.GELU, approximate="tanh"), norm_layer=partial(LayerNorm, eps=1e-6),
    )
    model = torch.nn.ModuleDict({"visual": torch.nn.ModuleDict({"trunk": trunk}), "text": text})
    model.logit_scale, model.logit_bias = torch.nn.Parameter(torch.ones([])), torch.nn.Parameter(torch.ones([]))
    spread(model, 37)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, directory / "model.safetensors")
    (directory / "model.safetensors").chmod(0o644)
    vision_config = {"hidden_size": 36, "intermediate_size": 54, "num_hidden_layers": 2, "num_attention_heads": 3, "image_size": 32, "patch_size": 8}
    text_config = {
        "hidden_size": 30, "intermediate_size": 45, "num_hidden_layers": 2, "num_attention_heads": 3, "vocab_size": 300, "max_position_embeddings": 16,
        "projection_size": 36,
    }
    write_json(directory / "config.json", {"model_type": "siglip", "vision_config": vision_config, "text_config": text_config})
    write_json(directory / "preprocessor_config.json", processor)
    prepare = SiglipImageProcessorPil.from_pretrained(directory)
    pixels = torch.stack([torch.from_numpy(prepare(picture, return_tensors="np")["pixel_values"][0]) for picture in pictures().values()])
    ids = texts(37, 8, 300, 16, [], [2])
    full = torch.tensor([[*one, *[1] * (16 - len(one))] for one in ids])
    with torch.no_grad():
        images, embeddings = trunk(pixels), text(full)
        logits = model.logit_scale.exp() * unit(images) @ unit(embeddings).T + model.logit_bias
    write(directory, pixels, images, embeddings, torch.sigmoid(logits), model, texts=ids, pad=1, scores="sigmoid")


# Accents, Chinese, words that have no token, what is left out, and two that are longer than the model takes.
STRINGS = [
    "a dog on a beach", "Ein Hund am Strand", "Un café à Málaga, s'il vous plaît!", "海滩上的一只狗", "собака на пляже", "Xylophon ☃ 𝔘nknown", "",
    "  two  spaces\tand\u00a0others\n", "犬 dog कुत्ता", "a dog on a beach " * 9, "海滩上的一只狗" * 5, "Ångström ÅNGSTRÖM",
]


def distilbert(name, seed, storage, *, dense, published):
    """A DistilBERT with the mean of its tokens and a linear layer, in the files that sentence-transformers writes; `published` as those of
    `clip-ViT-B-32-multilingual-v1` are, which an older version wrote."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dense, Normalize, Pooling, Transformer
    from transformers import BertTokenizer, DistilBertConfig, DistilBertModel

    from .tokenizers import bert

    directory = fresh_directory(f"families/{name}")
    vocab = bert(False)[0].get_vocab()
    config = DistilBertConfig(vocab_size=len(vocab), dim=30, hidden_dim=44, n_heads=3, n_layers=2, max_position_embeddings=40)
    spread(DistilBertModel._from_config(config, attn_implementation="eager"), seed, norms_after=True).to(storage).save_pretrained(directory)
    BertTokenizer(vocab=vocab, do_lower_case=False).save_pretrained(directory)
    transformer = Transformer(str(directory), max_seq_length=24, model_kwargs={"dtype": torch.float32})
    modules = [transformer, Pooling(30, pooling_mode="mean"), spread(Dense(30, 26, **dense), seed + 1).to(storage).to(torch.float32)]
    model = SentenceTransformer(modules=modules + ([] if published else [Normalize()]), device="cpu")
    with torch.no_grad():
        embeddings = torch.from_numpy(model.encode(STRINGS))
    model.to(storage).save(str(directory))
    for other in ("README.md", "config_sentence_transformers.json"):
        (directory / other).unlink()
    if published:
        names = ["Transformer", "Pooling", "Dense"]
        rows = [{"idx": index, "name": str(index), "path": f"{index}_{kind}" if index else "", "type": f"sentence_transformers.models.{kind}"} for index, kind in enumerate(names)]
        write_json(directory / "modules.json", rows)
        write_json(directory / "sentence_bert_config.json", {"max_seq_length": 24, "do_lower_case": False})
        switches = {f"pooling_mode_{kind}": kind == "mean_tokens" for kind in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")}
        write_json(directory / "1_Pooling" / "config.json", {"word_embedding_dimension": 30, **switches})
        (directory / "tokenizer_config.json").unlink()
    for file in directory.rglob("*.safetensors"):
        file.chmod(0o644)
    ids = [model.tokenizer(text, truncation=True, max_length=24).input_ids for text in STRINGS]
    write(directory, [], [], embeddings, pictures=[], texts=ids, strings=STRINGS, scores=None)


# Chinese, mixed, accents, emoji, full-width letters, words that have no token, special tokens, and texts longer than the model takes.
CHINESE = [
    "海滩上的一只狗", "一只狗在海滩上, a dog on a beach!", "桌子上的红苹果和2个橙子", "戴眼镜的女孩🙂👩‍👩‍👧在公园里🌳", "Un café à Málaga", "ÅNGSTRÖM Ｆｕｌｌ Ｗｉｄｔｈ １２３",
    "繁體中文與简体中文", "東京の犬 서울 강아지", "皮卡丘", "", "  两  个\t空格\u3000和\n换行 ", "[MASK]的狗 [CLS]", "海滩上的一只狗" * 5, "a dog on a beach " * 9, "狗\u0301e\u0301 naïve", "，。！？《》“引号”——…",
]


def bert_files(directory, published):
    """A small tokenizer of Chinese-CLIP's kind: as `OFA-Sys/chinese-clip-vit-base-patch16` has it, vocab.txt alone; or as transformers
    saves it, with a limit."""
    from transformers import BertTokenizer

    from .tokenizers import bert

    vocab = bert(True)[0].get_vocab()
    tokens = sorted(vocab, key=vocab.get)
    # The published one has each Chinese letter as a token: these are in the texts.
    tokens += sorted({letter for text in CHINESE[:9] for letter in text if "\u4e00" <= letter <= "\u9fff"} - set(tokens))
    (directory / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens))
    if published:
        return BertTokenizer.from_pretrained(directory), len(tokens)
    tokenizer = BertTokenizer.from_pretrained(directory, model_max_length=20, do_lower_case=False)
    tokenizer.save_pretrained(directory)
    (directory / "vocab.txt").unlink()
    return tokenizer, len(tokens)


def chinese_clip(name, seed, storage, *, published, processor):
    from transformers import ChineseCLIPConfig, ChineseCLIPModel
    from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil

    directory = fresh_directory(f"families/{name}")
    tokenizer, vocab = bert_files(directory, published)
    text = dict(hidden_size=30, intermediate_size=44, num_hidden_layers=2, num_attention_heads=3, vocab_size=vocab, max_position_embeddings=24)
    vision = dict(hidden_size=36, intermediate_size=50, num_hidden_layers=2, num_attention_heads=4, image_size=30, patch_size=6)
    config = ChineseCLIPConfig(text_config=text, vision_config=vision, projection_dim=26)
    model = spread(ChineseCLIPModel._from_config(config, attn_implementation="eager"), seed)
    with torch.no_grad():  # of the text tower all of the stream has the size of its norms, which come after
        for part, tensor in model.text_model.named_parameters():
            if any(added in part for added in ADDED):
                tensor.div_(STREAM)
        for layer in model.text_model.encoder.layer:  # where the GELUs differ
            layer.intermediate.dense.bias.sub_(0.8)
    model = saved(model, directory, storage)
    if published:  # without what is the default, as then
        stored = {"architectures": ["ChineseCLIPModel"], "model_type": "chinese_clip", "projection_dim": 26, "logit_scale_init_value": 2.6592}
        towers = {"text_config": {**text, "model_type": "chinese_clip_text_model"}, "vision_config": {**vision, "model_type": "chinese_clip_vision_model"}}
        write_json(directory / "config.json", stored | towers)
    write_json(directory / "preprocessor_config.json", processor)
    prepare = ChineseCLIPImageProcessorPil.from_pretrained(directory)
    pixels = torch.stack([torch.from_numpy(prepare(picture, return_tensors="np")["pixel_values"][0]) for picture in pictures().values()])
    longest = min(tokenizer.model_max_length, 24)
    tokens = tokenizer(CHINESE, padding=True, truncation=True, max_length=longest, return_tensors="pt")
    with torch.no_grad():
        images = model.get_image_features(pixel_values=pixels).pooler_output
        embeddings = model.get_text_features(**tokens).pooler_output
        output = model(**tokens, pixel_values=pixels)
    ids = [tokenizer(text, truncation=True, max_length=longest).input_ids for text in CHINESE]
    write(directory, pixels, images, embeddings, output.logits_per_image.softmax(-1), model, texts=ids, strings=CHINESE, scores="softmax")


def write_chinese_clips():
    openai = {"do_normalize": True, "do_resize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3}
    squash = {**openai, "do_center_crop": False, "feature_extractor_type": "ChineseCLIPFeatureExtractor", "size": {"height": 30, "width": 30}}
    shortest = {**openai, "do_center_crop": True, "crop_size": {"height": 30, "width": 30}, "image_processor_type": "ChineseCLIPImageProcessor", "size": {"shortest_edge": 33}}
    chinese_clip("chinese_clip", 83, torch.float32, published=True, processor=squash)
    chinese_clip("chinese_clip_saved", 89, torch.float16, published=False, processor=shortest)


def write_families():
    torch.set_num_threads(1)
    processor = {
        "do_convert_rgb": None, "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": HALF,
        "image_processor_type": "SiglipImageProcessor", "image_std": HALF, "processor_class": "SiglipProcessor", "resample": 3,
        "rescale_factor": 0.00392156862745098,
    }
    siglip("siglip", 11, torch.float32, image=32, patch=8, hidden=36, processor={**processor, "size": {"height": 32, "width": 32}})
    siglip("siglip2", 17, torch.float16, image=40, patch=9, hidden=30, projection=30, pad=0, processor={**processor, "image_processor_type": "SiglipImageProcessorFast", "resample": 2, "size": {"height": 40, "width": 40}})
    siglip_timm({**processor, "size": {"height": 32, "width": 32}})
    metaclip2()
    dinov2()
    openai = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
    open_clip("open_clip", 23, {**openai, "mode": "RGB", "interpolation": "bicubic", "resize_mode": "shortest", "fill_color": 0})
    open_clip("open_clip_quick", 29, {"mean": HALF, "std": HALF, "interpolation": "bilinear", "resize_mode": "squash"}, quick_gelu=True)
    open_clip("open_clip_longest", 41, {**openai, "mode": "RGB", "interpolation": "bicubic", "resize_mode": "longest", "fill_color": 131})
    write_chinese_clips()
    identity = {"bias": False, "activation_function": torch.nn.Identity()}
    distilbert("distilbert", 43, torch.float32, dense=identity, published=True)
    distilbert("distilbert_tanh", 53, torch.float16, dense={"bias": True, "activation_function": torch.nn.Tanh()}, published=False)
    print(json.dumps({path.parent.name: sum(file.stat().st_size for file in path.parent.iterdir()) for path in sorted(ROOT.glob("families/*/expected.json"))}))
