"""The two sets of weights of `hqa-photo`: bitstream (index priors and what the indices mean) and generator.

Code vectors belong to the bitstream: an encoder or a decoder may be trained anew, but an index must keep its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load as load_arrays

from hvaecodec.codec.entropy.bits import BitTables
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.weights import BITSTREAM, bitstream_digest, read_weights
from hvaecodec.models.hqa.index_exact import ExactIndexArithmetic
from hvaecodec.models.hqa.index_numpy import NumpyIndexArithmetic
from hvaecodec.models.hqa.index_prior import IndexPriorConfig
from hvaecodec.models.hqa.index_sampler import IndexSampler
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, LayerConfig


@dataclass(frozen=True)
class HqaBitstream:
    """What a file's digest names. digest: 4 bytes. arrays: of layer n (from 1) under `layer<n>.`, and `bit_tables`."""

    digest: bytes
    config: IndexPriorConfig
    arrays: Mapping[str, np.ndarray]

    @cached_property
    def n_layers(self) -> int:
        return sum(name.endswith(".codebook") for name in self.arrays)

    def layer(self, number: int) -> dict[str, np.ndarray]:
        """The arrays of a layer, counted from 0, without their prefix."""
        prefix = f"layer{number + 1}."
        return {name.removeprefix(prefix): part for name, part in self.arrays.items() if name.startswith(prefix)}

    @cached_property
    def arithmetic(self) -> list[ExactIndexArithmetic]:
        return [ExactIndexArithmetic(self.layer(number), self.config) for number in range(self.n_layers)]

    def reference(self, number: int) -> NumpyIndexArithmetic:
        """The arithmetic of the plain numpy reference."""
        return NumpyIndexArithmetic(self.layer(number), self.config)

    @cached_property
    def tables(self) -> BitTables:
        return BitTables(self.arrays["bit_tables"])

    def build_stack(self, metadata: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> HqaStack:
        """The encoder and decoder of a generator file with these codes, in inference form, float32."""
        configs = [LayerConfig(**raw) for raw in json.loads(metadata["config"])]
        if len(configs) != self.n_layers:
            raise CodecUnavailable(f"the generator has {len(configs)} layers, the bitstream weights {self.n_layers}")
        stack = HqaStack([HqaLayer(config, bottom=number == 0) for number, config in enumerate(configs)])
        state = {name: value.float() for name, value in tensors.items()}
        for number in range(self.n_layers):
            state[f"layers.{number}.codebook"] = torch.from_numpy(self.layer(number)["codebook"].astype(np.float32))
            state[f"layers.{number}.seen"] = torch.ones(())
        try:
            stack.load_state_dict(state)
        except RuntimeError as cause:
            raise CodecUnavailable(f"the generator does not fit the bitstream weights: {cause}") from cause
        return stack.freeze()


def load_hqa_bitstream(folder: Path) -> HqaBitstream:
    """The bitstream weights of a folder. Raises CodecUnavailable."""
    data, metadata = read_weights(folder / BITSTREAM)
    config = IndexPriorConfig(**json.loads(metadata["config"]))
    return HqaBitstream(bitstream_digest(data), config, load_arrays(data))


def build_sampler(metadata: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> IndexSampler:
    """What draws the lower layers of `hqa-photo`. tensors: of layer n (from 1) under `layer<n>.`, and `bit_tables`."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, tensor in tensors.items():
        layer, _, part = name.partition(".")
        layers.setdefault(layer, {})[part] = tensor.numpy()
    tables = layers.pop("bit_tables")[""]
    ordered = [layers[f"layer{number + 1}"] for number in range(len(layers))]
    return IndexSampler(ordered, tables, IndexPriorConfig(**json.loads(metadata["config"])))
