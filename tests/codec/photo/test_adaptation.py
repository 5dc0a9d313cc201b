"""What a file changes of the generator: its stream, and what it means."""

from __future__ import annotations

from dataclasses import replace

import constriction
import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from promises import PHOTO

from hvaecodec.codec.backends import torch_photo_blocks
from hvaecodec.codec.entropy.words import from_words, to_words
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.photo import adaptation as adaptations
from hvaecodec.codec.photo.adaptation import NONE, Adaptation, offsets_of, scale_for, unit
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.codec.photo.nets import render
from hvaecodec.codec.photo.search import SearchConfig
from hvaecodec.codec.settings import Decoding


def written(adaptation: Adaptation) -> tuple[bytes, float]:
    encoder = constriction.stream.queue.RangeEncoder()
    bits = adaptations.encode(encoder, adaptation)
    return from_words(encoder.get_compressed()), bits


def read(data: bytes) -> tuple[Adaptation, float]:
    return adaptations.decode(constriction.stream.queue.RangeDecoder(to_words(data)))


def of(*values: int, scale: int = 5) -> Adaptation:
    return Adaptation(scale, np.array(values, np.int32))


@given(
    st.integers(0, 15),
    st.lists(st.integers(-40, 40), max_size=63).flatmap(
        lambda values: st.sampled_from([-40, -3, 1, 2]).map(lambda last: [*values, last])
    ),
)
def test_coefficients_come_back(scale: int, values: list[int]) -> None:
    data, bits = written(of(*values, scale=scale))
    back, same_bits = read(data)
    assert back.scale == scale and same_bits == bits
    np.testing.assert_array_equal(back.coefficients, values)
    assert abs(8 * len(data) - bits) <= 40


def test_no_change_takes_one_bit() -> None:
    data, bits = written(NONE)
    assert bits == 1 and len(data) <= 1
    assert read(data) == (NONE, 1.0)


@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0, 9.0])
def test_the_spread_is_the_one_that_codes_best(spread: float) -> None:
    """Within 10 % of the entropy of what is coded."""
    values = np.rint(np.random.default_rng(1).laplace(scale=spread, size=64)).clip(-40, 40).astype(np.int32)
    values[-1] = 1
    _, counts = np.unique(np.abs(values), return_counts=True)
    entropy = -(counts * np.log2(counts / 64)).sum() + np.count_nonzero(values)
    assert written(Adaptation(0, values))[1] <= 1.1 * entropy + 15 + 8


def test_a_zero_at_the_end_is_refused() -> None:
    encoder = constriction.stream.queue.RangeEncoder()
    models = adaptations._models()
    encoder.encode(np.array([2], np.int32), models.count)
    encoder.encode(np.array([5, 3], np.int32), models.field)
    encoder.encode(np.array([41, 40], np.int32), models.values[3])
    with pytest.raises(CorruptFile, match="as an encoder writes it"):
        read(from_words(encoder.get_compressed()))


@given(st.binary(max_size=80))
def test_noise_is_refused_or_an_adaptation(data: bytes) -> None:
    try:
        adaptation, _ = read(data)
    except CorruptFile:
        return
    assert len(adaptation.coefficients) <= 64


def test_values_are_rounded_towards_zero_and_cut_after_the_last() -> None:
    rounded = Adaptation.of(7, np.array([0.59, -0.61, 0.0, 99.0, 0.3, -0.2]))
    np.testing.assert_array_equal(rounded.coefficients, [0, -1, 0, 40])
    assert not len(Adaptation.of(7, np.array([0.5, -0.5])).coefficients)


def test_offsets_are_coefficients_times_the_basis() -> None:
    basis = np.random.default_rng(3).normal(size=(4, 7)).astype(np.float32)
    offsets = offsets_of(of(2, -1, scale=10), basis)
    assert offsets is not None and offsets.dtype == np.float32
    np.testing.assert_allclose(offsets, unit(10) * (2 * basis[0] - basis[1]), rtol=1e-6)
    assert offsets_of(NONE, basis) is None


def test_units_are_powers_of_the_root_of_two() -> None:
    assert [scale_for(unit(scale)) for scale in range(16)] == list(range(16))
    assert unit(3) ** 2 == pytest.approx(unit(2) * unit(4))
    assert (scale_for(1e-9), scale_for(1e9)) == (0, 15)


@pytest.mark.parametrize("scale", [-1, 16])
def test_a_scale_outside_its_range_is_an_error(scale: int) -> None:
    with pytest.raises(ValueError, match="scale"):
        of(1, scale=scale)


@pytest.mark.parametrize("values", [np.zeros(3), np.ones((1, 3)), np.ones(65), np.array([1, 0]), np.array([41])])
def test_coefficients_of_another_form_are_an_error(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="coefficients"):
        Adaptation(0, values.astype(np.int32))
    with pytest.raises(ValueError, match="int32"):
        Adaptation(0, np.ones(2))


# -- in a codec ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    folder = tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny", directions=64)
    return DctVaeCodec.load(folder)


def test_the_search_finds_one_that_pays_and_the_file_brings_it(codec) -> None:
    with_it, without = (
        encode_picture(codec.weights, PHOTO, 500, 2, SearchConfig(adapted=adapted)) for adapted in (1.0, 0.0)
    )
    assert len(with_it.context.adaptation.coefficients)
    assert not len(without.context.adaptation.coefficients)

    def cost(encoding) -> float:
        bit = 3 * SearchConfig().lagrangian * float(codec.bitstream.delta[500]) ** 2
        return codec.weights.nets.error_gradient(encoding.context, PHOTO).error + bit * sum(encoding.est_bits)

    assert cost(with_it) < cost(without)


def test_a_file_brings_it_to_the_decoder(codec) -> None:
    data = codec.encode(PHOTO, quality=60, effort=2)
    context, _ = codec._decode_context(unpack(data))
    assert len(context.adaptation.coefficients)
    shown = (rendered(codec, each) for each in (context, replace(context, adaptation=NONE)))
    adapted, plain = shown
    np.testing.assert_array_equal(codec.decode(data), adapted)
    assert (adapted != plain).any()


def test_the_gradient_by_rows_is_that_of_the_error(codec, monkeypatch) -> None:
    monkeypatch.setattr(torch_photo_blocks, "bfloat16_is_faster", lambda: False)
    context, nets = encode_picture(codec.weights, PHOTO, 500, 1).context, codec.weights.nets
    gradient = nets.error_gradient(context, PHOTO).by_row
    up = np.where(gradient > 0, 1, -1)
    errors = [nets.error_gradient(replace(context, adaptation=of(*q, scale=4)), PHOTO).error for q in (up, -up)]
    assert (errors[0] - errors[1]) / (2 * unit(4)) == pytest.approx(np.abs(gradient).sum(), rel=0.05)


def test_another_generator_decodes_without_it(codec, tmp_path) -> None:
    """An adaptation is of one net; a newer one shows what it makes of the symbols alone."""
    data = codec.encode(PHOTO, quality=60, effort=2)
    newer = DctVaeCodec.load(tiny.write_weights(tmp_path / "newer", directions=64, generator_seed=1))
    context, _ = newer._decode_context(unpack(data))
    with pytest.warns(UserWarning, match="not installed"):
        picture = newer.decode(data)
    np.testing.assert_array_equal(picture, rendered(newer, replace(context, adaptation=NONE)))


def rendered(codec: DctVaeCodec, context: Context) -> np.ndarray:
    picture = render(codec.weights.nets, context, codec.generators.newest, Decoding())
    return picture[: PHOTO.shape[0], : PHOTO.shape[1]]
