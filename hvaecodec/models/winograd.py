"""Convolutions of 3 x 3 by minimal filtering, F(4 x 4, 3 x 3): a quarter of a convolution's products.

Lavin and Gray, arXiv:1509.09308, section 4.3: with d a patch of 6 x 6 inputs, g the kernel, and B, G, A small fixed
matrices, 4 x 4 outputs are A^T ((G g G^T) * (B^T d B)) A, in which the products * are summed over channels: 36 products
of matrices in all. In float32 results differ from a convolution's by some 1e-5 of the largest.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

SIDE = 4  # outputs of a patch, each way
_REACH = SIDE + 2  # inputs of a patch, each way
_B = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)  # B^T
_G = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))  # 24 G
_A = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))  # A^T


class Filter:
    """A kernel, float32 (out, in, 3, 3), as products take it."""

    def __init__(self, weight: Tensor) -> None:
        width, self.inputs = weight.shape[:2]
        kernels = weight.permute(2, 3, 1, 0).reshape(9, -1)
        self.products = (_matrices()[0] @ kernels).view(_REACH**2, self.inputs, width)


class Patches:
    """Room for rows of patches of maps of `channels`, so many columns of them, in which `convolve` computes.

    input: float32 (4 rows + 2, 4 columns + 2, channels), to be filled; nothing is in it at first.
    """

    def __init__(self, rows: int, columns: int, channels: int) -> None:
        self.rows, self.columns = rows, columns
        self.input = torch.empty(SIDE * rows + 2, SIDE * columns + 2, channels, dtype=torch.float32)
        self._patches, self._products = (
            torch.empty(_REACH**2, rows * columns * channels, dtype=torch.float32) for _ in range(2)
        )

    def convolve(self, kernel: Filter) -> Tensor:
        """Return the convolution of `input`, (rows, 4, columns, 4, channels).

        Channels are as many as before. The result is a view, in no order.
        """
        _, into, back = _matrices()
        row, column, channel = self.input.stride()
        size = _REACH, _REACH, self.rows, self.columns, kernel.inputs
        patches = self.input.as_strided(size, (row, column, SIDE * row, SIDE * column, channel))
        self._products.view(size).copy_(patches)
        torch.mm(into, self._products, out=self._patches)
        many = _REACH**2, self.rows * self.columns, -1
        torch.bmm(self._patches.view(many), kernel.products, out=self._products.view(many))
        outputs = torch.mm(back, self._products, out=self._patches[: SIDE**2])
        return outputs.view(SIDE, SIDE, self.rows, self.columns, -1).permute(2, 0, 3, 1, 4)


@cache
def _matrices() -> tuple[Tensor, Tensor, Tensor]:
    """What is applied to a kernel, (36, 9), to a patch, (36, 36), and to products, (16, 36), as vectors; float32."""
    b, g, a = (torch.tensor(rows, dtype=torch.float64) for rows in (_B, _G, _A))
    return tuple(torch.kron(m, m).float() for m in (g / 24, b, a))  # type: ignore[return-value]
