"""Pictures as files and arrays: reading and writing, Pillow's modes, EXIF, alpha and grey around a codec of colour."""

from hvaecodec.codec.images.alpha import check_alpha, decode_alpha, encode_alpha
from hvaecodec.codec.images.read import LoadedImage, from_any, mode_of, read_image
from hvaecodec.codec.images.write import check_suffix, to_file

__all__ = [
    "LoadedImage",
    "check_alpha",
    "check_suffix",
    "decode_alpha",
    "encode_alpha",
    "from_any",
    "mode_of",
    "read_image",
    "to_file",
]
