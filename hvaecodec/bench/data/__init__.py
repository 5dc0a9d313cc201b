"""Loads the pictures that the bench runs on."""


class DatasetError(OSError):
    """Raised for a data set that cannot be had; the message says what was looked for, and where."""
