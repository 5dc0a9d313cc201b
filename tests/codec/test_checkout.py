"""Which commit records and model cards name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hvaecodec.codec.checkout import commit_of


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in a checkout with one commit, beside a README."""
    folder = tmp_path / "checkout/package"
    folder.mkdir(parents=True)
    for path in (folder / "__init__.py", folder / "code.py", folder.parent / "README.md"):
        path.write_text("before\n", encoding="utf-8")
    git(folder.parent, "init", "--quiet")
    git(folder.parent, "add", ".")
    git(folder.parent, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "first")
    return folder


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_only_the_package_makes_a_commit_dirty(package: Path) -> None:
    head = git(package, "rev-parse", "HEAD")[:10]
    (package.parent / "README.md").write_text("a new table\n", encoding="utf-8")
    (package / "new.txt").write_text("not tracked\n", encoding="utf-8")
    assert commit_of(package) == head
    (package / "code.py").write_text("after\n", encoding="utf-8")
    assert commit_of(package) == f"{head}-dirty"
    git(package, "add", ".")
    assert commit_of(package) == f"{head}-dirty"


def test_an_environment_inside_a_checkout_has_no_commit_of_it(package: Path, tmp_path: Path) -> None:
    installed = package.parent / ".venv/package"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    (tmp_path / "plain").mkdir()
    assert commit_of(installed) is None and commit_of(tmp_path / "plain") is None
    assert commit_of(tmp_path / "nowhere") is None
