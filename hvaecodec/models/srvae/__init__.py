"""This package has the super-resolution VAE, and the nets and the flow that it consists of."""
