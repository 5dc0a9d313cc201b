"""The thesis on latent separation: VAEs on circles and tori, and reductors between them."""
