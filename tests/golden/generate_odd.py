"""Makes odd/ alone, of all formats or of those that are named: it needs no more than Pillow, NumPy and safetensors.

    python tests/golden/generate_odd.py [tiff png …]
"""

import sys

from generator.odd import write_odd

write_odd(sys.argv[1:])
