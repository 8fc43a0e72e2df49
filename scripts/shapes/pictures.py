"""Draws a picture that shows a given scene.

Sizes, backgrounds, edges (smooth or not), outlines, shading, blur, noise, JPEG and the picture's own format vary, so that a
model learns the scene and not this script's pen: it is to read what a browser's canvas or another library draws as well.
A picture that is no square shows its scene in the middle, where the model's preprocessing crops it.
"""

import io
import math
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .words import BACKGROUNDS, COLORS, COLUMNS, NONE, SHAPES, SIZES, Scene

# What goes by each name: CSS's own color first, then those of palettes that the web is drawn with.
TONES = {
    "red": [(255, 0, 0), (220, 20, 60), (229, 57, 53), (200, 16, 32), (239, 68, 68)],
    "orange": [(255, 165, 0), (255, 140, 0), (251, 140, 0), (249, 115, 22), (245, 124, 0)],
    "yellow": [(255, 255, 0), (253, 216, 53), (250, 204, 21), (255, 235, 59), (255, 221, 51)],
    "green": [(0, 128, 0), (0, 200, 0), (34, 197, 94), (67, 160, 71), (50, 205, 50), (22, 101, 52)],
    "blue": [(0, 0, 255), (30, 136, 229), (59, 130, 246), (65, 105, 225), (13, 71, 161), (30, 144, 255)],
    "purple": [(128, 0, 128), (142, 36, 170), (168, 85, 247), (148, 0, 211), (106, 13, 173)],
    "pink": [(255, 192, 203), (255, 105, 180), (240, 98, 146), (255, 150, 190), (244, 114, 182)],
    "brown": [(165, 42, 42), (139, 69, 19), (121, 85, 72), (109, 76, 65), (120, 53, 15), (150, 90, 40)],
    "black": [(0, 0, 0), (10, 10, 10), (33, 33, 33), (20, 20, 28)],
    "white": [(255, 255, 255), (250, 250, 250), (240, 240, 240)],
    "gray": [(128, 128, 128), (158, 158, 158), (107, 114, 128), (140, 140, 140), (169, 169, 169)],
}
JITTER = 6  # levels
CLOSEST = 110  # distance of RGB, below which a thing can't be told from what is behind it

# Diameters as parts of the picture's edge, and where a single thing's center may be.
DIAMETERS = {"small": (0.28, 0.34), "medium": (0.41, 0.50), "large": (0.60, 0.88)}
CENTERS = {"left": (0.14, 0.30), "middle": (0.43, 0.57), "right": (0.70, 0.86)}
MARGIN = 0.02
ROUND = 48  # corners of what stands for a circle
EDGES = [64, 72, 96, 128, 160, 200, 320]  # pixels of a picture's shorter side
LONGEST = 1.6  # times the shorter side


def tone(name, rng):
    """A color that goes by a name."""
    a, b = rng.choice(TONES[name]), rng.choice(TONES[name])
    at = rng.random()
    return tuple(
        min(255, max(0, round(x + (y - x) * at + rng.uniform(-JITTER, JITTER)))) for x, y in zip(a, b)
    )


def distance(a, b):
    return math.dist(a, b)


# ------------------------------------------------------------------------------------------------------------- shapes


def arc(radius, start=0.0, stop=2 * math.pi, x=0.0, y=0.0, corners=ROUND):
    angles = [start + (stop - start) * index / corners for index in range(corners + 1)]
    return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]


def star(rng):
    points, inner = rng.choice([5, 5, 5, 5, 6]), rng.uniform(0.36, 0.5)
    turns = [math.pi * index / points - math.pi / 2 for index in range(2 * points)]
    return [
        ((1, inner)[index % 2] * math.cos(turn), (1, inner)[index % 2] * math.sin(turn))
        for index, turn in enumerate(turns)
    ]


def heart(rng):
    steps = [2 * math.pi * index / ROUND for index in range(ROUND)]
    flat = rng.uniform(0.95, 1.1)
    return [
        (
            math.sin(t) ** 3 * 0.98,
            flat * -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 17,
        )
        for t in steps
    ]


def cross(rng):
    arm = rng.uniform(0.22, 0.36)
    corner = [(arm, -1), (arm, -arm), (1, -arm)]
    quarter_turns = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    return [(c * x - s * y, s * x + c * y) for c, s in quarter_turns for x, y in corner]


