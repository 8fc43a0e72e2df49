"""Makes families/ alone: it needs transformers, open_clip_torch and timm.

    python tests/golden/generate_families.py
"""

from generator.families import write_families

write_families()
