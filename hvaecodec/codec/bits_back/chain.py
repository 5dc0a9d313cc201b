"""Bits-back coding with the papers' VAEs, for real: lossless, on a stack of bits, at about the rate of the ELBO.

BB-ANS (arXiv:1901.04866) for hierarchies: the latents are popped off the stack with the posterior, then the picture and
the latents, fine to coarse, are pushed with the model. A decoder pops what was pushed and pushes what was popped.
Latents lie on a grid; the rate that this costs is second order in its step. How the models do it is in
`bits_back.vdvae` and `bits_back.srvae`.

Floats decide here, so a chain decodes only where the same numbers come out: a fingerprint of the machine's results
stands at its head, and another machine is refused.
"""

from __future__ import annotations

import platform
import struct
from dataclasses import dataclass
from importlib.metadata import version
from math import log
from typing import Any, Protocol
from zlib import crc32

import constriction
import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.bits_back.srvae import SingleVaeStack, SrVaeStack
from hvaecodec.codec.bits_back.vdvae import VdvaeStack
from hvaecodec.codec.errors import CorruptFile, ModelMismatch, NotThisFormat
from hvaecodec.codec.torch_guard import without_autocast
from hvaecodec.models.srvae.srvae import SingleVae, SrVae
from hvaecodec.models.vdvae.net import Vdvae

MAGIC = b"HVB\x01"
_HEAD = struct.Struct("<4sIIII")  # magic, fingerprint, pictures, initial words, words
_CONSTRICTION = version("constriction")

Model = Vdvae | SrVae | SingleVae


class PictureStack(Protocol):
    """The way that pictures go onto a stack of bits with a model, and off it again.

    shape: (C, H, W) of a picture, whose samples are whole numbers 0..levels - 1. units: the number of its latents.
    """

    shape: tuple[int, int, int]
    levels: int
    units: int

    def push(self, coder: Any, x: Tensor) -> float:
        """Push a picture, float (1, *shape), onto the stack.

        Returns log q(z|x) - log p(x, z) in nats, at the latents that it used.
        """
        ...

    def pop(self, coder: Any) -> Tensor:
        """Pop the picture on top, float (1, *shape); the stack is left as it was before the picture was pushed."""
        ...

    def numbers(self, x: Tensor) -> list[np.ndarray]:
        """Return all numbers that a picture, float (1, *shape), is coded with; posteriors are rounded, not sampled."""
        ...


@dataclass(frozen=True)
class Chain:
    """Pictures on one stack: its bytes, and what they cost. The lists of bits have one number for each picture.

    net_bits: by how many the stack grew. model_bits: log2 q(z|x) - log2 p(x, z) at the very latents, densities on the
    grid's points. initial_bits: random bits that lay on the stack before the first picture and are left after the last.
    """

    data: bytes
    net_bits: list[float]
    model_bits: list[float]
    initial_bits: int


class BitsBack:
    """A coder of pictures with a net. Raises ValueError for a net whose context has no probabilities to code with."""

    def __init__(self, net: Model) -> None:
        self.stack = _stack_of(net.eval().requires_grad_(False))

    def encode(self, pictures: np.ndarray, seed: int = 0) -> Chain:
        """Encode pictures, whole numbers (N, C, H, W): 0 or 1 for a net of bits, 0..255 otherwise.

        seed: of the random bits that lie on the stack before the first picture.
        """
        x = torch.from_numpy(np.ascontiguousarray(pictures)).float()
        words = self._initial_words()
        rng = np.random.default_rng(seed)
        start = np.append(rng.integers(0, 2**32, words - 1, dtype=np.uint32), np.uint32(1))  # the last may not be 0
        coder = constriction.stream.stack.AnsCoder(start)
        net_bits, model_bits = [], []
        with without_autocast():
            for picture in x:
                before = coder.num_valid_bits()
                model_bits.append(self.stack.push(coder, picture[None]) / log(2))
                net_bits.append(float(coder.num_valid_bits() - before))
        body = coder.get_compressed().astype("<u4")
        head = _HEAD.pack(MAGIC, self.fingerprint(), len(x), words, len(body))
        data = head + body.tobytes()
        return Chain(data + crc32(data).to_bytes(4, "little"), net_bits, model_bits, 32 * words)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a chain into its pictures, uint8 (N, C, H, W).

        Raises NotThisFormat, CorruptFile, or ModelMismatch on a machine with other floats.
        """
        if len(data) < _HEAD.size + 4 or data[:4] != MAGIC:
            raise NotThisFormat("this is no chain of bits-back coding")
        if crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise CorruptFile("the chain's checksum differs; it changed after it was written")
        _, fingerprint, n, _, words = _HEAD.unpack_from(data)
        if len(data) != _HEAD.size + 4 * words + 4:
            raise CorruptFile(f"the chain says {words} words and has {(len(data) - _HEAD.size - 4) / 4:g}")
        if fingerprint != self.fingerprint():
            raise ModelMismatch(
                f"written with fingerprint {fingerprint:08x}, here it is {self.fingerprint():08x}: another net, or a "
                "machine whose floats differ, on which the pictures would be noise"
            )
        coder = constriction.stream.stack.AnsCoder(np.frombuffer(data, "<u4", words, _HEAD.size).astype(np.uint32))
        with without_autocast():
            pictures = [self.stack.pop(coder)[0].byte().numpy() for _ in range(n)]
        return np.stack(pictures[::-1]) if pictures else np.zeros((0, *self.stack.shape), np.uint8)

    def fingerprint(self) -> int:
        """Return the CRC-32 of all numbers that one fixed picture is coded with, of versions and of the processor."""
        x = torch.arange(int(np.prod(self.stack.shape))) * 7919 % self.stack.levels
        with without_autocast():
            numbers = self.stack.numbers(x.float().reshape(1, *self.stack.shape))
        machine = f"{torch.__version__} {_CONSTRICTION} {platform.machine()} {torch.get_num_threads()}".encode()
        return crc32(machine + b"".join(part.tobytes() for part in numbers))

    def _initial_words(self) -> int:
        """Return how many words of 32 bits are enough for the latents of one picture, at 16 bits each."""
        return 64 + self.stack.units // 2


def _stack_of(net: Model) -> PictureStack:
    if isinstance(net, Vdvae):
        return VdvaeStack(net)
    return SrVaeStack(net) if isinstance(net, SrVae) else SingleVaeStack(net)