def moon(rng):
    """A disc less a disc of almost the same size beside it."""
    away, bite = rng.uniform(0.4, 0.6), rng.uniform(0.8, 0.95)
    along = (1 - bite**2 + away**2) / (2 * away)
    outer, inner = math.acos(along), math.acos((along - away) / bite)
    return arc(1, outer, 2 * math.pi - outer) + arc(bite, 2 * math.pi - inner, inner, x=away)


def triangle(rng):
    half, tall = rng.uniform(0.8, 1.0), rng.uniform(0.8, 1.0)
    return [(0, -tall), (half, tall * 0.85), (-half, tall * 0.85)]


def outline(name, rng):
    """The corners of a shape about (0, 0), no further than 1 or so, and how far it may be turned."""
    level = math.radians(12)
    match name:
        case "circle" | "ring":
            return arc(1), 0.0
        case "square":
            return [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)], level
        case "triangle":
            return triangle(rng), math.radians(25)
        case "star":
            return star(rng), math.radians(20)
        case "heart":
            return heart(rng), math.radians(20)
        case "cross":
            return cross(rng), level
        case "moon":
            return moon(rng), math.pi
    raise ValueError(name)


def turned(points, angle):
    c, s = math.cos(angle), math.sin(angle)
    return [(c * x - s * y, s * x + c * y) for x, y in points]


# -------------------------------------------------------------------------------------------------------- backgrounds


