"""The word for a number that does not exist."""


class NotMeasurable(ValueError):
    """This metric has no value for this pair of pictures; the message says why. The record gets null and the reason."""
