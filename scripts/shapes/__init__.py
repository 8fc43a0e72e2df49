"""What `train_shapes.py` is made of: one module per concern.

words      what a picture can show, what a caption can say of it, and when a caption is true
pictures   draws a picture that shows a given scene
tokenizer  a small byte-level BPE in CLIP's form
model      the model's configuration, its training and its files
measure    zero-shot and retrieval on pictures that training never saw
card       the model card, with the numbers in it
golden     pictures for the tests of this repository
"""
