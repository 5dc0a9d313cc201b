"""A run that begins with exported weights tells of their training too."""

import json

import pytest

from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.training import card


def test_stages_are_those_of_the_part_in_the_card(tmp_path):
    folder = WEIGHTS / "dct-vae-photo"
    parts = json.loads((folder / card.CARD).read_text(encoding="utf-8"))["parts"]
    for kind in ("bitstream", "perceptual"):
        assert card.stages_of(folder, kind) == parts[kind]["stages"]
    with pytest.raises(KeyError):
        card.stages_of(folder, "sampler")
    with pytest.raises(FileNotFoundError):
        card.stages_of(tmp_path, "generator")
