"""These modules repeat the DCT-VAE paper: its systems, its claims, and its experiment on Kodak."""
