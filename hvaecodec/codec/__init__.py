"""Bytes to image and back: container, entropy coder, pictures, and one folder for each family of codecs."""