def background(scene, size, forbidden, rng, noise):
    """Pixels (tall, wide, 3) as floats, none of them near the color `forbidden`."""
    wide, tall = size
    edge = min(size)

    def other():
        while True:
            color = tone(rng.choice([name for name in COLORS if name != COLORS[scene.color]]), rng)
            if distance(color, forbidden) > CLOSEST:
                return np.array(color, np.float32)

    y, x = np.mgrid[0:tall, 0:wide].astype(np.float32) / edge
    match BACKGROUNDS[scene.background]:
        case "striped":
            angle, waves, phase = rng.uniform(0, math.pi), rng.uniform(3, 9), rng.random()
            where = ((x * math.cos(angle) + y * math.sin(angle)) * waves + phase) % 1 < 0.5
            return np.where(where[..., None], other(), other())
        case "checkered":
            tiles, dx, dy = rng.uniform(4, 10), rng.random(), rng.random()
            where = (np.floor(x * tiles + dx) + np.floor(y * tiles + dy)) % 2 < 1
            return np.where(where[..., None], other(), other())
        case "gradient":
            a, b = other(), other()
            while distance(a, b) < CLOSEST or distance((a + b) / 2, forbidden) < CLOSEST:
                a, b = other(), other()
            angle = rng.uniform(0, 2 * math.pi)
            along = x * math.cos(angle) + y * math.sin(angle)
            along = ((along - along.min()) / np.ptp(along))[..., None]
            return a + (b - a) * along
        case "noisy":
            grain = rng.choice([1, 2, 4])
            cells = (-(-tall // grain), -(-wide // grain), rng.choice([1, 3]))
            field = noise.normal(0, rng.uniform(22, 40), cells)
            return other() + field.repeat(grain, 0).repeat(grain, 1)[:tall, :wide].astype(np.float32)
        case plain:
            for _ in range(50):
                color = tone(plain, rng)
                if distance(color, forbidden) > CLOSEST:
                    break
            flat = np.broadcast_to(np.array(color, np.float32), (tall, wide, 3))
            return flat * (1 + rng.uniform(-0.06, 0.06) * (x + y - 1))[..., None] if rng.random() < 0.3 else flat


# ------------------------------------------------------------------------------------------------------------ drawing


def places(scene, rng):
    """(x, y, radius) of each thing, as parts of the picture's edge."""
    low, high = DIAMETERS[SIZES[scene.size]]
    if scene.count == 0:
        radius = rng.uniform(low, high) / 2
        nearest = radius + MARGIN
        if scene.column == NONE:
            return [(rng.uniform(nearest, 1 - nearest), rng.uniform(nearest, 1 - nearest), radius)]
        rows = COLUMNS  # the same thirds downwards
        spans = [CENTERS[COLUMNS[scene.column]], CENTERS[rows[scene.row]]]
        return [(*(min(1 - nearest, max(nearest, rng.uniform(*span))) for span in spans), radius)]
    cells = 3 if SIZES[scene.size] == "small" and rng.random() < 0.6 else 2
    chosen = rng.sample([(column, row) for column in range(cells) for row in range(cells)], scene.count + 1)
    result = []
    for column, row in chosen:
        radius = min(rng.uniform(low, high) / 2, 0.5 / cells - MARGIN / 2)
        slack = 0.5 / cells - radius
        center = [(at + 0.5) / cells + rng.uniform(-slack, slack) for at in (column, row)]
        result.append((*center, radius))
    return result


def middle(size):
    """The square in the middle of a picture: left, top and edge."""
    wide, tall = size
    edge = min(size)
    return (wide - edge) // 2, (tall - edge) // 2, edge


def mask(size, things, rng, grow=0.0):
    """Where the things are, 0 to 1, (tall, wide, 1); drawn larger by `grow`."""
    finer = rng.choice([1, 3, 4])  # 1: hard steps
    left, top, edge = middle(size)
    canvas = Image.new("L", (size[0] * finer, size[1] * finer))
    draw = ImageDraw.Draw(canvas)
    for x, y, corners, hole in things:
        def put(scale):
            return [((left + (x + px * scale) * edge) * finer, (top + (y + py * scale) * edge) * finer) for px, py in corners]

        draw.polygon(put(1 + grow), fill=255)
        if hole:
            draw.polygon(put(hole * (1 - grow)), fill=0)
    if finer > 1:
        canvas = canvas.reduce(finer)
    return np.asarray(canvas, np.float32)[..., None] / 255


def random_size(rng):
    """Of pictures that come from anywhere: two in three are no squares."""
    edge, longer = rng.choice(EDGES), rng.uniform(1, LONGEST)
    return rng.choice([(edge, edge), (round(edge * longer), edge), (edge, round(edge * longer))])


def draw(scene: Scene, rng: random.Random, size=None):
    """A picture of a scene, RGB; and where in the square in its middle the things are, 0 to 255."""
    noise = np.random.default_rng(rng.getrandbits(63))
    size = size or random_size(rng)
    color = tone(COLORS[scene.color], rng)
    # A plain background whose name is so near that no tone of it differs enough: take another tone of the thing.
    picture = background(scene, size, color, rng, noise)
    name = SHAPES[scene.shape]
    things = []
    for x, y, radius in places(scene, rng):
        points, most = outline(name, rng)
        wide, tall = (rng.uniform(0.92, 1.0), 1.0) if name not in ("circle", "ring", "square") else (1.0, 1.0)
        points = [(px * wide * radius, py * tall * radius) for px, py in points]
        hole = rng.uniform(0.5, 0.72) if name == "ring" else 0
        things.append((x, y, turned(points, rng.uniform(-most, most)), hole))
    state = rng.getstate()
    covered = mask(size, things, rng)
    if rng.random() < 0.12:  # a border in black, white or a darker tone
        rng.setstate(state)
        border = rng.choice([(0, 0, 0), (255, 255, 255), tuple(channel * 0.6 for channel in color)])
        wider = mask(size, things, rng, grow=rng.uniform(0.06, 0.12))
        picture = picture + (np.array(border, np.float32) - picture) * wider
    fill = np.array(color, np.float32)
    if rng.random() < 0.2:  # light from one side
        slope = np.linspace(-1, 1, size[1], dtype=np.float32)[:, None] * rng.uniform(-12, 12)
        fill = fill + slope[..., None]
    picture = picture + (fill - picture) * covered
    left, top, edge = middle(size)
    where = np.rint(covered[top : top + edge, left : left + edge, 0] * 255).astype(np.uint8)
    return developed(picture, rng, noise), Image.fromarray(where)


def developed(picture, rng, noise):
    """What happens to pictures on their way: noise, blur, JPEG."""
    if rng.random() < 0.3:
        picture = picture + noise.normal(0, rng.uniform(1, 8), picture.shape)
    image = Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8), "RGB")
    if rng.random() < 0.15:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9) * min(image.size) / 96))
    if rng.random() < 0.35:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=rng.randrange(45, 96), subsampling=rng.choice([0, 2]))
        image = Image.open(file).convert("RGB")
    return image
