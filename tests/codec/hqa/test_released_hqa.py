"""What the released weights of `hqa-photo` promise, on real photos."""

from __future__ import annotations

import numpy as np
import pytest
from matrix import CONFIGURATIONS, IN_PROCESS, switched
from promises import psnr_db

import hvaecodec
from hvaecodec.bench import baselines
from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.metrics.features import load_features
from hvaecodec.bench.metrics.frechet import frechet_distance, gaussian, patches
from hvaecodec.bench.tools import codebooks
from hvaecodec.codec.backends import torch_hqa
from hvaecodec.codec.hqa.codec import PACKAGE_WEIGHTS
from hvaecodec.codec.images import read_image

pytestmark = pytest.mark.data
LAYERS = (1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def codec():
    return hvaecodec.load("hqa-photo")


@pytest.fixture(scope="module")
def photos(data_dir) -> dict[str, np.ndarray]:
    pixels = {path.stem: read_image(path).pixels for path in sorted((data_dir / "kodak").glob("*.png"))}
    assert len(pixels) == 24
    return pixels


@pytest.mark.parametrize("layer", LAYERS)
def test_rates_are_honest_and_lower_than_fixed_length(codec, hqa_files, layer):
    payload = cells = 0
    for path in hqa_files[layer]:
        info = codec.info(path.read_bytes(), estimate=True)
        bits, estimate = 8 * info["payload_bytes"]["level 0"], info["est_bits"]["level 0"]
        assert info["framing_bytes"] <= 64 and abs(bits - estimate) <= 0.01 * estimate + 64
        payload += bits
        cells += int(np.prod(info["grid"]))
    assert payload <= (0.95 if layer == 5 else 0.85) * 9 * cells


def test_codes_are_in_use(codec, data_dir):
    """A perplexity of at least 60 % of the 512 codes of every layer, on the validation photos."""
    counts = codebooks.count_codes(codec, [image.pixels() for image in load_dataset("valid", data_dir)])
    assert min(codebooks.perplexities(counts)) >= 0.6


def test_rates_are_near_those_that_were_asked_for(hqa_files, photos):
    pixels = 24 * 512 * 768
    for layer, (low, high) in {2: (0.3, 0.5), 3: (0.08, 0.12), 4: (0.02, 0.03), 5: (0.006, 0.01)}.items():
        bpp = 8 * sum(path.stat().st_size for path in hqa_files[layer]) / pixels
        assert low <= bpp <= high, layer


def test_pictures_are_45_db_from_each_other_at_worst(codec, hqa_files, monkeypatch):
    for layer in LAYERS:
        data = hqa_files[layer][4 * layer].read_bytes()
        expected = codec.decode(data).astype(float)
        for name in IN_PROCESS:
            with switched(CONFIGURATIONS[name]):
                assert psnr_db(codec.decode(data), expected) >= 45, (layer, name)
        with monkeypatch.context() as patch:
            patch.setattr(torch_hqa, "bfloat16_is_faster", lambda: False)
            assert psnr_db(codec.decode(data), expected) >= 45, layer


def test_drawn_layers_are_equal_in_every_configuration(codec, hqa_files):
    """What temperature draws is exact: layers 3 and 2 from a file of layer 4."""
    sampler = codec.generators.drawing(codec.generators.newest).sampler
    indices = codec.symbols(hqa_files[4][7].read_bytes())[0][:12, :20]
    expected = indices
    for number in (2, 1):
        expected = sampler.draw(expected, number, 1.0, 5, backend="numpy")
    for name in IN_PROCESS:
        draws = indices
        with switched(CONFIGURATIONS[name]):
            for number in (2, 1):
                draws = sampler.draw(draws, number, 1.0, 5)
        np.testing.assert_array_equal(draws, expected, err_msg=name)


def test_draws_are_nearer_to_photos_than_modes_and_than_jpeg_at_three_times_the_bytes(codec, hqa_files, photos):
    """Files of layer 4, in the features of both nets; JPEG of quality 1 has 0.088 bits per pixel, they have 0.028."""
    jpeg, some = baselines.load("jpeg"), list(photos.values())[::2]  # README.md has all of them
    decoded = {
        "jpeg": [jpeg.decode(jpeg.encode(pixels, quality=1)) for pixels in some],
        "modes": [codec.decode(path.read_bytes()) for path in hqa_files[4][::2]],
        "drawn": [codec.decode(path.read_bytes(), temperature=1.0) for path in hqa_files[4][::2]],
    }
    for name in ("features-cifar", "features-cifar-check"):
        net = load_features(name)
        real = gaussian(np.concatenate([net.of(patches(pixels, net.side, net.side)) for pixels in some]))
        distances = {}
        for kind, pictures in decoded.items():
            features = gaussian(np.concatenate([net.of(patches(picture, net.side, net.side)) for picture in pictures]))
            distances[kind] = frechet_distance(real, features)
        assert distances["drawn"] < distances["jpeg"] and distances["drawn"] < 0.8 * distances["modes"], (
            name,
            distances,
        )


def test_weights_are_small():
    assert sum(path.stat().st_size for path in PACKAGE_WEIGHTS.glob("*.safetensors")) <= 6e6
