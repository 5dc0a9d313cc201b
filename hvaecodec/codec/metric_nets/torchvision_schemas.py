"""Makes torchvision importable beside a PyTorch that it was not compiled for, such as a CPU-only one."""

from __future__ import annotations

from typing import Any

_schemas: Any = None


def declare() -> None:
    """Declare the operators that torchvision looks up when imported, if its compiled library did not bring them.

    torchvision registers fake kernels for `nms` and fails if its own library did not load ("operator torchvision::nms
    does not exist"). Networks and transforms need no compiled operator, so declaring the schemas is enough. Call it
    before the first import of torchvision, or of a library that imports it.
    """
    import torch

    global _schemas
    if _schemas is None and not hasattr(torch.ops.torchvision, "nms"):
        _schemas = torch.library.Library("torchvision", "DEF")
        _schemas.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _schemas.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
