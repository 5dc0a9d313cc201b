"""Decoders written from docs/FORMAT.md alone. They import nothing of the package, so that its tests can rely on them."""
