"""Fits, tables and exported weights: what comes out of training is what the codec reads."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load, save
from smooth import pictures
from torch import Tensor

from hvaecodec.codec.backends.torch_photo import build_generator
from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.shape_stream import ShapeCoder
from hvaecodec.codec.photo.streams import SliceCoder, repeat
from hvaecodec.codec.photo.weights import load_bitstream
from hvaecodec.codec.weights import Generators
from hvaecodec.models.exact_bound import check_bound
from hvaecodec.models.integers import logistic_tables
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.layout import STEPS
from hvaecodec.models.photo.prior_exact import ExactArithmetic, export_integers
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.quantiser import shape_weights, step_table
from hvaecodec.models.photo.shape_contexts import fit_shape_tables, shape_bits
from hvaecodec.training.card import part, write_card
from hvaecodec.training.checkpoint import load_weights
from hvaecodec.training.data import Photos
from hvaecodec.training.photo.coding import blocks_of
from hvaecodec.training.photo.export import (
    GENERATOR,
    count_entries,
    export_bitstream,
    export_generator,
    shape_tables_for,
    tables_for,
)
from hvaecodec.training.photo.linear import fit_linear
from hvaecodec.training.photo.prior_task import PriorTask
from hvaecodec.training.place import Place
from hvaecodec.training.recipes.photo import PRESETS
from hvaecodec.training.weights_file import order_metadata

INDEX = 300
PRIOR = PRESETS["tiny"].prior
SHAPES = fit_shape_tables([(100, np.zeros((2, 4, 4), np.int64))])


def chosen(photos: list[np.ndarray], index: int) -> tuple[Tensor, Tensor]:
    """Coefficients / S in grey levels, (B, 3, 32, 32, rows, columns), and the shapes chosen at a step index."""
    return blocks_of(torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float(), step_table()[index])


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(3)
    net = PriorNet(tiny.PRIOR)
    for name, bias in net.biases.items():  # scales of smooth pictures, so that bits are not all tail
        if name.endswith("head"):
            torch.nn.init.constant_(bias[len(bias) // 2 :], -1.0)
    fit_linear(net, *chosen(pictures(6, 256, 256), INDEX), 10.0)
    return net


def smooth_symbols(index: int = INDEX) -> tuple[Tensor, Tensor]:
    coefficients, shapes = chosen(pictures(2, 160, 192, seed=9), index)
    return torch.round(coefficients / step_table()[index]), shapes


def test_linear_predictions_beat_zero_on_smooth_pictures(net):
    coefficients, shapes = chosen(pictures(4, 256, 256, seed=1), INDEX)
    q = torch.round(coefficients / 4)
    gains = {}
    for step in STEPS[:8]:
        values = torch.cat([q[:, b.where[0], b.where[1], b.where[2]].flatten(1, 2) for b in step.bands], 1)
        left = values - net.linear(step, q, shapes) / 4
        gains[step.name] = 1 - float((left**2).mean() / (values**2).mean())
    assert all(gain > -0.02 for gain in gains.values()), gains
    assert gains["2yh"] > 0.3 and gains["2yv"] > 0.3, gains
    assert (net.dc_linear_cross.sum(-1) == 4096).all() and (net.dc_linear_diagonal.sum(-1) == 4096).all()


# At low rates most of what an untrained net says is rounded away, so its float twin is held to the exact one at high.
@pytest.mark.parametrize(("rounding", "index"), [(True, INDEX), (True, 750), (False, 750)])
def test_estimates_in_training_agree_with_the_exact_ones(net, rounding, index):
    symbols, shapes = smooth_symbols(index)
    net.rounding = rounding
    with torch.no_grad():
        trained = sum(net.bits(symbols, torch.full((len(symbols),), index), shapes)[1:])
    exact = ExactArithmetic(export_integers(net), net.config)
    coder = SliceCoder(exact, Tables(logistic_tables()), ShapeCoder(SHAPES))
    exact_bits = 0.0
    for picture, maps in zip(symbols.short().numpy(), shapes.numpy(), strict=True):
        bits = coder.encode(Frame(picture.shape[3:], index), maps, repeat(picture)).est_bits
        exact_bits += sum(bits[1:])  # shapes and the first DCs are no concern of training
    assert float(trained) == pytest.approx(exact_bits, rel=0.02)


def test_counts_count_every_symbol(net):
    symbols, shapes = smooth_symbols()
    exact = ExactArithmetic(export_integers(net), net.config)
    parts = zip(symbols.short().numpy(), shapes.numpy(), strict=True)
    counts = count_entries(exact, ((picture, maps, INDEX) for picture, maps in parts))
    assert sum(int(c.sum()) for c in counts) == symbols.numel()
    assert [len(c) for c in counts] == [len(table) for table in logistic_tables()]


def test_exported_bitstream_weights_load_and_are_safe(net, tmp_path):
    path = export_bitstream(net, logistic_tables(), SHAPES, tmp_path)
    loaded = load_bitstream(tmp_path)
    for name in loaded.coder.prior.names:
        check_bound(name, *(loaded.arrays[f"{name}.{kind}"] for kind in ("weight", "bias", "shift")))
    assert loaded.config == net.config and loaded.delta.shape == (793,) and loaded.s.shape == (7, 3, 32, 32)
    assert np.array_equal(loaded.s, shape_weights().numpy())
    assert loaded.arrays["shapes.tiles"].sum(1).tolist() == [1 << 22] * 1000
    assert loaded.arrays["shapes.quadrants"].sum(1).tolist() == [1 << 22] * 1536
    assert loaded.tables.radius[0] == (len(logistic_tables()[0]) - 2) // 2
    assert path.read_bytes() == export_bitstream(net, logistic_tables(), SHAPES, tmp_path / "again").read_bytes()
    with pytest.raises(CodecError, match="kept"):
        export_bitstream(net, logistic_tables(), SHAPES, tmp_path)


def test_training_begins_again_from_bitstream_weights_alone(net, tmp_path):
    export_bitstream(net, logistic_tables(), SHAPES, tmp_path)
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
        export_bitstream(net, broken, SHAPES, tmp_path)


def test_an_export_codes_as_the_net_prices(tmp_path):
    photos = pictures(4, 140, 140)
    task = PriorTask(PRIOR, Photos(photos, photos[:1]), Place(bf16=False))
    tables, shape_tables = tables_for(task.net, PRIOR, photos, count=3), shape_tables_for(photos, 2, side=64)
    export_bitstream(task.net, tables, shape_tables, tmp_path)
    loaded = load_bitstream(tmp_path)
    coefficients, shapes = task.valid[400]
    frame = Frame((2, 2), 400)
    symbols, maps = np.rint(coefficients[0].numpy() / float(task.delta[400])).astype(np.int16), shapes[0].numpy()
    streams, bits, _ = loaded.coder.encode(frame, maps, repeat(symbols))
    context, _ = loaded.coder.decode(frame, streams)
    np.testing.assert_array_equal(context.symbols, symbols)
    np.testing.assert_array_equal(context.shapes, maps)
    # what training prices with, and without the shapes, which it does not count
    plain = SliceCoder(loaded.coder.prior, Tables(logistic_tables()), loaded.coder.shape_coder)
    unfitted = sum(plain.encode(frame, maps, repeat(symbols)).est_bits)
    named = shape_bits(shape_tables, 400, maps)
    promised = task.validate()["35.0"]["est_bpp"] * symbols[0].size
    assert abs(unfitted - named - promised) < 0.1 * promised
    assert sum(bits) < unfitted


def test_tables_are_fitted_on_searched_symbols_where_training_has_them():
    photos = pictures(4, 140, 140)
    net = PriorTask(PRIOR, Photos(photos, []), Place(bf16=False)).net
    plain, searched = (tables_for(net, replace(PRIOR, symbols=kind), photos, count=3) for kind in ("plain", "searched"))
    assert any(not np.array_equal(a, b) for a, b in zip(plain, searched, strict=True))
