"""What `generate.py` is made of: one module per concern.

sources     pseudo-random pictures that Rust regenerates by itself, and the hash of pixels
files       writing JSON and safetensors so that a second run changes nothing
pictures    the encoded images, their manifest, and the broken files
models      small random-weight CLIP models in Hugging Face layout
embeddings  pixel tensors, stage by stage activations, embeddings of transformers
texts       what is tokenized and embedded
tokens      small tokenizers in the forms of published ones, and their ids
text        embeddings of texts, probabilities of labels
preprocessing  forms of preprocessor_config.json beyond those of the models
resampling  Pillow's resize; transformers' shortest edge and center crop
"""
