"""The commit that this package is of, which records and model cards name."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path


@functools.cache
def commit() -> str | None:
    """Return `commit_of` this package, as it was when the process first asked."""
    return commit_of(Path(__file__).parents[1])


def commit_of(package: Path) -> str | None:
    """Return ten digits of the commit that a package's folder is of, with `-dirty` if a tracked file in it differs.

    Files beside the package do not count, since a run writes its own record and the documents. None for a package that
    no checkout tracks, as one that is installed in an environment inside somebody's checkout.
    """
    git = ["git", "-C", str(package)]
    try:
        subprocess.run([*git, "ls-files", "--error-unmatch", "__init__.py"], capture_output=True, check=True)
        head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "."], capture_output=True).returncode
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("-dirty" if changed else "")
