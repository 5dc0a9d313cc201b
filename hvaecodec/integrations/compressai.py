"""Our codecs with the interface of CompressAI's models, so that its evaluation can use them: float tensors in and out.

This needs PyTorch, but not CompressAI itself. The strings are whole `.hvc` files, so bits that are counted over them
are those of files, with header and checksums.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any

import numpy as np
import torch

from hvaecodec.codec import registry
from hvaecodec.codec.settings import Decoding, check_quality, check_targets

_CHANNELS = {1: "grey", 3: "RGB"}
_SLACK = 0.5 / 255  # values outside 0..1 by less than half a grey level are rounding


class CompressModel(torch.nn.Module):
    """A torch module with the methods `compress` and `decompress` of CompressAI's models, around one of our codecs.

    model: a name from `hvaecodec.models()` or a folder of weights. temperature, seed: as for `hvaecodec.decode`.
    settings: quality, or bpp or psnr in its place, and effort, as for `hvaecodec.encode`.
    Raises ValueError or TypeError for wrong settings, CodecError if there is no such model.
    """

    def __init__(
        self,
        model: str | PathLike[str] = registry.DEFAULT,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        **settings: float,
    ) -> None:
        super().__init__()
        if unknown := set(settings) - {"quality", "bpp", "psnr", "effort"}:
            raise TypeError(f"there is no setting {min(unknown)}; there are quality, bpp, psnr and effort")
        self.settings: dict[str, Any] = {"quality": None, "bpp": None, "psnr": None, **settings}
        self.settings["effort"] = int(settings["effort"]) if "effort" in settings else None
        check_targets(**self.settings)
        check_quality(settings.get("quality", 50))
        self.decoding = Decoding(temperature, seed)
        self.codec = registry.shared(fspath(model))
        # Callers ask a model's parameters where it is, and of what dtype; so are the pictures that it decodes.
        self.place = torch.nn.Parameter(torch.zeros(1), requires_grad=False)

    def compress(self, x: torch.Tensor) -> dict[str, Any]:
        """Encode pictures, float (N, 3, H, W) or (N, 1, H, W) in 0..1, which are rounded to 8 bits first.

        Returns a dict: `strings` is a list that holds one list of N whole files, `shape` is (H, W).
        Raises TypeError or ValueError for anything else.
        """
        files = [self.codec.encode(picture, **self.settings) for picture in _to_pictures(x)]
        return {"strings": [files], "shape": x.shape[-2:]}

    def decompress(self, strings: Sequence[Sequence[bytes]], shape: Sequence[int]) -> dict[str, torch.Tensor]:
        """Decode what `compress` returned; return a dict with `x_hat`, (N, C, H, W) in 0..1, which has 8 bits a sample.

        Its dtype and device are those of the module: float32 on the CPU unless the module was moved. Raises CodecError
        for a damaged file, ValueError for strings of another form, pictures of another size, or grey beside RGB.
        """
        if len(strings) != 1 or isinstance(strings[0], bytes) or not strings[0]:
            raise ValueError("strings must hold one list, of a file for each picture, as compress() returns them")
        pictures = [self._decode(data, tuple(shape)) for data in strings[0]]
        if len({picture.shape for picture in pictures}) > 1:
            raise ValueError("some of the files are grey and some in colour; decompress them one by one")
        batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)  # (N, C, H, W)
        return {"x_hat": batch.float().div(255).to(self.place).contiguous()}

    def update(self, *_scales: Any, **_options: Any) -> bool:
        """Return False, as CompressAI's models do if their tables are up to date: ours are stored with the weights."""
        return False

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        """Raise NotImplementedError, because this codec makes files and estimates no likelihoods."""
        raise NotImplementedError("hvaecodec makes files and estimates no likelihoods; leave entropy estimation out")

    def _decode(self, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
        """Decode one file to uint8 (H, W, C). Raises ValueError if it is of another size or has alpha."""
        registry.check_written_by(self.codec, data, self.codec.name)
        decoding = self.decoding
        picture = self.codec.decode(data, temperature=decoding.temperature, seed=decoding.seed)
        picture = picture[..., None] if picture.ndim == 2 else picture
        if picture.shape[:2] != shape or picture.shape[2] not in _CHANNELS:
            raise ValueError(f"a file holds a picture of {picture.shape}, expected {shape} in grey or RGB")
        return picture


def _to_pictures(x: torch.Tensor) -> list[np.ndarray]:
    """Return a batch as pictures, uint8 (H, W, 3) or (H, W). Raises TypeError or ValueError if it is none."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(f"pictures are a float tensor in 0..1, not {getattr(x, 'dtype', type(x).__name__)}")
    if x.ndim != 4 or x.shape[1] not in _CHANNELS or not x.numel():
        raise ValueError(f"tensor of shape {tuple(x.shape)}, expected (N, 3, H, W) or (N, 1, H, W)")
    low, high = float(x.min()), float(x.max())
    if not (-_SLACK <= low and high <= 1 + _SLACK):  # also where one is not a number
        raise ValueError(f"values lie in {low:g}..{high:g}, expected 0..1")
    samples = (x.detach().cpu().double() * 255).round().to(torch.uint8).permute(0, 2, 3, 1)  # (N, H, W, C)
    return [np.ascontiguousarray(picture if picture.shape[2] == 3 else picture[..., 0]) for picture in samples.numpy()]
