"""The configuration of a VAE of the papers as JSON, whole: what a file of weights says of its net."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from hvaecodec.codec.config_fields import config_from
from hvaecodec.models.likelihoods import Bernoulli, LogisticMixture
from hvaecodec.models.vdvae.config import VdvaeConfig
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
    """Read the configuration that `config_to_json` wrote. Raises ValueError or KeyError."""
    return config_from_fields(json.loads(text))


def config_from_fields(fields: Any) -> VdvaeConfig:
    """Make a configuration of the fields that a file states. Raises ValueError or KeyError."""
    if not isinstance(fields, dict):
        raise ValueError("the configuration of a VAE is an object")
    ready = {"likelihood": _of_kind(fields["likelihood"], _LIKELIHOODS)}
    if fields["context_prior"] is not None:
        ready["context_prior"] = _of_kind(fields["context_prior"], _PRIORS)
    return config_from(VdvaeConfig, fields | ready)


def _kind_of(config: Any, kinds: dict[str, Any]) -> str:
    return next(kind for kind, of in kinds.items() if type(config) is of)


def _of_kind(fields: Any, kinds: dict[str, Any]) -> Any:
    if not isinstance(fields, dict) or fields.get("kind") not in kinds:
        raise ValueError(f"a part of the configuration is an object whose kind is one of {', '.join(kinds)}")
    return config_from(kinds[fields["kind"]], {name: value for name, value in fields.items() if name != "kind"})
