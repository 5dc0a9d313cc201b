"""What code a record was made with: the version of our codecs, with a digest of code and weights."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path


@functools.cache
def our_version(name_or_folder: str) -> str:
    """Return the version of one of our codecs, as in `hvaecodec 0.1.0+3f9a12c0d4e5`.

    The digest is over the code of `codec` and `models` and the files of the codec's weights, model card included.
    """
    import hvaecodec

    package = Path(hvaecodec.__file__).parent
    paths = [path for part in ("codec", "models") for path in sorted((package / part).rglob("*.py"))]
    weights = Path(name_or_folder) if Path(name_or_folder).is_dir() else package / "weights" / name_or_folder
    paths += [path for path in sorted(weights.rglob("*")) if path.is_file() and path.suffix != ".md"]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + path.read_bytes())
    return f"hvaecodec {hvaecodec.__version__}+{digest.hexdigest()[:12]}"
