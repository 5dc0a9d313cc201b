"""The digests that compare two versions of the code name every file and picture, and differ where those do."""

import numpy as np
import same_bytes

import hvaecodec

PIXELS = np.random.default_rng(4).integers(0, 256, (33, 40, 3), dtype=np.uint8)


def test_digests_name_files_and_pictures(monkeypatch):
    codings = {"e1": {"effort": 1}, "hqa": {"model": "hqa-photo", "quality": 30}}
    monkeypatch.setattr(same_bytes, "CODINGS", codings)
    digests = dict(same_bytes.digests_of("noise", PIXELS))
    assert list(digests) == [f"noise.{coding}{end}" for coding in codings for end in ("", ".t0.0", ".t1.0")]
    assert digests["noise.e1"] == same_bytes.digest(hvaecodec.encode(PIXELS, effort=1))
    assert digests == dict(same_bytes.digests_of("noise", PIXELS))
    assert len(set(digests.values())) == len(digests)


def test_six_photos_of_legal_size():
    shapes = [pixels.shape for pixels in same_bytes.photos().values()]
    assert len(shapes) == 6 and all(height <= 384 and width <= 512 for height, width, *_ in shapes)
    assert sorted(len(shape) for shape in shapes) == [2, 3, 3, 3, 3, 3]
