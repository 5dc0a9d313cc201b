"""A file of VAE weights says all of its net: no preset is asked."""

from __future__ import annotations

import json

import pytest
from safetensors.torch import load, save

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.tiles.vae_config import config_from_json, config_to_json
from hvaecodec.codec.tiles.vae_weights import FILE, read_vae, vae_bytes
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.models.vdvae import presets
from hvaecodec.models.vdvae.net import Vdvae

SHIPPED = ("dct-vae-mnist", "vdvae-mnist", "dct-vae-cifar10", "vdvae-cifar10")


@pytest.mark.parametrize("name", presets.NETS)
def test_a_configuration_comes_back_whole(name):
    config = presets.net(name)
    again = config_from_json(config_to_json(config))
    assert again == config and type(again.context_prior) is type(config.context_prior)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_hold_their_configuration(name):
    card = json.loads((WEIGHTS / name / "card.json").read_text(encoding="utf-8"))
    config = config_from_json(read_weights(WEIGHTS / name / FILE)[1]["config"])
    assert config == presets.net(card["network"]) and config.side == card["training"]["net"]["side"]


def test_weights_outlive_their_preset(tmp_path, monkeypatch):
    name = "cifar10-small-dct-tiny"
    (tmp_path / FILE).write_bytes(vae_bytes(Vdvae(presets.net(name))))
    config = presets.net(name)
    monkeypatch.setattr(presets, "NETS", {})
    assert read_vae(tmp_path).config == config


@pytest.mark.parametrize("config", ["mnist-vdvae", "{}", "[]", '{"likelihood": {"kind": "none"}}'])
def test_what_is_no_configuration_is_refused(tmp_path, config):
    tensors = load(vae_bytes(Vdvae(presets.net("mnist-vdvae-tiny"))))
    (tmp_path / FILE).write_bytes(save(tensors, {"config": config}))
    with pytest.raises(CodecUnavailable, match="cannot use the weights"):
        read_vae(tmp_path)
