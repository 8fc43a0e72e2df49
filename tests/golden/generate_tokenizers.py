"""Makes tokenizers/ alone: other families' tokenizers, trained on our texts, and the ids that they give.

    pip install transformers==5.23.0 sentencepiece protobuf numpy safetensors
    python tests/golden/generate_tokenizers.py
"""

from generator.tokenizers import write_tokenizers

write_tokenizers()
