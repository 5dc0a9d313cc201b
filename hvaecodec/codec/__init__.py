"""Bytes to image and back: container, entropy coder, one module per codec."""
