"""What is done with each file of a folder: an image is encoded, or a file is decoded."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from hvaecodec.codec.files import read_bytes
from hvaecodec.codec.folders.tree import FILES, PICTURES
from hvaecodec.codec.settings import Decoding, check_quality, check_targets

if TYPE_CHECKING:
    from hvaecodec.codec.images import LoadedImage
    from hvaecodec.codec.registry import Codec, RowCodec
    from hvaecodec.codec.rows import Progress, RowSource, RowTarget


@dataclass(frozen=True)
class Converted:
    """A file's new bytes. summary: what they are, in words. notes: a sentence for each thing to be said of it."""

    data: bytes
    summary: str
    notes: tuple[str, ...] = ()


class Work(Protocol):
    """A piece of work that every worker does for many files; pickled once for each worker.

    suffixes: the ends of the names of files that it takes, in lower case. new_suffix: that of what they become.
    """

    suffixes: ClassVar[frozenset[str]]
    new_suffix: ClassVar[str]

    def check(self) -> None:
        """Raise ValueError or CodecError if the work cannot be done whatever the files are; loads no weights."""
        ...

    def prepare(self) -> None:
        """Load, in the worker, what all files need. Raises CodecError."""
        ...

    def convert(self, path: str) -> Converted:
        """Convert one file. Raises CodecError, ValueError or whatever comes up."""
        ...

    def convert_bytes(self, data: bytes, name: str) -> Converted:
        """Convert a file that is read already; errors call it `name`. Raises what `convert` does."""
        ...


@dataclass(frozen=True)
class EncodeWork:
    """Encode images; the settings are those of `hvaecodec.encode`. metadata: whether ICC profile and EXIF are kept."""

    model: str | os.PathLike[str]
    quality: float | None = None
    bpp: float | None = None
    psnr: float | None = None
    effort: int | None = None
    metadata: bool = True

    suffixes: ClassVar[frozenset[str]] = PICTURES
    new_suffix: ClassVar[str] = ".hvc"

    def check(self) -> None:
        """Raise ValueError for settings out of range, CodecError for a model or an effort that there is not."""
        from hvaecodec.codec import registry

        check_targets(self.quality, self.bpp, self.psnr, self.effort)
        check_quality(50 if self.quality is None else self.quality)
        registry.check_known(self.model)
        registry.check_effort(self.model, self.effort)

    def prepare(self) -> None:
        """Load the codec. Raises CodecError."""
        from hvaecodec.codec import registry

        registry.shared(os.fspath(self.model))

    def convert(self, path: str) -> Converted:
        """Encode the image at a path. Raises CodecError or ValueError."""
        return self.convert_bytes(read_bytes(path), path)

    def convert_bytes(self, data: bytes, name: str) -> Converted:
        """Encode an image file of that name. Raises CodecError or ValueError."""
        from hvaecodec.codec.images import read_image

        return self.encode(read_image(data, name, metadata=self.metadata))

    def encode_rows(self, source: RowSource, progress: Progress | None = None) -> Converted:
        """Encode a picture by its rows. Raises CodecError, ValueError for a target that only a whole picture has."""
        from hvaecodec.codec import registry

        height, width = source.shape[:2]
        if self.bpp is not None or self.psnr is not None:
            raise ValueError(
                f"a picture of {height * width / 1e6:.0f} megapixels is encoded by rows, and bpp and psnr would need "
                "it whole; give a quality"
            )
        settings = {"quality": self.quality, "effort": self.effort}
        data = registry.encode_rows(source, os.fspath(self.model), progress=progress, **settings)
        return Converted(data, _summary(data, height, width))

    def encode(self, image: LoadedImage) -> Converted:
        """Encode an image. Raises CodecError or ValueError."""
        from hvaecodec.codec import registry

        data = registry.shared(os.fspath(self.model)).encode(
            image, quality=self.quality, bpp=self.bpp, psnr=self.psnr, effort=self.effort
        )
        height, width = image.pixels.shape[:2]
        return Converted(data, _summary(data, height, width), image.notes)


def _summary(data: bytes, height: int, width: int) -> str:
    return f"{len(data)} bytes, {8 * len(data) / (height * width):.3f} bpp"


@dataclass(frozen=True)
class DecodeWork:
    """Decode files into PNGs. model: a folder of weights; without it each file's own codec of the package.

    metadata: whether ICC profile and EXIF are written.
    """

    settings: Decoding
    model: str | None = None
    metadata: bool = True

    suffixes: ClassVar[frozenset[str]] = FILES
    new_suffix: ClassVar[str] = ".png"

    def check(self) -> None:
        """Raise CodecError for a model that there is not; the settings are checked already."""
        from hvaecodec.codec import registry

        if self.model is not None:
            registry.check_known(self.model)

    def prepare(self) -> None:
        """Load the weights that were named, if any. Raises CodecError."""
        from hvaecodec.codec import registry

        if self.model is not None:
            registry.shared(self.model)

    def convert(self, path: str) -> Converted:
        """Decode the file at a path. Raises CodecError."""
        return self.convert_bytes(read_bytes(path), path)

    def convert_bytes(self, data: bytes, name: str) -> Converted:
        """Decode a file. Raises CodecError."""
        from hvaecodec.codec import registry
        from hvaecodec.codec.images import to_file

        if self.model is None:
            codec = registry.for_file(data, max_pixels=self.settings.max_pixels)
        else:
            codec = registry.shared(self.model)
            registry.check_written_by(codec, data, self.model)
        image = self.decode(codec, data)
        height, width = image.pixels.shape[:2]
        return Converted(to_file(image, self.new_suffix), f"{width} × {height} pixels")

    def decode(self, codec: Codec, data: bytes) -> LoadedImage:
        """Decode a file with its codec. Raises CodecError."""
        image = codec.decode_with_metadata(data, **asdict(self.settings))
        return image if self.metadata else image.without_metadata()

    def decode_rows(self, codec: RowCodec, data: bytes, target: RowTarget, progress: Progress | None = None) -> None:
        """Decode a file with its codec into a target, by its rows. Raises CodecError."""
        codec.decode_rows(data, target, progress=progress, **asdict(self.settings))
