"""Codecs by name, by the id a file carries, and by a folder of weights; each imported when asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from hvaecodec.codec.backends import library_in_use, torch_is_needed
from hvaecodec.codec.errors import CodecUnavailable, ModelMismatch
from hvaecodec.codec.format.container import read_header
from hvaecodec.codec.format.limits import DECODED_PIXELS, refuse_above
from hvaecodec.codec.format.wire_ids import CODECS
from hvaecodec.codec.settings import effort_of
from hvaecodec.codec.weight_folders import read_card, usable

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from hvaecodec.codec.images import LoadedImage
    from hvaecodec.codec.rows import RowSource, RowTarget

DEFAULT = "dct-vae-photo"
WEIGHTS = Path(__file__).parent.parent / "weights"


class Codec(Protocol):
    """The attributes and methods of every codec. The module of a codec declares its class as `CODEC`.

    Arrays are uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4). name: the key in `wire_ids.CODECS`. lossless: whether
    `decode` returns exactly what was encoded. fixed_rate: whether every quality gives the same file. searches: whether
    a higher effort gives another file. card: the model card.
    """

    name: str
    lossless: bool
    fixed_rate: bool
    searches: bool
    card: dict[str, Any]

    @classmethod
    def load(cls, path: Path | None = None) -> Codec:
        """Load the weights in a folder, or with None those of the package. Raises CodecUnavailable."""
        ...

    def encode(
        self,
        image: np.ndarray | Image.Image | LoadedImage,
        *,
        quality: float | None = None,
        effort: int | None = None,
        bpp: float | None = None,
        psnr: float | None = None,
    ) -> bytes:
        """Encode an image with its metadata and return the complete file; `images.from_any` accepts all three types.

        The settings are those of `hvaecodec.encode`. Raises ValueError or TypeError for wrong ones.
        """
        ...

    def decode(
        self,
        data: bytes,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        scale: float = 1,
        partial: bool = False,
        generator: str = "file",
        max_pixels: int = DECODED_PIXELS,
    ) -> np.ndarray:
        """Return the picture of a complete file; the settings are those of `hvaecodec.decode`. Raises CodecError."""
        ...

    def decode_with_metadata(self, data: bytes, **settings: Any) -> LoadedImage:
        """Return the picture with its ICC profile and EXIF; the settings are those of `decode`. Raises CodecError."""
        ...

    @classmethod
    def describe(cls, data: bytes, *, max_pixels: int = DECODED_PIXELS) -> dict[str, Any]:
        """Describe what a file holds from its header, lengths and checksums, without weights. Raises CodecError."""
        ...

    def info(self, data: bytes, *, estimate: bool = False, max_pixels: int = DECODED_PIXELS) -> dict[str, Any]:
        """Describe what a file holds, as `hvaecodec.info` does. Raises CodecError."""
        ...

    def symbols(self, data: bytes, backend: str | None = None, *, max_pixels: int = DECODED_PIXELS) -> list[np.ndarray]:
        """Return the integers that a file stores, one array per level, coarse to fine. Raises CodecError."""
        ...


@runtime_checkable
class RowCodec(Protocol):
    """Two more methods, of a codec that can work on some rows of a picture at a time.

    The settings are those of `hvaecodec.encode_rows` and `hvaecodec.decode_rows`.
    """

    def encode_rows(self, source: RowSource, **settings: Any) -> bytes:
        """Encode a picture that is read some rows at a time. Raises ValueError, TypeError or CodecUnavailable."""
        ...

    def decode_rows(self, data: bytes, target: RowTarget, **settings: Any) -> None:
        """Decode a file and write it into a target, some rows at a time. Raises CodecError or ValueError."""
        ...


def load(name_or_path: str | PathLike[str] = DEFAULT) -> Codec:
    """Load a fresh codec object, by name or from a folder that holds a card.json and weights.

    Raises CodecUnavailable if there is no such codec or its weights are missing.
    """
    name, folder = _name_and_folder(name_or_path)
    try:
        with usable(f"cannot use the weights of {name} in {folder or WEIGHTS / name}"):
            return _class_of(name).load(folder)
    except CodecUnavailable as cause:
        if folder is not None or (WEIGHTS / name / "card.json").is_file():
            raise
        raise CodecUnavailable(
            f"the weights of {name} are not in the package; give the folder that `hvaecodec train RECIPE "
            "--export FOLDER` wrote, as --model FOLDER or with hvaecodec.load(FOLDER)"
        ) from cause


def locate(name_or_path: str | PathLike[str]) -> tuple[str, Path]:
    """Return a codec's name and the folder of its weights, from a name or such a folder. Raises CodecUnavailable."""
    name, folder = _name_and_folder(name_or_path)
    return name, folder or WEIGHTS / name


def check_known(name_or_path: str | PathLike[str]) -> None:
    """Raise CodecUnavailable unless `load` knows this name, or a folder of weights for a codec; loads no weights."""
    _class_of(_name_and_folder(name_or_path)[0])


def has_fixed_rate(name_or_path: str | PathLike[str]) -> bool:
    """Return whether a codec, by name or folder of weights, gives the same file at every quality.

    No weights are loaded. Raises CodecUnavailable for a folder without a model card, or for an unknown codec.
    """
    return _class_of(_name_and_folder(name_or_path)[0]).fixed_rate


