"""The default photo codec's mathematics: layout and quantiser of the DCT context, its prior, the generator."""
