"""Model cards: what a set of weights was trained on, how, with what result, and under which terms it may be used."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hvaecodec import __version__
from hvaecodec.codec.files import write_atomically
from hvaecodec.training.data import PHOTO_TARS, source_of

CARD = "card.json"
RESEARCH = "research and non-commercial use only, as the terms of some of the training pictures demand"
FREE = "CC BY-SA 4.0, the strictest licence that the sources of the training pictures state"
UNKNOWN = "as the terms of the training pictures allow; they are not stated"


def data_and_terms(data: Path, sources: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Where the training pictures come from and on which terms, from the manifests beside the packs.

    A picture that is in two packs counts once. A plain folder states neither.
    """
    found: Counter[tuple[str, str]] = Counter()
    seen = set()
    for tar in PHOTO_TARS:
        manifest = (data / tar).with_name(f"{Path(tar).stem}-manifest.csv")
        if not ((data / tar).is_file() and manifest.is_file()):
            continue
        with manifest.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                photo = row["source_repository"], row["original_path"]
                if photo not in seen and (sources is None or source_of(row["file"]) in sources):
                    seen.add(photo)
                    found[row["source_repository"], row["licence_note"]] += 1
    if not found:
        return [{"source": "a folder of pictures", "terms": "not stated"}]
    return [{"source": source, "photos": n, "terms": terms} for (source, terms), n in found.most_common()]


def licence(data: Sequence[dict[str, Any]], sources: Sequence[str] | None) -> str:
    """The terms of weights trained on such data."""
    if any("photos" not in part for part in data):
        return UNKNOWN
    return RESEARCH if sources is None else FREE


def commit() -> str | None:
    """The commit of the code that runs, None outside a checkout."""
    try:
        words = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def part(path: Path, training: dict[str, Any]) -> dict[str, Any]:
    """What a card says of one file of weights."""
    content = path.read_bytes()
    return {"file": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} | training


def write_card(folder: Path, codec: str, parts: dict[str, dict[str, Any]]) -> Path:
    """Write a folder's card.json, keeping what it says of files that are still as they were.

    parts: `part`s by kind, "bitstream" and "generator".
    """
    path = folder / CARD
    kept = {}
    if path.exists():
        old = json.loads(path.read_text(encoding="utf-8")).get("parts", {})
        kept = {kind: told for kind, told in old.items() if _is_still(folder, told)}
    parts = dict(sorted((kept | parts).items()))
    card = {
        "codec": codec,
        "summary": ", ".join(f"{kind} {told['sha256'][:8]}" for kind, told in parts.items()),
        "licence": "; ".join(dict.fromkeys(told["licence"] for told in parts.values())),
        "version": __version__,
        "parts": parts,
    }
    if "generator" in parts:
        card["generator"] = parts["generator"]["file"]
    write_atomically(path, (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode(), force=True)
    return path


def _is_still(folder: Path, told: dict[str, Any]) -> bool:
    file = folder / told["file"]
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == told["sha256"]
