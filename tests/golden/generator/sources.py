"""Pictures defined by a formula, so that a test regenerates them instead of reading them.

Every source is an (h, w, 3) array of u8. All arithmetic is on unsigned 32-bit integers that wrap.
README.md states the same definitions for the Rust side; the two must stay equal.
"""

import numpy as np

FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3
MASK_64 = 0xFFFFFFFFFFFFFFFF


def fnv1a64(data):
    """FNV-1a, 64 bits, as 16 hexadecimal digits, over the bytes of an array in C order."""
    value = FNV_OFFSET
    for byte in np.ascontiguousarray(data).tobytes():
        value = ((value ^ byte) * FNV_PRIME) & MASK_64
    return f"{value:016x}"


def mix32(values):
    """The finaliser of MurmurHash3, elementwise over uint32."""
    values = values ^ (values >> np.uint32(16))
    values = values * np.uint32(0x85EBCA6B)
    values = values ^ (values >> np.uint32(13))
    values = values * np.uint32(0xC2B2AE35)
    return values ^ (values >> np.uint32(16))


def random_words(count, seed):
    """word[i] = mix32(seed + i * 0x9E3779B9)."""
    return mix32(np.uint32(seed) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9))


def noise(width, height, seed):
    """Byte i, in HWC order, is word[i] >> 24."""
    words = random_words(width * height * 3, seed)
    return (words >> np.uint32(24)).astype(np.uint8).reshape(height, width, 3)


def bits(width, height, seed):
    """Pixel i, row by row, is white where the top bit of word[i] is set, else black."""
    words = random_words(width * height, seed)
    level = ((words >> np.uint32(31)) * np.uint32(255)).astype(np.uint8).reshape(height, width, 1)
    return np.repeat(level, 3, axis=2)


def stripes(width, height, seed):
    """Hard-edged glyph-like marks: channel c is 255 where ((x/3) ^ (y/5)) + x*c + seed is 0, 1 or 2 modulo 7."""
    y, x, channel = np.ogrid[0:height, 0:width, 0:3]
    marks = ((x // 3) ^ (y // 5)) + x * channel + seed
    return np.where(marks % 7 < 3, 255, 0).astype(np.uint8)


def gradient(width, height, seed):
    """Channels: x*255/(w-1), y*255/(h-1), (x + y + seed) mod 256; integer division, a divisor of 0 read as 1."""
    y, x = np.mgrid[0:height, 0:width]
    channels = (x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + y + seed) % 256)
    return np.stack(channels, axis=2).astype(np.uint8)


SOURCES = {"noise": noise, "bits": bits, "stripes": stripes, "gradient": gradient}


def source(kind, width, height, seed):
    """The picture that a golden's `source`, `width`, `height` and `seed` name."""
    return SOURCES[kind](width, height, seed)
