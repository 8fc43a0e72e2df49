"""A byte-level BPE in the form of CLIP's tokenizer, its merges learned from captions.

The vocabulary is laid out as OpenAI's: the 256 bytes, the 256 bytes that end a word (`</w>`), a token for each merge,
and last the start and end tokens. So any text has tokens, and the end token has the largest id.
"""

import json

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"

# English beyond what captions use: questions and words of other things should not fall apart into single bytes.
ENGLISH = """
the a an of and or in on at with without is are this that these those it its to for from by as not no some any many
all both each every one two three four five six seven eight nine ten first second last new old good bad best same other
photo picture image drawing painting sketch icon logo sign symbol shape figure object thing pattern texture background
dark light bright pale deep pastel colour color coloured colored colourful colorful plain empty full thin thick wide
narrow tall short long round pointed sharp soft filled hollow above below under over left right top bottom middle center
centre corner side edge near next between behind front inside outside dog cat bird fish tree flower house car bicycle
boat train plane person people man woman child face hand eye sun sky cloud rain snow sea beach mountain river road city
street night day water fire earth food apple banana bread cake cup table chair book door window ball balloon wheel
button coin flag crown key map leaf shoe hat shirt dress what where when which who how looking showing standing running
""".split()


def byte_letters():
    """The printable letter that stands for each byte, in OpenAI's order, which is that of the letters' code points."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def learn_merges(captions, vocab_size):
    """The pairs that BPE joins, best first, learned from captions and a little English."""
    template = CLIPTokenizer().backend_tokenizer
    learner = Tokenizer(models.BPE(end_of_word_suffix=WORD_END))
    learner.normalizer, learner.pre_tokenizer = template.normalizer, template.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=1, end_of_word_suffix=WORD_END, show_progress=False,
    )
    learner.train_from_iterator([*captions, *ENGLISH], trainer)
    return [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]


def build(merges):
    """CLIP's tokenizer with these merges."""
    letters = byte_letters()
    tokens = letters + [letter + WORD_END for letter in letters] + ["".join(pair) for pair in merges] + [START, END]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=merges)


def save(tokenizer, directory, max_length):
    """tokenizer.json, tokenizer_config.json."""
    tokenizer.model_max_length = max_length
    tokenizer.save_pretrained(directory)


def write_vocabulary(tokenizer, directory):
    """The older form of the same: vocab.json and merges.txt."""
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (directory / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    (directory / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
