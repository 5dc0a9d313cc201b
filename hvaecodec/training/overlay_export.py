"""Exports what was trained on top of a codec's generator, beside it, whichever kind of net it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hvaecodec.codec.weights import generators_in
from hvaecodec.training import card
from hvaecodec.training.recipes.common import Recipe
from hvaecodec.training.run import Run, Settings
from hvaecodec.training.weights_file import order_metadata


@dataclass(frozen=True)
class Overlay:
    """An overlay is a net that goes on top of a generator.

    codec: the generator's. kind: one of `weights.OVERLAYS`. file: its name. base: the generator's digest. data: the
    content of the file, safetensors. losses: the nets that its loss saw, with their terms, as the card tells them.
    """

    codec: str
    kind: str
    file: str
    base: bytes
    data: bytes
    losses: tuple[dict[str, str], ...] = ()


def check_init(recipe: Recipe, settings: Settings) -> None:
    """Raise ValueError if --init is given and no folder; it names a codec's weights, instead of the package's."""
    if settings.init is not None and not settings.init.is_dir():
        raise ValueError(f"{recipe.name} goes on top of a whole codec; --init must be a folder of its weights")


def export_overlay(run: Run, overlay: Overlay) -> list[Path]:
    """Write an overlay of a run of one stage into the export folder, and what the folder's card says of it.

    Raises CodecError if the file exists and may not be replaced, ValueError if the export folder lacks its generator.
    """
    ((stage, checkpoint),) = run.checkpoints()
    base = overlay.base.hex()
    if overlay.base not in generators_in(run.export_folder):
        raise ValueError(f"{run.export_folder} lacks generator {base}, which the {overlay.kind} was trained on")
    path = run.export(overlay.file, order_metadata(overlay.data))
    training: dict[str, Any] = {"base": base} | card.origin(run)
    training |= {"training": asdict(stage.task), **card.duration(checkpoint), **checkpoint.about}
    if overlay.losses:
        training["losses"] = list(overlay.losses)
    entry = card.part(path, training | card.photo_terms(run))
    return [path, card.write_card(run.export_folder, overlay.codec, {overlay.kind: entry})]
