"""Texts for the tokenizer: languages, emoji, accents, control characters, nothing at all, very long ones."""

import random
import unicodedata

# A sentence or so in each of many scripts; ends of words, combining marks and casing differ.
SENTENCES = [
    "a photo of a dog on a beach",
    "Two cats, asleep on the sofa; one's black & the other's white!",
    "It's the dog's ball: they're late, I'm sure we'll see what you'd said you've done.",
    "The QUICK brown Fox jumps over 13 lazy dogs (again?) -- at 7:45 p.m.",
    "Ein großer Hund läuft über die Straße, während es in Überlingen regnet.",
    "L'été dernier, à Noël, j'ai mangé des crêpes où ça ? « Là-bas, bien sûr ! »",
    "El niño comió una piña mañana; ¿quién lo sabrá? ¡Ójala!",
    "O coração não é só feito de açúcar e pão.",
    "Perché no? Così è, se vi pare: l'università è là.",
    "Zażółć gęślą jaźń, ŁÓDŹ i Kraków",
    "Příliš žluťoučký kůň úpěl ďábelské ódy",
    "Árvíztűrő tükörfúrógép ŐŰ",
    "Fotoğrafta İSTANBUL'un ışıkları, IĞDIR ve Diyarbakır",
    "Flygande bäckasiner söka hwila på mjuka tuvor; Ærø, Ångström, Øresund",
    "Það er kalt á Íslandi í dag, sagði Ævar",
    "Tiếng Việt có nhiều dấu: phở, bún chả, Đà Nẵng",
    "Съешь же ещё этих мягких французских булок, да выпей ЧАЮ",
    "Щастя ґрунтується на її ЄДНОСТІ",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ΟΔΥΣΣΕΥΣ ΣΑΣ ΛΕΕΙ ΓΕΙΑΣ",
    "כלב על החוף, שָׁלוֹם עֲלֵיכֶם",
    "صورة كلب على الشاطئ، السَّلامُ عليكم ١٢٣",
    "یک سگ در ساحل می‌دود ۴۵۶",
    "समुद्र तट पर एक कुत्ता, नमस्ते १२३",
    "கடற்கரையில் ஒரு நாய்",
    "ชายหาดกับสุนัขสีน้ำตาล ๑๒๓",
    "ဟိုင်း ကမ်းခြေပေါ်က ခွေး",
    "ხელოვნება და ძაღლი, ᲗᲑᲘᲚᲘᲡᲘ",
    "Շունը ծովափին է, ԲԱՐԵՎ",
    "海滩上的一只狗,照片!",
    "海邊的一隻狗與貓,二〇二六年。",
    "浜辺にいる犬の写真です。カタカナ、ヒラガナ、ハンカク",
    "해변에 있는 강아지 사진 한글",
    "ውሻ በባህር ዳርቻ ላይ",
    "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ꭰꭱꭲ",
    "𐐔𐐯𐑅𐐨𐑉𐐯𐐻 𐐇𐐮𐑌",
]
EMOJI = [
    "🎉", "🐶🏖️", "a dog 🐕 on a beach 🏖", "👩‍👩‍👧‍👦 family", "👍🏽 👎🏿", "🇩🇪🇯🇵🇺🇸", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣2️⃣#️⃣", "❤️❤❤️‍🔥", "☕️☔⚡",
    "🧑🏻‍💻🧑🏿‍🚀", "😀" * 20, "🫠🥹", "™️©®", "♀♂⚧", "→←↑↓⇒", "√∑∫≠≤", "№ ½ ² ³ ⅷ Ⅳ ①",
]
ACCENTS = [
    "café", "cafe\u0301", "CAFÉ", "CAFE\u0301", "naïve", "nai\u0308ve", "Å", "A\u030a", "Å", "ﬁ ﬀ ﬃ", "ǅ ǆ Ǆ", "ß ẞ SS",
    "İ I ı i", "i\u0307", "Σ ΣΑΣ σας ς", "ΌΣΟΣ, ΟΣ ΌΣΟΣ", "ΑΣ\u0301", "e\u0323\u0302 \u1ec7 e\u0302\u0323", "q\u0307\u0323 q\u0323\u0307",
    "\u0301alone", "a\u0301\u0302\u0303\u0304\u0305", "각 \u1100\u1161\u11a8 가\u11a8", "K \u212a Ω \u2126", "ｆｕｌｌ　ｗｉｄｔｈ ＡＢＣ １２３",
    "ÿ Ÿ", "ŉ ŉŃ", "ᾳ ᾼ ᾲ", "ΐ ΰ ᾶ", "և եւ", "ẖ ẗ ẘ ẙ ẚ", "\u1e9e\u1e9e", "Ⅷ ⅷ", "Ⓐ ⓐ", "Ꭰ ꭰ Ᏸ ᏸ", "Ა ა", "𐐀 𐐨", "𞤀 𞤢", "ȺȾ ⱥⱦ",
]
SPACES = [
    "", " ", "  ", "\t", "\n", "\r\n", " a  b ", "a\tb\nc\r\nd", "a\u00a0b", "a\u1680b", "a\u2003b\u2009c", "a\u2028b\u2029c", "a\u202fb\u205fc",
    "a\u3000b", "a\u0085b", "a\u200bb", "a\u200cb\u200dc", "a\u2060b", "a\ufeffb", "\ufeffa", "a\u180eb", "a\u000bb\u000cc", "a\u001cb\u001dc\u001ed\u001fe",
    "a \u0085\u00a0\ufeff b", "\u0085", "\ufeff", "\u200b",
]
SPECIAL = [
    "<|endoftext|>", "<|startoftext|>", "<|startoftext|>a dog<|endoftext|>", "a<|endoftext|>b", "<|endoftext|> <|endoftext|>",
    "<|ENDOFTEXT|>", "<|EndOfText|> a", "<|endoftext|", "< |endoftext| >", "<|unk|>", "</w>", "a</w> b</w>", "<s></s>", "[CLS] a [SEP]",
    "a<|startoftext|>", "dog's<|endoftext|>'s",
]
SIGNS = [
    "...", "!?!?", "--- *** ___", "a.b.c", "e.g. i.e. etc.", "http://example.com/a?b=c&d=%20#e", "user@example.com", "C:\\dir\\file.txt",
    "'s 't 're 've 'm 'll 'd", "'S 'T 'RE 'VE 'M 'LL 'D", "he'S they'Re", "''s", "'sun", "it’s", "rock'n'roll", "o'clock's", "1'st 2'nd", "don't can't",
    "$12.50 + 20% = €15", "x^2 + y_1 ~ z", "`code` {json: [1, 2]}", "a/b|c\\d", "#hash @at &amp;", "\"quoted\" “curly” ‘single’ „low“ «angle»",
    "1234567890", "1,234.56", "3.14e-10", "0x1F", "v2.0.1-beta", "2026-11-23T21:58:00Z", "٣٤ ५६ ๗๘ ⅞ Ⅻ 一二", "a1b2c3", "ABCdefGHI", "under_score", "-dash-",
]
LONG = [
    ("a", 10_000), ("dog ", 2_500), ("the ", 2_500), ("!", 10_000), ("é", 10_000), ("😀", 5_000), ("漢", 10_000), ("ab1", 3_334), (" ", 10_000),
    ("a photo of a dog, ", 556), ("1", 10_000), ("aé漢😀 ", 2_000),
]
RANDOM_TEXTS = 640
SEED = 604


