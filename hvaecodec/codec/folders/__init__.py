"""Whole folders of pictures into files and back: what is in a tree, worker processes, and one writer of results."""
