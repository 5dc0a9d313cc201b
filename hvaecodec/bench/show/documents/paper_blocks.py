"""Makes what the documents show of the papers' experiments, from the records in `records/` alone.

The pages in `docs/papers/` have a verdict of three lines, when and on what their records were made, and tables;
`docs/PAPERS.md` has a row for every claim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from hvaecodec.bench.papers import recorded
from hvaecodec.bench.papers.circles import headlines as circles
from hvaecodec.bench.papers.claim_list import Claim, Judgement, comparisons_table
from hvaecodec.bench.papers.dct_vae import headlines as dct_vae
from hvaecodec.bench.papers.hqa import headlines as hqa
from hvaecodec.bench.papers.records import origin_sentence
from hvaecodec.bench.papers.srvae import headlines as srvae
from hvaecodec.bench.papers.ws_vdvae import headlines as ws_vdvae
from hvaecodec.bench.show.tables import Table

Text = Callable[[Path], str]  # of the folder `records/`

# The words of `hvaecodec paper` that measure an experiment again, besides its name
_OPTIONS = {
    "dct-vae": "--data DATA --out records/dct-vae",
    "dct-vae-kodak": "--data DATA --out records/dct-vae-kodak",
    "ws-vdvae": "--data DATA --out records/ws-vdvae",
    "srvae": "--data DATA --out records/srvae --threads 1",
    "hqa-mnist": "--data DATA --out records/hqa-mnist --threads 1",
    "hqa-faces": "--data DATA --out records/hqa-faces --threads 1",
    "latent-separation": "--out records/latent-separation --threads 1",
}


@dataclass(frozen=True)
class Page:
    """A page of `docs/papers/`.

    name: its file's, without `.md`. paper: how the list of claims names it. thesis: what the paper claims, in a
    sentence. claims: its single claims, which are judged. experiments: names of `PAPERS` whose records the page shows.
    doubts: what the numbers of runs do not say of how sure we are.
    """

    name: str
    paper: str
    thesis: str
    claims: tuple[Claim, ...]
    experiments: tuple[str, ...]
    doubts: str


PAGES = (
    Page(
        "srvae",
        "super-resolution VAE",
        "A VAE that first makes the picture at half its side and then enlarges it reconstructs better and draws better "
        "samples than a single-level VAE, although its bound is worse.",
        srvae.CLAIMS,
        ("srvae",),
        "The nets are a seventeenth of the paper's size and the steps a small part of its 2,000 epochs; the distances "
        "are in the features of our own nets and not FID.",
    ),
    Page(
        "latent-separation",
        "latent variable separation",
        "A VAE whose latent space has the shape of the data's own variable, a circle for a phase, finds that variable, "
        "and a plane does so less well.",
        circles.CLAIMS,
        ("latent-separation",),
        "The exact −log p of these data is known, so that a bound can be checked against it.",
    ),
    Page(
        "dct-vae",
        "DCT-VAE",
        "Some quantised DCT coefficients of the picture, given to a deep VAE as its top latent, keep the other latents "
        "in use: the bound, the use of the latents and the robustness to attacks improve, and the coefficients alone "
        "are a compressed picture.",
        dct_vae.CLAIMS,
        ("dct-vae", "dct-vae-kodak"),
        "Training is far shorter than the paper's, and on CIFAR-10 the nets are narrower. Errors of single runs are "
        "over test pictures and do not say how runs vary.",
    ),
    Page(
        "ws-vdvae",
        "weight-shared VDVAE",
        "The blocks of a deep VAE at one resolution may share their weights, because the net is a discretised walk "
        "whose state carries how far it has gone; several resolutions are better than one.",
        ws_vdvae.CLAIMS,
        ("ws-vdvae",),
        "Only MNIST was run, for a thousandth of the paper's steps. Errors of single runs are over test digits and do "
        "not say how runs vary.",
    ),
    Page(
        "hqa",
        "hierarchical quantised autoencoder",
        "A stack of stochastic vector quantisers makes reconstructions at extreme rates that look like data and keep "
        "the class of a digit, where a VQ-VAE of equal rate blurs.",
        hqa.CLAIMS,
        ("hqa-mnist", "hqa-faces"),
        "The nets and the training are smaller than the paper's, and the distance is in the features of our own digit "
        "classifier. With a single run of a system its claims stay open.",
    ),
)


def not_measured(command: str) -> str:
    """Return the line that stands for what has no record: the command that measures it."""
    return f"Not measured at this commit: `{command}`"


def paper_command(experiment: str) -> str:
    """Return the command that trains and measures an experiment into the folder of its records."""
    return f"hvaecodec paper {experiment} {_OPTIONS[experiment]}"


@cache
def judge(page: Page, records: Path) -> tuple[Judgement, ...]:
    """Judge the claims of a page from the records in a folder."""
    return tuple(Judgement.of(claim, records) for claim in page.claims)


def list_claims(records: Path) -> str:
    """Return the table of every claim of every paper, with its verdict and a link to its page."""
    rows: list[tuple[str, ...]] = []
    for page in PAGES:
        for judgement in judge(page, records):
            link = f"[{page.paper}](docs/papers/{page.name}.md)"
            words, place = judgement.claim.words, judgement.claim.place
            cells = (words, f"**{judgement.word}**", judgement.counts, link, place)
            rows.append((str(len(rows) + 1), *cells))
    header = ("", "claim", "here", "comparisons", "paper", "where")
    return _left_aligned(Table("", header, rows))


def _verdict(page: Page) -> Text:
    """Make three lines: what the paper claims, what we found, how sure we are."""

    def text(records: Path) -> str:
        """Return the lines, of the records in a folder."""
        runs = [recorded.read_records(experiment, records) for experiment in page.experiments]
        counts = "; ".join(filter(None, (recorded.runs_of_each(of_one) for of_one in runs)))
        lines = [
            f"- **The paper claims:** {page.thesis}",
            f"- **We found:** {_findings(judge(page, records))}",
            f"- **How sure:** {counts + '. ' if counts else ''}{page.doubts}",
        ]
        return "\n".join(lines)

    return text


def _findings(judgements: Sequence[Judgement]) -> str:
    """Say which claims hold, fail and are open, each with how many of its comparisons do."""
    parts = []
    for word, heading in (("holds", "Holds"), ("fails", "Fails"), ("open", "Open")):
        claims = [f"{one.claim.words.rstrip('.')} ({one.counts})" for one in judgements if one.word == word]
        parts += [f"*{heading}:* {'; '.join(claims)}."] if claims else []
    return " ".join(parts)


def _origins(page: Page) -> Text:
    """Say when and on what the records of a page were made, and how they are made again."""

    def text(records: Path) -> str:
        lines = []
        for experiment in page.experiments:
            of_one = recorded.read_records(experiment, records)
            command = paper_command(experiment)
            lines.append(f"- `{command}`: {origin_sentence(of_one)}" if of_one else f"- {not_measured(command)}")
        return "\n".join(lines)

    return text


def _comparisons(page: Page) -> Text:
    """Return the table of all comparisons that decide the claims of a page."""

    def text(records: Path) -> str:
        judgements = judge(page, records)
        if not any(judgement.is_measured for judgement in judgements):
            return not_measured(paper_command(page.experiments[0]))
        return _left_aligned(comparisons_table(judgements))

    return text


@dataclass(frozen=True)
class PaperTable:
    """Shows a table of an experiment.

    start: how its title begins. columns: names of those that are shown, none for all. without: how notes begin that
    another table of the page has already.
    """

    experiment: str
    start: str
    columns: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def __call__(self, records: Path) -> str:
        """Return the table as Markdown, its title in bold, or how it is measured."""
        tables = recorded.read_tables(self.experiment, records)
        table = next((table for table in tables if table.title.startswith(self.start)), None)
        if table is None or not table.rows:
            return not_measured(paper_command(self.experiment))
        return f"**{table.title}**\n\n" + _body(self._reduced(table))

    def _reduced(self, table: Table) -> Table:
        notes = [note for note in table.notes if not note.startswith(self.without)] if self.without else table.notes
        table = replace(table, notes=notes)
        if not self.columns:
            return table
        numbers = [table.header.index(column) for column in self.columns]
        rows = [tuple(row[number] for number in numbers) for row in table.rows]
        return replace(table, header=self.columns, rows=rows)


def _body(table: Table) -> str:
    """A table with its notes as Markdown, without its title."""
    return table.markdown().partition("\n\n")[2].strip("\n")


def _left_aligned(table: Table) -> str:
    """A table of words, whose columns are all aligned to the left."""
    return _body(table).replace("---:", "---")


_BOUND = ("system", "-ELBO", "KL", "context", "elsewhere", "IW", "published", "printed", "steps × batch", "minutes")
_LARGE = ("system", "parameters", "-ELBO", "-log p(x|z)", "KL", "context", "elsewhere", "printed", "minutes")
_UNITS = ("system", "units", "AU", "AU %", "KL a unit, 1e-3 nats", "printed AU", "printed AU %", "printed KL")
_SWEEP = ("system", "L", "units", "AU %", "KL a unit", "-ELBO", "printed AU %", "printed KL", "printed NLL")
_SHARED = ("system", "parameters", "latents", "used", "-ELBO", "KL", "printed", "seeds", "minutes")
_DIGITS = (
    "system (runs)", "MSE", "rFD-LeNet", "class error %", "weak classifier: error %", "modes: rFD-LeNet",
    "paper: distortion", "paper: rFID", "paper: error %",
)  # fmt: skip
_OF_BOUNDS = ("-ELBO and IW", "`elsewhere`", "IW, ")
_OF_SHARED = ("-ELBO is in nats",)
_TABLES = {
    "srvae.table-1": PaperTable("srvae", "Bits per dim"),
    "srvae.temperatures": PaperTable("srvae", "Samples by"),
    "srvae.enlarged": PaperTable("srvae", "Twice the side"),
    "srvae.codec": PaperTable("srvae", "srvae-cifar10 as a codec"),
    "srvae.chains": PaperTable("srvae", "Bits back"),
    "latent-separation.plane": PaperTable("latent-separation", "Gaussian VAE in R2"),
    "latent-separation.circle": PaperTable("latent-separation", "Diffusion VAE"),
    "latent-separation.torus": PaperTable("latent-separation", "Torus"),
    "latent-separation.deltas": PaperTable("latent-separation", "Δ of reductors in nats, table 9.2"),
    "latent-separation.deltas-variance": PaperTable("latent-separation", "The same where 0.01"),
    "latent-separation.deltas-torus": PaperTable("latent-separation", "Δ of reductors in nats, table 11.1"),
    "dct-vae.binary": PaperTable("dct-vae", "Binary sets", _BOUND),
    "dct-vae.colour": PaperTable("dct-vae", "CIFAR-10 at reduced size", _LARGE, _OF_BOUNDS),
    "dct-vae.sweep": PaperTable("dct-vae", "Latent space", _SWEEP),
    "dct-vae.units": PaperTable("dct-vae", "Active units", _UNITS),
    "dct-vae.information": PaperTable("dct-vae", "What the top latents know"),
    "dct-vae.attacks": PaperTable("dct-vae", "Latent-space attacks"),
    "dct-vae.accounts": PaperTable("dct-vae", "What the released code counts"),
    "dct-vae.chains": PaperTable("dct-vae", "Bits back"),
    "dct-vae-kodak.means": PaperTable("dct-vae-kodak", "Means of the photos"),
    "dct-vae-kodak.claims": PaperTable("dct-vae-kodak", "The paper's claims"),
    "ws-vdvae.blocks": PaperTable("ws-vdvae", "Blocks against repeats", _SHARED),
    "ws-vdvae.normalised": PaperTable("ws-vdvae", "Free and normalised", _SHARED, _OF_SHARED),
    "ws-vdvae.resolutions": PaperTable("ws-vdvae", "One and several", _SHARED, _OF_SHARED),
    "ws-vdvae.shared": PaperTable("ws-vdvae", "Shared weights at size", _SHARED, _OF_SHARED),
    "ws-vdvae.states": PaperTable("ws-vdvae", "The state"),
    "ws-vdvae.not-run": PaperTable("ws-vdvae", "Rows of table 1"),
    "hqa-mnist.table-3": PaperTable("hqa-mnist", "MNIST in 8 bits", _DIGITS),
    "hqa-mnist.rates": PaperTable("hqa-mnist", "Rates over layers"),
    "hqa-faces.rates": PaperTable("hqa-faces", "Faces"),
}


def _page_blocks(pages: Sequence[Page]) -> dict[str, Text]:
    blocks: dict[str, Text] = {}
    for page in pages:
        blocks |= {
            f"papers-{page.name}.verdict": _verdict(page),
            f"papers-{page.name}.records": _origins(page),
            f"papers-{page.name}.comparisons": _comparisons(page),
        }
    return blocks


BLOCKS: dict[str, Text] = {"papers.claims": list_claims, **_page_blocks(PAGES), **_TABLES}
