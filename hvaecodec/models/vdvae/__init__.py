"""Very deep VAEs of three papers in one net, the contexts on top of them, and the priors of those contexts."""
