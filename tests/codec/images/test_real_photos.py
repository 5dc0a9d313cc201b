"""Real photographs, which `make test-data` finds in the folder that HVAECODEC_DATA names."""

import pytest

from hvaecodec.codec.images import read_image

pytestmark = pytest.mark.data


def test_every_kodak_photo_reads_without_a_conversion(data_dir):
    photos = sorted((data_dir / "kodak").glob("*.png"))
    assert len(photos) == 24
    for photo in photos:
        loaded = read_image(photo)
        assert loaded.pixels.shape in ((512, 768, 3), (768, 512, 3))
        assert loaded.notes == ("its texts are left out: source",)  # a tEXt chunk of the PNGs, and no conversion
