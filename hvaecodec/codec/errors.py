"""The errors that a bad file, or a file that cannot be decoded here, may raise; all are subclasses of `CodecError`."""


class CodecError(Exception):
    """The base class of every error about a file that is unreadable, damaged, foreign, or needs what is not here."""


class NotThisFormat(CodecError):
    """The bytes are not an `.hvc` file."""


class UnsupportedVersion(CodecError):
    """The file is of a version of the format that this version of the package cannot read."""


class CorruptFile(CodecError):
    """The file was cut, changed or extended after it was written."""


class ModelMismatch(CodecError):
    """The file needs other weights than those that were loaded."""


class CodecUnavailable(CodecError):
    """The codec or its weights are not installed."""


def words_of(error: Exception) -> str:
    """Return what an error says to a person: its own words, or where it has none or was not expected, what it is."""
    if isinstance(error, CodecError | ValueError | TypeError) and str(error):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory for this picture"
    if isinstance(error, OSError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}; --debug shows where"
