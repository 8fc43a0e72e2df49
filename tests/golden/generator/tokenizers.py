"""Tokenizers of other families than CLIP's, trained on our own texts, and the ids that they give for 2,000 strings.

Each has the components that its family's published `tokenizer.json` has, made by the classes of transformers that read
those. Only the vocabularies are small.
"""

import io
import json
import random
import re
import string
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertTokenizer,
    GemmaTokenizer,
    PreTrainedTokenizerFast,
    Siglip2Tokenizer,
    SiglipTokenizer,
    T5Tokenizer,
    XLMRobertaTokenizer,
)
from transformers.convert_slow_tokenizer import import_protobuf
from transformers.tokenization_utils_base import generate_merges

from .files import ROOT, fresh_directory, write_rows, write_tensors
from .texts import SENTENCES, tokenizer_texts

STRINGS = 2000
SEED = 815
# Stands in the files for the character map, which three of them share.
CHARSMAP = "nmt_nfkc"
EXTRA_SENTENCES = [
    "ਸਮੁੰਦਰ ਕੰਢੇ ਇੱਕ ਕੁੱਤਾ", "સમુદ્ર કિનારે એક કૂતરો", "সমুদ্র সৈকতে একটি কুকুর", "ଏକ କୁକୁର ବେଳାଭୂମିରେ", "సముద్ర తీరంలో ఒక కుక్క",
    "ಸಮುದ್ರ ತೀರದಲ್ಲಿ ಒಂದು ನಾಯಿ", "കടൽത്തീരത്ത് ഒരു നായ", "වෙරළේ බල්ලෙක්", "ឆ្កែនៅលើឆ្នេរ", "ໝາຢູ່ຫາດຊາຍ", "ཁྱི་མཚོ་ངོགས་ལ་", "Нохой далайн эрэг дээр",
]
TEXTS = [*SENTENCES, *EXTRA_SENTENCES]


def newer_than_bert():
    """Characters that have become marks or signs since Unicode 8, whose tables BERT's components have."""
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    split = pre_tokenizers.BertPreTokenizer()

    def differs(code):
        letter, category = chr(code), unicodedata.category(chr(code))
        if category in ("Mn", "Cf"):
            return clean.normalize_str(letter) == letter
        return category.startswith("P") and len(split.pre_tokenize_str(f"a{letter}a")) == 1

    return {chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000 and differs(code)}


def strings():
    """2,000 strings: those that CLIP's tokenizers are tested with, and words of all languages thrown together."""
    rng = random.Random(SEED)
    newer = newer_than_bert()
    seen = dict.fromkeys(text for text, times in tokenizer_texts() if times == 1 and newer.isdisjoint(text))
    print(f"{len(newer)} characters are newer than BERT's tables")
    signs = [" ", " ", " ", "  ", ", ", ". ", "\n", "-", "_", "; ", "\u00a0", "\u3000", "", " 12 ", " ▁", "!? "]
    while len(seen) < STRINGS:
        words = [word for text in rng.sample(TEXTS, rng.choice([1, 1, 2, 3])) for word in text.split()]
        first = rng.randrange(len(words))
        chosen = words[first : first + rng.randint(1, 7)]
        rng.shuffle(chosen)
        change = rng.choice([str, str, str.upper, str.title])
        seen[change("".join(word + rng.choice(signs) for word in chosen))] = None
    return list(seen)


def trained(model_type, size, **options):
    """A sentencepiece model of our texts: its bytes, and its parts."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 4), model_writer=out, model_type=model_type, vocab_size=size, character_coverage=1.0,
        hard_vocab_limit=False, num_threads=1, minloglevel=2, **options,
    )
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(out.getvalue())
    return out.getvalue(), proto


def pieces(proto):
    return [(piece.piece, piece.score) for piece in proto.pieces]


def gemma(lower):
    """SigLIP 2: BPE over whole texts, of bytes what has no token."""
    _, proto = trained(
        "bpe", 1600, normalization_rule_name="identity", byte_fallback=True, add_dummy_prefix=False, split_digits=True,
        remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, pad_id=0, eos_id=1, bos_id=2, unk_id=3,
        pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", unk_piece="<unk>", user_defined_symbols=["<mask>"],
    )
    vocab = {piece: index for index, (piece, _) in enumerate(pieces(proto))}
    merges = generate_merges(vocab, pieces(proto))
    tokenizer = (Siglip2Tokenizer if lower else GemmaTokenizer)(vocab=vocab, merges=merges)
    backend = tokenizer.backend_tokenizer
    backend.post_processor = processors.TemplateProcessing(
        single=["$A", "<eos>"], pair=["$A", "<eos>", "$B", "<eos>"], special_tokens=[("<eos>", vocab["<eos>"])]
    )
    if not lower:  # as the Hub's files have it: of the families here only these ask for a length
        backend.enable_truncation(64)
        backend.enable_padding(length=64, pad_id=0, pad_token="<pad>")
    return backend, None


def unigram(**options):
    return trained("unigram", 1400, normalization_rule_name="nmt_nfkc", **options)


def siglip():
    """SigLIP 1: T5's kind, of texts without capitals and punctuation, as transformers.js' files have it."""
    content, proto = unigram(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    tokenizer = Tokenizer(models.Unigram(pieces(proto), unk_id=2, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Lowercase(),
        normalizers.Replace(Regex(f"[{re.escape(string.punctuation)}]"), ""),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(),
        normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
        normalizers.Replace(Regex(" {2,}"), "▁"),
    ])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["$A", "</s>"], pair=["$A", "</s>", "$B", "</s>"], special_tokens=[("</s>", 1)]
    )
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=True) for token in ["<pad>", "</s>"]])
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "spiece.model"
        path.write_bytes(content)
        return tokenizer, SiglipTokenizer(vocab_file=str(path))


def xlm_v():
    """MetaCLIP 2: XLM-R's kind, which has its special tokens elsewhere than sentencepiece."""
    _, proto = unigram(pad_id=-1)
    vocab = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *pieces(proto)[3:], ("<mask>", 0.0)]
    charsmap = proto.normalizer_spec.precompiled_charsmap
    return XLMRobertaTokenizer(vocab=vocab, _spm_precompiled_charsmap=charsmap).backend_tokenizer, None


