"""The pictures that the bench runs on."""
