"""Training of the papers' VAEs: VDVAE and its kin, the srVAE, the small VAEs on circles."""
