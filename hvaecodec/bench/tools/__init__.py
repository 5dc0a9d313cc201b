"""Measures of our own codecs what is no benchmark: phases, speed, memory, latents, use of codes."""
