"""The perceptual generator of `dct-vae-photo`: what its loss sees, the task, and its export beside the generator."""
