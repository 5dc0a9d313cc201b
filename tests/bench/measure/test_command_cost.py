"""What a command takes: its own peak, whatever the process that starts it holds."""

import numpy as np
import pytest

from hvaecodec.bench.measure.command_cost import command_cost
from hvaecodec.codec.errors import CodecError


def test_the_peak_is_the_commands_own():
    alone = command_cost("--version")
    held = np.ones(2**27)  # a gigabyte
    beside = command_cost("--version")
    assert held.nbytes == 2**30 and alone.seconds > 0
    assert 10e6 < beside.n_bytes < alone.n_bytes + 2e8


def test_a_command_that_fails_is_an_error(tmp_path):
    with pytest.raises(CodecError, match=r"decode missing.hvc ended with status 1"):
        command_cost("decode", "missing.hvc", folder=tmp_path)
