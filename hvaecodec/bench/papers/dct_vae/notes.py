"""These notes stand under the tables of `hvaecodec paper dct-vae`."""

from __future__ import annotations

from hvaecodec.bench.papers.dct_vae import systems

ESTIMATORS = (
    "-ELBO and IW are our own estimates. -ELBO takes one sample of the posterior for each picture; IW takes correct "
    "importance weights, with the context's bound. The column `published` is the estimator of the paper's code, which "
    "has analytic divergences in the exponent; it is too good, and stands here only to compare with the printed "
    "numbers. Those come from this estimator, from a prior whose probabilities sum to more than one, and from 600 "
    "epochs, so they are no target. ± is the standard error over pictures, or over seeds where there are several."
)
ELSEWHERE = (
    "`elsewhere` is −log of the part of p(x|z, context) that lies on pictures with the given context, estimated by "
    "drawing. The context is a function of the picture, so all other mass is lost: −log p(x|z) could be lower by this "
    "number. Without a context nothing is lost."
)
IN_GREY = (
    "In the systems with -grey, encoder and context see the grey levels that the bits were drawn from, as in the "
    "paper's code. Their -ELBO is a bound all the same, but a decoder, which has only the bits, could not compute such "
    "a posterior."
)
PUBLISHED = (
    f"{systems.PUBLISHED} counts for a context what the released code counts, to compare with print. Its -ELBO is no "
    "bound; a table below has one."
)
UNITS = (
    "AU are the active units, counted over the whole test set. Activity is the covariance of two independent paths, so "
    "that the noise of upper latents does not count. The printed numbers are of batches of one path, and count the "
    "units of the context too."
)
INFORMATION = (
    "Reconstructions from the top m latents, of which the context is the first; all other latents are drawn from the "
    "prior. m=1 is the first latent alone."
)
ATTACK = (
    "MS-SSIM32 between the reconstructions of a picture and of the same picture after an attack; a higher value is "
    "more robust."
)
ACCOUNTS = (
    "The net has the quantiser and the prior of the released code, and the same contexts under the same noise are "
    "counted twice. As published, the probabilities overlap and sum to up to 2, and the divergence of the last step is "
    "left out. Counted properly, they sum to one and the last step counts; the entropy of the quantiser's draw, which "
    "bits back regains, is taken off. Nats of the test digits."
)
SIZES = "Our nets with a context have fewer parameters than the paper's, since our diffusion prior is smaller."
