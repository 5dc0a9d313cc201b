"""The table of what a stranger's file can cost."""

import numpy as np
import pytest

import hvaecodec
from hvaecodec.bench.tools import limits
from hvaecodec.bench.tools.limits import Cost
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.format.container import unpack

PHOTO = np.random.default_rng(3).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def samples():
    return list(limits.samples_of("hqa-photo", PHOTO, 0.01))


def test_files_declare_what_they_are_measured_by(samples):
    photo, nothing = samples
    assert [sample.holds for sample in samples] == ["a photo", "nothing"]
    assert photo.pixels == nothing.pixels == 96 * 128  # 82 x 122 in whole tiles
    assert len(nothing.data) < 40 < len(photo.data)
    assert unpack(nothing.data).header == unpack(photo.data).header
    assert hvaecodec.decode(nothing.data).shape == (82, 122, 3), "a file of nothing is a picture too"


def test_a_bomb_is_refused_by_its_header(samples):
    bomb = limits.bomb_of(samples[0].data)
    assert len(bomb) < 40
    with pytest.raises(CodecError, match="16384 x 16384 pixels.*above the limit"):
        hvaecodec.decode(bomb)
    ((codec, n_bytes, described, bomb_bytes, refused),) = limits.by_header(samples).rows
    assert (codec, n_bytes, bomb_bytes) == ("hqa-photo", str(len(samples[0].data)), str(len(bomb)))
    assert float(described) > 0 and float(refused) >= 0


def test_costs_are_for_each_megapixel_and_a_refusal_is_none(samples):
    costs = {"decode": Cost(0.024576, 12_288_000), "symbols": None}
    rows = limits.by_megapixel(samples[1:], lambda name, sample: costs.get(name, Cost(0.0, 0))).rows
    cells = {row[0]: row[1:] for row in rows}
    size = str(len(samples[1].data))
    assert cells["hqa-photo, nothing, `decode`"] == (size, "2.00", "1000")
    assert cells["hqa-photo, nothing, `symbols`"] == (size, "refused", "refused")
    assert len(rows) == len(limits.CALLS)


def test_a_call_is_measured_with_its_memory(samples):
    cost = limits.cost_in_process("decode", samples[0])
    assert cost is not None and cost.seconds > 0 and 0 <= cost.n_bytes < 2e9
    damaged = samples[0].data[:-1]
    assert limits.cost_of("symbols", damaged, samples[0].small) is None
