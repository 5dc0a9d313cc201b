"""Print the BD-rate of some weights of `dct-vae-photo` against others, or of settings of the encoder's search, on crops.

    python research/adaptive-blocks/compare.py ANCHOR TEST --data DATA [--effort 2] [--photos 8] [KEY=VALUE ...]

ANCHOR and TEST are folders of weights; KEY=VALUE sets fields of `SearchConfig` for TEST. Rates are what the prior says
that the symbols take. Crops are of the middle of validation photos that lie far apart in their list, from --first on, so
that what was chosen on some crops is judged on others. DATA holds `photos/valid.tar`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from search import crops

from hvaecodec.bench.show.curves import Curve, bd_rate
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.codec.photo.search import SearchConfig
from hvaecodec.training.data import VALID_TAR, tar_photos
from hvaecodec.training.limited_loop import setting

INDICES = (90, 160, 260, 360, 460, 560)


def points(folder: Path, pictures: list[np.ndarray], effort: int, config: SearchConfig) -> np.ndarray:
    """Return bits per pixel and PSNR of every picture at every index, (pictures, indices, 2)."""
    weights, rows = DctVaeCodec.load(folder).weights, []
    for picture in pictures:
        for index in INDICES:
            encoding = encode_picture(weights, picture, index, effort, config)
            error = weights.gradients.squared_error(encoding.context, picture) / picture.size
            bpp = sum(encoding.est_bits) / (picture.shape[0] * picture.shape[1])
            rows.append((bpp, 10 * np.log10(255**2 / error)))
    return np.array(rows).reshape(len(pictures), len(INDICES), 2)


def difference(anchor: np.ndarray, test: np.ndarray) -> float:
    """Return the BD-rate in per cent of points (indices, 2) against others."""
    return bd_rate(curve(anchor), curve(test)).percent


def curve(values: np.ndarray) -> Curve:
    """Return the curve through values (indices, 2): bits per pixel and PSNR."""
    bpp, psnr = values[values[:, 0].argsort()].T.tolist()
    return Curve("", "psnr", tuple(bpp), tuple(psnr))


def main() -> None:
    """Print the BD-rate of the mean curve and of every crop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("anchor", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("settings", nargs="*", type=setting)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--effort", type=int, default=2)
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    photos = tar_photos(arguments.data / VALID_TAR)
    pictures = crops(photos, arguments.photos, arguments.side, arguments.first)
    anchor = points(arguments.anchor, pictures, arguments.effort, SearchConfig())
    test = points(arguments.test, pictures, arguments.effort, replace(SearchConfig(), **dict(arguments.settings)))
    each = [difference(ours, theirs) for ours, theirs in zip(anchor, test, strict=True)]
    spread = np.std(each, ddof=1) / len(each) ** 0.5 if len(each) > 1 else 0.0
    print(f"BD-rate of the mean curve {difference(anchor.mean(0), test.mean(0)):+.2f} %")
    print(f"of each crop {np.mean(each):+.2f} % +- {spread:.2f}: " + ", ".join(f"{value:+.1f}" for value in each))
    for index, ours, theirs in zip(INDICES, anchor.mean(0), test.mean(0), strict=True):
        print(f"step index {index}: {ours[0]:.4f} bpp {ours[1]:.2f} dB, then {theirs[0]:.4f} bpp {theirs[1]:.2f} dB")


if __name__ == "__main__":
    main()
