"""This module has the configurations of the papers' nets by name, and of CIFAR-10's at a reduced size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from functools import partial

from hvaecodec.models.likelihoods import LogisticMixture
from hvaecodec.models.vdvae.blocks import REZERO, Cells
from hvaecodec.models.vdvae.config import Scale, VdvaeConfig
from hvaecodec.models.vdvae.context import ContextConfig, Kind
from hvaecodec.models.vdvae.context_autoregressive import AutoregressiveConfig
from hvaecodec.models.vdvae.context_diffusion import DiffusionConfig
from hvaecodec.models.vdvae.context_published import PublishedDiffusionConfig

# arXiv:2302.09976, tables 1 and 6: layers of a scale -> (widths at 14 and 7, cells a layer); equal numbers of
# parameters. Of six latents the printed 624K has no whole widths by these rules; ours come nearest.
_LATENT_SWEEP = {2: (36, 45, 2), 3: (36, 45, 1), 4: (32, 40, 1), 5: (32, 32, 1)}
_KINDS: tuple[Kind, ...] = ("dct", "downsample")  # the contexts of the paper; others are for parity
_CIFAR_MEAN, _CIFAR_SCALE = 120.63838, 64.16736  # mean and deviation of the training pictures, in grey levels


@dataclass(frozen=True)
class _Size:
    """A size gives the width of a data set's nets, and the priors that their contexts may have.

    width: channels at all scales. idle: whether the net has the weights that nobody uses, for the sake of the printed
    size.
    """

    diffusion: DiffusionConfig
    autoregressive: AutoregressiveConfig
    width: int = 0
    idle: bool = True


_BINARY = _Size(DiffusionConfig(7, "linear", 32), AutoregressiveConfig(192))
_PAPER = _Size(DiffusionConfig(40, "cosine", 64), AutoregressiveConfig(256), 384)
_SMALL = _Size(DiffusionConfig(40, "cosine", 48), AutoregressiveConfig(256), 96)
# the pair that comes with the package: four nets in 4 MB
_NARROW = _Size(DiffusionConfig(40, "cosine", 48), AutoregressiveConfig(108, mixtures=2), 36, idle=False)


def binary(layers: int = 4, context: ContextConfig | None = None, prior: str = "diffusion") -> VdvaeConfig:
    """Return the net of MNIST and OMNIGLOT, 28 x 28 bits: arXiv:2302.09976, tables 1 and 6.

    layers: at each of its two scales; with a context the top one has one latent less. prior: "diffusion" or
    "autoregressive", of the context.
    """
    fine, coarse, resnet = _LATENT_SWEEP[layers]
    n_top = layers - (context is not None)
    scales = (
        Scale(7, n_top, n_top, coarse, 1, resnet=resnet),
        Scale(14, layers, layers, fine, 1, resnet=resnet),
    )
    return _with_context(VdvaeConfig(28, 1, scales, REZERO), _BINARY, context, prior)


def _published() -> VdvaeConfig:
    """Return MNIST's net with context and prior of the released code, two bits: for parity only."""
    config = binary(context=binary_context("dct-drawn", half=4))
    return replace(config, context_prior=PublishedDiffusionConfig(*astuple(_BINARY.diffusion)))


def _sized(kind: Kind, size: int) -> VdvaeConfig:
    """Return MNIST's net with another size of context: arXiv:2302.09976, figure 3."""
    return binary(context=binary_context(kind, size))


def binary_context(kind: Kind = "dct", size: int = 6, half: int = 2) -> ContextConfig:
    """Return the context of the binary sets; half = 2 has the step of the paper's two bits."""
    return ContextConfig(kind, 28, 1, size, half)


