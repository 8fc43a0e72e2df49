"""Makes tests/golden/jpeg and jpeg.json. Apart from generate.py, since it needs other tools, and not torch:

    apt install libjpeg-turbo-progs; python -m venv venv && venv/bin/pip install pillow numpy safetensors
    venv/bin/python tests/golden/generate_jpegs.py
"""

from generator.jpegs import write_jpegs

if __name__ == "__main__":
    write_jpegs()
