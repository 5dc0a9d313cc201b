"""`python -m hvaecodec.bench.tools.latents`: do the generator's latents matter? KL of each scale, ELBO, samples by seed.

All of it on photos that nothing was trained on, under the context that a file of the given quality holds. KL and ELBO
are estimates of the model, never file sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from hvaecodec.bench.show.tables import Table


def measure(codec: Any, photos: Sequence[np.ndarray], quality: float) -> Table:
    """Means over photos: KL of every scale in bits per pixel, -ELBO in bits per dim, differences between samples."""
    import torch

    net = codec.generators.get(codec.generators.newest)
    rows: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        rows.setdefault(name, []).append(value)

    torch.manual_seed(0)  # of the posterior's samples
    for photo in photos:
        x = photo[: photo.shape[0] // 32 * 32, : photo.shape[1] // 32 * 32]
        data = codec.encode(x, quality=quality, effort=1)
        dequantised, index = codec.context_of(data)
        batch = torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1))).float()[None]
        with torch.no_grad():
            _, nll, kls = net.train_step(batch, dequantised, torch.tensor([index]), 1)
        bits = [float(kl[0]) / np.log(2) for kl in kls]
        pixels = x.shape[0] * x.shape[1]
        for scale, kl in zip(net.config.scales, bits, strict=False):
            add(f"KL at 1/{scale.fold}, bits per pixel", kl / pixels)
        add("KL of all scales, bits per pixel", sum(bits) / pixels)
        add("-log p(x | z, context), bits per dim", float(nll[0]) / np.log(2))
        add("-ELBO, bits per dim", float(nll[0]) / np.log(2) + sum(bits) / (3 * pixels))
        still = codec.decode(data).astype(float)
        one, two = (_sampled(net, dequantised, index, seed) for seed in (1, 2))
        add("mean |seed 1 - seed 2|, grey levels", np.abs(one - two).mean())
        add("samples that differ by 4 grey levels or more", (np.abs(one - two) >= 4).mean())
        add("detail of the photo (deviation from its 3x3 mean), grey levels", _detail(x))
        add("detail at temperature 0, grey levels", _detail(still))
        add("detail with latents drawn, grey levels", _detail(one))
    body: list[tuple[str, ...]] = [(name, f"{np.mean(values):.4f}") for name, values in rows.items()]
    return Table(f"Latents of {codec.name}, quality {quality:g}, {len(photos)} photos", ("", "mean"), body, [])


def _sampled(net: Any, dequantised: Any, index: int, seed: int) -> np.ndarray:
    """The generator's own picture with every latent drawn from its prior, without a texture."""
    import torch

    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        picture = net(
            dequantised,
            torch.tensor([index]),
            lambda number, mean, log_sigma: mean + log_sigma.exp() * torch.randn(mean.shape, generator=rng),
        )
    out: np.ndarray = picture[0].round().clamp(0, 255).permute(1, 2, 0).double().numpy()
    return out


def _detail(x: np.ndarray) -> float:
    """Standard deviation of what a 3 x 3 mean takes away."""
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
    print(measure(registry.load(codec), photos, quality).markdown())


if __name__ == "__main__":
    typer.run(main)