def cifar(size: _Size = _PAPER, context: ContextConfig | None = None, prior: str = "diffusion") -> VdvaeConfig:
    """Return the net of CIFAR-10: arXiv:2302.09976, table 6.

    It has 10 latents of 8 channels at side 32, 10 at 16, 5 at 8, 3 at 4 (2 with a context) and one at 1. prior: as in
    `binary`.
    """
    counts = {1: 1, 4: 2 if context else 3, 8: 5, 16: 10, 32: 10}
    scales = tuple(Scale(side, n, 1, size.width, 8) for side, n in counts.items())
    cells = replace(REZERO, bottleneck=0.25, weight_norm=True, idle=size.idle)
    likelihood = LogisticMixture(coupled=False)
    config = VdvaeConfig(
        32, 3, scales, cells, likelihood,
        top_latent=context is None, input_mean=_CIFAR_MEAN, input_scale=_CIFAR_SCALE,
    )  # fmt: skip
    return _with_context(config, size, context, prior)


def cifar_context(kind: Kind = "dct", size: int = 6, half: int = 8) -> ContextConfig:
    """Return the context of CIFAR-10.

    The paper prints no step. half = 16 has that of the released five bits; 8 needs a third fewer bits for 0.5 dB.
    """
    return ContextConfig(kind, 32, 3, size, half, centre=0.5)


def _with_context(config: VdvaeConfig, size: _Size, context: ContextConfig | None, prior: str) -> VdvaeConfig:
    if context is None:
        return config
    return replace(
        config, context=context, context_prior=size.autoregressive if prior == "autoregressive" else size.diffusion
    )


def stacked(blocks: int = 1, repeats: int = 1, width: int = 32, z: int = 8, channels: int = 1) -> VdvaeConfig:
    """Return a net of the small study of weight sharing: arXiv:2301.08187, figure 4.

    It has `blocks` blocks at each resolution (x1 .. x4 there), or one that is applied `repeats` times (r2 .. r20).
    """
    scales = tuple(Scale(side, blocks, blocks, width, z, repeats=repeats, mixin=side > 1) for side in (1, 4, 8, 16, 32))
    return _original(scales, channels)


# side: blocks of the decoder, of the encoder (openai/vdvae, hps.py)
_CIFAR10 = {1: (1, 3), 4: (2, 3), 8: (5, 6), 16: (10, 6), 32: (21, 11)}
IMAGENET32 = {1: (2, 6), 4: (4, 6), 8: (9, 8), 16: (19, 9), 32: (40, 15)}


def vdvae(
    width: int = 32, z: int = 8, channels: int = 1, blocks: dict[int, tuple[int, int]] | None = None
) -> VdvaeConfig:
    """Return VDVAE with the given numbers of blocks, by default those of its CIFAR-10 net.

    MNIST at 32 x 32 is 32 wide. blocks: from a side to its blocks in the decoder and in the encoder.
    """
    counts = blocks or _CIFAR10
    scales = tuple(Scale(side, dec, enc, width, z, mixin=side > 1) for side, (dec, enc) in counts.items())
    return _original(scales, channels)


def single_resolution(width: int = 32, z: int = 8, layers: int = 42, encoder: int = 32) -> VdvaeConfig:
    """Return a net with all blocks at 32 x 32 and as many parameters as `vdvae`: arXiv:2301.08187, table 3 (328k)."""
    return _original((Scale(32, layers, encoder, width, z),), 1)


def weight_shared(width: int = 32, z: int = 8) -> VdvaeConfig:
    """Return the large WS-VDVAE of MNIST: arXiv:2301.08187, table 1.

    Its blocks are not printed; these meet both of its numbers, 232k parameters and 57 latents.
    """
    # side: layers, cells of the encoder, repeats of each
    counts = {1: (1, 1, 1), 4: (2, 2, 1), 8: (4, 4, 3), 16: (6, 5, 3), 32: (10, 6, 2)}
    scales = tuple(
        Scale(side, dec, enc, width, z, repeats=times, mixin=side > 1) for side, (dec, enc, times) in counts.items()
    )
    return _original(scales, 1)


def _original(scales: tuple[Scale, ...], channels: int) -> VdvaeConfig:
    likelihood = {"likelihood": LogisticMixture()} if channels == 3 else {}
    means = {"input_mean": _CIFAR_MEAN, "input_scale": _CIFAR_SCALE} if channels == 3 else {}
    return VdvaeConfig(32, channels, scales, Cells(), **likelihood, **means)  # type: ignore[arg-type]


