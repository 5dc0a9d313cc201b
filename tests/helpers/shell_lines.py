"""The lines of shell that README, CONTRIBUTING, docs/ and the help of every command show to their readers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

from hvaecodec.cli.main import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
COMMANDS = [str(command.name) for command in app.registered_commands]
NEW_SUFFIX = {"encode": ".hvc", "decode": ".png"}  # of what is written where no output is named


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of one language in a document."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def lines_of_block(block: str) -> list[str]:
    """The commands of a block, each in one line and without its comment; an indented line continues the one before."""
    joined = re.sub(r" *(?:\\)?\n +", " ", block)
    stripped = [re.sub(r"(?:^|\s+)#.*$", "", line).strip() for line in joined.splitlines()]
    return [line for line in stripped if line]


def examples_of_help(command: str) -> list[str]:
    """The lines under "Examples:" in the help of a command, as it prints it."""
    page = CliRunner().invoke(app, [command, "--help"]).stdout
    return [line.strip() for line in page.partition("\n  Examples:\n")[2].splitlines() if line.strip()]


def all_lines() -> dict[str, list[str]]:
    """All lines in their order by where they stand: a document's path, or the command whose help shows them."""
    documents = {
        path.relative_to(ROOT).as_posix(): [line for block in blocks(path, "shell") for line in lines_of_block(block)]
        for path in DOCUMENTS
    }
    helps = {f"hvaecodec {command} --help": examples_of_help(command) for command in COMMANDS}
    return {source: lines for source, lines in (documents | helps).items() if lines}


def outputs(line: str) -> Iterator[tuple[str, list[str]]]:
    """The files that a line writes, each with the words of the command that does so."""
    for command in line.split("|"):
        words = shlex.split(command)
        for sign in (">", "-o"):
            if sign in words and words[words.index(sign) + 1] != "-":
                yield words[words.index(sign) + 1], words
        if "-o" not in words and words[1] in NEW_SUFFIX and words[2] != "-":
            yield str(Path(words[2]).with_suffix(NEW_SUFFIX[words[1]])), words


def option(words: list[str], name: str) -> str | None:
    """What a command's words say of an option, None if nothing."""
    return words[words.index(name) + 1] if name in words else None
