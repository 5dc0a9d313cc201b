"""The walk of the photo codec is numpy: importing it, and reading a file's integers, loads no torch."""

import subprocess
import sys

import numpy as np
import pytest
import tiny

import hvaecodec

IMPORT = "import sys, hvaecodec.codec.photo.codec"
SYMBOLS = """
import sys
from pathlib import Path
from hvaecodec.codec.photo import by_rows, codec, weights
from hvaecodec.codec.photo.slices import decode_slices

folder, file = map(Path, sys.argv[1:])
bitstream = weights.load_bitstream(folder)
container = codec.unpack(file.read_bytes())
frame = by_rows.frame_of(container)
context, _ = decode_slices(bitstream.coder_in("numpy"), frame, container.levels)
assert context.symbols.any()
"""


@pytest.mark.parametrize("code", [IMPORT, SYMBOLS])
def test_no_torch(code, tmp_path):
    folder = tiny.write_weights(tmp_path / "tiny")
    file = tmp_path / "grey.hvc"
    file.write_bytes(hvaecodec.load(folder).encode(np.arange(1600).reshape(40, 40).astype(np.uint8), effort=0))
    code += "\nassert not [name for name in sys.modules if name.split('.')[0] == 'torch']"
    subprocess.run([sys.executable, "-c", code, folder, file], check=True)
