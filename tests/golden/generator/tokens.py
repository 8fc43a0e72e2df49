"""The whole models' tokenizers, in the forms that published models have, and the ids that they give."""

import json
import sys
from pathlib import Path

from transformers import CLIPTokenizer

from .files import ROOT, write_rows
from .texts import SENTENCES, tokenizer_texts

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

from shapes.tokenizer import build, learn_merges, save, write_vocabulary  # noqa: E402

VOCAB_SIZE = 900  # about: what the sentences have merges for, and the special tokens
TOKENS_OF = "b32-tiny"


# CLIP's tokenizer with a few hundred merges, of all the languages.
TOKENIZER = build(learn_merges(SENTENCES * 2, VOCAB_SIZE))


def write_tokenizer(tokenizer, directory, form, length):
    """The files of one form: `json`, `vocab`, or `padded`, which asks for a fixed length."""
    if form == "vocab":
        return write_vocabulary(tokenizer, directory)
    save(tokenizer, directory, length)
    path = directory / "tokenizer.json"
    content = json.loads(path.read_text())
    if form == "padded":
        content["truncation"] = {"direction": "Right", "max_length": length, "strategy": "LongestFirst", "stride": 0}
        content["padding"] = {
            "strategy": {"Fixed": length}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": len(tokenizer) - 1,
            "pad_type_id": 0, "pad_token": "<|endoftext|>",
        }
        content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
    (directory / "tokenizer_config.json").unlink()  # nothing here reads it
    return None


def load_tokenizer(directory):
    """transformers' tokenizer of a model's files."""
    if (directory / "tokenizer.json").exists():
        return CLIPTokenizer(tokenizer_file=str(directory / "tokenizer.json"))
    vocab = json.loads((directory / "vocab.json").read_text())
    merges = (directory / "merges.txt").read_text().split("\n")[1:]
    return CLIPTokenizer(vocab=vocab, merges=[tuple(line.split(" ")) for line in merges if line])


def token_ids(tokenizer, text, length):
    """Start token, text, end token, no more than `length` in all."""
    return tokenizer(text, truncation=True, max_length=length, padding=False).input_ids


def write_token_ids(length=77):
    """tokens.json: [text, ids], or [text, ids, times] for a text that is to be repeated."""
    tokenizer = load_tokenizer(ROOT / "models" / TOKENS_OF)
    rows = []
    for text, times in tokenizer_texts():
        ids = token_ids(tokenizer, text * times, length)
        rows.append([text, ids] if times == 1 else [text, ids, times])
    write_rows(ROOT / "tokens.json", {"model": TOKENS_OF, "length": length}, "rows", rows)
    print(f"{len(rows)} texts in tokens")
