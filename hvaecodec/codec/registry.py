"""Codecs by name, by the id a file carries, and by a folder of weights; each imported when asked for."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from hvaecodec.codec.errors import CodecUnavailable, ModelMismatch
from hvaecodec.codec.format.container import read_header

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from hvaecodec.codec.images import LoadedImage

DEFAULT = "dct-vae-photo"
WEIGHTS = Path(__file__).parent.parent / "weights"

# name -> (module, class). The name is the one that container.CODEC_IDS gives an id on the wire.
CODECS: dict[str, tuple[str, str]] = {
    "dct-vae-photo": ("hvaecodec.codec.photo.codec", "DctVaeCodec"),
    "hqa-photo": ("hvaecodec.codec.hqa.codec", "HqaPhotoCodec"),
    "dct-vae-cifar10": ("hvaecodec.codec.tiles.dct_vae_cifar10", "DctVaeCifarCodec"),
    "srvae-cifar10": ("hvaecodec.codec.tiles.srvae_cifar10", "SrVaeCodec"),
}
ONE_RATE = frozenset({"dct-vae-cifar10", "srvae-cifar10"})  # every quality of theirs gives the same file


class Codec(Protocol):
    """What a class in CODECS offers. Arrays: uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)."""

    name: str
    lossless: bool
    card: dict[str, Any]  # the model card

    @classmethod
    def load(cls, path: Path | None = None) -> Codec:
        """From a folder of weights; None is the set in the package."""
        ...

    def encode(
        self,
        image: np.ndarray | Image.Image | LoadedImage,
        quality: float | None = None,
        bpp: float | None = None,
        psnr: float | None = None,
        effort: int = 2,
    ) -> bytes:
        """A complete file, with the image's metadata; `images.from_any` takes all three kinds of image."""
        ...

    def decode(
        self,
        data: bytes,
        temperature: float = 0.0,
        seed: int = 0,
        scale: float = 1,
        partial: bool = False,
        generator: str = "file",
    ) -> np.ndarray:
        """The picture of a complete file."""
        ...

    def decode_with_metadata(self, data: bytes, **settings: Any) -> LoadedImage:
        """The same, with the settings of `decode` as keywords, and with ICC profile and EXIF."""
        ...

    def info(self, data: bytes) -> dict[str, Any]:
        """What a file holds."""
        ...

    def symbols(self, data: bytes, backend: str = "torch") -> list[np.ndarray]:
        """The decoded integers, one array per level, coarse to fine."""
        ...


def load(name_or_path: str | PathLike[str] = DEFAULT) -> Codec:
    """A fresh codec object, by name or from a folder that holds a card.json and weights.

    Raises CodecUnavailable if there is no such codec or its weights are missing.
    """
    if isinstance(name_or_path, str) and name_or_path in CODECS:
        try:
            return _class_of(name_or_path).load(None)
        except CodecUnavailable as cause:
            if (WEIGHTS / name_or_path / "card.json").is_file():
                raise
            raise CodecUnavailable(
                f"the weights of {name_or_path} are not in the package; give the folder that `hvaecodec train RECIPE "
                "--export FOLDER` wrote, as --model FOLDER or with hvaecodec.load(FOLDER)"
            ) from cause
    folder = Path(name_or_path)
    if not folder.is_dir():
        raise CodecUnavailable(f"no codec {str(name_or_path)!r}; known are {', '.join(CODECS)}, or a folder of weights")
    return _class_of(_read_card(folder)["codec"]).load(folder)


def has_one_rate(name_or_path: str | PathLike[str]) -> bool:
    """Whether a codec, by name or folder of weights, gives the same file at every quality; nothing is loaded for it.

    Raises CodecUnavailable for a folder without a model card.
    """
    known = isinstance(name_or_path, str) and name_or_path in CODECS
    return (name_or_path if known else _read_card(Path(name_or_path))["codec"]) in ONE_RATE


def for_file(data: bytes, model: str | PathLike[str] | None = None) -> Codec:
    """The codec that a file names, loaded once and shared, or a fresh one with weights of one's own.

    model: a name or a folder, as for `load`. Raises CodecError, ModelMismatch among them if `model` is another codec.
    """
    named = read_header(data).codec
    if model is None:
        return shared(named)
    codec = load(model)
    if codec.name != named:
        raise ModelMismatch(
            f"written by {named}, and {str(model)!r} is {codec.name}; give the weights it was made with"
        )
    return codec


@cache
def shared(name: str) -> Codec:
    """Like `load`, but the same object at every call: loading weights costs more than a small picture."""
    return load(name)


def models() -> list[dict[str, Any]]:
    """What is installed: one dict for each codec, `name`, `installed` and its model `card` (None without weights)."""
    found = []
    for name in CODECS:
        folder = WEIGHTS / name
        installed = (folder / "card.json").is_file()
        found.append({"name": name, "installed": installed, "card": _read_card(folder) if installed else None})
    return found


def encode(image: np.ndarray | Image.Image, model: str | PathLike[str] = DEFAULT, **settings: Any) -> bytes:
    """See `hvaecodec.encode`."""
    codec = shared(model) if isinstance(model, str) else load(model)
    return codec.encode(image, **settings)


def decode(data: bytes, **settings: Any) -> np.ndarray:
    """See `hvaecodec.decode`."""
    return for_file(data).decode(data, **settings)


def info(data: bytes) -> dict[str, Any]:
    """See `hvaecodec.info`."""
    return for_file(data).info(data)


def symbols(data: bytes, backend: str = "torch") -> list[np.ndarray]:
    """See `hvaecodec.symbols`."""
    return for_file(data).symbols(data, backend=backend)


def _class_of(name: str) -> type[Codec]:
    if name not in CODECS:
        raise CodecUnavailable(f"codec {name!r} is not part of this version; known are {', '.join(CODECS)}")
    module, class_name = CODECS[name]
    return cast("type[Codec]", getattr(import_module(module), class_name))


def _read_card(folder: Path) -> dict[str, Any]:
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        if not isinstance(card, dict) or not isinstance(card.get("codec"), str):
            raise ValueError('it is not an object with a "codec"')
        return card
    except (OSError, ValueError) as cause:
        raise CodecUnavailable(f"cannot use the weights in {folder}: card.json: {cause}") from cause
