"""Work on folders that needs no weights and does what the names of files say: die, wait, or fill the disk.

As a script it is the command itself with this work in place of the real: `python folder_stand_in.py encode ...`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings

import standin

from hvaecodec.codec import registry
from hvaecodec.codec.folders import work
from hvaecodec.codec.folders.work import Converted, DecodeWork, EncodeWork
from hvaecodec.codec.format.wire_ids import CodecEntry


def register() -> None:
    """Put the stand-in codec in place of the one whose name it has."""
    registry.CODECS[standin.NAME] = CodecEntry(2, "standin")  # type: ignore[index]


def act(path: str) -> None:
    """Do what the name of a file says."""
    name = os.path.basename(path)
    if "kill" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "exit" in name:
        os._exit(3)
    if "slow" in name:
        time.sleep(60 if "very" in name else 0.3)
    if "warn" in name:
        warnings.warn("this file is odd", stacklevel=1)
    if "bug" in name:
        raise KeyError("odd\nthing")


class StandInEncode(EncodeWork):
    """Encode with the stand-in, whatever the model."""

    def prepare(self) -> None:
        register()

    def convert(self, path: str) -> Converted:
        act(path)
        return EncodeWork(standin.NAME, self.quality, self.bpp, self.psnr, self.effort).convert(path)


class StandInDecode(DecodeWork):
    """Decode what the stand-in encoded."""

    def prepare(self) -> None:
        register()

    def convert(self, path: str) -> Converted:
        act(path)
        return super().convert(path)


class DiesAtStart(EncodeWork):
    """No worker gets as far as its first file; each adds a byte to the file that stands for the model."""

    def prepare(self) -> None:
        with open(self.model, "ab") as file:
            file.write(b"x")
        os._exit(7)


class Threads(EncodeWork):
    """Says how many threads a worker has."""

    def prepare(self) -> None:
        import torch  # noqa: F401

    def convert(self, path: str) -> Converted:
        import torch

        torch.zeros(1)
        return Converted(b"", f"{torch.get_num_threads()} {os.environ['OMP_NUM_THREADS']} {os.getpid()}")


class NoWeights(EncodeWork):
    """Cannot be prepared."""

    def prepare(self) -> None:
        registry.load("no-such")


def main() -> None:
    """Run the command."""
    from hvaecodec.cli.main import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell begins by ignoring it
    register()
    work.EncodeWork, work.DecodeWork = StandInEncode, StandInDecode  # type: ignore[misc]
    run()


if __name__ == "__main__":
    import folder_stand_in  # under its own name, so that workers find its classes

    sys.argv[0] = "hvaecodec"
    folder_stand_in.main()
