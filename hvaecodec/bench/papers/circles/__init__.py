"""These modules repeat the thesis on latent separation: VAEs on circles and tori, and reductors between them."""
