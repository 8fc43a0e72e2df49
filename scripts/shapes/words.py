"""What a picture can show, what a caption can say of it, and when a caption is true.

A scene and the meaning of a caption are the same thing: a row of numbers, one per field. A caption leaves fields open
(`ANY`); it is true of a scene where all that it does not leave open is equal.
"""

import random
from dataclasses import astuple, dataclass

ANY = -1  # a caption does not say
NONE = -2  # a scene has no such property: no caption that names one is true

SHAPES = ["circle", "square", "triangle", "star", "heart", "cross", "ring", "moon"]
COLORS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray"]
PATTERNS = ["striped", "checkered", "gradient", "noisy"]
BACKGROUNDS = COLORS + PATTERNS
COUNTS = ["one", "two", "three", "four"]
SIZES = ["small", "medium", "large"]  # "medium" is never said
COLUMNS = ["left", "middle", "right"]
ROWS = ["top", "middle", "bottom"]

SYNONYMS = {
    "circle": ["disc", "disk", "dot"],
    "square": ["box"],
    "cross": ["plus"],
    "ring": ["donut"],
    "moon": ["crescent"],
    "purple": ["violet"],
    "gray": ["grey"],
    "small": ["little", "tiny"],
    "large": ["big", "huge"],
}
PLURALS = {"box": "boxes", "cross": "crosses", "plus": "pluses"}
OPENINGS = ["a photo of ", "a picture of ", "an image of ", "a drawing of ", "this is "]
SYNONYM_RATE = 0.15
OPENING_RATE = 0.4


@dataclass(frozen=True)
class Scene:
    """Indices into the lists above. `count` is the number of things less one."""

    shape: int = ANY
    color: int = ANY
    count: int = ANY
    size: int = ANY
    column: int = ANY
    row: int = ANY
    background: int = ANY

    def fields(self):
        return astuple(self)


def says(names, index, rng):
    """The word for a value, now and then a synonym."""
    word = names[index]
    if word in SYNONYMS and rng.random() < SYNONYM_RATE:
        return rng.choice(SYNONYMS[word])
    return word


def with_article(words):
    return ("an " if words[0] in "aeiou" else "a ") + words


def place(scene, rng):
    """Where a single thing is, in words, or nothing."""
    if scene.column == ANY and scene.row == ANY:
        return ""
    if scene.column == ANY:
        if ROWS[scene.row] == "middle":
            return " halfway up"
        return f" at the {ROWS[scene.row]}"
    if scene.row == ANY:
        if COLUMNS[scene.column] == "middle":
            return " halfway across"
        return f" on the {COLUMNS[scene.column]}"
    row, column = ROWS[scene.row], COLUMNS[scene.column]
    if row == column == "middle":
        return rng.choice([" in the middle", " in the center"])
    if column == "middle":
        return f" at the {row} center"
    if row == "middle":
        return f" at the center {column}"
    return rng.choice([f" at the {row} {column}", f" in the {row} {column} corner"])


def caption(scene, rng):
    """A sentence that says what the scene has, and leaves open what it leaves open."""
    words = []
    if scene.size != ANY:
        words.append(says(SIZES, scene.size, rng))
    if scene.color != ANY:
        words.append(says(COLORS, scene.color, rng))
    several = scene.count > 0
    if scene.shape == ANY:
        words.append("things" if several else "thing")
    else:
        name = says(SHAPES, scene.shape, rng)
        words.append(PLURALS.get(name, name + "s") if several else name)
    phrase = " ".join(words)
    if several:
        phrase = f"{COUNTS[scene.count]} {phrase}"
    elif scene.count == 0:
        phrase = with_article(phrase) if rng.random() < 0.9 else f"one {phrase}"
    phrase += place(scene, rng)
    if scene.background != ANY:
        phrase += f" on {with_article(BACKGROUNDS[scene.background])} background"
    if scene.count != ANY and rng.random() < OPENING_RATE:
        phrase = rng.choice(OPENINGS) + phrase
    return phrase


# How much a caption says, as weights: of the kind alone, of some of the rest, of everything.
DETAIL = [("kind", 0.3), ("part", 0.25), ("some", 0.3), ("all", 0.15)]


def sayable(scene):
    """The scene without what captions have no word for."""
    return Scene(
        scene.shape,
        scene.color,
        scene.count,
        ANY if SIZES[scene.size] == "medium" else scene.size,
        scene.column if scene.column >= 0 else ANY,
        scene.row if scene.row >= 0 else ANY,
        scene.background,
    )


def meaning(scene, rng):
    """What one caption says of a scene: the scene with some fields left open."""
    full = sayable(scene)
    detail = rng.choices([name for name, _ in DETAIL], [weight for _, weight in DETAIL])[0]
    if detail == "all":
        return full
    if detail == "kind":  # "a red circle", or, of one thing or more, "red circle"
        return Scene(full.shape, full.color, full.count if rng.random() < 0.8 else ANY)
    if detail == "part":  # "a circle", "a red thing"
        shape, color = (full.shape, ANY) if rng.random() < 0.7 else (ANY, full.color)
        return Scene(shape, color, full.count)
    keep = {name: value for name, value in vars(full).items() if rng.random() < 0.5}
    return Scene(**{**keep, "shape": full.shape, "color": full.color, "count": full.count})


def random_scene(rng: random.Random, count=None):
    """A scene; one thing in six of ten."""
    if count is None:
        count = rng.choices(range(len(COUNTS)), [6, 1.5, 1.5, 1])[0]
    color = rng.randrange(len(COLORS))
    background = rng.choice([index for index in range(len(BACKGROUNDS)) if index != color])
    size = rng.randrange(3) if count == 0 else rng.randrange(2) if count < 3 else 0
    placed = count == 0 and SIZES[size] != "large"
    return Scene(
        shape=rng.randrange(len(SHAPES)),
        color=color,
        count=count,
        size=size,
        column=rng.randrange(3) if placed else NONE,
        row=rng.randrange(3) if placed else NONE,
        background=background,
    )
