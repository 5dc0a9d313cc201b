"""Every baseline through one check: shape, dtype, equal bytes, exactness where promised, awkward pictures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hvaecodec.bench import baselines
from hvaecodec.codec.errors import CodecError

LOCAL = [name for name in baselines.names() if name != "compressai"]


def check_baseline(codec: baselines.BaselineCodec, image: np.ndarray, quality: float) -> None:
    data = codec.encode(image, quality=quality)
    assert isinstance(data, bytes)
    assert codec.encode(image, quality=quality) == data
    x_hat = codec.decode(data)
    assert x_hat.dtype == np.uint8
    assert x_hat.shape[:2] == image.shape[:2]
    assert x_hat.shape in {image.shape, (*image.shape[:2], 3)}  # some formats have no grey
    if codec.lossless:
        expected = image if x_hat.ndim == image.ndim else np.repeat(image[..., None], 3, axis=2)
        np.testing.assert_array_equal(x_hat, expected)


def pictures() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (61, 47, 3), dtype=np.uint8)
    return {
        "noise": noise,
        "1x1": noise[:1, :1],
        "1xN": noise[:1, :37],
        "Nx1": noise[:37, :1],
        "flat": np.full((33, 65, 3), 128, np.uint8),
        "black": np.zeros((16, 16, 3), np.uint8),
        "white": np.full((17, 31, 3), 255, np.uint8),
        "non-contiguous": noise[::-2, ::3],
        "grey": noise[..., 0],
        "grey 1x1": noise[:1, :1, 0],
    }


@pytest.fixture(params=LOCAL)
def codec(request: pytest.FixtureRequest) -> baselines.BaselineCodec:
    baseline = baselines.load(request.param)
    if baseline.unavailable():
        pytest.skip(baseline.unavailable())
    return baseline


@pytest.mark.parametrize("picture", pictures())
def test_round_trip(codec: baselines.BaselineCodec, picture: str) -> None:
    check_baseline(codec, pictures()[picture], codec.settings[len(codec.settings) // 2])


def test_every_setting_is_accepted_and_rate_rises(codec: baselines.BaselineCodec) -> None:
    x = np.add.outer(np.arange(64), np.arange(96))[..., None] * np.array([1, 2, 1]) % 256
    noise = np.random.default_rng(2).integers(-20, 20, x.shape)
    image = np.clip(x + noise, 0, 255).astype(np.uint8)
    sizes = [len(codec.encode(image, quality=quality)) for quality in codec.settings]
    assert sizes[-1] > 2 * sizes[0] or len(sizes) == 1
    assert all(b > 0.97 * a - 8 for a, b in itertools.pairwise(sizes))  # AVIF's smallest files are not quite in order


def test_bad_bytes_are_codec_errors(codec: baselines.BaselineCodec) -> None:
    data = codec.encode(pictures()["noise"], quality=codec.settings[-1])
    for wrong in (b"", b"not an image", data[:20]):
        with pytest.raises(CodecError):
            codec.decode(wrong)


def test_wrong_arrays_are_value_errors(codec: baselines.BaselineCodec) -> None:
    for wrong in (np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 2), np.uint8), np.zeros((0, 8), np.uint8)):
        with pytest.raises(ValueError, match="expected uint8"):
            codec.encode(wrong)


def test_options_are_parsed_by_their_type() -> None:
    assert baselines.options_of(baselines.load("webp", {"method": "4"})) == {"method": 4}
    assert baselines.options_of(baselines.load("jpeg", {"progressive": "true"}))["progressive"] is True


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gif", {}, "no baseline 'gif'"),
        ("webp", {"methd": "4"}, "webp has no option 'methd'; it has method"),
        ("webp", {"method": "best"}, "option method wants int, not 'best'"),
        ("jpeg", {"optimize": "perhaps"}, "option optimize is true or false"),
    ],
)
def test_wrong_names_and_options_are_told(name: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        baselines.load(name, options)


def test_444_keeps_more_colour_than_420() -> None:
    rng = np.random.default_rng(3)
    image = np.full((32, 32, 3), 128, np.uint8)
    image[..., 2] = rng.integers(0, 256, (32, 32))
    errors = []
    for subsampling in ("4:2:0", "4:4:4"):
        codec = baselines.load("jpeg", {"subsampling": subsampling})
        errors.append(np.abs(codec.decode(codec.encode(image, quality=95)).astype(int) - image).mean())
    assert errors[1] < errors[0]


def test_compressai_says_why_it_is_unavailable_or_round_trips() -> None:
    codec = baselines.load("compressai", {"model": "bmshj2018-factorized", "weights": "random"})
    reason = codec.unavailable()
    if reason:
        assert "pip install 'hvaecodec[compressai]'" in reason
        return
    image = pictures()["noise"]
    data = codec.encode(image, quality=1)
    fresh = baselines.load("compressai", {"model": "bmshj2018-factorized", "weights": "random"})
    assert fresh.decode(data).shape == image.shape


@pytest.mark.parametrize("data", [b"", b"\x01" * 9, b"\x04" + b"\x01\x00" * 4 + b"\x01" + b"\x09\x00\x00\x00" + b"ab"])
def test_compressai_rejects_a_bad_header(data: bytes) -> None:
    pytest.importorskip("torch")
    with pytest.raises(CodecError):
        baselines.load("compressai").decode(data)
