"""This package has the hierarchical quantised autoencoder (HQA), its losses and baselines, and its indices' priors."""
