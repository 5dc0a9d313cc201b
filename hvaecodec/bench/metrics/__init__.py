"""Metrics of what a picture, or a whole set of pictures, lost, and the networks that some of them need."""


class NotMeasurable(ValueError):
    """A metric has no value for a pair of pictures; the message says why. The record gets null and the reason."""
