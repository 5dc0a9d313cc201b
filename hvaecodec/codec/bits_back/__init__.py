"""Bits-back coding with the papers' VAEs: lossless, on a stack of bits."""
