"""These modules repeat the paper on weights that are shared over depth."""
