"""This package has VAEs whose latents are circles, and the reductors that compare their latent spaces."""
