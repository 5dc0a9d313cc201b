"""Doors into other libraries: Pillow, numcodecs and zarr; each module is imported only by who asks for it."""
