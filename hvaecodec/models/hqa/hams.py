"""Hierarchies whose decoders name the codes below: HAMs, the deterministic hierarchy that HQA is compared with.

De Fauw et al., "Hierarchical Autoregressive Image Models with Auxiliary Decoders", arXiv:1903.04933, without its
autoregressive parts, as HQA's paper uses it: a layer's decoder gives logits over the code indices of the layer below
and is trained with cross-entropy. Encoders are those of HQA, so that systems differ in one thing at a time.
"""

from __future__ import annotations

from torch import Tensor

from hvaecodec.models.hqa.stack import HqaLayer


class HamsLayer(HqaLayer):
    """An upper layer whose `decode` gives logits over the codes of the layer below: `outputs` is their number."""

    def logits_below(self, cells: Tensor, below: HqaLayer) -> Tensor:
        """(N, K below) as they are."""
        return cells

    def unstandardise(self, decoded: Tensor) -> Tensor:
        """Logits have no scale but their own."""
        return decoded
