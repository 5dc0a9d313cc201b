"""State what a paper claims and judge it from records: the rows of docs/PAPERS.md, of which each paper has some.

A claim consists of comparisons, each with a verdict of `judges.py`. It holds if all of them hold and fails if one of
them fails; in every other case it is open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hvaecodec.bench.papers.judges import Verdict, judge_all
from hvaecodec.bench.papers.vae_tables import Row, equal_budget_claims
from hvaecodec.bench.show.tables import Table

_HOLDS, _FAILS, _OPEN = "holds", "fails", "open"


@dataclass(frozen=True)
class Claim:
    """A claim of a paper.

    words: the claim, as a sentence. place: where the paper makes it. compare: returns a row of `claim_row` for each
    comparison that the records of a folder allow; without such records there are none. The folder is `records/` or one
    that is laid out like it.
    """

    words: str
    place: str
    compare: Callable[[Path], Sequence[Row]]


@dataclass(frozen=True)
class Judgement:
    """What the records say of a claim: its comparisons, rows of `claim_row`."""

    claim: Claim
    comparisons: tuple[Row, ...]

    @classmethod
    def of(cls, claim: Claim, records: Path) -> Judgement:
        """Judge a claim from the records of a folder."""
        return cls(claim, tuple(claim.compare(records)))

    @property
    def word(self) -> str:
        """Return `holds`, `fails` or `open`."""
        verdict = judge_all(Verdict(verdict) for _, verdict, _ in self.comparisons)
        return {Verdict.HOLDS: _HOLDS, Verdict.FAILS: _FAILS}.get(verdict, _OPEN)

    @property
    def is_measured(self) -> bool:
        """Say whether any of the comparisons was measured."""
        return any(Verdict(verdict) is not Verdict.NOT_RUN for _, verdict, _ in self.comparisons)

    @property
    def counts(self) -> str:
        """Say how many comparisons hold, fail and decide nothing."""
        if not self.is_measured:
            return "not measured"
        verdicts = [Verdict(verdict) for _, verdict, _ in self.comparisons]
        n_hold, n_fail = (verdicts.count(verdict) for verdict in (Verdict.HOLDS, Verdict.FAILS))
        words = [f"{n_hold} of {len(verdicts)} hold"]
        words += [f"{n_fail} fail{'s' * (n_fail == 1)}"] if n_fail else []
        n_open = len(verdicts) - n_hold - n_fail
        return ", ".join([*words, *([f"{n_open} open"] if n_open else [])])


def comparisons_table(judgements: Sequence[Judgement]) -> Table:
    """Return the table of all comparisons of some claims, with the numbers that each was decided by."""
    rows = [row for judgement in judgements for row in judgement.comparisons]
    return Table("Every comparison", ("comparison", "here", "numbers"), rows, equal_budget_claims([]).notes)
