"""Print what settings of the encoder's search are worth, on validation crops.

    python research/adaptive-blocks/search.py WEIGHTS --data DATA [--effort 2] [--photos 8] "paces=[0.4, 0.1]" ...

Each argument sets a field of `SearchConfig`, KEY=VALUE. Of every setting the cost that the search minimises is printed,
squared error over what a bit is worth plus bits, as a difference to the usual settings in per cent of their bits, for
four step indices; negative is better. WEIGHTS is a folder of weights of `dct-vae-photo`; DATA holds `photos/valid.tar`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.codec.photo.search import SearchConfig
from hvaecodec.codec.photo.weights import PhotoWeights
from hvaecodec.training.data import VALID_TAR, tar_photos
from hvaecodec.training.limited_loop import setting

INDICES = (160, 300, 440, 580)


def crops(photos: list[np.ndarray], count: int, side: int, first: int = 0) -> list[np.ndarray]:
    """Return a crop of the middle of so many photos, which lie far apart in their list, from number `first` on."""
    chosen = photos[first :: max(1, len(photos) // count)][:count]
    corners = [(max(0, photo.shape[0] - side) // 2, max(0, photo.shape[1] - side) // 2) for photo in chosen]
    cut = (photo[y : y + side, x : x + side] for photo, (y, x) in zip(chosen, corners, strict=True))
    return [np.ascontiguousarray(crop) for crop in cut]


def costs(weights: PhotoWeights, pictures: list[np.ndarray], effort: int, config: SearchConfig) -> np.ndarray:
    """Return cost and bits of every picture at every index, (indices, pictures, 2)."""
    rows = []
    for index in INDICES:
        bit = 3 * SearchConfig().lagrangian * float(weights.bitstream.delta[index]) ** 2
        for picture in pictures:
            encoding = encode_picture(weights, picture, index, effort, config)
            bits = sum(encoding.est_bits)
            rows.append((weights.gradients.squared_error(encoding.context, picture) / bit + bits, bits))
    return np.array(rows).reshape(len(INDICES), len(pictures), 2)


def main() -> None:
    """Print a line for every setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("settings", nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--effort", type=int, default=2)
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--side", type=int, default=160)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    weights = DctVaeCodec.load(arguments.weights).weights
    pictures = crops(tar_photos(arguments.data / VALID_TAR), arguments.photos, arguments.side)
    usual = costs(weights, pictures, arguments.effort, SearchConfig())
    print("per cent of bits at step indices " + ", ".join(map(str, INDICES)) + "; mean")
    for text in arguments.settings:
        ours = costs(weights, pictures, arguments.effort, replace(SearchConfig(), **dict([setting(text)])))
        gains = 100 * ((ours[..., 0] - usual[..., 0]) / usual[..., 1]).mean(1)
        print(f"{text}: " + ", ".join(f"{gain:+.2f}" for gain in gains) + f"; {gains.mean():+.2f}", flush=True)


if __name__ == "__main__":
    main()
