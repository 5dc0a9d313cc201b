"""The configuration of a VAE of the papers as JSON, whole: what a file of weights says of its net."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from hvaecodec.models.likelihoods import Bernoulli, LogisticMixture
from hvaecodec.models.vdvae.blocks import Cells
from hvaecodec.models.vdvae.config import Scale, VdvaeConfig
from hvaecodec.models.vdvae.context import ContextConfig
from hvaecodec.models.vdvae.context_autoregressive import AutoregressiveConfig
from hvaecodec.models.vdvae.context_diffusion import DiffusionConfig
from hvaecodec.models.vdvae.context_published import PublishedDiffusionConfig

# Where a field may be of several classes, `kind` in the file says which.
_LIKELIHOODS: dict[str, Any] = {"bernoulli": Bernoulli, "logistic-mixture": LogisticMixture}
_PRIORS: dict[str, Any] = {
    "autoregressive": AutoregressiveConfig,
    "diffusion": DiffusionConfig,
    "published-diffusion": PublishedDiffusionConfig,
}


def config_to_json(config: VdvaeConfig) -> str:
    """Write a configuration as JSON with all its fields, so that no file depends on a preset that may change."""
    fields = asdict(config)
    fields["likelihood"] = {"kind": _kind_of(config.likelihood, _LIKELIHOODS), **fields["likelihood"]}
    if config.context_prior is not None:
        fields["context_prior"] = {"kind": _kind_of(config.context_prior, _PRIORS), **fields["context_prior"]}
    return json.dumps(fields)


def config_from_json(text: str) -> VdvaeConfig:
    """Read the configuration that `config_to_json` wrote. Raises ValueError, KeyError or TypeError."""
    fields = json.loads(text)
    return VdvaeConfig(
        **fields
        | {
            "scales": tuple(Scale(**scale) for scale in fields["scales"]),
            "cells": Cells(**fields["cells"]),
            "likelihood": _of_kind(fields["likelihood"], _LIKELIHOODS),
            "context": fields["context"] and ContextConfig(**fields["context"]),
            "context_prior": fields["context_prior"] and _of_kind(fields["context_prior"], _PRIORS),
            "fourier": tuple(fields["fourier"]),
        }
    )


def _kind_of(config: Any, kinds: dict[str, Any]) -> str:
    return next(kind for kind, of in kinds.items() if type(config) is of)


def _of_kind(fields: dict[str, Any], kinds: dict[str, Any]) -> Any:
    return kinds[fields["kind"]](**{name: value for name, value in fields.items() if name != "kind"})
