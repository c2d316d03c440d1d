"""Bring your own model: an ONNX file in, its contract found and proved, a model with a card out.

`bring.import_model` tells the whole story; the other files are its chapters.
"""
