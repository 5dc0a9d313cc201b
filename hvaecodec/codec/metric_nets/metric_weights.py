"""Finds the files of weights of the networks that perception is measured with, and checks them.

They come from a folder that a variable names, from PyTorch's cache, or are downloaded. Their authors publish only the
first eight digits of a file's SHA-256, in its name. Eight can be forged, and these files are pickles, so the whole
digest is checked: it is the one that many independent projects state for the file of that name. A file with another is
refused, wherever it comes from. Convolutions alone, in smaller files, are the matter of `convolutions`.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.weight_folders import usable

FOLDER_VARIABLE = "HVAECODEC_METRIC_WEIGHTS"  # a folder with the files below
URL_VARIABLE = "HVAECODEC_METRIC_WEIGHTS_URL"  # a mirror of all of them
MAX_BYTES = 1 << 30  # twice the largest of the files below
_TIMEOUT_S = 20


@dataclass(frozen=True)
class Weights:
    """A file of weights: its name, where its authors keep it, and its SHA-256, whose first digits the name has."""

    file: str
    url: str
    sha256: str

    @property
    def about(self) -> str:
        """The file and the digits of its digest, to stand beside numbers."""
        return f"{self.file}, SHA-256 {self.sha256[:8]}…"


_TORCHVISION = "https://download.pytorch.org/models/"
ALEXNET = Weights(
    "alexnet-owt-7be5be79.pth", _TORCHVISION, "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
)
VGG16 = Weights("vgg16-397923af.pth", _TORCHVISION, "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0")
INCEPTION = Weights(
    "weights-inception-2015-12-05-6726825d.pth",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)


def folders() -> list[Path]:
    """Return where weights may lie: the folder that FOLDER_VARIABLE names, if any, then PyTorch's cache."""
    import torch

    named = os.environ.get(FOLDER_VARIABLE)
    return ([Path(named)] if named else []) + [Path(torch.hub.get_dir()) / "checkpoints"]


def find(weights: Weights) -> Path:
    """Return the path of a file of weights whose digest was checked.

    It is looked for in `folders`, and else downloaded into the last of them.
    Raises CodecUnavailable, in one line, if it cannot be had or its digest differs.
    """
    paths = [folder / weights.file for folder in folders()]
    at_hand = next((path for path in paths if os.path.exists(path)), None)
    return _checked(at_hand or _download(weights, paths[-1]), weights)


def check_size(path: Path) -> None:
    """Raise CodecUnavailable unless a path is a file of at most MAX_BYTES."""
    if not os.path.isfile(path) or path.stat().st_size > MAX_BYTES:
        raise CodecUnavailable(f"{path} is no file of at most {MAX_BYTES} bytes")


def _download(weights: Weights, target: Path) -> Path:
    url = (os.environ.get(URL_VARIABLE) or weights.url).rstrip("/") + "/" + weights.file
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        import requests

        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_old_parts(target)
        with requests.get(url, stream=True, timeout=_TIMEOUT_S) as answer, part.open("wb") as file:
            answer.raise_for_status()
            for piece in answer.iter_content(1 << 20):  # its errors are requests', also where the connection breaks
                file.write(piece)
                if file.tell() > MAX_BYTES:
                    raise CodecUnavailable(f"{url} has more than {MAX_BYTES} bytes, which no weights of ours have")
        _checked(part, weights)
        part.replace(target)
    except (OSError, ImportError) as cause:  # requests' errors are OSErrors
        words = f"cannot download {url}; put the file into a folder that {FOLDER_VARIABLE} names"
        raise CodecUnavailable(f"{words} ({type(cause).__name__})") from cause
    finally:
        part.unlink(missing_ok=True)
    return target


def _remove_old_parts(target: Path) -> None:
    """Remove what downloads of a day ago and more left, which were killed."""
    for part in target.parent.glob(f"{target.stem}.*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > 86400:
                part.unlink()


def _checked(path: Path, weights: Weights) -> Path:
    check_size(path)
    with usable(f"cannot read metric weights from {path}"), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256") if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read())
    if digest.hexdigest() != weights.sha256:
        raise CodecUnavailable(f"{path} has SHA-256 {digest.hexdigest()}, not {weights.sha256}: another file")
    return path
