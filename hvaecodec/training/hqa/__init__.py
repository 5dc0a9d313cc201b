"""Training of HQA stacks, of `hqa-photo` with its priors, and of its sampler."""
