"""What the released weights of `dct-vae-cifar10` promise, on real photos."""

from __future__ import annotations

import numpy as np
import promises
import pytest

import hvaecodec
from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.metrics.image_metrics import psnr_db
from hvaecodec.bench.papers.dct_vae.kodak_measures import jpeg_at
from hvaecodec.codec.tiles.dct_vae_cifar10 import DctVaeCifarCodec

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def files(data_dir) -> list[tuple[np.ndarray, bytes]]:
    photos = [image.pixels() for image in load_dataset("valid", data_dir)[:8]]
    return [(photo, hvaecodec.encode(photo, "dct-vae-cifar10")) for photo in photos]


def test_rates_are_honest(files):
    codec = hvaecodec.load("dct-vae-cifar10")
    for _, data in files:
        assert promises.check_info(codec, data)["framing_bytes"] <= 64


def test_contexts_alone_need_fewer_bytes_than_jpeg_at_equal_psnr(files):
    fresh = DctVaeCifarCodec.load()
    jpeg = [jpeg_at(photo, psnr_db(photo, fresh.decode(data)))["jpeg_n_bytes"] for photo, data in files]
    assert sum(len(data) for _, data in files) < sum(jpeg)
