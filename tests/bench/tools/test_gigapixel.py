"""The table of what large pictures take: its pictures, and that its commands are those of the user."""

import numpy as np
import pytest

from hvaecodec.bench.measure.command_cost import Cost
from hvaecodec.bench.tools import gigapixel

PHOTOS = [np.random.default_rng(n).integers(0, 256, (6 + n, 9, 3), dtype=np.uint8) for n in range(2)]


def test_a_mosaic_is_photos_beside_their_mirror_images(tmp_path):
    gigapixel.write_mosaic(tmp_path / "a.npy", PHOTOS, 40)
    mosaic = np.load(tmp_path / "a.npy")
    assert mosaic.shape == (40, 40, 3) and mosaic.dtype == np.uint8
    np.testing.assert_array_equal(mosaic[:6, :9], PHOTOS[0][:6])
    np.testing.assert_array_equal(mosaic[:6, 9:18], PHOTOS[0][:6, ::-1])
    np.testing.assert_array_equal(mosaic[:6, 18:27], PHOTOS[1][:6])
    np.testing.assert_array_equal(mosaic[6:12], mosaic[5::-1])


def test_sizes_are_squares():
    assert [gigapixel.side_of(size) for size in (1, 16, 64, 256, 1024)] == [1024, 4096, 8192, 16384, 32768]
    with pytest.raises(ValueError, match="no square"):
        gigapixel.side_of(2)


def test_a_row_says_what_both_commands_took(tmp_path, monkeypatch):
    commands = []

    def run(*words):
        commands.append(words)
        target = tmp_path / words[3].rpartition("/")[2]
        if words[0] == "encode":
            target.write_bytes(bytes(1024 * 128))
        else:
            np.save(target, np.load(tmp_path / "picture.npy") ^ 1)
        return Cost(3.2, 700_000_000)

    monkeypatch.setattr(gigapixel, "command_cost", run)
    row = gigapixel.measure(tmp_path, PHOTOS, 1, 50)
    assert row == ("1", "1024 × 1024", "1.000", "48.13", "3", "700", "3", "700")
    assert commands[0][4:] == ("--effort", "1", "--quality", "50", "--force")
    assert commands[1][4:] == ("--max-pixels", "2097152", "--force")
