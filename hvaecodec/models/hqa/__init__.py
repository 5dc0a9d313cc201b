"""The hierarchical quantised autoencoder (HQA): layers, stacks, losses and baselines, and the priors of its indices."""
