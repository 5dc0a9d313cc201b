"""Whatever a caller has set for PyTorch, numpy and warnings: the same bytes, pictures and symbols, and nothing changed.

`python tests/helpers/caller_states.py` prints the table, with a fresh process for each state.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from functools import _lru_cache_wrapper

import caller_states
import numpy as np
import pytest
import torch

import hvaecodec
from hvaecodec.codec.own_thread import is_own_thread, on_own_thread, warn_caller


@pytest.fixture(scope="module")
def plain():
    return caller_states.plain_products()


@pytest.fixture
def nothing_loaded():
    """Forget the tensors that models keep, so that they are made in the state under test, and again after it."""

    def forget():
        for name in [name for name in sys.modules if name.startswith("hvaecodec.models")]:
            for kept in vars(sys.modules[name]).values():
                if isinstance(kept, _lru_cache_wrapper):
                    kept.cache_clear()

    forget()
    yield
    forget()


@pytest.mark.parametrize("state", caller_states.STATES)
def test_no_state_of_the_caller_changes_anything(state, plain, nothing_loaded):
    assert caller_states.differences(state, plain, ["hqa-photo"]) == []


@pytest.mark.slow
def test_no_state_of_a_fresh_process_changes_anything():
    assert caller_states.main() == 0


def test_there_are_twenty_states():
    assert len(caller_states.STATES) >= 20


def test_what_work_raises_is_raised_to_the_caller():
    with pytest.raises(ZeroDivisionError):
        on_own_thread(lambda: 1 / 0)()


def test_work_is_done_on_a_thread_of_its_own_which_the_next_call_has_too():
    threads = []

    @on_own_thread
    def inner():
        return threading.current_thread()

    @on_own_thread
    def outer():
        assert is_own_thread()
        threads.append(threading.current_thread())
        return inner()

    assert outer() is threads[0] is not threading.current_thread()
    assert outer() is threads[0] and not is_own_thread()
    if hasattr(os, "fork"):  # a child has none of our threads, and makes its own
        child = os.fork()
        if not child:
            os._exit(0 if outer() is not threads[0] else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_a_warning_is_issued_at_the_callers_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        on_own_thread(warn_caller)("beware")
        warn_caller("twice")
    assert [(str(each.message), each.filename) for each in caught] == [("beware", __file__), ("twice", __file__)]


def test_a_warning_that_is_an_error_ends_the_work():
    steps = []

    @on_own_thread
    def work():
        warn_caller("beware")
        steps.append("went on")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="beware"):
            work()
    assert steps == []


def test_the_warning_of_a_large_picture_names_the_callers_line():
    data = hvaecodec.encode(np.zeros((32, 40, 3), np.uint8), effort=1)
    with pytest.warns(UserWarning, match="above half the limit") as caught:
        hvaecodec.decode(data, max_pixels=3000)
    assert caught[0].filename == __file__


def test_an_interrupt_ends_the_work_before_it_is_raised(monkeypatch):
    steps, going = [], threading.Event()

    @on_own_thread
    def work():
        going.set()
        try:
            while True:
                time.sleep(0.001)
        finally:
            steps.append("ended")

    def interrupted(self):
        going.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "hvaecodec.codec.own_thread.SimpleQueue", lambda: type("", (), {"get": interrupted, "put": lambda *_: 0})()
    )
    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["ended"]


def test_a_net_that_loads_in_inference_mode_has_gradients_after_it():
    with torch.inference_mode():
        codec = hvaecodec.load()
        picture = caller_states.picture()[:32, :32]
        data = codec.encode(picture, quality=30, effort=2)
    assert codec.encode(picture, quality=30, effort=2) == data