def assigned(code):
    """Whether a character has had its meaning since Unicode 14, and stands for itself."""
    return unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")


def random_texts(rng):
    """Characters of a few blocks thrown together, with spaces now and then."""
    blocks = [
        (0x20, 0x7F), (0x20, 0x7F), (0x00, 0x20), (0x7F, 0x180), (0x180, 0x530), (0x300, 0x370), (0x530, 0x1100), (0x1100, 0x2000),
        (0x2000, 0x2E00), (0x3000, 0x3400), (0x4E00, 0x9FFF), (0xA000, 0xD7A4), (0xF900, 0x10000), (0x10000, 0x1F000), (0x1F300, 0x1FB00),
        (0xE0001, 0xE01F0),
    ]
    pools = [[code for code in range(*block) if assigned(code)] for block in blocks]
    for _ in range(RANDOM_TEXTS):
        chosen = rng.sample(pools, rng.randint(1, 3))
        yield "".join(
            " " if rng.random() < 0.12 else chr(rng.choice(rng.choice(chosen))) for _ in range(rng.randint(1, 24))
        )


def casings(text):
    return [text, text.lower(), text.upper(), text.title(), text.swapcase()]


def tokenizer_texts():
    """(text, times): the text, repeated. No two alike, always the same ones."""
    rng = random.Random(SEED)
    texts = [variant for sentence in SENTENCES for variant in casings(sentence)]
    texts += [unicodedata.normalize("NFD", sentence) for sentence in SENTENCES]
    texts += [*EMOJI, *ACCENTS, *SPACES, *SPECIAL, *SIGNS]
    texts += [chr(code) for code in (*range(0x00, 0x21), *range(0x7F, 0xA1))]
    texts += [f"a{chr(code)}b" for code in (*range(0x00, 0x20), *range(0x7F, 0xA0))]
    texts += random_texts(rng)
    return [*((text, 1) for text in dict.fromkeys(texts)), *LONG]


def embedded_texts():
    """What the text towers embed: short, long, of one token, of none, with an end token inside."""
    return [
        "", "a", "a dog", "a cat", "a photo of a dog", "a photo of a cat", "a photo of a dog on a beach", "beach a on dog a of photo a",
        "A PHOTO OF A DOG", "two dogs", "123", "!", "🐶", "犬", "ein Hund am Strand", "a<|endoftext|>b", "<|startoftext|>a",
        "a photo of a dog " * 40, "x" * 500,
    ]
