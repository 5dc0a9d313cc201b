"""The fuzzer with a fixed seed, as much as fits into a minute; `make fuzz` goes on with a fresh one."""

import json
from pathlib import Path

import pytest

from fuzz import corpus, oracles
from fuzz.campaign import PARSERS, Campaign, mutant_rng
from fuzz.file_mutants import mutate_file, parts_of, with_checksums
from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.format.wire_ids import CODECS

SEED = 26
N_PARSED, N_DECODED, N_ALL = 3000, 150, 80  # counts, not times: a busy machine checks the same


@pytest.fixture(scope="module")
def codecs(tmp_path_factory):
    return corpus.tiny_codecs(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def seeds(codecs) -> dict[str, list[bytes]]:
    return {name: corpus.files_of(codec) for name, codec in codecs.items()}


def test_the_corpus_has_every_codec_and_mode(seeds):
    assert set(seeds) == set(CODECS)
    for name, files in seeds.items():
        containers = [unpack(data) for data in files]
        assert {container.header.codec for container in containers} == {name}
        assert {container.header.mode for container in containers} == {"L", "LA", "RGB", "RGBA"}
        assert {kind for container in containers for kind, _ in container.extras} == {1, 2, 3}


def test_files_are_taken_apart_and_put_together(seeds):
    for files in seeds.values():
        for data in files:
            assert with_checksums(parts_of(data)) == data


def test_a_mutant_has_a_number(seeds):
    files = seeds["hqa-photo"]
    first, again, other = (mutate_file(mutant_rng("decode", "hqa-photo", 1, n), files) for n in (5, 5, 6))
    assert first == again != other


@pytest.mark.parametrize("check", PARSERS)
def test_parsers(check, seeds):
    everything = [data for files in seeds.values() for data in files]
    done = Campaign(check, "any", SEED, everything).run(N_PARSED)
    assert done.findings == [] and sum(done.results.values()) == N_PARSED
    assert done.results["read"] > N_PARSED / 20 and len(done.results) >= 2, "some are read, some refused"


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize(("check", "count"), [("decode", N_DECODED), ("all", N_ALL)])
def test_codecs(check, count, name, codecs, seeds):
    with oracles.serving(codecs):
        done = Campaign(check, name, SEED, seeds[name]).run(count)
    assert "FINDING" not in done.results and sum(done.results.values()) == count
    assert done.results["picture"] > count / 20 and done.results["CorruptFile"] > count / 20


def test_a_campaign_goes_on_where_it_was_stopped_and_has_parts(seeds, tmp_path, monkeypatch):
    files = seeds["hqa-photo"]
    whole = Campaign("container", "any", 1, files).run(30)
    stopped = Campaign("container", "any", 1, files, folder=tmp_path)
    assert stopped.run(10).after == 10 and stopped.run(30).results == whole.results
    parts = [Campaign("container", "any", 1, files, part, 3).run(30) for part in range(3)]
    assert [sum(part.results.values()) for part in parts] == [10, 10, 10]
    assert {key: sum(part.results.get(key, 0) for part in parts) for key in whole.results} == whole.results


def test_a_campaign_that_is_killed_keeps_its_time(tmp_path, monkeypatch):
    """What it had saved: mutants and seconds of the same ones."""
    from fuzz import campaign

    def check(rng, files):
        if next(numbers) == 3:
            raise KeyboardInterrupt
        return "picture"

    numbers, times = iter(range(9)), iter(range(0, 1000, 10))
    monkeypatch.setitem(campaign.CHECKS, "decode", check)
    monkeypatch.setattr(campaign, "_clocks", lambda: (now := next(times), now / 2))
    monkeypatch.setattr(campaign, "_SAVE_EVERY", 5.0)
    with pytest.raises(KeyboardInterrupt):
        Campaign("decode", "hqa-photo", 7, [], folder=tmp_path).run(8)
    (state,) = (json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
    assert (state["after"], state["seconds"], state["cpu_seconds"]) == (3, 60, 30)
    done = Campaign("decode", "hqa-photo", 7, [], folder=tmp_path).run(8)
    assert done.after == 8 and done.seconds > 60


def test_what_nothing_may_do_is_written_down(seeds, tmp_path: Path, monkeypatch, capsys):
    """An error that is no CodecError, and too much time of the processor."""
    from fuzz import campaign

    def check(rng, files):
        raise KeyError("level")

    monkeypatch.setitem(campaign.CHECKS, "decode", check)
    done = Campaign("decode", "hqa-photo", 7, [], folder=tmp_path).run(2)
    assert done.results == {"FINDING": 2} and done.findings == [0, 1]
    text = (tmp_path / "finding-decode-hqa-photo-7-1.txt").read_text()
    assert text.startswith("python -m fuzz --check decode --codec hqa-photo --seed 7 --only 1\n") and "KeyError" in text
    monkeypatch.setattr(campaign, "MAX_SECONDS", -1.0)
    monkeypatch.setitem(campaign.CHECKS, "decode", lambda rng, files: "picture")
    assert Campaign("decode", "hqa-photo", 7, []).run(1).findings == [0]
    assert "s of the processor" in capsys.readouterr().out
