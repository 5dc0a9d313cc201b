"""Measurements of our own codecs that are no benchmark: phases, speed, memory, latents, code use."""
