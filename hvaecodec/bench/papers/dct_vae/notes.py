"""These notes stand under the tables of `hvaecodec paper dct-vae`."""

from __future__ import annotations

from hvaecodec.bench.papers.dct_vae import systems

ESTIMATORS = (
    "-ELBO and IW are ours: one sample of the posterior a picture, and correct importance weights (the context with "
    "its bound). `published` is the estimator of the paper's code, with analytic divergences in the exponent: it "
    "is too "
    "good and stands here for parity only. The printed numbers come from it, from a prior whose probabilities sum to "
    "more than one, and from 600 epochs: not a target. ± is the standard error over pictures, over seeds if several."
)
ELSEWHERE = (
    "`elsewhere`: -log of the part of p(x|z, context) that lies on pictures with the given context, by drawing. "
    "A context "
    "is a function of the picture, so the rest is lost: -log p(x|z) could be lower by so much. Without a context "
    "none is."
)
IN_GREY = (
    "-grey: encoder and context see the grey levels that the bits were drawn from, as in the paper's code. Its "
    "-ELBO is a "
    "bound all the same; a decoder, which has the bits alone, could not compute such a posterior."
)
PUBLISHED = (
    f"{systems.PUBLISHED}: for parity, with what the released code counts for a context. It is no bound; its table has "
    "one."
)
UNITS = (
    "Active units over the whole test set; activity is a covariance of two independent paths, so that noise of the "
    "upper latents does not count. The printed ones are of batches of one path, and count the context's units."
)
INFORMATION = (
    "MS-SSIM32 and PSNR of reconstructions from the top m latents, the context first, the rest from the prior."
)
ATTACK = "MS-SSIM32 between reconstructions of a picture and of its attacked self; higher is more robust."
ACCOUNTS = (
    "For parity: one net with the quantiser and the prior of the released code, and the same contexts under the "
    "same noise "
    "counted twice. As published, probabilities overlap and sum to up to 2, and the last step's divergence is "
    "left out. "
    "Properly, they sum to one and all is counted; the entropy of the quantiser's draw, which bits back regains, is "
    "taken off. Nats of the test digits."
)
SIZES = "Ours with a context have fewer than the VDVAE, for our diffusion prior is smaller than the paper's."
