"""Model cards: what a set of weights was trained on, how, with what result, and under which terms it may be used."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvaecodec import __version__
from hvaecodec.codec.checkout import commit
from hvaecodec.codec.files import write_atomically
from hvaecodec.codec.weights import OVERLAYS, generators_in
from hvaecodec.training.checkpoint import Checkpoint
from hvaecodec.training.data import MORE_SOURCES, MORE_TAR, PHOTO_TARS, taken
from hvaecodec.training.small_images import TERMS

if TYPE_CHECKING:
    from hvaecodec.training.recipes.common import Stage
    from hvaecodec.training.run import Run

CARD = "card.json"
RESEARCH = "research and non-commercial use only, as the terms of some of the training pictures demand"
FREE = "CC BY-SA 4.0, the strictest licence that the sources of the training pictures state"
FREE_WITH_GPL = "the free licences of the training pictures, CC BY-SA 4.0 and GPL-2+ the strictest that they state"
UNKNOWN = "as the terms of the training pictures allow; they are not stated"


def data_and_terms(data: Path, sources: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return where the training pictures come from and on which terms, from the manifests beside the packs.

    sources: count only the pictures of these; the second pack is read where a source of it is named, as by
    `load_photos`. A picture that is in two packs counts once. A plain folder states neither source nor terms.
    """
    counts: Counter[tuple[str, str]] = Counter()
    photos = set()
    for tar in (*PHOTO_TARS, MORE_TAR) if set(MORE_SOURCES) & set(sources or ()) else PHOTO_TARS:
        manifest = (data / tar).with_name(f"{Path(tar).stem}-manifest.csv")
        if not ((data / tar).is_file() and manifest.is_file()):
            continue
        with manifest.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
            chosen = taken((row["file"] for row in rows), sources)
            for row in rows:
                photo = row["source_repository"], row["original_path"]
                if photo not in photos and row["file"] in chosen:
                    photos.add(photo)
                    counts[row["source_repository"], row["licence_note"]] += 1
    if not counts:
        return [{"source": "a folder of pictures", "terms": "not stated"}]
    return [{"source": source, "photos": n, "terms": terms} for (source, terms), n in counts.most_common()]


def licence(data: Sequence[dict[str, Any]], sources: Sequence[str] | None) -> str:
    """Return the terms of weights that were trained on `data`, as `data_and_terms` tells them."""
    if any("photos" not in part for part in data):
        return UNKNOWN
    if sources is None:
        return RESEARCH
    return FREE_WITH_GPL if any("GPL" in part["terms"] for part in data) else FREE


def photo_terms(run: Run) -> dict[str, Any]:
    """Return what a card says of the photos that a run trained on, and of the licence that follows from them."""
    sources = run.recipe.sources
    data = data_and_terms(run.settings.data, sources)
    return {"data": data, "licence": licence(data, sources)}


def origin(run: Run) -> dict[str, Any]:
    """Return what a card says of the run that weights come from."""
    recipe = run.recipe
    return {"recipe": recipe.name, "preset": recipe.preset, "seed": run.settings.seed, "commit": commit()}


def stage_entry(stage: Stage, checkpoint: Checkpoint, **more: Any) -> dict[str, Any]:
    """Return what a card says of one of several stages: how long it trained, `more`, and with what result."""
    return {"name": stage.name} | duration(checkpoint) | more | checkpoint.about


def duration(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return how long a stage trained, in steps and in minutes."""
    return {"steps": checkpoint.position.step, "minutes": round(checkpoint.position.seconds / 60, 1)}


def stages_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Return what the card in a folder of weights says of the stages that one of its parts was trained in.

    A run that begins with these weights goes on from there. Raises FileNotFoundError without a card, KeyError if the
    card has no such part.
    """
    entry = json.loads((folder / CARD).read_text(encoding="utf-8"))["parts"][kind]
    stages: list[dict[str, Any]] = entry["stages"]
    return stages


def part(path: Path, training: dict[str, Any]) -> dict[str, Any]:
    """Return what a card says of one file of weights. training: how it was trained."""
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": _sha256(path)} | training


def write_card(folder: Path, codec: str, parts: dict[str, dict[str, Any]]) -> Path:
    """Write a folder's card.json, keeping what it says of files that are still as they were.

    parts: by kind, "bitstream", "generator", and on top of it "sampler", "texture" and "perceptual", which name what
    is under them, their "base"; each as `part` returns it.
    """
    path = folder / CARD
    if path.exists():
        old = json.loads(path.read_text(encoding="utf-8")).get("parts", {})
        parts = {kind: entry for kind, entry in old.items() if _is_unchanged(folder, entry)} | parts
    parts = dict(sorted(parts.items()))
    for kind in OVERLAYS:
        if kind in parts and bytes.fromhex(parts[kind]["base"]) not in generators_in(folder):
            del parts[kind]  # of a generator that is gone
    card = {
        "codec": codec,
        "summary": ", ".join(f"{kind} {entry['sha256'][:8]}" for kind, entry in parts.items()),
        "licence": "; ".join(dict.fromkeys(entry["licence"] for entry in parts.values())),
        "version": __version__,
        "parts": parts,
    }
    for kind in ("generator", *OVERLAYS):  # the last there is draws the pictures
        if kind in parts:
            card["generator"] = parts[kind]["file"]
    return _write(folder, card)


def write_plain_card(run: Run, file: Path, pack: str, about: dict[str, Any], training: dict[str, Any]) -> Path:
    """Write the card.json beside the one file of weights of a run on a pack of small pictures.

    pack: a key of `small_images.TERMS`. about: what the weights are. training: see `training_of_one_stage`.
    """
    head = about | {"licence": f"as the terms of its data allow: {TERMS[pack][1]}", "version": __version__}
    return _write(file.parent, head | part(file, origin(run)) | training)


def training_of_one_stage(run: Run, pack: str) -> dict[str, Any]:
    """Return how a run of one stage trained, on which pictures and with what result."""
    ((stage, checkpoint),) = run.checkpoints()
    source, terms = TERMS[pack]
    data = [{"source": source, "pack": f"{pack}.npz", "terms": terms}]
    return {"training": asdict(stage.task), "data": data} | duration(checkpoint) | checkpoint.about


def _write(folder: Path, card: dict[str, Any]) -> Path:
    path = folder / CARD
    write_atomically(path, (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode(), force=True)
    return path


def _is_unchanged(folder: Path, entry: dict[str, Any]) -> bool:
    file = folder / entry["file"]
    return file.is_file() and _sha256(file) == entry["sha256"]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
