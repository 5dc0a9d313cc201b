"""Makes what the documents show of a run, as Markdown: tables, a figure, when and on what it was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hvaecodec.bench.metrics import set_metrics
from hvaecodec.bench.show import curve_tables, curves, setting_tables
from hvaecodec.bench.show.documents.runs import FinishedRun
from hvaecodec.bench.show.table import Table

_NETS = {
    "features-cifar": (
        "seven 3×3 convolutions, BatchNorm, ReLU, max pooling",
        "20,000 of CIFAR-10's training pictures",
    ),
    "features-cifar-check": ("pre-activation residual blocks, SiLU, average pooling", "the same"),
    "digits": ("LeNet-5 with ReLU and max pooling, on 32×32", "MNIST, bilinear to 32×32"),
}


@dataclass(frozen=True)
class Figure:
    """Shows a picture in `docs/`. file: its name there. words: what it shows, for who cannot see it.

    metric: what it needs; a run on a machine without the weights of that metric leaves it out.
    """

    file: str
    words: str
    metric: str = ""

    def __call__(self, finished: FinishedRun) -> str:
        """Return the Markdown, which is the same for every run that has the metric."""
        if self.metric and self.metric not in finished.run.metrics:
            return f"Not measured: {self.metric} needs weights that were not there."
        return f"![{self.words}](docs/{self.file})"


@dataclass(frozen=True)
class MetricAtRates:
    """Shows a metric at fixed rates. metric: its name, as `--metric` takes it."""

    metric: str

    def __call__(self, finished: FinishedRun) -> str:
        """Return the table of a finished run as Markdown."""
        return _body(curve_tables.fixed_rates(finished.records, self.metric, finished.run.published))


@dataclass(frozen=True)
class Against:
    """Says the BD-rates of our codecs in PSNR against a baseline of the run. anchor: its name, without settings."""

    anchor: str

    def __call__(self, finished: FinishedRun) -> str:
        """Return a sentence for each of our codecs."""
        labels = dict.fromkeys((record["codec"], record["baseline"]) for record in finished.records)
        anchor = next(label for label, baseline in labels if baseline and label.partition("@")[0] == self.anchor)
        known = curves.from_records(finished.records, "psnr")
        rates = {label: curves.bd_rate(known[anchor], known[label]) for label, baseline in labels if not baseline}
        return " ".join(
            f"Against `{anchor}` the BD-rate of `{label}` is {rate.percent:.1f} %, "
            f"over {rate.low:.1f}–{rate.high:.1f} dB."
            for label, rate in rates.items()
        )


def conditions(finished: FinishedRun) -> str:
    """Return a sentence that says what was measured, when and on what, from the records."""
    ours = [record for record in finished.records if not record["baseline"]] or finished.records
    threads = max(record.get("threads", 1) for record in ours)
    images = len({record["image"] for record in finished.records})
    date, processor = _values(finished, "date"), _values(finished, "processor")
    return f"{images} images; measured {date} on {processor}, {threads} thread{'s' * (threads > 1)}."


def summary(finished: FinishedRun, *, costs: bool = True) -> str:
    """Return the table of BD-rates as Markdown. costs: with times and memory, which a run beside other work has not."""
    names = set_metrics.split_names(finished.run.metrics)[0]
    anchor = next(record["codec"] for record in finished.records if record["baseline"])
    return _body(curve_tables.summary(finished.records, names, anchor, finished.run.published, costs=costs))


def every_setting(finished: FinishedRun) -> str:
    """Return the table of every setting, with its rate and every metric of the run, as Markdown."""
    return _body(setting_tables.by_setting(finished.records, finished.run.metrics, finished.sets))


def layers(finished: FinishedRun) -> str:
    """Return the table of every setting, where hqa-photo has its layers, as Markdown.

    A column says what part its whole files save against 9 bits a cell of the layer's grid, which is what an index into
    512 codes takes without entropy coding.
    """
    from hvaecodec.codec.hqa.codec import layer_of

    table = setting_tables.by_setting(finished.records, finished.run.metrics, finished.sets)
    names: dict[str, str] = {}
    savings: dict[str, list[float]] = {}
    for record in finished.records:
        codec, _, variant = record["codec"].partition("@")
        if codec == "hqa-photo":
            layer = layer_of(record["settings"]["quality"])
            bits = 9 * -(-record["height"] // 2**layer) * -(-record["width"] // 2**layer)
            label = setting_tables.setting_label(record)
            names[label] = f"hqa-photo, layer {layer}" + (variant and f", {variant.replace('=', ' ')}")
            savings.setdefault(label, []).append(1 - 8 * record["n_bytes"] / bits)
    rows = []
    for label, bpp, *cells in table.rows:
        part = f"{100 * sum(savings[label]) / len(savings[label]):.0f} %" if label in savings else ""
        rows.append((names.get(label, label), bpp, part, *cells))
    header = (table.header[0], table.header[1], "file below 9 bits a cell", *table.header[2:])
    return _body(replace(table, header=header, rows=rows))


def equally_real(finished: FinishedRun) -> str:
    """Return a sentence on the smallest files of dct-vae-photo at temperature 1, and on the JPEG that is as near."""
    psnr: dict[str, list[float]] = {}
    for record in finished.records:
        psnr.setdefault(setting_tables.setting_label(record), []).append(record["psnr_db"])
    entries = sorted(finished.sets, key=lambda entry: entry["bpp"])
    ours, plain = (
        next(entry for entry in entries if _without_effort(entry["codec"]) == name)
        for name in ("dct-vae-photo@temperature=1", "dct-vae-photo")
    )
    jpegs = [entry for entry in entries if entry["codec"].startswith("jpeg")]
    jpeg = min(jpegs, key=lambda entry: abs(math.log(entry["fd_cifar"] / ours["fd_cifar"])))
    db = [sum(psnr[setting_tables.setting_label(e)]) / len(psnr[setting_tables.setting_label(e)]) for e in (ours, jpeg)]
    return (
        f"At temperature 1 files of {ours['bpp']:.3f} bits per pixel score FD-cifar {ours['fd_cifar']:.1f} at a PSNR "
        f"of {db[0]:.1f} dB; the same files at temperature 0 score {plain['fd_cifar']:.1f}. The JPEGs "
        f"that come nearest to it score {jpeg['fd_cifar']:.1f}, at {jpeg['bpp']:.2f} bits per pixel and {db[1]:.1f} dB."
    )


def _without_effort(codec: str) -> str:
    """Return the label of a codec without the effort that it was run at."""
    name, _, settings = codec.partition("@")
    others = [setting for setting in settings.split(",") if setting and not setting.startswith("effort=")]
    return "@".join([name, *([",".join(others)] if others else [])])


def nets() -> str:
    """Return the table of the classifiers that come with the package to measure with, as Markdown."""
    from hvaecodec.bench.metrics import features

    lines = ["| weights | design | parameters | data | test accuracy |", "| --- | --- | ---: | --- | ---: |"]
    for name, (design, data) in _NETS.items():
        loaded = features.load_features(name)
        size = sum(parameter.numel() for parameter in loaded.net.parameters())
        accuracy = f"{100 * loaded.card['metrics']['test_accuracy']:.1f} %"
        lines.append(f"| `{name}` | {design} | {size:,} | {data} | {accuracy} |")
    return "\n".join(lines)


def format_example() -> str:
    """Return the worked example of docs/FORMAT.md under the weights in the package, as Markdown."""
    from hvaecodec.bench.show.documents import format_example as example
    from hvaecodec.codec.photo.codec import DctVaeCodec

    return example.text(DctVaeCodec.load())


def _values(finished: FinishedRun, name: str) -> str:
    """The values that a field has in the records."""
    values = sorted({str(record[name]) for record in finished.records if record.get(name) is not None})
    return " and ".join(values) or "not recorded"


def _body(table: Table) -> str:
    """A table as Markdown without its title, which the document gives."""
    return table.markdown().partition("\n\n")[2].strip("\n")
