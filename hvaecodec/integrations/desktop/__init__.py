"""The desktop's door: files that tell freedesktop's programs what an `.hvc` file is, and how small pictures are made.

`python -m hvaecodec.integrations.desktop FOLDER` copies them to where these programs look, such as ~/.local/share.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from hvaecodec.codec.files import write_into_folder

PLACES = {"hvaecodec.xml": "mime/packages", "hvaecodec.thumbnailer": "thumbnailers"}  # below a folder of shared data


def text_of(name: str) -> str:
    """Return the text of one of the files, "hvaecodec.xml", "hvaecodec.thumbnailer" or "delegates.xml"."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def install(folder: Path) -> list[Path]:
    """Copy the MIME type and the thumbnailer below a folder of shared data, and return the copies.

    Those that are there are replaced. Raises CodecError.
    """
    return [write_into_folder(folder / place / name, text_of(name).encode(), True) for name, place in PLACES.items()]
