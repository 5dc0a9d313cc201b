"""The last hidden layer of these small classifiers describes a picture; our Fréchet distances are measured in it.

There are three designs, so that two of them can check each other: `PlainNet` (a stack of convolutions in the manner of
VGG, arXiv:1409.1556), `ResidualNet` (pre-activation residual blocks, arXiv:1603.05027, with a smooth activation and
averaged downsampling) and `DigitNet` (LeNet-5 of LeCun et al. 1998 with ReLU and max pooling, the usual modern form).
All take float32 in [0, 1] and give logits of ten classes; use them in `eval` mode, where BatchNorm is a fixed affine
map.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_CLASSES = 10


@dataclass(frozen=True)
class PlainConfig:
    """The configuration of a `PlainNet` gives its seven widths, the last of them the number of features."""

    widths: tuple[int, int, int, int, int, int, int] = (24, 48, 64, 128, 128, 160, 64)


@dataclass(frozen=True)
class ResidualConfig:
    """The configuration of a `ResidualNet` gives its widths.

    stem: channels at full size. widths: channels of the stages at 1/2, 1/4 and 1/8. features: their number.
    """

    stem: int = 24
    widths: tuple[int, int, int] = (48, 80, 128)
    features: int = 64


@dataclass(frozen=True)
class DigitConfig:
    """The configuration of a `DigitNet` gives its widths.

    widths: channels of the two convolutions. hidden: units of the hidden layer. features: their number.
    """

    widths: tuple[int, int] = (20, 48)
    hidden: int = 128
    features: int = 64


FeatureConfig = PlainConfig | ResidualConfig | DigitConfig


class FeatureNet(nn.Module, ABC):
    """A feature net classifies pictures by a linear map of its features; the three designs share this."""

    config: FeatureConfig
    n_features: int
    channels: int  # of the pictures

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """Return the features (B, n_features) of pictures (B, channels, 32, 32) in [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of the classes, (B, 10), of pictures (B, channels, 32, 32) in [0, 1]."""
        logits: Tensor = self.head(self.features(x))
        return logits


class PlainNet(FeatureNet):
    """This net of RGB pictures has seven 3x3 convolutions with BatchNorm and ReLU, then the mean over the picture."""

    channels = 3

    def __init__(self, config: PlainConfig) -> None:
        """Make a net with random weights."""
        super().__init__()
        self.config, self.n_features = config, config.widths[-1]
        pairs = zip((3, *config.widths), config.widths, strict=False)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, 2 if i == 1 else 1, 1, bias=False) for i, (a, b) in enumerate(pairs)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in config.widths)
        self.head = nn.Linear(self.n_features, N_CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """Return the features (B, n_features) of pictures, see `FeatureNet.features`."""
        x = _standard(x)
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = F.relu(norm(conv(x)))
            if i in (2, 4):
                x = F.max_pool2d(x, 2)  # 16 -> 8, 8 -> 4
        return x.mean((2, 3))  # (B, n_features)


class ResidualNet(FeatureNet):
    """This net of RGB pictures has a stem, three stages and a 1x1 layer.

    A stage halves the picture by averaging and adds one residual block.
    """

    channels = 3

    def __init__(self, config: ResidualConfig) -> None:
        """Make a net with random weights."""
        super().__init__()
        self.config, self.n_features = config, config.features
        self.stem = nn.Conv2d(3, config.stem, 3, padding=1, bias=False)
        pairs = list(zip((config.stem, *config.widths), config.widths, strict=False))
        self.widen = nn.ModuleList(nn.Conv2d(a, b, 1, bias=False) for a, b in pairs)
        self.blocks = nn.ModuleList(_Block(width) for width in config.widths)
        self.last_norm = nn.BatchNorm2d(config.widths[-1])
        self.last = nn.Conv2d(config.widths[-1], config.features, 1)
        self.head = nn.Linear(config.features, N_CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """Return the features (B, n_features) of pictures, see `FeatureNet.features`."""
        x = self.stem(_standard(x))
        for widen, block in zip(self.widen, self.blocks, strict=True):
            x = block(widen(F.avg_pool2d(x, 2)))  # 32 -> 16 -> 8 -> 4
        x = F.silu(self.last(F.silu(self.last_norm(x))))
        return x.mean((2, 3))  # (B, n_features)


class _Block(nn.Module):
    """A pre-activation residual block has BatchNorm, SiLU and a 3x3 convolution twice (arXiv:1603.05027)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(F.silu(norm(y)))
        return x + y


class DigitNet(FeatureNet):
    """This net of grey pictures, ink 1, has two 5x5 convolutions, each with max pooling, and two linear layers."""

    channels = 1

    def __init__(self, config: DigitConfig) -> None:
        """Make a net with random weights."""
        super().__init__()
        self.config, self.n_features = config, config.features
        first, second = config.widths
        self.conv1, self.conv2 = nn.Conv2d(1, first, 5), nn.Conv2d(first, second, 5)
        self.hidden = nn.Linear(second * 25, config.hidden)
        self.last = nn.Linear(config.hidden, config.features)
        self.head = nn.Linear(config.features, N_CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """Return the features (B, n_features) of pictures, see `FeatureNet.features`."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (B, first, 14, 14)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (B, second, 5, 5)
        x = F.relu(self.hidden(torch.flatten(x, 1)))
        return F.relu(self.last(x))  # (B, n_features)


# design -> its configuration and net; the name is written beside the weights
DESIGNS: dict[str, tuple[type[FeatureConfig], type[FeatureNet]]] = {
    "plain": (PlainConfig, PlainNet),
    "residual": (ResidualConfig, ResidualNet),
    "digit": (DigitConfig, DigitNet),
}


def design_of(config: FeatureConfig) -> str:
    """Return the name of a configuration's design, a key of `DESIGNS`."""
    return next(name for name, (kind, _) in DESIGNS.items() if isinstance(config, kind))


def make(config: FeatureConfig) -> FeatureNet:
    """Make the net of a configuration, with random weights."""
    kind: Any = DESIGNS[design_of(config)][1]
    net: FeatureNet = kind(config)
    return net


def config_from(design: str, fields: dict[str, Any]) -> FeatureConfig:
    """Turn the fields that `dataclasses.asdict` and JSON wrote of a configuration back into that configuration.

    design: a key of `DESIGNS`. Raises KeyError for another one, TypeError for unknown fields.
    """
    kind: Any = DESIGNS[design][0]
    config: FeatureConfig = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    return config


def _standard(x: Tensor) -> Tensor:
    """Bring pictures in [0, 1] to about zero mean and unit variance."""
    return (x - 0.47) * 4