# name -> configuration; the names of experiments and recipes
NETS: dict[str, Callable[[], VdvaeConfig]] = {
    "mnist-vdvae": binary,
    "mnist-dct": lambda: binary(context=binary_context()),
    "mnist-downsample": lambda: binary(context=binary_context("downsample")),
    "omniglot-vdvae": binary,
    "omniglot-dct": lambda: binary(context=binary_context(size=7)),
    "omniglot-downsample": lambda: binary(context=binary_context("downsample", 7)),
    "cifar10-vdvae": cifar,
    "cifar10-dct": lambda: cifar(context=cifar_context()),
    "cifar10-downsample": lambda: cifar(context=cifar_context("downsample")),
    "cifar10-small-vdvae": lambda: cifar(_SMALL),
    "cifar10-small-dct": lambda: cifar(_SMALL, cifar_context()),
    "cifar10-small-downsample": lambda: cifar(_SMALL, cifar_context("downsample")),
    "cifar10-narrow-vdvae": lambda: cifar(_NARROW),
    "cifar10-narrow-dct": lambda: cifar(_NARROW, cifar_context(), "autoregressive"),
    "mnist-large": vdvae,
    "mnist-single": single_resolution,
    "mnist-shared": weight_shared,
    "mnist-dct-autoregressive": lambda: binary(context=binary_context(), prior="autoregressive"),
    "mnist-dct-coarse": lambda: binary(context=binary_context(half=1), prior="autoregressive"),
    "mnist-downsample-autoregressive": lambda: binary(context=binary_context("downsample"), prior="autoregressive"),
    "mnist-downsample-coarse": lambda: binary(context=binary_context("downsample", half=1), prior="autoregressive"),
    "mnist-dct-4-coarse": lambda: binary(context=binary_context(size=4, half=1), prior="autoregressive"),
    "mnist-dct-published": _published,
    "omniglot-dct-autoregressive": lambda: binary(context=binary_context(size=7), prior="autoregressive"),
    "omniglot-dct-4-coarse": lambda: binary(context=binary_context(size=4, half=1), prior="autoregressive"),
    "cifar10-small-dct-autoregressive": lambda: cifar(_SMALL, cifar_context(), "autoregressive"),
    "mnist-x1-normalised": lambda: replace(stacked(), normalise="unit"),
    "mnist-x1-rms": lambda: replace(stacked(), normalise="rms"),
    "cifar10-small-x1": lambda: stacked(width=64, channels=3),
    "cifar10-small-x1-fourier": lambda: replace(stacked(width=64, channels=3), fourier=(4, 5, 6)),
    "mnist-x1-no-residual": lambda: replace(stacked(), cells=replace(Cells(), residual=False)),
}
NETS |= {f"mnist-L{2 * n}": partial(binary, n) for n in _LATENT_SWEEP}
NETS |= {f"mnist-{kind}-{d}": partial(_sized, kind, d) for kind in _KINDS for d in (4, 8)}
NETS |= {f"mnist-x{n}": partial(stacked, n) for n in (1, 2, 3, 4)}
NETS |= {f"mnist-r{n}": partial(stacked, 1, n) for n in (2, 3, 5, 10, 20)}


TINY = "-tiny"


def net(name: str) -> VdvaeConfig:
    """Return the configuration of a name of `NETS`; with `-tiny` at its end it is made small, for trials.

    Raises ValueError for unknown names.
    """
    if name.endswith(TINY):
        return _tiny(net(name.removesuffix(TINY)))
    if name not in NETS:
        raise ValueError(f"no net {name!r}; there are {', '.join(NETS)}")
    return NETS[name]()


def _tiny(config: VdvaeConfig) -> VdvaeConfig:
    """Return the configuration of the same kind of net with hardly any weights."""
    scales = tuple(
        replace(s, layers=1, encoder=1, width=8, z=min(2, s.z), repeats=min(2, s.repeats)) for s in config.scales
    )
    prior = config.context_prior
    if isinstance(prior, DiffusionConfig):
        prior = replace(prior, steps=3, width=8, blocks=1)
    elif prior is not None:
        prior = AutoregressiveConfig(8, 1, 2)
    return replace(config, scales=scales, context_prior=prior)
