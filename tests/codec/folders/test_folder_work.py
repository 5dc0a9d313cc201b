"""What is done with one file: the settings reach the codec, and weights of one's own must be those of the file."""

import numpy as np
import pytest
import tiny
from PIL import Image

import hvaecodec
from hvaecodec.codec.errors import CodecError, ModelMismatch
from hvaecodec.codec.folders.work import DecodeWork, EncodeWork
from hvaecodec.codec.images import read_image
from hvaecodec.codec.settings import Decoding


@pytest.fixture
def folder(tmp_path):
    tiny.write_weights(tmp_path / "tiny")
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return tmp_path


def test_the_settings_are_those_of_the_codec(folder):
    codec = hvaecodec.load(folder / "tiny")
    work = EncodeWork(str(folder / "tiny"), quality=30, effort=1)
    work.check()
    work.prepare()
    converted = work.convert(str(folder / "a.png"))
    assert converted.data == codec.encode(read_image(folder / "a.png"), quality=30, effort=1)
    assert converted.summary == f"{len(converted.data)} bytes, {8 * len(converted.data) / 2000:.3f} bpp"
    within = EncodeWork(str(folder / "tiny"), bpp=16.0, effort=1).convert(str(folder / "a.png"))
    assert within.data == codec.encode(read_image(folder / "a.png"), bpp=16.0, effort=1)

    (folder / "a.hvc").write_bytes(converted.data)
    settings = Decoding(temperature=1.0, seed=3, scale=1)
    decoded = DecodeWork(settings, str(folder / "tiny")).convert(str(folder / "a.hvc"))
    (folder / "b.png").write_bytes(decoded.data)
    expected = codec.decode(converted.data, temperature=1.0, seed=3)
    np.testing.assert_array_equal(read_image(folder / "b.png").pixels, expected)
    assert decoded.summary == "50 × 40 pixels"
    small = DecodeWork(Decoding(scale=1 / 8), str(folder / "tiny")).convert(str(folder / "a.hvc"))
    assert small.summary == "7 × 5 pixels"


def test_weights_of_another_codec_are_refused(folder, stand_in):
    (folder / "a.hvc").write_bytes(hvaecodec.encode(read_image(folder / "a.png").pixels, stand_in))
    work = DecodeWork(Decoding(), str(folder / "tiny"))
    work.check()
    with pytest.raises(ModelMismatch, match="written by hqa-photo, and .*tiny' is dct-vae-photo"):
        work.convert(str(folder / "a.hvc"))


def test_what_cannot_be_is_seen_before_any_file():
    for work, error, message in (
        (EncodeWork("dct-vae-photo", quality=0), ValueError, "quality must lie"),
        (EncodeWork("dct-vae-photo", psnr=float("nan")), ValueError, "psnr must be"),
        (EncodeWork("dct-vae-photo", effort=7), ValueError, "effort must be"),
        (EncodeWork("no-such"), CodecError, "no codec 'no-such'"),
        (DecodeWork(Decoding(), "no-such"), CodecError, "no codec 'no-such'"),
    ):
        with pytest.raises(error, match=message):
            work.check()
    EncodeWork("dct-vae-photo").check()
    DecodeWork(Decoding()).check()
