"""Tells whether the generator's latents matter: `python -m hvaecodec.bench.tools.latents`.

It prints the KL of each scale, the ELBO and how samples differ by seed, on photos that nothing was trained on, under
the context that a file of one quality holds. KL and ELBO are estimates of the model, never file sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from hvaecodec.bench.show.table import Table
from hvaecodec.bench.tools import command


def latent_table(codec: Any, photos: Sequence[np.ndarray], quality: float) -> Table:
    """Return the means over photos of KL, ELBO and the differences between samples.

    The KL of every scale is in bits per pixel, -ELBO in bits per dim, differences in grey levels of 0..255.
    photos: uint8 (H, W, 3); what exceeds a multiple of 32 pixels is cut away. quality: of the files, 1..100.
    """
    import torch

    torch.manual_seed(0)  # of the posterior's samples
    rows: dict[str, list[float]] = {}
    for photo in photos:
        x = photo[: photo.shape[0] // 32 * 32, : photo.shape[1] // 32 * 32]
        data = codec.encode(x, quality=quality, effort=1)
        for name, value in {**_bits(codec, data, x), **_differences(codec, data, x)}.items():
            rows.setdefault(name, []).append(value)
    body: list[tuple[str, ...]] = [(name, f"{np.mean(values):.4f}") for name, values in rows.items()]
    return Table(f"Latents of {codec.name}, quality {quality:g}, {len(photos)} photos", ("", "mean"), body, [])


def _bits(codec: Any, data: bytes, x: np.ndarray) -> dict[str, float]:
    """The terms of the ELBO of one photo under the context of its file; the model gives nats, log 2 makes them bits."""
    import torch

    net = codec.generators.get(codec.generators.newest)
    batch = torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1))).float()[None]
    with torch.no_grad():
        _, nll, kls = net.train_step(batch, *codec.generator_inputs(data), 1)
    kl_bits = [float(kl[0]) / np.log(2) for kl in kls]
    pixels = x.shape[0] * x.shape[1]
    rows = {
        f"KL at 1/{scale.fold}, bits per pixel": bits / pixels
        for scale, bits in zip(net.config.scales, kl_bits, strict=False)
    }
    rows["KL of all scales, bits per pixel"] = sum(kl_bits) / pixels
    rows["-log p(x | z, context), bits per dim"] = float(nll[0]) / np.log(2)
    rows["-ELBO, bits per dim"] = float(nll[0]) / np.log(2) + sum(kl_bits) / (3 * pixels)
    return rows


def _differences(codec: Any, data: bytes, x: np.ndarray) -> dict[str, float]:
    """How two samples of one file differ, and how much detail photo, still picture and sample have, in grey levels."""
    net = codec.generators.get(codec.generators.newest)
    one, two = (_sample(net, codec.generator_inputs(data), seed) for seed in (1, 2))
    return {
        "mean |seed 1 - seed 2|, grey levels": np.abs(one - two).mean(),
        "samples that differ by 4 grey levels or more": (np.abs(one - two) >= 4).mean(),
        "detail of the photo (deviation from its 3x3 mean), grey levels": _detail(x),
        "detail at temperature 0, grey levels": _detail(codec.decode(data).astype(float)),
        "detail with latents drawn, grey levels": _detail(one),
    }


def _sample(net: Any, inputs: tuple[Any, ...], seed: int) -> np.ndarray:
    """The generator's own picture with every latent drawn from its prior, without a texture: float64 (H, W, 3)."""
    import torch

    rng = torch.Generator().manual_seed(seed)

    def draw(number: int, mean: Any, log_sigma: Any) -> Any:
        return mean + log_sigma.exp() * torch.randn(mean.shape, generator=rng)

    with torch.no_grad():
        picture = net(*inputs, draw)
    out: np.ndarray = picture[0].round().clamp(0, 255).permute(1, 2, 0).double().numpy()
    return out


def _detail(x: np.ndarray) -> float:
    """The standard deviation of what a 3 x 3 mean takes away from a picture (H, W, 3)."""
    from scipy.ndimage import uniform_filter

    x = x.astype(float)
    return float((x - uniform_filter(x, (3, 3, 1))).std())


def main(
    quality: float = 30,
    dataset: str = "valid",
    data: Path | None = None,
    limit: Annotated[int | None, typer.Option(help="Only so many photos.")] = None,
    codec: str = "dct-vae-photo",
) -> None:
    """Print the table for a data set."""
    from hvaecodec.bench.data.datasets import load_dataset
    from hvaecodec.codec import registry

    photos = [image.pixels() for image in load_dataset(dataset, data)][:limit]
    print(latent_table(registry.load(codec), photos, quality).markdown())


if __name__ == "__main__":
    command.run(main)
