"""The network of LPIPS 0.1: the package of its authors over verified convolutions."""

from __future__ import annotations

from functools import cache
from typing import Any

from hvaecodec.codec.metric_nets import convolutions, libraries
from hvaecodec.codec.weight_folders import usable


@cache
def load_lpips(net: str) -> Any:
    """Return the LPIPS network on `alex` or `vgg`, ready to be called; loaded once. Raises CodecUnavailable.

    It is differentiable in its two arguments, float (B, 3, H, W) in [-1, 1], and gives (B, 1, 1, 1); its own weights
    take no gradient.
    """
    module, folder = libraries.library("lpips"), libraries.library_folder("lpips")
    tensors = libraries.torch_tensors(convolutions.load({"alex": convolutions.ALEXNET, "vgg": convolutions.VGG16}[net]))
    with usable("cannot make the network of LPIPS"), libraries.quiet():
        linear = libraries.read_package_weights(folder / "weights" / "v0.1" / f"{net}.pth")
        with libraries.without_numbers():
            network = module.LPIPS(pretrained=False, net=net, pnet_rand=True, verbose=False)
        network.scaling_layer = module.ScalingLayer()  # the only numbers that are no weights
        state = dict(network.scaling_layer.state_dict(prefix="scaling_layer."))
        for name in network.state_dict():
            part, _, rest = name.partition(".")
            if part == "net":  # net.slice2.3.weight is features.3.weight
                state[name] = tensors["features." + rest.partition(".")[2]]
            elif part.startswith("lin"):  # lins.0 is lin0 by another name
                state[name] = linear[name.replace("lins.", "lin")]
        network.load_state_dict(state, assign=True)
        return network.eval().requires_grad_(False)
