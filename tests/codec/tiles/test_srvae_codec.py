"""`srvae-cifar10`: y is in the file without loss, everything else is the decoder's; damage is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import promises
import pytest
import torch
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from reference_decoder import ReferenceDecoder, starts_of
from safetensors.numpy import save as save_arrays
from typer.testing import CliRunner

from hvaecodec.cli.main import app
from hvaecodec.codec.errors import CodecError, CodecUnavailable
from hvaecodec.codec.tiles import lossless_rgb
from hvaecodec.codec.tiles.lossless_rgb import N_TABLES, coder_tables, decode_rgb, encode_rgb, fit_tables, passes
from hvaecodec.codec.tiles.srvae_cifar10 import SrVaeCodec
from hvaecodec.codec.tiles.srvae_weights import FILE, TABLES, load_model, model_bytes
from hvaecodec.models.srvae.config import PRESETS
from hvaecodec.models.srvae.dense import started_by
from hvaecodec.models.srvae.srvae import make


def smooth(count: int, side: int = 16) -> np.ndarray:
    """uint8 (N, side, side, 3)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC)) for one in coarse])


@pytest.fixture(scope="module")
def tables():
    return coder_tables(fit_tables(smooth(200)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("srvae")
    torch.manual_seed(0)
    model = make(replace(PRESETS["tiny"]["srvae"], side=32))
    x = torch.from_numpy(smooth(8, 32)).permute(0, 3, 1, 2).float()
    with started_by(model), torch.no_grad():
        model.terms(x)
    with torch.no_grad():  # far from its start, so that latents show
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    (folder / FILE).write_bytes(model_bytes(model))
    (folder / TABLES).write_bytes(save_arrays({"tables": fit_tables(smooth(200))}))
    (folder / "card.json").write_text(json.dumps({"codec": "srvae-cifar10"}))
    return folder


@pytest.fixture(scope="module")
def codec(folder):
    return SrVaeCodec.load(folder)


@limits(max_examples=15)
@given(picture=st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda s: arrays(np.uint8, (*s, 3))))
def test_any_small_picture_comes_back(tables, picture):
    data, bits = encode_rgb(tables, picture)
    again, again_bits = decode_rgb(tables, data, *picture.shape[:2])
    assert np.array_equal(again, picture) and again_bits == pytest.approx(bits)


@pytest.mark.parametrize(
    "picture",
    [
        *(np.full((16, 16, 3), v, np.uint8) for v in (0, 255)),
        np.eye(17, dtype=np.uint8)[..., None] * np.array([255, 0, 255], np.uint8),
    ],
)
def test_extreme_pictures_come_back(tables, picture):
    assert np.array_equal(decode_rgb(tables, encode_rgb(tables, picture)[0], *picture.shape[:2])[0], picture)


def test_smooth_pictures_are_smaller_than_png_and_sizes_are_estimated_well(tables):
    import io

    for picture in smooth(300)[250:260]:
        data, bits = encode_rgb(tables, picture)
        png = io.BytesIO()
        Image.fromarray(picture).save(png, "PNG", optimize=True)
        assert len(data) < 0.9 * len(png.getvalue())
        assert 8 * len(data) == pytest.approx(bits, abs=0.01 * bits + 40)


def decoded_by_the_page(frequencies: np.ndarray, data: bytes, height: int, width: int) -> list[list[list[int]]]:
    """y of a stream in nothing but Python integers, from docs/FORMAT.md, "The picture y of srvae-cifar10"."""
    decoder = ReferenceDecoder([starts_of(row) for row in frequencies], data)
    missed = [[0] * width for _ in range(height)]
    planes = []
    for number in range(3):
        plane: list[list[int]] = [[0] * width for _ in range(height)]
        phases = [(16, "base", [])]
        for t in (8, 4, 2, 1):
            phases.append((t, "diagonal", [(-t, -t), (-t, t), (t, -t), (t, t)]))
            phases.append((t, "cross", [(-t, 0), (0, -t), (0, t), (t, 0)]))
        for t, kind, around in phases:
            odd = {"base": {0, 1, 2}, "diagonal": {2}, "cross": {1}}[kind]
            places = [(r, c) for r in range(0, height, t) for c in range(0, width, t) if r // t % 2 + c // t % 2 in odd]
            table, mean = [], []
            for r, c in places:
                near = [plane[r + i][c + j] for i, j in around if 0 <= r + i < height and 0 <= c + j < width]
                n = len(near)
                mean.append((2 * sum(near) + n) // (2 * n) if near else 128 * (number == 0))
                k = sum(max(near) - min(near) >= limit for limit in (2, 5, 10, 18, 32)) if near else 5
                d = 0 if t >= 4 else 3 - t
                e = sum(missed[r][c] >= limit for limit in (4, 13))
                table.append(6 * d + k if number == 0 else 18 + 18 * (3 * (number - 1) + d) + 6 * e + k)
            for (r, c), m, value in zip(places, mean, decoder.read(table, mean, [1] * len(mean)), strict=True):
                plane[r][c] = value
                if number == 0:
                    missed[r][c] = abs(value - m)
        planes.append(plane)
    green, red, blue = planes
    return [[[r + g, g, b + g] for r, g, b in zip(*rows, strict=True)] for rows in zip(red, green, blue, strict=True)]


@pytest.mark.parametrize("size", [(16, 16), (5, 21)])
def test_a_stranger_reads_y_from_the_page(size):
    frequencies = fit_tables(smooth(30))  # noise is unlike them and escapes
    noise = np.random.default_rng(3).integers(0, 256, (*size, 3), dtype=np.uint8)
    for picture in (noise, smooth(1)[0][: size[0]]):
        data, _ = encode_rgb(coder_tables(frequencies), picture)
        assert decoded_by_the_page(frequencies, data, *picture.shape[:2]) == picture.tolist()


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (5, 37), (48, 33)])
def test_every_position_is_coded_once_after_its_neighbours(size):
    times = np.zeros(size, int)
    for part in passes(*size):
        for down, right in part.around:
            r, c = part.rows + down * part.step, part.columns + right * part.step
            inside = (r >= 0) & (r < size[0]) & (c >= 0) & (c < size[1])
            assert (times[r[inside], c[inside]] == 1).all()
        times[part.rows, part.columns] += 1
    assert (times == 1).all()


def test_tables_are_frequencies_and_all_are_in_use():
    noisy = np.random.default_rng(1).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    pictures = np.concatenate([smooth(200), noisy, (noisy // 8 + 100).astype(np.uint8), (noisy // 64).astype(np.uint8)])
    frequencies = fit_tables(pictures)
    assert frequencies.shape == (N_TABLES, 512) and (frequencies.sum(1) == 2**22).all() and (frequencies >= 1).all()
    used = set()
    planes = lossless_rgb.to_planes(pictures)
    for _, _, table, _ in lossless_rgb.walk(planes, 16, 16):
        used |= set(np.unique(table))
    assert max(used) < N_TABLES and len(used) > 0.6 * N_TABLES


@pytest.mark.parametrize("shape", [(1, 1, 3), (32, 32, 3), (33, 7, 3), (40, 64), (32, 32, 4), (5, 5, 2)])
def test_every_shape_comes_back_with_its_y_and_its_alpha(codec, folder, shape):
    data = promises.check_round_trip(codec, SrVaeCodec.load(folder), promises.noise(shape))
    promises.check_info(codec, data)


def test_half_the_side_is_without_loss(codec):
    image = smooth(1, 32)[0]
    data = codec.encode(image)
    half = np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling.BILINEAR))
    assert np.array_equal(codec.decode(data, scale=0.5), half)
    assert np.array_equal(codec.symbols(data)[0], half)
    assert codec.decode(data, scale=1 / 32).shape == (1, 1, 3)


def test_temperature_and_seed_decide_what_is_drawn(codec):
    data = codec.encode(smooth(2, 64)[1])
    promises.check_draws(codec, data)
    samples, cooler = (codec.decode(data, temperature=t, seed=5) for t in (1.0, 0.5))
    assert not np.array_equal(samples, cooler)


def test_a_tile_is_decoded_as_it_is_alone(codec):
    """At temperature 0, and the first tile also when it is drawn."""
    image = smooth(1, 64)[0]
    whole, alone = codec.encode(image), codec.encode(image[:32, :32])
    y = codec.symbols(whole)[0][:16, :16]
    assert np.array_equal(y, codec.symbols(alone)[0])
    assert np.abs(codec.decode(whole)[:32, :32].astype(int) - codec.decode(alone)).max() <= 1
    samples = [codec.decode(data, temperature=1.0, seed=1)[:32, :32].astype(int) for data in (whole, alone)]
    assert np.mean(np.abs(samples[0] - samples[1]) > 1) < 0.01


def test_targets_that_cannot_be_met_are_told(codec):
    image = smooth(1, 32)[0]
    assert codec.encode(image, quality=1) == codec.encode(image, quality=99) == codec.encode(image, bpp=50)
    with pytest.raises(ValueError, match="there is"):
        codec.encode(image, bpp=0.01)
    with pytest.raises(ValueError, match="dB"):
        codec.encode(image, psnr=90)
    with pytest.raises(ValueError, match="1..100"):
        codec.encode(image, quality=0)


def test_estimates_are_of_the_model(codec, folder):
    x = torch.from_numpy(smooth(1, 32)).permute(0, 3, 1, 2).float()
    terms = load_model(folder).terms(x, torch.Generator().manual_seed(7))
    estimate = codec.estimate(smooth(1, 32)[0], seed=7)
    expected = [float(terms[name].sum()) / np.log(2) for name in ("re_y", "kl_u", "kl_z")]
    assert [estimate.y, estimate.kl_u, estimate.kl_z] == pytest.approx(expected, rel=1e-4) and len(set(expected)) == 3


def test_equal_weights_make_equal_files(folder):
    """Digests name generators in files."""
    model = load_model(folder)
    assert {model_bytes(model) for _ in range(10)} == {(folder / FILE).read_bytes()}


def test_damage_is_refused(codec):
    data = codec.encode(smooth(1, 32)[0])
    promises.check_flipped_bits(codec, data, 60)
    for damaged in (data[:-1], data + b"\0", b""):
        with pytest.raises(CodecError):
            codec.decode(damaged)
    other = SrVaeCodec(b"abcd", codec.tables, codec.generators, codec.card)
    with pytest.raises(CodecError, match="61626364"):
        other.decode(data)


def test_missing_weights_are_told(tmp_path, folder):
    with pytest.raises(CodecUnavailable, match=r"card\.json"):
        SrVaeCodec.load(tmp_path)
    (tmp_path / "card.json").write_bytes((folder / "card.json").read_bytes())
    with pytest.raises(CodecUnavailable, match="bitstream"):
        SrVaeCodec.load(tmp_path)


def test_files_of_weights_that_are_not_in_the_package(codec, folder, tmp_path):
    """All of the command line takes the folder; without it the line says what to do."""
    photo, file, out = tmp_path / "a.png", tmp_path / "a.hvc", tmp_path / "b.png"
    x = smooth(1, 40)[0]
    Image.fromarray(x).save(photo)
    run = partial(CliRunner().invoke, app)
    model = ["--model", str(folder)]
    assert run(["encode", str(photo), "-o", str(file), *model]).exit_code == 0
    assert run(["info", str(file)]).exit_code == 0  # which needs no weights
    for command in (["decode", str(file), "-o", str(out)], ["info", str(file), "--estimate"]):
        refused = run(command)
        assert refused.exit_code == 1 and not out.exists()
        assert "not in the package" in refused.stderr and "--model FOLDER" in refused.stderr
    assert run(["decode", str(file), "-o", str(out), *model]).exit_code == 0
    assert np.array_equal(np.asarray(Image.open(out)), codec.decode(codec.encode(x)))
    assert json.loads(run(["info", str(file), "--json", *model]).stdout)["codec"] == "srvae-cifar10"
    other = run(["info", str(file), "--model", "dct-vae-photo"])
    assert other.exit_code == 1 and "written by srvae-cifar10" in other.stderr


@pytest.mark.data
def test_y_of_photographs_takes_three_quarters_of_the_next_best(data_dir):
    """Tables of training pictures, judged on test pictures against Pillow's WebP and PNG."""
    import io

    from hvaecodec.models.srvae.srvae import downscaled
    from hvaecodec.training.small_images import cifar10

    images = cifar10(data_dir)
    x = torch.from_numpy(np.concatenate([images.train[:4000], images.test[:50]])).permute(0, 3, 1, 2)
    y = downscaled(x).permute(0, 2, 3, 1).numpy()
    fitted = coder_tables(fit_tables(y[:4000]))
    ours, webp = 0, 0
    for picture in y[4000:]:
        data, _ = encode_rgb(fitted, picture)
        assert np.array_equal(decode_rgb(fitted, data, 16, 16)[0], picture)
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "WEBP", lossless=True, method=6)
        ours, webp = ours + len(data), webp + len(file.getvalue())
    assert ours < 0.75 * webp


@pytest.mark.parametrize("shape", [(33, 20, 2), (40, 35, 4)])
def test_bytes_that_nobody_reads_are_refused(codec, shape):
    promises.check_unread_bytes(codec, codec.encode(promises.noise(shape)))
