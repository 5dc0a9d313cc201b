"""This package has the very deep VAEs of three papers in one net, their contexts, and the priors of those."""
