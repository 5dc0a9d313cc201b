"""These numbers are printed by the papers on the DCT-VAE and on shared weights, each with its table, by system.

NLL are nats a picture or, of colour, bits per dimension; None stands where a number is only in a figure.
"""

from __future__ import annotations

# arXiv:2302.09976, table 2: NLL, nats, by the estimator of its code, see `vae_measures.bounds.published_nll`
NLL = {
    "mnist-dct": 76.62,
    "mnist-downsample": 77.52,
    "mnist-vdvae": 78.27,
    "omniglot-dct": 86.11,
    "omniglot-downsample": 87.69,
    "omniglot-vdvae": 88.14,
}
# arXiv:2302.09976, table 3: bits per dimension of nets ten times the size of ours
BPD = {"cifar10-small-dct": 3.26, "cifar10-small-vdvae": 3.28}
# arXiv:2302.09976, table 4: active units, their per cent, KL per unit in 1e-3 nats
UNITS = {
    "mnist-vdvae": (336, 34.4, 22.9),
    "mnist-dct": (405, 41.9, 25.9),
    "omniglot-vdvae": (494, 50.4, 35.1),
    "omniglot-dct": (593, 60.5, 36.5),
    "cifar10-small-vdvae": (7500, 7.1, 47.6),
    "cifar10-small-dct": (11300, 10.8, 51.6),
}
# arXiv:2302.09976, table 1: per cent of active units, KL per unit in nats, NLL
SWEEP = {
    "mnist-L4": (38.3, 0.047, 79.6),
    "mnist-L6": (37.9, 0.031, 78.8),
    "mnist-vdvae": (33.5, 0.022, 78.3),
    "mnist-L10": (33.6, 0.018, 77.9),
}
# arXiv:2301.08187, table 1: NLL on MNIST at convergence, nats, with weights shared over depth and without
SHARED = {"mnist-shared": 79.98, "mnist-large": 80.14}
# arXiv:2301.08187, table 2: the same with a normalised and a free state
NORMALISED = {"mnist-x1-normalised": 464.68, "mnist-x1": 81.69}
# arXiv:2301.08187, table 3: the same with one resolution and with several
RESOLUTIONS = {"mnist-single": 81.40, "mnist-large": 80.14}
# arXiv:2301.08187, table 1, rows that are not run: data set, method, parameters, NLL in bits per dimension
NOT_RUN = (
    ("CIFAR-10", "WS-VDVAE", "25m", 2.88),
    ("CIFAR-10", "WS-VDVAE", "39m", 2.83),
    ("CIFAR-10", "VDVAE*", "39m", 2.87),
    ("ImageNet32", "WS-VDVAE", "55m", 3.68),
    ("ImageNet32", "WS-VDVAE", "85m", 3.65),
    ("ImageNet32", "VDVAE*", "119m", 3.67),
    ("CelebA64", "WS-VDVAE", "75m", 2.02),
    ("CelebA64", "VDVAE*", "125m", 2.02),
    ("CIFAR-10", "x1", "8.7m", None),
)
# arXiv:2302.09976, tables 3 and 5: parameters of its CIFAR-10 nets
SIZES = {"cifar10-vdvae": "21M", "cifar10-dct": "22M", "cifar10-downsample": "–"}
