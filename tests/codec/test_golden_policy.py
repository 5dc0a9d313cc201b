"""Every codec, in every version of its streams, has golden files, and what is known of each is written down.

CONTRIBUTING.md has the policy. A version that ends is in `VERSIONS` for ever.
"""

import hashlib
import json
import re
from pathlib import Path

from hvaecodec.codec.format.container import read_header
from hvaecodec.codec.format.header import VERSION
from hvaecodec.codec.format.wire_ids import CODECS

GOLDEN = Path(__file__).parents[1] / "golden"
VERSIONS = {
    name: range(1, VERSION + 1) for name in CODECS
}  # codec -> the versions of the format that it was written in
FACTS = {name: facts for path in GOLDEN.glob("*.json") for name, facts in json.loads(path.read_text()).items()}
FILES = {path.stem: path.read_bytes() for path in GOLDEN.glob("*.hvc")}


def test_every_codec_and_version_has_golden_files():
    """In colour, in grey, with alpha, and of a single pixel."""
    kinds: dict[tuple[str, int], set[str]] = {}
    for data in FILES.values():
        header = read_header(data)
        mode = "one pixel" if (header.height, header.width) == (1, 1) else header.mode
        kinds.setdefault((header.codec, data[3] & 15), set()).add(mode)
    expected = {(codec, version) for codec, versions in VERSIONS.items() for version in versions}
    assert expected, "no codec"
    missing = expected - kinds.keys()
    assert not missing, f"no golden file of {sorted(missing)}; a script in tests/golden writes them"
    for key in expected:
        assert kinds[key] >= {"RGB", "L", "RGBA", "one pixel"}, f"{key} has golden files of {sorted(kinds[key])} alone"


def test_every_golden_file_has_its_digests_and_none_is_missing():
    assert FILES.keys() == FACTS.keys(), "a golden file is missing, or nothing is known of it"
    for name, facts in FACTS.items():
        assert facts["bytes"] == hashlib.sha256(FILES[name]).hexdigest(), name
        assert re.fullmatch("[0-9a-f]{64}", facts["symbols"]), f"{name}: the digest of what it decodes to"
        header = read_header(FILES[name])
        assert facts["shape"][:2] == [header.height, header.width] and 0 <= facts["mean"] <= 255, name


def test_the_policy_stands_in_the_documents():
    assert "**Golden files.**" in (GOLDEN.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
