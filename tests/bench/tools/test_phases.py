"""The table of where the time goes."""

import time
from pathlib import Path

import numpy as np
import tiny

from hvaecodec.bench.tools.phases import REST, Clock, by_phase
from hvaecodec.codec.entropy import coder
from hvaecodec.codec.photo.codec import DctVaeCodec


def test_time_within_a_part_is_not_the_outer_ones():
    clock = Clock()
    with clock.part("outer"):
        time.sleep(0.01)
        with clock.part("inner"):
            time.sleep(0.03)
        time.sleep(0.01)
    assert 0.03 <= clock.seconds["inner"] and 0.02 <= clock.seconds["outer"]
    assert abs(clock.seconds["outer"] - 0.02) < abs(clock.seconds["outer"] - 0.05)


def test_every_part_of_the_codec_is_seen_and_left_as_it_was(tmp_path: Path):
    write = coder.Encoder.write
    codec = DctVaeCodec.load(tiny.write_weights(tmp_path / "tiny"))
    x = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    table = by_phase(codec, x, 30, effort=2, repeat=2)
    assert coder.Encoder.write is write
    cells = {row[0]: [float(cell) for cell in row[1:]] for row in table.rows}
    assert cells["range coder"][0] > 0 and cells["range coder"][1] > 0 and cells[REST][1] > 0
    assert cells["generator's gradient"][0] > 0 and cells["generator's gradient"][1] == 0
    for side in (0, 1):
        parts = sum(value[side] for name, value in cells.items() if name != "sum")
        assert abs(parts - cells["sum"][side]) < 1
