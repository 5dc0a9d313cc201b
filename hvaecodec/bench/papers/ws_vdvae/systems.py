"""These systems are trained by `hvaecodec paper ws-vdvae`, and `--only` knows them and their groups."""

from __future__ import annotations

from hvaecodec.bench.papers.vae_runs import System

_STATES = ("states",)

SYSTEMS = {
    "mnist-x1": System("mnist-x1", _STATES, seeds=3),
    "mnist-x2": System("mnist-x2"),
    "mnist-x3": System("mnist-x3", seeds=3),
    "mnist-r2": System("mnist-r2"),
    "mnist-r3": System("mnist-r3"),
    "mnist-r5": System("mnist-r5", _STATES, seeds=3),
    "mnist-x1-normalised": System("mnist-x1-normalised", _STATES),
    "mnist-large": System("mnist-large", _STATES),
    "mnist-shared": System("mnist-shared", _STATES),
    "mnist-single": System("mnist-single", _STATES),
    "mnist-x1-rms": System("mnist-x1-rms", extra=True),
    "cifar10-small-x1": System("cifar10-small-x1", extra=True),  # bits have no octaves
    "cifar10-small-x1-fourier": System("cifar10-small-x1-fourier", extra=True),
    "mnist-x1-no-residual": System("mnist-x1-no-residual", extra=True),
    "mnist-x4": System("mnist-x4", extra=True),
    "mnist-r10": System("mnist-r10", extra=True),
    "mnist-r20": System("mnist-r20", extra=True),
}
GROUPS = {
    "blocks": ("mnist-x1", "mnist-x2", "mnist-x3", "mnist-r2", "mnist-r3", "mnist-r5"),
    "large": ("mnist-large", "mnist-shared", "mnist-single"),
    "normalised": ("mnist-x1", "mnist-x1-normalised", "mnist-x1-rms"),
    "ablations": ("mnist-x1-no-residual", "cifar10-small-x1", "cifar10-small-x1-fourier"),
    "deep": ("mnist-x4", "mnist-r10", "mnist-r20"),
}
