"""Makes families/ and siglip_configs.json alone: it needs transformers, open_clip_torch and timm.

    python tests/golden/generate_families.py
"""

from generator.families import write_families
from generator.siglip_configs import write_siglip_configs

write_families()
write_siglip_configs()
