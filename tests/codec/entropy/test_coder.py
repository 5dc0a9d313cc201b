"""The entropy coder against a decoder in plain integers: same bytes, same symbols, honest estimates, no crash."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import nullcontext, suppress

import constriction
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference_decoder import ESCAPES, RangeEncoder, ReferenceDecoder, starts_of

from hvaecodec.codec.entropy import coder, order
from hvaecodec.codec.entropy.coder import BitCounter, Decoder, Encoder, Tables
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.models.integers import N_TABLES, fit_tables, logistic_tables, radii

SEEDS = st.integers(0, 2**32 - 1)


def random_tables(seed: int, spread: float) -> list[np.ndarray]:
    """Tables with nothing of a logistic: from flat (0) to nearly all in a few entries (20)."""
    rng = np.random.default_rng(seed)
    masses = (np.exp(spread * rng.standard_normal(2 * r + 2)) for r in radii())
    return [1 + rng.multinomial(2**22 - len(mass), mass / mass.sum()) for mass in masses]


FREQUENCIES = [logistic_tables(), random_tables(1, 0), random_tables(2, 3), random_tables(3, 20)]
SETS = [(Tables(f), [starts_of(table) for table in f]) for f in FREQUENCIES]


def random_chunk(rng: np.random.Generator, frequencies: list[np.ndarray], size: int) -> tuple[np.ndarray, ...]:
    """Symbols drawn from their tables, escapes among them, with tables, means and signs; four int32 arrays."""
    table = rng.integers(0, N_TABLES, size).astype(np.int32) if rng.random() < 0.7 else np.full(size, 7, np.int32)
    mean = rng.integers(-3000, 3000, size).astype(np.int32)
    sign = rng.choice(np.array([-1, 1], np.int32), size)
    entry = [int(np.searchsorted(np.cumsum(frequencies[t]), rng.integers(0, 2**22), side="right")) for t in table]
    radius = radii()[table]
    away = np.array(entry, np.int32).reshape(-1) - radius
    far = (radius + 1 + rng.integers(0, 20_000, size)) * rng.choice([-1, 1], size)
    away = np.where(away > radius, far, away)
    return (mean + sign * away).astype(np.int32), table, mean, sign


def chunks(seed: int, which: int) -> list[tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 120, rng.integers(0, 4))
    return [random_chunk(rng, FREQUENCIES[which], size) for size in sizes]


@pytest.mark.parametrize("spread", [0, 1, 30])
def test_tables_sum_to_their_total_with_no_zero(spread):
    counts = [np.round(np.exp(spread * np.random.default_rng(4).standard_normal(2 * r + 2))) for r in radii()]
    for tables in (logistic_tables(), fit_tables(counts)):
        assert len(tables) == N_TABLES
        for table, radius in zip(tables, radii(), strict=True):
            assert len(table) == 2 * radius + 2 and table.sum() == 2**22 and table.min() >= 1


def test_a_table_that_breaks_the_rules_is_refused():
    for change in (lambda t: t[:-1], lambda t: t * 2, lambda t: np.append(t[:-2], [0, t[-2:].sum()])):
        tables = logistic_tables()
        tables[5] = change(tables[5])
        with pytest.raises(ValueError):
            Tables(tables)


@pytest.mark.parametrize("which", range(len(SETS)))
@pytest.mark.parametrize("t", [0, 13, 40, 60, 72])
def test_every_entry_starts_where_the_format_says(which, t):
    tables, starts = SETS[which]
    unit = (2**64 - 1) >> 24
    assert starts[t][0] == 0 and starts[t][-1] == 2**24
    for i in range(1, len(starts[t]) - 1, max(1, len(starts[t]) // 40)):
        for offset, entry in ((unit * starts[t][i], i), (unit * starts[t][i] - 1, i - 1)):
            assert _first_entry(offset, tables.models[t]) == entry


@pytest.mark.parametrize("value", [1, 2, 1000, 2**15, 2**16 - 1])
def test_escapes_are_256_wide(value):
    unit = (2**64 - 1) >> 24
    model = constriction.stream.model.Uniform(2**16)
    assert _first_entry(unit * ESCAPES[value], model) == value
    assert _first_entry(unit * ESCAPES[value] - 1, model) == value - 1


def _first_entry(offset: int, model: object) -> int:
    words = np.array([offset >> 32, offset & (2**32 - 1)], np.uint32)
    return int(constriction.stream.queue.RangeDecoder(words).decode(model))


@given(seed=SEEDS, which=st.integers(0, 3))
@settings(max_examples=60)
def test_the_reference_reads_the_same_bytes(seed, which):
    tables, starts = SETS[which]
    written = chunks(seed, which)
    encoder = Encoder(tables)
    for chunk in written:
        encoder.write(*chunk)
    data = encoder.bytes()
    assert not data.endswith(b"\0")
    decoder, reference = Decoder(tables, data), ReferenceDecoder(starts, data)
    for symbols, *coding in written:
        np.testing.assert_array_equal(decoder.read(*coding), symbols)
        assert reference.read(*coding) == symbols.tolist()
    decoder.check_exhausted()
    assert reference.coder.exhausted()


@given(seed=SEEDS, which=st.integers(0, 3))
@settings(max_examples=60)
def test_what_is_counted_is_what_an_encoder_estimates(seed, which):
    counter, encoder = (kind(SETS[which][0]) for kind in (BitCounter, Encoder))
    for chunk in chunks(seed, which):
        counter.write(*chunk)
        encoder.write(*chunk)
    assert counter.est_bits == encoder.est_bits


@given(seed=SEEDS, which=st.integers(0, 3), more=st.binary(min_size=1, max_size=12))
@settings(max_examples=60)
def test_a_stream_that_goes_on_is_refused_or_another_one(seed, which, more):
    """What is appended to bytes that an encoder left off may be a stream of other symbols, never of the same."""
    tables, starts = SETS[which]
    encoder, written = Encoder(tables), chunks(seed, which)
    for chunk in written:
        encoder.write(*chunk)
    assume(any(len(symbols) for symbols, *_ in written))
    data = encoder.bytes() + more
    with suppress(CorruptFile):
        decoder = Decoder(tables, data)
        read = [decoder.read(*coding) for _, *coding in written]
        decoder.check_exhausted()
        assert any((a != b).any() for a, (b, *_) in zip(read, written, strict=True))
    reference = ReferenceDecoder(starts, data)
    with suppress(ValueError):
        read = [reference.read(*coding) for _, *coding in written]
        same = all(a == b.tolist() for a, (b, *_) in zip(read, written, strict=True))
        assert not (same and reference.coder.exhausted())


@given(seed=SEEDS, which=st.integers(0, 3))
@settings(max_examples=60)
def test_the_reference_writes_the_same_bytes(seed, which):
    tables, starts = SETS[which]
    rng = np.random.default_rng(seed)
    ours, reference = Encoder(tables), RangeEncoder()
    for table in rng.integers(0, N_TABLES, rng.integers(0, 40)):
        radius = int(radii()[table])
        entry = int(rng.choice([0, radius, 2 * radius, rng.integers(0, 2 * radius + 1)]))
        one = np.ones(1, np.int32)
        ours.write(one * (entry - radius), one * table, 0 * one, one)
        reference.encode(entry, starts[table])
    assert ours.bytes() == reference.bytes()


def test_a_carry_runs_through_many_words():
    """Entries that keep straddling one half leave words 7f ff ff ff behind, until one above it carries through them."""
    tables, starts = SETS[1]
    longest = 0
    for n in range(1, 60):
        ours, reference = Encoder(tables), RangeEncoder()
        for k in range(n):
            half = 2**63 << 32 * reference.n_words
            place = (half - reference.low) // (reference.range >> 24)
            entry = bisect_right(starts[40], min(place, 2**24 - 1)) - 1 + (k == n - 1)
            if entry == len(starts[40]) - 1:  # the last entry straddles one half: none lies above it
                break
            ours.coder.encode(np.array([entry], np.int32), tables.models[40])
            reference.encode(entry, starts[40])
        else:
            assert ours.bytes() == reference.bytes()
            assert ours.bytes()[3] >= 0x80  # the carry has come through
            longest = n
    assert longest > 40


@pytest.mark.parametrize("which", range(len(SETS)))
def test_the_estimate_is_honest(which):
    tables, _ = SETS[which]
    chunk = random_chunk(np.random.default_rng(8), FREQUENCIES[which], 5000)
    encoder = Encoder(tables)
    encoder.write(*chunk)
    bits = float(tables.cost(*chunk).sum(dtype=np.float64))
    assert abs(8 * len(encoder.bytes()) - bits) <= 0.01 * bits + 64


@given(data=st.binary(max_size=40), seed=SEEDS, which=st.integers(0, 3))
@settings(max_examples=150)
def test_garbage_gives_symbols_or_an_error(data, seed, which):
    """The container keeps damage away from the coder; what gets there all the same ends, and in the same way."""
    tables, starts = SETS[which]
    _, *coding = random_chunk(np.random.default_rng(seed), FREQUENCIES[which], 50)
    reference = ReferenceDecoder(starts, data)
    expected = None
    with suppress(ValueError):
        expected = reference.read(*coding)
    if expected is None or data.endswith(b"\0"):
        with pytest.raises(CorruptFile):
            Decoder(tables, data).read(*coding)
        return
    decoder = Decoder(tables, data)
    assert decoder.read(*coding).tolist() == expected
    with nullcontext() if reference.coder.exhausted() else pytest.raises(CorruptFile, match="goes on"):
        decoder.check_exhausted()


@given(seed=SEEDS, cut=st.floats(0, 1), flip=st.integers(0, 10**6))
@settings(max_examples=60)
def test_damaged_streams_end(seed, cut, flip):
    tables, _ = SETS[0]
    symbols, *coding = random_chunk(np.random.default_rng(seed), FREQUENCIES[0], 100)
    encoder = Encoder(tables)
    encoder.write(symbols, *coding)
    damaged = bytearray(encoder.bytes())
    damaged[flip % len(damaged)] ^= 1 << flip % 8
    for data in (bytes(damaged), bytes(damaged)[: int(cut * len(damaged))], b""):
        with suppress(CorruptFile):
            assert Decoder(tables, data).read(*coding).shape == symbols.shape


@pytest.mark.parametrize("size", [0, 1, 20, 21, 500])
def test_symbols_looked_up_in_pieces_are_the_same(monkeypatch, size):
    rng = np.random.default_rng(5)
    chunk, (tables, _) = random_chunk(rng, FREQUENCIES[1], size), SETS[1]
    whole = Encoder(tables)
    whole.write(*chunk)
    monkeypatch.setattr(coder, "_AT_ONCE", 20)
    parts = Encoder(tables)
    parts.write(*chunk)
    assert parts.bytes() == whole.bytes() and parts.est_bits == pytest.approx(whole.est_bits)
    decoder = Decoder(tables, whole.bytes())
    np.testing.assert_array_equal(decoder.read(*chunk[1:]), chunk[0])
    decoder.check_exhausted()
    assert decoder.est_bits == pytest.approx(whole.est_bits)


@pytest.mark.parametrize("first", [0, 256, 1024])
def test_symbols_are_ordered_by_their_tables(monkeypatch, first):
    monkeypatch.setattr(order, "_AT_ONCE", 7)
    tables = first + np.random.default_rng(6).integers(0, 30, 100).astype(np.int32)
    places, runs = order.order_by_table(tables)
    np.testing.assert_array_equal(places, np.argsort(tables, kind="stable"))
    assert [run for run in runs if (tables[places[run.start : run.stop]] != run.table).any()] == []
    assert [run.start for run in runs] == [0, *(run.stop for run in runs[:-1])] and runs[-1].stop == 100
    assert order.order_by_table(tables[:0])[1] == []
