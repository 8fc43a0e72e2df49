"""Makes families/, families_int8/ and siglip_configs.json alone: it needs transformers, open_clip_torch and timm.

    python tests/golden/generate_families.py
"""

from generator.eight_bits import write_eight_bits
from generator.families import write_families
from generator.siglip_configs import write_siglip_configs

write_families()
write_eight_bits()
write_siglip_configs()
