"""These systems are trained by `hvaecodec paper dct-vae`, and `--only` knows them and their groups."""

from __future__ import annotations

from hvaecodec.bench.papers.vae_record import ATTACKS
from hvaecodec.bench.papers.vae_runs import System

FULL = ("weighted", "units", "information", "attack", "alone")
WITH_CONTEXT = ("elsewhere",)
SETS = ("mnist", "omniglot", "cifar10-small")
PAIR = "cifar10-narrow"  # the nets of CIFAR-10 that are in the package
SIZES = (4, 6, 8)
_LONG_MINUTES = 235.0

# Attacks of other sizes: the usual one shows the claim on no set.
_KINDS = {
    "vdvae": (*FULL, *ATTACKS),
    "dct": (*FULL, *ATTACKS, *WITH_CONTEXT),
    "downsample": ("weighted", *WITH_CONTEXT),
}
_CHAINS = ("mnist-vdvae", "cifar10-small-vdvae")  # a chain needs a context with probabilities, or none
SYSTEMS = {
    name: System(name, (*measures, *("bits_back",) * (name in _CHAINS)))
    for kind, measures in _KINDS.items()
    for name in (f"{data}-{kind}" for data in SETS)
}
SYSTEMS |= {name: System(name, ("units", "weighted")) for name in ("mnist-L4", "mnist-L6", "mnist-L10")}
SYSTEMS |= {
    f"mnist-{kind}-{d}": System(f"mnist-{kind}-{d}", WITH_CONTEXT) for kind in ("dct", "downsample") for d in (4, 8)
}
# the paper's size of CIFAR-10, a GPU's work
_LARGE = dict.fromkeys(("cifar10-vdvae", "cifar10-dct"), FULL) | {"cifar10-downsample": ("weighted",)}
_OF_PAIR = ("units", "information", "bits_back", "attack", "alone", *ATTACKS)
_PAIR = {f"{PAIR}-vdvae": _OF_PAIR, f"{PAIR}-dct": (*_OF_PAIR, *WITH_CONTEXT)}
# further tries, with `-grey` those of the paper's protocol
_TRIES: dict[str, tuple[str, ...]] = dict.fromkeys(
    (
        "mnist-dct-autoregressive", "mnist-dct-coarse", "mnist-dct-4-coarse", "omniglot-dct-autoregressive",
        "omniglot-dct-4-coarse", "cifar10-small-dct-autoregressive",
    ),
    ("units", "bits_back", *WITH_CONTEXT),
)  # fmt: skip
_TRIES |= dict.fromkeys(("mnist-vdvae-grey", "mnist-dct-grey"), ("units",))
_TRIES |= dict.fromkeys(("mnist-downsample-autoregressive", "mnist-downsample-coarse"), WITH_CONTEXT)
# for parity: the context and the prior of the released code, which give no bound
PUBLISHED = "mnist-dct-published"
_TRIES |= {PUBLISHED: ("accounts", "units")}
SYSTEMS |= {name: System(name, measures, extra=True) for name, measures in (_LARGE | _PAIR | _TRIES).items()}
# as far as a few hours of one core can
SYSTEMS["mnist-dct-long"] = System("mnist-dct-4-coarse", ("weighted", "units"), minutes=_LONG_MINUTES, extra=True)

GROUPS = {data: tuple(f"{data}-{kind}" for kind in ("vdvae", "dct", "downsample")) for data in SETS}
GROUPS |= {
    PAIR: tuple(_PAIR),
    "sweep": ("mnist-L4", "mnist-L6", "mnist-vdvae", "mnist-L10"),
    "sizes": tuple(f"mnist-{kind}{d}" for kind in ("dct", "downsample") for d in ("-4", "", "-8")),
    "tries": tuple(_TRIES),
    "cifar10": tuple(_LARGE),
}
