"""The pictures that the bench runs on."""


class DatasetError(OSError):
    """A data set cannot be had; the message says what was looked for, and where."""
