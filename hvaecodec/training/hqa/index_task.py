"""Training of the index priors of `hqa-photo`, those of its files and those of its sampler.

Minimised are estimated bits of cells that are drawn from grids; photos are turned into grids once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from hvaecodec.codec.backends.torch_hqa import TorchLayers
from hvaecodec.codec.hqa.pictures import picture_to_indices
from hvaecodec.models.hqa.index_prior import DEPTH, KINDS, Above, IndexPriorConfig, flat, phases
from hvaecodec.models.hqa.index_trainable import IndexPriorNet
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.training.data import Photos
from hvaecodec.training.loop import Moment, Stateless
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.hqa_photo import IndexTraining

_PICTURES = 14  # kind of random draws


@dataclass(frozen=True)
class Cells:
    """This holds cells of one layer and one kind of phase.

    indices: their codes, int16 (n,). near: the cells that they see, int16 (n, 16), with the layer above (n, 25).
    scale_class: int8 (n,).
    """

    indices: Tensor
    near: Tensor
    scale_class: Tensor


class IndexTask(Stateless):
    """Trains one `IndexPriorNet` a layer, for a stack whose codes are in `tree_order`; a `loop.Task`.

    Priors that see the layer above are of all layers but the top one.
    """

    def __init__(
        self,
        config: IndexTraining,
        stack: HqaStack,
        photos: Photos,
        place: Place = HERE,
    ) -> None:
        self.config, self.stack, self.place, self.device = config, stack, place, place.device
        torch.manual_seed(place.seed)
        self.count = len(stack) - config.net.above
        self.net = nn.ModuleList(IndexPriorNet(config.net) for _ in range(self.count)).to(self.device)
        self.cells = self._coded_cells(photos.train, config.pictures)
        self.valid = self._coded_cells(photos.valid, 0) if photos.valid else None

    def fit(self) -> None:
        """Let the embeddings begin as the codes lie; before training."""
        for number in range(self.count):
            layers = range(number, number + 1 + self.config.net.above)
            self._net(number).start_from(*(self.stack[layer].codebook.to(self.device) for layer in layers))

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return bits per cell, the mean over the layers, and those of each layer."""
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
                    picks = torch.randint(len(cells.indices), (n,), generator=rng)
                    bits, count = bits + self._bits(net, kind, cells, picks), count + n
            logs[f"bits{number + 1}"] = bits / count
        return torch.stack(list(logs.values())).mean(), {name: value.detach() for name, value in logs.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Return estimated bits per cell of whole validation photos, by layer, of nets rounded as the integers are."""
        if self.valid is None:
            return {}
        out = {}
        for number in range(self.count):
            net = self._net(number)
            before, net.rounding = net.rounding, True
            bits = count = 0.0
            for kind, cells in zip(KINDS, self.valid[number], strict=True):
                for picks in torch.arange(len(cells.indices)).split(8192):
                    bits += float(self._bits(net, kind, cells, picks))
                    count += len(picks)
            net.rounding = before
            out[f"layer{number + 1}"] = {
                "bits_per_cell": round(bits / count, 4),
                "below_9_bits": 1 - bits / count / DEPTH,
            }
        return out

    def _net(self, number: int) -> IndexPriorNet:
        net = self.net[number]
        assert isinstance(net, IndexPriorNet)
        return net

    def _bits(self, net: IndexPriorNet, kind: str, cells: Cells, picks: Tensor) -> Tensor:
        near, scale_class, indices = (
            part[picks].long().to(self.device) for part in (cells.near, cells.scale_class, cells.indices)
        )
        with self.place.autocast(not net.rounding):
            return net.bits(kind, scale_class, near, indices).sum()

    def _coded_cells(self, photos: list[np.ndarray], augmented: int) -> list[list[Cells]]:
        """Return the cells of every layer by kind.

        augmented: so many pictures are drawn from the photos, and a share of their cells; 0 takes each photo as it is.
        """
        rng = self.place.common_rng(_PICTURES)
        count = augmented or len(photos)
        parts: list[list[list[Cells]]] = [[[] for _ in KINDS] for _ in range(self.count)]
        for n in range(count):
            picture = _augment(photos[rng.integers(len(photos))], rng) if augmented else photos[n]
            grids = picture_to_indices(TorchLayers(self.stack, self.device), picture, range(len(self.stack)))
            for number, grid in enumerate(grids[: self.count]):
                share = min(1.0, self.config.kept / (grid.size * count)) if augmented else 1.0
                above = Above(grids[number + 1]) if self.config.net.above else None
                for kind, cells in enumerate(_cells(grid, share, rng, above)):
                    parts[number][kind].append(cells)
        return [[_join(of_kind, self.config.net.inputs) for of_kind in layer] for layer in parts]


def _augment(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn and mirror a photo at random and make half of them smaller, uint8 (H, W, 3)."""
    picture = np.rot90(photo, rng.integers(4))
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    if rng.random() < 0.5:
        factor = rng.uniform(0.6, 1)
        size = tuple(max(32, round(n * factor)) for n in picture.shape[1::-1])
        picture = np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.LANCZOS))
    return np.ascontiguousarray(picture)


def _cells(grid: np.ndarray, share: float, rng: np.random.Generator, above: Above | None = None) -> list[Cells]:
    """Draw a random share of the cells of a grid of indices, by kind. above: the layer above, if they see it."""
    indices = flat(grid)
    size = (grid.shape[0], grid.shape[1])
    parts: list[list[Cells]] = [[] for _ in KINDS]
    for phase in phases(*size):
        at = phase.rows * size[1] + phase.columns
        keep = np.flatnonzero(rng.random(len(at)) < share)
        near = phase.inputs(indices, size, keep, above)
        classes = np.full(len(keep), phase.scale_class, np.int8)
        parts[KINDS.index(phase.kind)].append(Cells(*map(torch.from_numpy, (indices[at[keep]], near, classes))))
    return [_join(of_kind, IndexPriorConfig(above=above is not None).inputs) for of_kind in parts]


def _join(parts: list[Cells], n_near: int) -> Cells:
    if not parts:
        nothing = torch.zeros(0, dtype=torch.int16)
        return Cells(nothing, nothing.reshape(0, n_near), torch.zeros(0, dtype=torch.int8))
    return Cells(*(torch.cat([getattr(part, name) for part in parts]) for name in ("indices", "near", "scale_class")))
