"""Training: data, one loop, recipes, and the export of weights that codecs load."""
