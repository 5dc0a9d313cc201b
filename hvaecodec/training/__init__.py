"""Training: data, one loop, recipes, and the export of weights that codecs load. It needs PyTorch."""

from hvaecodec.codec.backends import require_torch

require_torch("training")
