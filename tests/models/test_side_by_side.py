"""Pieces side by side give what one thread gives, to the bit, and no loop of a library is divided meanwhile."""

from __future__ import annotations

import threading

import pytest
import torch

from hvaecodec.codec.own_thread import on_own_thread
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.prior_exact import neighbourhoods, product
from hvaecodec.models.rate_block import Block
from hvaecodec.models.side_by_side import crew, cut, dividing, each, n_threads


def test_pieces_come_back_in_order_and_from_several_threads():
    meet = threading.Barrier(2, timeout=60)
    with crew(2):
        assert n_threads() == 2
        names = each(lambda i: (meet.wait(), i, threading.current_thread().name)[1:], [0, 1])
    assert [i for i, _ in names] == [0, 1] and len({name for _, name in names}) == 2
    assert n_threads() == 1 and each(lambda i: -i, [1, 2, 3]) == [-1, -2, -3]


def test_what_a_piece_raises_is_raised():
    with crew(2), pytest.raises(ZeroDivisionError):
        each(lambda i: 1 / i, [1, 2, 0])


def test_parts_cover_a_length():
    for length in (1, 2, 7, 64):
        parts = cut(length, 3)
        assert [i for part in parts for i in range(part.start, part.stop)] == list(range(length))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_block_in_strips_is_the_whole_block_to_the_bit(dtype):
    torch.manual_seed(1)
    block = Block(96).requires_grad_(False)
    torch.nn.init.normal_(block.rate.weight, std=0.3)
    h = torch.randn(1, 96, 67, 90).to(dtype).contiguous(memory_format=torch.channels_last)
    rate = torch.rand(1, 8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        whole = block(h, rate)
        for n in (2, 3):
            with crew(n):
                assert torch.equal(block(h, rate), whole)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_generator_in_strips_draws_the_whole_picture_to_the_bit(dtype):
    torch.manual_seed(2)
    net = Generator().requires_grad_(False)
    for value in net.parameters():
        torch.nn.init.normal_(value, std=0.05)
    shapes = torch.randint(0, 7, (1, 2, 14, 16))
    inputs = 255 * torch.rand(1, 3, 224, 256), shapes, torch.tensor([80])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        whole = net(*inputs)
        with crew(3):
            assert torch.equal(net(*inputs), whole)


def test_products_side_by_side_are_the_whole_product():
    matrix, columns = torch.randint(-127, 128, (96, 512)).float(), torch.randint(0, 256, (1, 512, 999)).float()
    with crew(3):
        assert torch.equal(product(matrix, columns), matrix @ columns)


def test_neighbourhoods_are_what_unfolding_gives():
    x = torch.randn(2, 5, 9, 7)
    assert torch.equal(neighbourhoods(x), torch.nn.functional.unfold(x, 3))


def test_the_calling_thread_takes_its_share_of_many_pieces():
    meet = threading.Barrier(2, timeout=60)
    with crew(2):
        names = each(lambda _: (meet.wait(), threading.current_thread().name)[1], range(6))
    assert len(set(names)) == 2 and names.count(threading.current_thread().name) == 3


def test_our_threads_compute_alone_and_the_callers_keeps_its_number():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert on_own_thread(lambda: (torch.get_num_threads(), n_threads()))() == (1, 3)
        assert on_own_thread(lambda: each(lambda _: torch.get_num_threads(), [0, 1, 2]))() == [1, 1, 1]
        later: list[int] = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert torch.get_num_threads() == 3 and later == [3]
    finally:
        torch.set_num_threads(before)


def test_pieces_compute_alone_where_a_library_divides_loops():
    """And loops of the same thread are divided again after them, whatever a piece raises."""
    own, threads = threading.current_thread(), [1]

    def set_threads(number: int) -> None:
        assert threading.current_thread() is own
        threads[0] = number

    with crew(2):
        with dividing(set_threads):
            assert threads == [2]
            assert each(lambda _: threads[0], range(4)) == [1] * 4
            assert threads == [2]
            with pytest.raises(ZeroDivisionError):
                each(lambda n: 1 // n, [0, 1])
            assert threads == [2]
        assert threads == [1]
        each(lambda _: threads[0], range(4))
        assert threads == [1]
