"""What trains on a whole codec and is exported beside its generator, on top of it: textures and samplers share this."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.weights import generators_in
from hvaecodec.training import card
from hvaecodec.training.photo.export import in_order
from hvaecodec.training.recipes.common import Recipe
from hvaecodec.training.run import Run, Settings


def check(recipe: Recipe, settings: Settings) -> None:
    """`run.Family.check`: --init is a folder of a codec's weights, or nothing for those in the package."""
    if settings.init is not None and not settings.init.is_dir():
        raise ValueError(f"{recipe.name} goes on top of a whole codec; --init must be a folder of its weights")


def write(run: Run, codec: str, name: str, kind: str, data: bytes, base: bytes) -> list[Path]:
    """Write a safetensors file for the generator with the digest `base`, and what the folder's card says of it.

    kind: of `weights.OVERLAYS`. Raises CodecError if the file exists and may not be replaced, ValueError if the export
    folder lacks that generator.
    """
    ((stage, found),) = run.done()
    folder = run.export_folder
    if base not in generators_in(folder):
        raise ValueError(f"{folder} lacks generator {base.hex()}, which the {kind} was trained on")
    path = write_into_folder(folder / name, in_order(data), run.settings.force)
    sources = card.data_and_terms(run.settings.data, run.recipe.sources)
    told: dict[str, Any] = {"base": base.hex()} | card.origin(run)
    told |= {"training": asdict(stage.task), **card.spent(found), **found.about}
    told |= {"data": list(sources), "licence": card.licence(sources, run.recipe.sources)}
    return [path, card.write_card(folder, codec, {kind: card.part(path, told)})]
