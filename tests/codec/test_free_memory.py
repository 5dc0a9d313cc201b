"""What glibc's allocator is told, in processes of their own: it holds for all that a process does afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

ARENAS = """
import ctypes, sys, threading
from hvaecodec.codec.free_memory import share_one_pool
if sys.argv[1] == "shared":
    share_one_pool()
libc, held = ctypes.CDLL(None), threading.Barrier(3)
libc.malloc.restype = ctypes.c_void_p
def ask():
    libc.malloc(1000)
    held.wait()
threads = [threading.Thread(target=ask) for _ in range(2)]
for thread in threads:
    thread.start()
held.wait()
stdout = ctypes.c_void_p.in_dll(libc, "stdout")
libc.malloc_info(0, stdout)
libc.fflush(stdout)
"""


@pytest.mark.parametrize(("how", "several"), [("alone", True), ("shared", False)])
def test_all_threads_share_one_pool_of_memory(how, several):
    done = subprocess.run([sys.executable, "-c", ARENAS, how], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout.count("<heap nr=") > 1) == several
