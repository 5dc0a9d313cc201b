"""What the documents show of a run: tables, a figure, when and on what it was measured, as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hvaecodec.bench.metrics import set_metrics
from hvaecodec.bench.show import tables
from hvaecodec.bench.show.documents import Done

_NETS = {
    "features-cifar": (
        "seven 3×3 convolutions, BatchNorm, ReLU, max pooling",
        "20,000 of CIFAR-10's training pictures",
    ),
    "features-cifar-check": ("pre-activation residual blocks, SiLU, average pooling", "the same"),
    "digits": ("LeNet-5 with ReLU and max pooling, on 32×32", "MNIST, bilinear to 32×32"),
}


def figure(file: str, words: str) -> Callable[[Done], str]:
    """A picture in `docs/`."""
    return lambda done: f"![{words}](docs/{file})"


def conditions(done: Done) -> str:
    """What was measured, when and on what, from the records."""

    def told(name: str) -> str:
        values = sorted({str(record[name]) for record in done.records if record.get(name) is not None})
        return " and ".join(values) or "not recorded"

    ours = [record for record in done.records if not record["baseline"]] or done.records
    threads = max(record.get("threads", 1) for record in ours)
    images = len({record["image"] for record in done.records})
    return f"{images} images; measured {told('date')} on {told('processor')}, {threads} thread{'s' * (threads > 1)}."


def summary(done: Done) -> str:
    """BD-rates, times and memory."""
    names = set_metrics.split(done.run.metrics)[0]
    return _body(tables.summary(done.records, names, _anchor(done), done.run.published))


def at_rates(metric: str) -> Callable[[Done], str]:
    """A metric at fixed rates."""
    return lambda done: _body(tables.fixed_rates(done.records, metric, done.run.published))


def settings(done: Done) -> str:
    """Every setting with its rate, and every metric of the run."""
    return _body(tables.by_setting(done.records, done.run.metrics, done.sets))


def layers(done: Done) -> str:
    """The same, hqa-photo by its layers, and what its whole files save against 9 bits a cell."""
    from hvaecodec.codec.hqa.codec import layer_of

    table = tables.by_setting(done.records, done.run.metrics, done.sets)
    names: dict[str, str] = {}
    saved: dict[str, list[float]] = {}
    for record in done.records:
        codec, _, variant = record["codec"].partition("@")
        if codec == "hqa-photo":
            layer = layer_of(record["settings"]["quality"])
            bits = 9 * -(-record["height"] // 2**layer) * -(-record["width"] // 2**layer)
            label = tables.setting_label(record)
            names[label] = f"hqa-photo, layer {layer}" + (variant and f", {variant.replace('=', ' ')}")
            saved.setdefault(label, []).append(1 - 8 * record["n_bytes"] / bits)
    rows = []
    for label, bpp, *cells in table.rows:
        part = f"{100 * sum(saved[label]) / len(saved[label]):.0f} %" if label in saved else ""
        rows.append((names.get(label, label), bpp, part, *cells))
    header = (table.header[0], table.header[1], "file below 9 bits a cell", *table.header[2:])
    return _body(replace(table, header=header, rows=rows))


def nets() -> str:
    """The classifiers that come with the package to measure with."""
    from hvaecodec.bench.metrics import features

    lines = ["| weights | design | parameters | data | test accuracy |", "| --- | --- | ---: | --- | ---: |"]
    for name, (design, data) in _NETS.items():
        loaded = features.load_features(name)
        size = sum(parameter.numel() for parameter in loaded.net.parameters())
        accuracy = f"{100 * loaded.card['metrics']['test_accuracy']:.1f} %"
        lines.append(f"| `{name}` | {design} | {size:,} | {data} | {accuracy} |")
    return "\n".join(lines)


def _body(table: tables.Table) -> str:
    """Without the title, which the document gives."""
    return table.markdown().partition("\n\n")[2].strip("\n")


def _anchor(done: Done) -> str:
    return next(record["codec"] for record in done.records if record["baseline"])
