"""The two sets of weights of a DCT-VAE codec, read from a folder: bitstream (exact integers) and generator."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load as load_arrays
from safetensors.torch import load as load_tensors

from hvaecodec.codec.coder import Tables
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.models.dct_prior import PriorConfig
from hvaecodec.models.exact import ExactArithmetic
from hvaecodec.models.generator import Generator, GeneratorConfig, ScaleConfig

BITSTREAM = "bitstream.safetensors"
GENERATORS = "generator*.safetensors"


@dataclass(frozen=True)
class Bitstream:
    """What a file's digest names: the integer prior, its tables, the step table and S. digest: 4 bytes."""

    digest: bytes
    config: PriorConfig
    arrays: Mapping[str, np.ndarray]

    @cached_property
    def arithmetic(self) -> ExactArithmetic:
        return ExactArithmetic(self.arrays, self.config)

    @cached_property
    def tables(self) -> Tables:
        names = sorted(name for name in self.arrays if name.startswith("table."))
        return Tables([self.arrays[name].astype(np.int64) for name in names])

    @cached_property
    def delta(self) -> torch.Tensor:
        """Step size of every index, float32."""
        return torch.from_numpy(self.arrays["delta"])

    @cached_property
    def s(self) -> torch.Tensor:
        """Relative steps S, (3, 32, 32) float32."""
        return torch.from_numpy(self.arrays["S"])

    @cached_property
    def twin(self) -> Any:
        """The prior in floats, with gradients, for the encoder's search; never for coding."""
        from hvaecodec.models.context_price import float_twin

        return float_twin(self.arrays, self.config)

    def reference(self) -> Any:
        """The arithmetic of the plain numpy reference."""
        from hvaecodec.models.exact_numpy import NumpyArithmetic

        return NumpyArithmetic(self.arrays, self.config)


def load_bitstream(folder: Path) -> Bitstream:
    """The bitstream weights of a folder. Raises CodecUnavailable."""
    data, metadata = _read(folder / BITSTREAM)
    config = PriorConfig(**json.loads(metadata["config"]))
    return Bitstream(hashlib.sha256(data).digest()[:4], config, load_arrays(data))


class Generators:
    """The generators installed in a folder, by digest (2 bytes); each loaded when first asked for."""

    def __init__(self, folder: Path, newest: str) -> None:
        self.paths = {_digest(path): path for path in sorted(folder.glob(GENERATORS))}
        if not (folder / newest).is_file():
            raise CodecUnavailable(f"no {newest} in {folder}; the installation is incomplete")
        self.newest = _digest(folder / newest)
        self.loaded: dict[bytes, Generator] = {}

    def get(self, digest: bytes) -> Generator:
        """The generator in inference form, float32, channels last."""
        if digest not in self.loaded:
            data, metadata = _read(self.paths[digest])
            raw = json.loads(metadata["config"])
            raw["scales"] = tuple(ScaleConfig(**scale) for scale in raw["scales"])
            net = Generator(GeneratorConfig(**raw))
            net.load_state_dict({name: value.float() for name, value in load_tensors(data).items()})
            self.loaded[digest] = net.eval().requires_grad_(False)
        return self.loaded[digest]


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()[:2]


def _read(path: Path) -> tuple[bytes, dict[str, str]]:
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
        if "config" not in metadata:
            raise CodecUnavailable(f"{path} holds no config; it is not a weights file of this codec")
        return path.read_bytes(), metadata
    except (OSError, SafetensorError) as cause:
        raise CodecUnavailable(f"cannot read the weights {path}: {cause}") from cause
