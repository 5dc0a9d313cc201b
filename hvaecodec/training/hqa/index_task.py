"""Training of index priors of `hqa-photo`, those of its files and those of its sampler: estimated bits of cells drawn
from grids that are coded once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from hvaecodec.codec.backends.torch_hqa import picture_to_indices
from hvaecodec.models.hqa.index_prior import DEPTH, KINDS, Above, IndexPriorConfig, flat, phases
from hvaecodec.models.hqa.index_trainable import IndexPriorNet
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.training.data import counter_rng
from hvaecodec.training.loop import Moment
from hvaecodec.training.recipes.hqa_photo import IndexTraining

_PICTURES = 14  # kind of random draws


@dataclass(frozen=True)
class Cells:
    """Cells of one layer and one kind of phase: indices, int16 (n,), what they see (n, 16 or 25), classes (n,)."""

    indices: Tensor
    near: Tensor
    scale_class: Tensor


class IndexTask:
    """`loop.Task` of the priors, one `IndexPriorNet` a layer, for a stack whose codes are in `tree_order`.

    Priors that see the layer above are of all layers but the top one.
    """

    def __init__(
        self,
        config: IndexTraining,
        stack: HqaStack,
        train: list[np.ndarray],
        valid: list[np.ndarray],
        seed: int = 0,
        rank: int = 0,
        device: torch.device | str = "cpu",
        bf16: bool = True,
    ) -> None:
        self.config, self.stack, self.seed, self.rank, self.bf16 = config, stack, seed, rank, bf16
        self.device = torch.device(device)
        torch.manual_seed(seed)
        self.count = len(stack) - config.net.above
        self.net = nn.ModuleList(IndexPriorNet(config.net) for _ in range(self.count)).to(self.device)
        self.cells = self._coded(train, config.pictures)
        self.valid = self._coded(valid, 0) if valid else None

    def fit(self) -> None:
        """Let the embeddings begin as the codes lie; before training."""
        for number in range(self.count):
            seen = range(number, number + 1 + self.config.net.above)
            self._net(number).start_from(*(self.stack[layer].codebook.to(self.device) for layer in seen))

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Bits per cell, the mean over the layers."""
        logs = {}
        for number in range(self.count):
            net = self._net(number)
            net.rounding = moment.fraction > self.config.rounding_from
            total = sum(len(cells.indices) for cells in self.cells[number])
            size = min(self.config.cells, max(1, round(total * self.config.share)))
            bits, count = torch.zeros((), device=self.device), 0
            for kind, cells in zip(KINDS, self.cells[number], strict=True):
                n = round(size * len(cells.indices) / total)
                if n:
                    picked = torch.randint(len(cells.indices), (n,), generator=rng)
                    bits, count = bits + self._bits(net, kind, cells, picked), count + n
            logs[f"bits{number + 1}"] = bits / count
        return torch.stack(list(logs.values())).mean(), {name: value.detach() for name, value in logs.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Estimated bits per cell of whole validation photos, rounded as the integers are, by layer."""
        if self.valid is None:
            return {}
        out = {}
        for number in range(self.count):
            net = self._net(number)
            before, net.rounding = net.rounding, True
            bits = count = 0.0
            for kind, cells in zip(KINDS, self.valid[number], strict=True):
                for picked in torch.arange(len(cells.indices)).split(8192):
                    bits += float(self._bits(net, kind, cells, picked))
                    count += len(picked)
            net.rounding = before
            out[f"layer{number + 1}"] = {
                "bits_per_cell": round(bits / count, 4),
                "below_9_bits": 1 - bits / count / DEPTH,
            }
        return out

    def state(self) -> dict[str, Tensor]:
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        pass

    def _net(self, number: int) -> IndexPriorNet:
        net = self.net[number]
        assert isinstance(net, IndexPriorNet)
        return net

    def _bits(self, net: IndexPriorNet, kind: str, cells: Cells, picked: Tensor) -> Tensor:
        near, scale_class, indices = (
            part[picked].long().to(self.device) for part in (cells.near, cells.scale_class, cells.indices)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16 and not net.rounding):
            return net.bits(kind, scale_class, near, indices).sum()

    def _coded(self, photos: list[np.ndarray], augmented: int) -> list[list[Cells]]:
        """Cells of every layer by kind. augmented: so many pictures are drawn from the photos, 0 takes each as it is."""
        rng = counter_rng(self.seed, 0, _PICTURES)
        count = augmented or len(photos)
        found: list[list[list[Cells]]] = [[[] for _ in KINDS] for _ in range(self.count)]
        for n in range(count):
            picture = _augmented(photos[rng.integers(len(photos))], rng) if augmented else photos[n]
            grids = picture_to_indices(self.stack, picture, range(len(self.stack)), self.device)
            for number, grid in enumerate(grids[: self.count]):
                share = min(1.0, self.config.kept / (grid.size * count)) if augmented else 1.0
                above = Above(grids[number + 1]) if self.config.net.above else None
                for kind, cells in enumerate(_cells(grid, share, rng, above)):
                    found[number][kind].append(cells)
        return [[_joined(parts, self.config.net.inputs) for parts in layer] for layer in found]


def _augmented(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A photo turned and mirrored, half of them also made smaller, uint8 (H, W, 3)."""
    picture = np.rot90(photo, rng.integers(4))
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    if rng.random() < 0.5:
        factor = rng.uniform(0.6, 1)
        size = tuple(max(32, round(n * factor)) for n in picture.shape[1::-1])
        picture = np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.LANCZOS))
    return np.ascontiguousarray(picture)


def _cells(grid: np.ndarray, share: float, rng: np.random.Generator, above: Above | None = None) -> list[Cells]:
    """A random share of the cells of a grid of indices, by kind. above: the layer above, if they see it."""
    indices = flat(grid)
    size = (grid.shape[0], grid.shape[1])
    found: list[list[Cells]] = [[] for _ in KINDS]
    for phase in phases(*size):
        at = phase.rows * size[1] + phase.columns
        keep = np.flatnonzero(rng.random(len(at)) < share)
        near = phase.inputs(indices, size, keep, above)
        classes = np.full(len(keep), phase.scale_class, np.int8)
        found[KINDS.index(phase.kind)].append(Cells(*map(torch.from_numpy, (indices[at[keep]], near, classes))))
    return [_joined(parts, IndexPriorConfig(above=above is not None).inputs) for parts in found]


def _joined(parts: list[Cells], seen: int) -> Cells:
    if not parts:
        nothing = torch.zeros(0, dtype=torch.int16)
        return Cells(nothing, nothing.reshape(0, seen), torch.zeros(0, dtype=torch.int8))
    return Cells(*(torch.cat([getattr(part, name) for part in parts]) for name in ("indices", "near", "scale_class")))
