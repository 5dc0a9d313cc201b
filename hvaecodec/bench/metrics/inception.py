"""Inception features of patches, as FID and KID define them, by torch-fidelity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from hvaecodec.bench.metrics import frechet, metric_weights, perceptual

KID_SUBSET = 1000
_BATCH = 32


@dataclass(frozen=True)
class Inception:
    """`side`: of the patches, which torch-fidelity brings to 299 as TensorFlow 1 did. digest: of the weights."""

    name: str
    side: int
    digest: str
    net: Any

    def of(self, patches: np.ndarray) -> np.ndarray:
        """uint8 (N, side, side, 3) to the 2048 features before the last layer, float32 (N, 2048)."""
        import torch

        found = [np.empty((0, 2048), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(patches), _BATCH):
                batch = torch.from_numpy(np.ascontiguousarray(patches[start : start + _BATCH])).permute(0, 3, 1, 2)
                found.append(self.net(batch)[0].float().numpy())
        return np.concatenate(found)


@cache
def load(name: str) -> Inception:
    """`inception-64` or `inception-256`, by the side of their patches. Raises CodecUnavailable."""
    return Inception(name, int(name.rpartition("-")[2]), metric_weights.INCEPTION.sha256[:8], _net())


@cache
def _net() -> Any:
    path = metric_weights.find(metric_weights.INCEPTION)
    fidelity = perceptual.library("torch_fidelity.feature_extractor_inceptionv3")
    with perceptual.quiet():
        return fidelity.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(path))


def enough_for_kid(features: np.ndarray) -> np.ndarray:
    """The features themselves. Raises TooFewPatches if there are fewer than KID takes at once."""
    if len(features) < KID_SUBSET:
        raise frechet.TooFewPatches(f"{len(features)} patches; KID needs {KID_SUBSET}")
    return features


def kid(a: np.ndarray, b: np.ndarray) -> float:
    """KID (arXiv:1801.01401) of two sets of features: torch-fidelity's mean over 100 subsets of 1000, seed 2020."""
    import torch

    module = perceptual.library("torch_fidelity.metric_kid")
    features = (torch.from_numpy(np.asarray(x, np.float32)) for x in (a, b))
    found = module.kid_features_to_metric(
        *features, kid_subsets=100, kid_subset_size=KID_SUBSET, rng_seed=2020, verbose=False
    )
    return float(found[module.KEY_METRIC_KID_MEAN])
