"""The two sets of weights of `dct-vae-photo`, read from a folder: bitstream (exact integers) and generator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load as load_arrays

from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.torch_weights import float_tensors
from hvaecodec.codec.weights import BITSTREAM, bitstream_digest, read_weights
from hvaecodec.models.photo.generator import Generator, GeneratorConfig, ScaleConfig
from hvaecodec.models.photo.prior_exact import ExactArithmetic
from hvaecodec.models.photo.prior_walk import PriorConfig


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
        from hvaecodec.models.photo.later_bits import float_twin

        return float_twin(self.arrays, self.config)

    def reference(self) -> Any:
        """The arithmetic of the plain numpy reference."""
        from hvaecodec.models.photo.prior_numpy import NumpyArithmetic

        return NumpyArithmetic(self.arrays, self.config)


def load_bitstream(folder: Path) -> Bitstream:
    """The bitstream weights of a folder. Raises CodecUnavailable."""
    data, metadata = read_weights(folder / BITSTREAM)
    config = PriorConfig(**json.loads(metadata["config"]))
    return Bitstream(bitstream_digest(data), config, load_arrays(data))


def build_generator(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> Generator:
    """The generator of `dct-vae-photo` in inference form, float32."""
    raw = json.loads(metadata["config"])
    raw["scales"] = tuple(ScaleConfig(**scale) for scale in raw["scales"])
    net = Generator(GeneratorConfig(**raw))
    net.load_state_dict(float_tensors(arrays))
    return net.eval().requires_grad_(False)
