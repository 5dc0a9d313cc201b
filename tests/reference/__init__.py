"""Decoders written from the documents of the format alone; they import nothing of the package."""