def check_effort(name_or_path: str | PathLike[str], effort: int | None) -> None:
    """Raise CodecUnavailable if a codec, by name or folder of weights, cannot encode at an effort here.

    None is always there. No weights are loaded.
    """
    if _class_of(_name_and_folder(name_or_path)[0]).searches:
        effort_of(effort, library_in_use())


def for_file(data: bytes, model: str | PathLike[str] | None = None, *, max_pixels: int = DECODED_PIXELS) -> Codec:
    """Return the codec that a file names, loaded once and shared, or a fresh one with weights of one's own.

    model: a name or a folder, as for `load`. max_pixels: as for `decode`, looked at before weights are loaded.
    Raises CodecError, ModelMismatch among them if `model` is another codec.
    """
    header = read_header(data)
    refuse_above(max_pixels, header.height, header.width)
    if model is None:
        return shared(header.codec)
    codec = load(model)
    check_written_by(codec, data, model)
    return codec


def check_written_by(codec: Codec, data: bytes, model: str | PathLike[str]) -> None:
    """Raise ModelMismatch unless a file names this codec, which was loaded as `model`, CodecError if it is damaged."""
    name = read_header(data).codec
    if codec.name != name:
        raise ModelMismatch(f"written by {name}, and {str(model)!r} is {codec.name}; give the weights it was made with")


@cache
def shared(name: str) -> Codec:
    """Load a codec as `load` does, but return the same object at every call: weights cost more than a small picture."""
    return load(name)


def models() -> list[dict[str, Any]]:
    """List what is installed, as `hvaecodec.models` does.

    Raises CodecUnavailable if a card cannot be read.
    """
    installed = []
    for name in CODECS:
        folder = WEIGHTS / name
        has_card = (folder / "card.json").is_file()
        installed.append({"name": name, "installed": has_card, "card": read_card(folder) if has_card else None})
    return installed


def encode(
    image: np.ndarray | Image.Image | LoadedImage, model: str | PathLike[str] = DEFAULT, **settings: Any
) -> bytes:
    """Encode an image as `hvaecodec.encode` does; the settings are its keywords."""
    codec = shared(model) if isinstance(model, str) else load(model)
    return codec.encode(image, **settings)


def decode(data: bytes, **settings: Any) -> np.ndarray:
    """Decode a file as `hvaecodec.decode` does; the settings are its keywords."""
    return for_file(data, max_pixels=settings.get("max_pixels", DECODED_PIXELS)).decode(data, **settings)


def encode_rows(source: RowSource, model: str | PathLike[str] = DEFAULT, **settings: Any) -> bytes:
    """Encode a picture by its rows as `hvaecodec.encode_rows` does; the settings are its keywords."""
    return _by_rows(shared(model) if isinstance(model, str) else load(model)).encode_rows(source, **settings)


def decode_rows(data: bytes, target: RowTarget, **settings: Any) -> None:
    """Decode a file by its rows as `hvaecodec.decode_rows` does; the settings are its keywords."""
    codec = for_file(data, max_pixels=settings.get("max_pixels", DECODED_PIXELS))
    _by_rows(codec).decode_rows(data, target, **settings)


def takes_rows(name_or_path: str | PathLike[str]) -> bool:
    """Return whether a codec, by name or folder of weights, works by rows; loads none. Raises CodecUnavailable."""
    return issubclass(_class_of(_name_and_folder(name_or_path)[0]), RowCodec)


def _by_rows(codec: Codec) -> RowCodec:
    if not isinstance(codec, RowCodec):
        raise CodecUnavailable(f"{codec.name} needs the whole picture; {DEFAULT} is the codec that works by rows")
    return codec


def info(data: bytes, *, estimate: bool = False, max_pixels: int = DECODED_PIXELS) -> dict[str, Any]:
    """Describe a file as `hvaecodec.info` does; weights are loaded for the estimate alone."""
    if estimate:
        return for_file(data, max_pixels=max_pixels).info(data, estimate=True, max_pixels=max_pixels)
    return _class_of(read_header(data).codec).describe(data, max_pixels=max_pixels)


def symbols(data: bytes, backend: str | None = None, *, max_pixels: int = DECODED_PIXELS) -> list[np.ndarray]:
    """Return the integers of a file as `hvaecodec.symbols` does."""
    return for_file(data, max_pixels=max_pixels).symbols(data, backend=backend, max_pixels=max_pixels)


def _name_and_folder(name_or_path: str | PathLike[str]) -> tuple[str, Path | None]:
    """Return a codec's name and the folder of its weights, None for those of the package. Raises CodecUnavailable."""
    if isinstance(name_or_path, str) and name_or_path in CODECS:
        return name_or_path, None
    folder = Path(name_or_path)
    if not folder.is_dir():
        raise CodecUnavailable(f"no codec {str(name_or_path)!r}; known are {', '.join(CODECS)}, or a folder of weights")
    codec = read_card(folder).get("codec")
    if not isinstance(codec, str):
        raise CodecUnavailable(f"cannot use the weights in {folder}: the model card card.json names no codec")
    return codec, folder


def _class_of(name: str) -> type[Codec]:
    """Import a codec's module and return the class that it declares as its `CODEC`. Raises CodecUnavailable."""
    if name not in CODECS:
        raise CodecUnavailable(f"codec {name!r} is not part of this version; known are {', '.join(CODECS)}")
    try:
        return cast("type[Codec]", import_module(CODECS[name].module).CODEC)
    except ModuleNotFoundError as cause:
        if cause.name != "torch":
            raise
        raise torch_is_needed(name) from cause
