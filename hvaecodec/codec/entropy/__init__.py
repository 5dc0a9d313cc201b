"""Entropy coding with stored integer tables."""