def mt5(old):
    """mT5's kind, as transformers 5 writes it, or as its fourth version did."""
    _, proto = unigram(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    charsmap = proto.normalizer_spec.precompiled_charsmap
    tokenizer = T5Tokenizer(vocab=pieces(proto), extra_ids=0, additional_special_tokens=[], _spm_precompiled_charsmap=charsmap)
    backend = tokenizer.backend_tokenizer
    if old:
        spaces = [normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")]
        backend.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), *spaces])
        backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    return backend, None


def bert(lower):
    """BERT's WordPiece. The library's trainer orders equals by chance, so the vocabulary is counted here."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = BertTokenizer(do_lower_case=lower).backend_tokenizer
    counts = Counter()
    for text in TEXTS:
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text)):
            pieces = [(start, end) for start in range(len(word)) for end in range(start + 1, min(start + 6, len(word)) + 1)]
            counts.update(("##" if start else "") + word[start:end] for start, end in [*pieces, (0, len(word))])
    letters = sorted({sign for piece in counts for sign in [piece.removeprefix("##")] if len(sign) == 1})
    # Some letters have no token, so that words of theirs are unknown.
    known = [piece for letter in letters[:-60] for piece in (letter, f"##{letter}")]
    frequent = [piece for piece, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if piece not in known]
    vocab = {piece: index for index, piece in enumerate([*special, *known, *frequent[:900]])}
    return BertTokenizer(vocab=vocab, do_lower_case=lower).backend_tokenizer, None


TOKENIZERS = {
    "gemma": lambda: gemma(False),
    "siglip2": lambda: gemma(True),
    "siglip": siglip,
    "xlm-v": xlm_v,
    "mt5": lambda: mt5(False),
    "mt5-old": lambda: mt5(True),
    "bert-cased": lambda: bert(False),
    "bert-uncased": lambda: bert(True),
}


def write_cleaned(directory, texts):
    """cleaned.json: [text, canonicalized, lowered, spaces], by open_clip, of texts in which ftfy mends no more than quotes."""
    from open_clip.tokenizer import canonicalize_text, get_clean_fn

    names = ["canonicalize", "lower", "whitespace"]
    quotes = str.maketrans({**dict.fromkeys("\u02bc\u2018\u2019\u201a\u201b", "'"), **dict.fromkeys("\u201c\u201d\u201e\u201f", '"')})
    rows = []
    for text in texts:
        straight = text.translate(quotes)
        without = [canonicalize_text(straight), " ".join(straight.split()).strip().lower(), " ".join(straight.split()).strip()]
        cleaned = [get_clean_fn(name)(text) for name in names]
        if cleaned == without:
            rows.append([text, *cleaned])
    print(f"{len(rows)} of {len(texts)} texts in cleaned: ftfy mends more of the others than quotes")
    write_rows(directory / "cleaned.json", {"names": names}, "rows", rows)


def normalizer_parts(file):
    normalizer = file["normalizer"] or {}
    return normalizer.get("normalizers", [normalizer])


def write_tokenizers():
    """tokenizers/<name>.json, tokenizers/nmt_nfkc.txt, tokenizers/strings.json, tokenizers/ids.safetensors, tokenizers/cleaned.json."""
    directory, texts, tensors = fresh_directory("tokenizers"), strings(), {}
    for name, make in TOKENIZERS.items():
        backend, slow = make()
        file = json.loads(backend.to_str())
        backend.no_padding()
        backend.no_truncation()
        read = PreTrainedTokenizerFast(tokenizer_object=backend)
        ids = [read(text).input_ids for text in texts]
        if slow is not None:
            others = sum(slow(text).input_ids != row for text, row in zip(texts, ids))
            print(f"{name}: {others} of {len(texts)} strings have other ids in transformers' slow tokenizer")
        for part in normalizer_parts(file):
            if part["type"] == "Precompiled":
                (directory / f"{CHARSMAP}.txt").write_text(part["precompiled_charsmap"] + "\n")
                part["precompiled_charsmap"] = CHARSMAP
        (directory / f"{name}.json").write_text(json.dumps(file, ensure_ascii=False, separators=(",", ":")) + "\n")
        tensors[f"{name}/lengths"] = np.array([len(row) for row in ids], dtype=np.uint16)
        tensors[f"{name}/ids"] = np.array([id for row in ids for id in row], dtype=np.uint16)
        print(f"{name}: {backend.get_vocab_size()} tokens, {len(tensors[f'{name}/ids'])} ids")
    write_rows(directory / "strings.json", {}, "rows", texts)
    write_cleaned(directory, texts[:600])
    write_tensors(directory / "ids.safetensors", tensors)
