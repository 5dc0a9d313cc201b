"""Codec specifications, the runner that measures them, and the results."""
