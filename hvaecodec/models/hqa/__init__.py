"""The hierarchical quantised autoencoder: layers and stacks, their losses and baselines, the priors of their indices."""
