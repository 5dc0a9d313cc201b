"""Training of `dct-vae-photo`: prior, generator, both on searched symbols, export."""
