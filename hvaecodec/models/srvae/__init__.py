"""The super-resolution VAE, with the networks and the flow that it is made of."""
