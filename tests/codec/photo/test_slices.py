"""Tall pictures are coded in slices of 64 rows of tiles that know nothing of each other."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from promises import PHOTO

from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.container import pack, unpack
from hvaecodec.codec.photo import frame as frames
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.slices import pack_level, unpack_level


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    return DctVaeCodec.load(tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny"))


@pytest.fixture
def thin(monkeypatch):
    """Slices of a single row of tiles: PHOTO has three."""
    monkeypatch.setattr(frames, "SLICE_ROWS", 1)


@pytest.mark.parametrize(("rows", "heights"), [(1, [1]), (64, [64]), (65, [64, 1]), (200, [64, 64, 64, 8])])
def test_slices_are_64_rows_of_tiles(rows, heights):
    frame = Frame((rows, 7), 400)
    assert [frame.within(part).grid for part in frame.slices] == [(height, 7) for height in heights]


def test_a_tall_picture_has_slices_that_decode_as_pictures_of_their_own(codec, thin):
    tall, frame = codec.encode(PHOTO, quality=60, effort=1), Frame.of(96, 130, 0, grey=False)
    levels = [unpack_level(level, 3, "level") for level in unpack(tall).levels]
    assert len(frame.slices) == 3
    for number, part in enumerate(zip(*levels, strict=True)):
        alone = codec.encode(PHOTO[32 * number : 32 * number + 32], quality=60, effort=1)
        assert unpack(alone).levels[1:] == part[1:]
        assert number or unpack(alone).levels[0] == part[0]  # the others do not say how the generator is adapted
    symbols = codec.symbols(tall)[0]
    np.testing.assert_array_equal(symbols[:, 1:2], codec.symbols(codec.encode(PHOTO[32:64], quality=60, effort=1))[0])


@pytest.mark.parametrize("which", [0, 1, 2])
def test_every_slice_of_a_level_is_read_to_its_end(codec, thin, which):
    container = unpack(codec.encode(PHOTO, quality=60, effort=1))
    for level in range(6):
        for more in (b"\0", bytes(range(1, 9))):
            parts = unpack_level(container.levels[level], 3, "level")
            parts[which] += more
            levels = [*container.levels[:level], pack_level(parts), *container.levels[level + 1 :]]
            with pytest.raises(CorruptFile, match="a stream"):
                codec.symbols(pack(container.header, levels))


@pytest.mark.parametrize("effort", [0, 1, 2, 3])
def test_slices_make_a_picture_without_seams_in_its_symbols(codec, thin, effort):
    data = codec.encode(PHOTO, quality=60, effort=effort)
    error = np.abs(codec.decode(data, scale=1 / 2).astype(int) - PHOTO[::2, ::2])
    assert error.mean() < 15
    assert codec.info(data, estimate=True)["est_bits"].keys() == codec.info(data)["payload_bytes"].keys()


def test_the_coarse_levels_of_all_slices_come_first(codec, thin):
    data = codec.encode(PHOTO, quality=60, effort=1)
    end = unpack(data).framing_bytes - 4 + sum(unpack(data).level_lengths[:3])
    with pytest.warns(UserWarning, match="3 of 6 levels"):
        assert codec.decode(data[:end], partial=True).shape == PHOTO.shape


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_levels_come_apart_as_they_were_put_together(streams):
    assert unpack_level(pack_level(streams), len(streams), "level 0") == streams


@pytest.mark.parametrize("payload", [b"\x05abc", b"\xff\xff\xff\xff\x0f", b"", b"\x80\x00"])
def test_lengths_that_do_not_fit_are_refused(payload):
    with pytest.raises(CorruptFile, match="level 2"):
        unpack_level(payload, 2, "level 2")


def test_a_file_whose_slices_do_not_fit_is_refused(codec, thin):
    container = unpack(codec.encode(PHOTO, quality=60, effort=1))
    levels = [b"\xff\x7f" + container.levels[0][2:], *container.levels[1:]]
    with pytest.raises(CorruptFile, match="slices of level 0 need"):
        codec.decode(pack(container.header, levels))
