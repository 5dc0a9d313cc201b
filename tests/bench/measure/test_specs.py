"""Codec specifications as typed: what is measured when nothing, something or `none` is named."""

from __future__ import annotations

import pytest

from hvaecodec.bench.measure import specs


@pytest.mark.parametrize(
    ("codecs", "baselines", "measured"),
    [
        ([], [], ["dct-vae-photo", "jpeg"]),
        ([], ["webp", "avif"], ["dct-vae-photo", "webp", "avif"]),
        (["hqa-photo"], [], ["hqa-photo"]),
        (["hqa-photo", "dct-vae-photo@effort=1"], ["jpeg"], ["hqa-photo", "dct-vae-photo@effort=1", "jpeg"]),
        (["none"], ["webp"], ["webp"]),
        (["none"], [], ["jpeg"]),
    ],
)
def test_the_default_codec_is_measured_unless_another_is_named(
    codecs: list[str], baselines: list[str], measured: list[str]
) -> None:
    assert specs.codecs_to_measure(codecs, baselines) == measured


def test_none_beside_a_codec_is_refused() -> None:
    with pytest.raises(ValueError, match="hqa-photo is named beside it"):
        specs.codecs_to_measure(["none", "hqa-photo"], ["jpeg"])
