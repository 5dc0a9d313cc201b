"""The door without PyTorch, in processes where nothing finds it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from promises import PHOTO, psnr_db

import hvaecodec

HELPERS = Path(__file__).parent / "helpers"
READ = """
import sys
import numpy as np
import hvaecodec

folder = sys.argv[1]
data = open(f"{folder}/picture.hvc", "rb").read()
symbols = {f"level{n}": level for n, level in enumerate(hvaecodec.symbols(data))}
np.savez(f"{folder}/read.npz", picture=hvaecodec.decode(data), small=hvaecodec.decode(data, scale=1 / 8), **symbols)
assert "torch" not in sys.modules
"""


def without_torch(*words: str) -> None:
    subprocess.run([sys.executable, HELPERS / "without_torch.py", *words], check=True)


def test_everything_that_a_light_install_has():
    code = f"import sys; sys.argv = ['check_light.py']; sys.path.insert(0, {str(HELPERS)!r})\n"
    code += f"import runpy; runpy.run_path({str(HELPERS / 'check_light.py')!r}, run_name='__main__')"
    without_torch("-c", code)


@pytest.mark.parametrize(("name", "effort"), [("dct-vae-photo", 2), ("hqa-photo", 1)])
def test_files_of_torch_are_read_without_it(tmp_path, name, effort):
    data = hvaecodec.encode(PHOTO, name, quality=50, effort=effort)
    (tmp_path / "picture.hvc").write_bytes(data)
    without_torch("-c", READ, str(tmp_path))
    with np.load(tmp_path / "read.npz") as read:
        for number, level in enumerate(hvaecodec.symbols(data)):
            np.testing.assert_array_equal(read[f"level{number}"], level)
        whole, small = hvaecodec.decode(data), hvaecodec.decode(data, scale=1 / 8)
        assert psnr_db(read["picture"], whole) > 45 and psnr_db(read["small"], small) > 45
        if name == "dct-vae-photo":
            apart = np.abs(read["picture"].astype(int) - whole)
            assert apart.max() <= 2 and (apart <= 1).mean() >= 0.999
