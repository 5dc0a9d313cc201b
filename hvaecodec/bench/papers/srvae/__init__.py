"""The super-resolution VAE's paper."""
