"""HAMs are hierarchies whose decoders name the codes below: the deterministic hierarchy that HQA is compared with.

De Fauw et al., "Hierarchical Autoregressive Image Models with Auxiliary Decoders", arXiv:1903.04933, without its
autoregressive parts, as HQA's paper uses it (arXiv:2002.08111, section 2.2): a layer's decoder gives logits over the
code indices of the layer below and is trained with cross-entropy. Encoders are those of HQA, so that systems differ in
one thing at a time.
"""

from __future__ import annotations

from torch import Tensor

from hvaecodec.models.hqa.stack import HqaLayer


class HamsLayer(HqaLayer):
    """A `HamsLayer` is an upper layer whose `decode` gives logits over the codes of the layer below.

    The `outputs` of its configuration is the number of those codes.
    """

    def logits_below(self, cells: Tensor, below: HqaLayer) -> Tensor:
        """Return the decoder's outputs (N, K below) as they are: they are the logits already."""
        return cells

    def unstandardise(self, decoded: Tensor) -> Tensor:
        """Return the decoder's outputs as they are: logits have no scale but their own."""
        return decoded
