"""Readers of the small-picture packs: shapes, splits and errors on small packs, contents on the real ones."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from hvaecodec.training import small_images


def blob(image: np.ndarray, kind: str) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, lossless=True)
    return np.frombuffer(file.getvalue(), np.uint8)


def packed(blobs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate(blobs), np.cumsum([0, *map(len, blobs)])


@pytest.fixture
def packs(tmp_path):
    rng = np.random.default_rng(0)
    mosaics = rng.integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)  # six pictures each
    train, train_offsets = packed([blob(mosaic, "webp") for mosaic in mosaics[:2]])
    test, test_offsets = packed([blob(mosaics[2], "webp")])
    np.savez(
        tmp_path / "cifar10.npz", train_webp=train, train_offsets=train_offsets, test_webp=test,
        test_offsets=test_offsets, train_labels=np.arange(12, dtype=np.uint8), test_labels=np.arange(6, dtype=np.uint8),
    )  # fmt: skip
    faces, offsets = packed([blob(np.full((109, 89, 3), grey, np.uint8), "jpeg") for grey in (40, 90, 200)])
    np.savez(tmp_path / "faces64.npz", jpeg=faces, offsets=offsets, celeba_id=np.array([1, 9000, 9001]))
    np.savez(
        tmp_path / "omniglot.npz", images28=rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        character=np.arange(5, dtype=np.int16), split_train=np.array([4, 0, 2]), split_test=np.array([1, 3]),
    )  # fmt: skip
    digits = rng.integers(0, 256, (4, 28, 28), dtype=np.uint8)
    np.savez(
        tmp_path / "mnist.npz", train_images=digits[:3], train_labels=np.arange(3, dtype=np.uint8),
        test_images=digits[3:], test_labels=np.array([7], np.uint8),
    )  # fmt: skip
    return tmp_path, mosaics, digits


def test_cifar10_is_cut_row_by_row(packs):
    folder, mosaics, _ = packs
    images = small_images.cifar10(folder)
    assert images.train.shape == (12, 32, 32, 3) and images.test.shape == (6, 32, 32, 3)
    assert np.array_equal(images.train[1], mosaics[0, :32, 32:64])
    assert np.array_equal(images.train[9], mosaics[1, 32:, :32])
    assert images.train_labels is not None and images.train_labels.dtype == np.int64 and images.train_labels[9] == 9


def test_faces_are_split_by_their_number(packs):
    images = small_images.faces64(packs[0])
    assert images.train.shape == (2, 64, 64, 3) and images.test.shape == (1, 64, 64, 3)
    assert abs(int(images.test.mean()) - 200) <= 2 and images.train_labels is None
    assert len(small_images.faces64(packs[0], limit=1).train) == 1


def test_omniglot_has_the_split_of_its_pack(packs):
    images = small_images.omniglot(packs[0])
    assert list(images.train_labels) == [4, 0, 2] and list(images.test_labels) == [1, 3]
    assert images.train.shape == (3, 28, 28)


def test_digits_are_resized_as_pillow_does(packs):
    folder, _, digits = packs
    images = small_images.mnist32(folder)
    assert images.train.shape == (3, 32, 32) and images.test_labels[0] == 7
    by_pillow = np.asarray(Image.fromarray(digits[0]).resize((32, 32), Image.Resampling.BILINEAR))
    assert np.abs(images.train[0].astype(int) - by_pillow).max() <= 1
    assert np.array_equal(small_images.resize_grey(digits, 28), digits)


@pytest.mark.parametrize("name", ["mnist", "mnist32", "cifar10", "omniglot", "faces64"])
def test_a_missing_pack_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r"\.npz is not there; pass --data"):
        getattr(small_images, name)(tmp_path)


@pytest.mark.data
def test_the_real_packs(data_dir):
    digits = small_images.mnist32(data_dir)
    assert len(digits.train) == 60000 and len(digits.test) == 10000 and digits.train_labels[0] == 5
    pictures = small_images.cifar10(data_dir)
    assert len(pictures.train) == 20000 and np.bincount(pictures.test_labels).tolist() == [1000] * 10
    drawings = small_images.omniglot(data_dir)
    assert len(drawings.train) == 24345 and len(drawings.test) == 8115
    assert small_images.faces64(data_dir, limit=20).train.shape == (20, 64, 64, 3)
