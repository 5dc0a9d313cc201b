"""Copies the desktop's files: `python -m hvaecodec.integrations.desktop FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from hvaecodec.integrations.desktop import install

if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
    sys.exit("usage: python -m hvaecodec.integrations.desktop FOLDER, such as ~/.local/share")
for path in install(Path(sys.argv[1]).expanduser()):
    print(path)
