"""What travels in wheel and sdist: licences of code and weights."""

import tomllib
import weights_licences
from weights_licences import PAGE, ROOT, licences, page


def test_the_licences_are_those_of_the_cards():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tests/helpers/weights_licences.py"
    folders = {path.name for path in (ROOT / "hvaecodec" / "weights").iterdir() if path.is_dir()}
    assert set(licences()) == folders and all(f"| {name} | " in page() for name in folders)


def test_the_metadata_names_them():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert weights_licences.PAGE.name in project["project"]["license-files"]
    assert weights_licences.PAGE.name in project["tool"]["setuptools"]["dynamic"]["readme"]["file"]
