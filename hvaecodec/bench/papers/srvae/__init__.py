"""These modules repeat the super-resolution VAE's paper."""
