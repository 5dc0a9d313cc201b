"""Fits, tables and exported weights: what comes out of training is what the codec reads."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load, save
from smooth import coefficients, pictures

from hvaecodec.codec.backends.torch_photo import build_generator
from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.photo.chunk_coder import Frame
from hvaecodec.codec.photo.streams import encode_symbols, repeat
from hvaecodec.codec.photo.weights import load_bitstream
from hvaecodec.codec.weights import Generators
from hvaecodec.models.exact_bound import check_bound
from hvaecodec.models.integers import logistic_tables
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.layout import STEPS
from hvaecodec.models.photo.prior_exact import ExactArithmetic, export_integers
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.quantiser import step_table
from hvaecodec.training.card import part, write_card
from hvaecodec.training.checkpoint import load_weights
from hvaecodec.training.photo.export import GENERATOR, count_entries, export_bitstream, export_generator
from hvaecodec.training.photo.linear import fit_linear
from hvaecodec.training.weights_file import order_metadata

INDEX = 300


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(3)
    net = PriorNet(tiny.PRIOR)
    for name, bias in net.biases.items():  # scales of smooth pictures, so that bits are not all tail
        if name.endswith("head"):
            torch.nn.init.constant_(bias[len(bias) // 2 :], -1.0)
    fit_linear(net, coefficients(pictures(6, 256, 256)), 10.0)
    return net


def smooth_symbols(index: int = INDEX) -> torch.Tensor:
    return torch.round(coefficients(pictures(2, 160, 192, seed=9)) / step_table()[index])


def test_linear_predictions_beat_zero_on_smooth_pictures(net):
    c = coefficients(pictures(4, 256, 256, seed=1)) / 4
    q = torch.round(c)
    gains = {}
    for step in STEPS[:8]:
        values = torch.cat([q[:, b.where[0], b.where[1], b.where[2]].flatten(1, 2) for b in step.bands], 1)
        left = values - net.linear(step, q) / 4
        gains[step.name] = 1 - float((left**2).mean() / (values**2).mean())
    assert all(gain > -0.02 for gain in gains.values()), gains
    assert gains["2yh"] > 0.3 and gains["2yv"] > 0.3, gains
    assert (net.dc_linear_cross.sum(-1) == 4096).all() and (net.dc_linear_diagonal.sum(-1) == 4096).all()


# At low rates most of what an untrained net says is rounded away, so its float twin is held to the exact one at high.
@pytest.mark.parametrize(("rounding", "index"), [(True, INDEX), (True, 750), (False, 750)])
def test_estimates_in_training_agree_with_the_exact_ones(net, rounding, index):
    symbols = smooth_symbols(index)
    net.rounding = rounding
    with torch.no_grad():
        trained = sum(net.bits(symbols, torch.full((len(symbols),), index))[1:])
    exact = ExactArithmetic(export_integers(net), net.config)
    tables = Tables(logistic_tables())
    exact_bits = 0.0
    for picture in symbols.short().numpy():
        _, bits, _ = encode_symbols(exact, tables, Frame(picture.shape[3:], index), repeat(picture))
        exact_bits += sum(bits[1:])  # the first DCs are no concern of training
    assert float(trained) == pytest.approx(exact_bits, rel=0.02)


def test_counts_count_every_symbol(net):
    symbols = smooth_symbols()
    exact = ExactArithmetic(export_integers(net), net.config)
    counts = count_entries(exact, ((picture, INDEX) for picture in symbols.short().numpy()))
    assert sum(int(c.sum()) for c in counts) == symbols.numel()
    assert [len(c) for c in counts] == [len(table) for table in logistic_tables()]


def test_exported_bitstream_weights_load_and_are_safe(net, tmp_path):
    path = export_bitstream(net, logistic_tables(), tmp_path)
    loaded = load_bitstream(tmp_path)
    for name in loaded.prior.names:
        check_bound(name, *(loaded.arrays[f"{name}.{kind}"] for kind in ("weight", "bias", "shift")))
    assert loaded.config == net.config and loaded.delta.shape == (793,) and loaded.s.shape == (3, 32, 32)
    assert loaded.tables.radius[0] == (len(logistic_tables()[0]) - 2) // 2
    assert path.read_bytes() == export_bitstream(net, logistic_tables(), tmp_path / "again").read_bytes()
    with pytest.raises(CodecError, match="kept"):
        export_bitstream(net, logistic_tables(), tmp_path)


def test_training_begins_again_from_bitstream_weights_alone(net, tmp_path):
    export_bitstream(net, logistic_tables(), tmp_path)
    again = PriorNet(tiny.PRIOR)
    load_weights(again, tmp_path)
    first, second = export_integers(net), export_integers(again)
    for name in net.names:
        for kind in ("weight", "bias"):
            a, b = (e[f"{name}.{kind}"].reshape(len(e[f"{name}.shift"]), -1) for e in (first, second))
            shifts = (e[f"{name}.shift"][:, None].astype(float) for e in (first, second))
            scale_a, scale_b = (2.0**-shift for shift in shifts)
            assert np.array_equal(a * scale_a, b * scale_b), f"{name}.{kind}"
    assert all(np.array_equal(first[name], second[name]) for name in first if "linear" in name)


def test_exported_generator_loads(tmp_path):
    torch.manual_seed(0)
    net = Generator(tiny.GENERATOR)
    path = export_generator(net, tmp_path)
    generators = Generators(tmp_path, GENERATOR, build_generator)
    loaded = generators.get(generators.newest)
    for name, value in net.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.half().float())
    again = Generator(tiny.GENERATOR)
    load_weights(again, path)
    assert torch.equal(again.out_half.weight, loaded.out_half.weight)
    with pytest.raises(ValueError, match="does not fit"):
        load_weights(PriorNet(tiny.PRIOR), path)
    with pytest.raises(ValueError, match="no weights"):
        load_weights(again, tmp_path / "missing.safetensors")


def test_metadata_are_written_in_order():
    tensors = {"b": torch.arange(3), "a": torch.ones(2, 2, dtype=torch.float16)}
    metadata = {str(number): f"ß {number}" for number in range(9)}
    files = {order_metadata(save(tensors, metadata)) for _ in range(20)}
    assert len(files) == 1
    (data,) = files
    assert all(torch.equal(load(data)[name], tensor) for name, tensor in tensors.items())
    assert int.from_bytes(data[:8], "little") % 8 == 0


def test_a_generator_that_is_not_finite_is_not_exported(tmp_path):
    net = Generator(tiny.GENERATOR)
    torch.nn.init.constant_(net.out_half.weight, 1e6)
    with pytest.raises(ValueError, match="half precision"):
        export_generator(net, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_card_keeps_what_is_still_true(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"prior")
    (tmp_path / "generator.safetensors").write_bytes(b"generator")
    first = part(tmp_path / "a.safetensors", {"licence": "L"})
    write_card(tmp_path, "dct-vae-photo", {"bitstream": first})
    write_card(tmp_path, "dct-vae-photo", {"generator": part(tmp_path / "generator.safetensors", {"licence": "M"})})
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["parts"]["bitstream"] == first and card["generator"] == "generator.safetensors"
    assert card["licence"] == "L; M"
    (tmp_path / "a.safetensors").write_bytes(b"another")
    write_card(tmp_path, "dct-vae-photo", {})
    assert "bitstream" not in json.loads((tmp_path / "card.json").read_text())["parts"]


def test_tables_that_do_not_sum_are_refused(net, tmp_path):
    broken = [np.asarray(table) for table in logistic_tables()]
    broken[4] = broken[4] + 1
    with pytest.raises(ValueError, match="sum"):
        export_bitstream(net, broken, tmp_path)
