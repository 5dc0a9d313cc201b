"""Files that tell Linux desktops (freedesktop.org) what an `.hvc` file is and how to make thumbnails of it.

`python -m hvaecodec.integrations.desktop FOLDER` copies them to where desktops look for them, such as ~/.local/share.
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
    """Copy the files of the MIME type and of the thumbnailer into a folder such as ~/.local/share; return their paths.

    Existing files are replaced. Raises CodecError.
    """
    return [write_into_folder(folder / place / name, text_of(name).encode(), True) for name, place in PLACES.items()]
