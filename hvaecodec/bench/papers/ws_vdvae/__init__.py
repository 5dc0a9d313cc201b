"""The paper on weights shared over depth."""
