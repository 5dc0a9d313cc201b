"""What is to be converted in a folder and below it, and what is left alone: the plan, before anything is written."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import reason

# The usual formats of pictures that Pillow reads, by the ends of their names.
PICTURES = frozenset(
    f".{ending}"
    for ending in (
        *("apng", "avif", "bmp", "dib", "gif", "ico", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg", "jpx"),
        *("pbm", "pcx", "pgm", "png", "pnm", "ppm", "psd", "qoi", "tga", "tif", "tiff", "webp"),
    )
)
FILES = frozenset({".hvc"})
_NAMED = 3  # this many examples of a kind are named


@dataclass(frozen=True)
class Job:
    """One file to convert, and the file that it becomes."""

    source: str
    target: str


@dataclass
class Tree:
    """What a folder holds: jobs, sorted by source, and what is not among them.

    hidden: how many names begin with a dot, folders among them. linked_folders: how many links lead to folders, none
    of which is followed. others: how many files have another suffix, by suffix. unreadable: a line for each folder
    below the first that cannot be listed.
    """

    jobs: list[Job] = field(default_factory=list)
    hidden: int = 0
    linked_folders: int = 0
    others: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)

    def left_alone(self) -> str:
        """Return what is no job in words, such as "2 hidden, 1 of another kind (.txt)"; empty if there is none."""
        kinds = ", ".join(sorted(self.others)[:_NAMED]) + (", …" if len(self.others) > _NAMED else "")
        parts = {
            f"{self.hidden} hidden": self.hidden,
            f"{self.others.total()} of another kind ({kinds})": self.others.total(),
            f"{self.linked_folders} linked folder{'s' * (self.linked_folders > 1)}": self.linked_folders,
        }
        return ", ".join(words for words, count in parts.items() if count)


def read_tree(folder: str, out: str, suffixes: frozenset[str], new_suffix: str) -> Tree:
    """List the files of a folder and of all below it whose names end in one of `suffixes`, in lower or upper case.

    `a/b.png` becomes `a/b` with the new suffix, below `out`. A linked file counts as a file; linked folders are not
    followed, so there are no loops; the folder `out` is left out if it lies inside, and so is what is hidden.
    Raises CodecError if the folder cannot be listed, or if two files would become one.
    """
    tree = Tree()
    own_output = None if _same(folder, out) else os.path.realpath(out)
    unseen = [""]
    while unseen:
        below = unseen.pop()
        path = os.path.join(folder, below) if below else folder
        try:
            entries = list(os.scandir(path))
        except OSError as cause:
            problem = f"cannot read the folder {path}: {reason(cause)}"
            if not below:
                raise CodecError(problem) from cause
            tree.unreadable.append(problem)
            continue
        for entry in _visible(entries, tree):
            name = os.path.join(below, entry.name)
            if not entry.is_dir(follow_symlinks=False):
                _add_file(tree, entry, Job(os.path.join(folder, name), target_of(out, name, new_suffix)), suffixes)
            elif os.path.realpath(entry.path) != own_output:
                unseen.append(name)
    tree.jobs.sort(key=lambda job: job.source)
    refuse_collisions(tree.jobs)
    return tree


def check_out(out: str) -> None:
    """Raise CodecError unless files can be written into a folder of this name, which need not be there yet."""
    ancestor = os.path.realpath(out)
    while not os.path.lexists(ancestor):
        ancestor = os.path.dirname(ancestor)
    if not os.path.isdir(ancestor):
        raise CodecError(f"cannot write into {out}: {ancestor} is not a folder")
    if not os.access(ancestor, os.W_OK | os.X_OK):
        raise CodecError(f"cannot write into {out}: the folder {ancestor} is not writable")


def _visible(entries: list[os.DirEntry[str]], tree: Tree) -> Iterator[os.DirEntry[str]]:
    """Go through the entries of one folder without those that are hidden or links to folders, which are counted."""
    for entry in entries:
        if entry.name.startswith("."):
            tree.hidden += 1
        elif entry.is_symlink() and os.path.isdir(entry.path):
            tree.linked_folders += 1
        else:
            yield entry


def _add_file(tree: Tree, entry: os.DirEntry[str], job: Job, suffixes: frozenset[str]) -> None:
    """Add what is no folder to the jobs or to the others; a link to nothing is a job that will fail and say so."""
    suffix = os.path.splitext(entry.name)[1].lower()
    regular = os.path.isfile(entry.path) or (entry.is_symlink() and not os.path.exists(entry.path))
    if suffix in suffixes and regular:
        tree.jobs.append(job)
    else:
        tree.others[(suffix or "no suffix") if regular else "no regular file"] += 1


def target_of(out: str, name: str, new_suffix: str) -> str:
    """Return what a file of that name, below the folder of the sources, becomes below the folder `out`."""
    return os.path.join(out, os.path.splitext(name)[0] + new_suffix)


def _same(folder: str, out: str) -> bool:
    return os.path.realpath(folder) == os.path.realpath(out)


def refuse_collisions(jobs: list[Job]) -> None:
    """Raise CodecError if several sources have one target, and name them."""
    sources: dict[str, list[str]] = {}
    for job in jobs:
        sources.setdefault(job.target, []).append(job.source)
    clashes = [f"{' and '.join(names)} would become {target}" for target, names in sources.items() if len(names) > 1]
    if clashes:
        more = f"; and {len(clashes) - _NAMED} more" * (len(clashes) > _NAMED)
        raise CodecError(f"{'; '.join(clashes[:_NAMED])}{more}; nothing is written, rename or move one of each")
