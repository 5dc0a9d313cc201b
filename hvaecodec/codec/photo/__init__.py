"""`dct-vae-photo`: the codec, its streams, the encoder's search, its weights."""
