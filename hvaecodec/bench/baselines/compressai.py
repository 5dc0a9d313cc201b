"""The learned codecs of CompressAI's zoo, `compressai:<model>`, which need an environment of their own (numpy < 2).

CompressAI gives strings, not files; a file here is a 10-byte header, the lengths of the strings, and the strings:
u8 quality, u16 height and width, u16 height and width of the coarsest latent, u8 count, then u32 lengths, all little
endian.
"""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hvaecodec.codec.errors import CodecUnavailable, CorruptFile
from hvaecodec.codec.metric_nets import torchvision_schemas

_HEADER = struct.Struct("<BHHHHB")
_STRIDE = 64  # the zoo's models halve the picture four times, their hyper-latents six
_INSTALL = "it needs CompressAI in an environment of its own: pip install 'hvaecodec[compressai]'"


@dataclass(frozen=True)
class Baseline:
    """`compressai:bmshj2018-hyperprior`; `quality` is the zoo's, 1..8 (1..6 for cheng2020).

    weights: `pretrained` (downloaded by CompressAI), `random` (its sizes and pictures mean nothing; its times do),
    or a folder of `<model>-<quality>.safetensors`.
    """

    model: str = "bmshj2018-hyperprior"
    weights: str = "pretrained"
    optimised_for: str = "mse"
    _nets: dict[int, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    name: ClassVar[str] = "compressai"
    lossless: ClassVar[bool] = False

    @property
    def settings(self) -> tuple[float, ...]:
        """The qualities that the zoo has weights for."""
        return tuple(range(1, 7 if self.model.startswith("cheng2020") else 9))

    @property
    def version(self) -> str:
        """CompressAI's version and which weights are used."""
        return f"compressai {metadata.version('compressai')}, {self.weights} weights"

    @property
    def threads(self) -> int:
        """How many threads torch uses."""
        import torch

        return torch.get_num_threads()

    def encode(self, image: np.ndarray, *, quality: float = 4) -> bytes:
        """Encode a uint8 picture, (H, W), which becomes RGB, or (H, W, 3). Raises CodecUnavailable without the zoo."""
        import torch

        height, width = image.shape[:2]
        rgb = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
        x = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255
        pad = (0, -width % _STRIDE, 0, -height % _STRIDE)
        with torch.inference_mode():
            coded = self._net(round(quality)).compress(torch.nn.functional.pad(x, pad, mode="replicate"))
        strings = [parts[0] for parts in coded["strings"]]
        head = _HEADER.pack(round(quality), height, width, *coded["shape"], len(strings))
        return head + struct.pack(f"<{len(strings)}I", *map(len, strings)) + b"".join(strings)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a whole file to uint8 (H, W, 3). Raises CorruptFile for a damaged one, CodecUnavailable
        without the zoo.
        """
        import torch

        quality, height, width, shape, strings = _parse(data)
        try:
            with torch.inference_mode():
                x_hat = self._net(quality).decompress([[string] for string in strings], shape)["x_hat"]
        except RuntimeError as error:
            raise CorruptFile(f"CompressAI cannot decode this file of {len(data)} bytes: {error}") from error
        picture = (x_hat[0, :, :height, :width].clamp(0, 1) * 255).round().byte()
        return np.ascontiguousarray(picture.permute(1, 2, 0).numpy())

    def unavailable(self) -> str | None:
        """Return why the zoo cannot be used here, or None."""
        return None if util.find_spec("compressai") else f"CompressAI is not installed; {_INSTALL}"

    def _net(self, quality: int) -> Any:
        if quality not in self._nets:
            self._nets[quality] = _load(self.model, quality, self.optimised_for, self.weights)
        return self._nets[quality]


def _load(model: str, quality: int, optimised_for: str, weights: str) -> Any:
    import torch

    zoo = _import_zoo()
    if model not in zoo.image_models:
        raise ValueError(f"CompressAI has no model {model!r}; it has {', '.join(sorted(zoo.image_models))}")
    make = zoo.image_models[model]
    try:
        with torch.random.fork_rng():  # the random weights of encoder and decoder are two objects and must be equal
            torch.manual_seed(quality)
            net = make(quality=quality, metric=optimised_for, pretrained=weights == "pretrained", progress=False)
    except OSError as error:
        raise CodecUnavailable(f"CompressAI's weights for {model} quality {quality} cannot be had: {error}") from error
    if weights not in {"pretrained", "random"}:
        from safetensors.torch import load_file

        net.load_state_dict(load_file(Path(weights) / f"{model}-{quality}.safetensors"))
    net = net.eval()
    net.update(force=True)
    return net


def _import_zoo() -> Any:
    """Import CompressAI's zoo, which needs only the transforms of torchvision."""
    torchvision_schemas.declare()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from compressai import zoo
    except (ImportError, RuntimeError) as error:
        raise CodecUnavailable(f"CompressAI does not import: {error}; {_INSTALL}") from error
    return zoo


def _parse(data: bytes) -> tuple[int, int, int, tuple[int, int], list[bytes]]:
    try:
        quality, height, width, rows, columns, count = _HEADER.unpack_from(data)
        lengths = struct.unpack_from(f"<{count}I", data, _HEADER.size)
    except struct.error as error:
        raise CorruptFile(f"{len(data)} bytes are too few for the header of a CompressAI file") from error
    start = _HEADER.size + 4 * count
    if start + sum(lengths) != len(data):
        raise CorruptFile(f"the strings take {sum(lengths)} bytes, the file has {len(data) - start} for them")
    strings = []
    for length in lengths:
        strings.append(data[start : start + length])
        start += length
    return quality, height, width, (rows, columns), strings
