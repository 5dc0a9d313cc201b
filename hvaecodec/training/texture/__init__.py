"""Training of textures, and the decoded photos that they are trained on."""
