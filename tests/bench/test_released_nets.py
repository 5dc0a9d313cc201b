"""The nets in the package: their cards tell the truth, and they see, or do, what compression does to small pictures."""

from __future__ import annotations

import hashlib
import json
from math import sqrt

import numpy as np
import pytest

from hvaecodec.bench import baselines
from hvaecodec.bench.metrics import features, frechet
from hvaecodec.bench.papers.vae_measures.bounds import negative_elbo
from hvaecodec.codec.bits_back.chain import BitsBack
from hvaecodec.codec.images import read_image
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.tiles.vae_weights import FILE, read_vae
from hvaecodec.models.vdvae.presets import net as named
from hvaecodec.training import small_images
from hvaecodec.training.vae.vae_data import load_vae_pictures

CIFAR = ("features-cifar", "features-cifar-check")
# name -> the most that a chain of test pictures may cost, bits per dimension
VAES = {"vdvae-mnist": 0.2, "dct-vae-mnist": 0.2, "vdvae-cifar10": 5.0, "dct-vae-cifar10": 5.0}


@pytest.mark.parametrize(("name", "limit"), [(CIFAR[0], 1.2e6), (CIFAR[1], 1.2e6), ("digits", 0.5e6)])
def test_a_card_is_that_of_its_file(name, limit):
    net = features.load_features(name)
    content = (features.WEIGHTS / name / features.FILE).read_bytes()
    assert net.card["sha256"] == hashlib.sha256(content).hexdigest() and net.card["sha256"].startswith(net.digest)
    assert net.card["bytes"] == len(content) <= limit
    assert net.card["network"] == net.name == name
    assert net.net.n_features == 64 and not net.net.training
    for key in ("purpose", "licence", "recipe", "commit", "steps", "minutes", "hardware", "data"):
        assert net.card[key], f"{key} is told"


@pytest.mark.parametrize("name", VAES)
def test_a_vae_s_card_is_that_of_its_file(name):
    card, content = json.loads((WEIGHTS / name / "card.json").read_text()), (WEIGHTS / name / FILE).read_bytes()
    assert card["sha256"] == hashlib.sha256(content).hexdigest() and card["bytes"] == len(content)
    assert read_vae(WEIGHTS / name).config == named(card["network"])
    for key in ("licence", "recipe", "commit", "steps", "minutes", "hardware", "data"):
        assert card[key], f"{key} is told"


def test_the_vaes_are_small():
    assert sum(path.stat().st_size for name in VAES for path in (WEIGHTS / name).glob("*.safetensors")) <= 4e6


def test_the_two_nets_have_little_in_common():
    first, second = (features.load_features(name) for name in CIFAR)
    assert type(first.net) is not type(second.net)
    x = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    assert not np.allclose(first.of(x), second.of(x), atol=0.1)


@pytest.mark.data
@pytest.mark.parametrize("name", features.NAMES)
def test_a_net_is_as_accurate_as_its_card_says(name, data_dir):
    images = small_images.mnist32(data_dir) if name == "digits" else small_images.cifar10(data_dir)
    net = features.load_features(name)
    picks = np.random.default_rng(0).permutation(len(images.test))[:2000]
    accuracy = np.mean(net.classes(images.test[picks]) == images.test_labels[picks])
    card_accuracy = net.card["metrics"]["test_accuracy"]
    deviation = sqrt(card_accuracy * (1 - card_accuracy) / 2000)
    assert accuracy == pytest.approx(card_accuracy, abs=3 * deviation), "three standard deviations"
    assert accuracy > (0.98 if name == "digits" else 0.7)


@pytest.mark.data
@pytest.mark.parametrize("name", VAES)
def test_a_vae_is_as_good_as_its_card_says(name, data_dir):
    """The bound on the validation pictures, of other bits and latents; a chain of test pictures at the model's rate."""
    card, vae = json.loads((WEIGHTS / name / "card.json").read_text()), read_vae(WEIGHTS / name)
    task = card["training"]
    pictures = load_vae_pictures(data_dir, task["data"], vae.config.side, task["held_out"])
    bound = negative_elbo(vae, pictures.fixed(pictures.valid[: task["valid"]]))["elbo"]
    assert bound.value == pytest.approx(card["metrics"]["elbo_nats"], rel=0.01)
    x = pictures.fixed(pictures.test[:10]).byte().numpy()
    coder = BitsBack(vae)
    chain = coder.encode(x)
    assert np.array_equal(coder.decode(chain.data), x)
    assert sum(chain.net_bits) == pytest.approx(sum(chain.model_bits), rel=0.005)
    assert sum(chain.net_bits) < VAES[name] * x.size


@pytest.mark.data
@pytest.mark.parametrize("name", CIFAR)
def test_worse_jpeg_is_farther(name, data_dir):
    photos = [read_image(data_dir / "kodak" / f"kodim{n:02}.png").pixels[:256, :384] for n in (4, 13, 23)]
    net, jpeg = features.load_features(name), baselines.load("jpeg", {})

    def seen(pictures: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([net.of(frechet.patches(x)) for x in pictures])

    originals = seen(photos)
    decoded = [seen([jpeg.decode(jpeg.encode(x, quality=q)) for x in photos]) for q in (1, 10, 50)]
    fd = [frechet.frechet_distance(frechet.gaussian(originals), frechet.gaussian(other)) for other in decoded]
    kd = [frechet.kernel_distance(frechet.powers(originals), frechet.powers(other)) for other in decoded]
    assert fd[0] > fd[1] > fd[2] > 0
    assert kd[0] > kd[1] > kd[2] > 0


@pytest.mark.data
def test_worse_digits_are_farther_and_harder_to_read(data_dir):
    images = small_images.mnist32(data_dir)
    x, labels = images.test[:1000], images.test_labels[:1000]
    rng = np.random.default_rng(0)
    noisy = [np.clip(x + rng.normal(0, sigma, x.shape), 0, 255).astype(np.uint8) for sigma in (0, 60, 160)]
    distances = [features.rfd_lenet(x, decoded) for decoded in noisy]
    assert distances[0] == pytest.approx(0, abs=1e-6) and distances[0] < distances[1] < distances[2]
    errors = [features.digit_errors(decoded, labels) for decoded in noisy]
    assert errors[0] < 0.03 and errors[0] <= errors[1] < errors[2]
