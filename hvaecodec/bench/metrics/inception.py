"""Inception features of patches by torch-fidelity, as FID and KID define them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from hvaecodec.bench.metrics import frechet
from hvaecodec.codec.metric_nets import libraries, metric_weights

KID_SUBSET = 1000
_BATCH = 32


@dataclass(frozen=True)
class Inception:
    """The Inception network of FID and KID, on patches of one size.

    side: of the patches, in pixels; torch-fidelity brings them to 299 as TensorFlow 1 did. digest: of the weights, 8
    hexadecimal digits.
    """

    name: str
    side: int
    digest: str
    net: Any

    def of(self, patches: np.ndarray) -> np.ndarray:
        """Return the features of patches, uint8 (N, side, side, 3): what enters the last layer, float32 (N, 2048)."""
        import torch

        batches = [np.empty((0, 2048), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(patches), _BATCH):
                batch = torch.from_numpy(np.ascontiguousarray(patches[start : start + _BATCH])).permute(0, 3, 1, 2)
                batches.append(self.net(batch)[0].float().numpy())
        return np.concatenate(batches)


@cache
def load(name: str) -> Inception:
    """Return `inception-64` or `inception-256`, called by the side of their patches; loaded once.

    Raises CodecUnavailable.
    """
    return Inception(name, int(name.rpartition("-")[2]), metric_weights.INCEPTION.sha256[:8], _net())


@cache
def _net() -> Any:
    path = metric_weights.find(metric_weights.INCEPTION)
    fidelity = libraries.library("torch_fidelity.feature_extractor_inceptionv3")
    with libraries.quiet():
        return fidelity.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(path))


def enough_for_kid(features: np.ndarray) -> np.ndarray:
    """Return the features as they are. Raises TooFewPatches if there are fewer rows than KID takes at once."""
    if len(features) < KID_SUBSET:
        raise frechet.TooFewPatches(f"{len(features)} patches; KID needs {KID_SUBSET}")
    return features


def kid(a: np.ndarray, b: np.ndarray) -> float:
    """Return the KID of two sets of Inception features, (N, 2048) and (M, 2048); it may fall below 0.

    It is that of Bińkowski et al., arXiv:1801.01401, sec. 4, as torch-fidelity has it: the mean over 100 random subsets
    of 1000 rows, with the seed 2020.
    """
    import torch

    module = libraries.library("torch_fidelity.metric_kid")
    features = (torch.from_numpy(np.asarray(x, np.float32)) for x in (a, b))
    scores = module.kid_features_to_metric(
        *features, kid_subsets=100, kid_subset_size=KID_SUBSET, rng_seed=2020, verbose=False
    )
    return float(scores[module.KEY_METRIC_KID_MEAN])
