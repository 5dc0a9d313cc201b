"""Perceptual metrics with stand-in weights in the real files' format, from a local server, a folder, or nowhere."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import io
import os
import re
import threading
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from hvaecodec import bench
from hvaecodec.bench.metrics import (
    NotMeasurable,
    frechet,
    image_metrics,
    inception,
    perceptual,
    set_metrics,
)
from hvaecodec.bench.show import curve_tables, setting_tables
from hvaecodec.cli.main import app
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.metric_nets import convolutions, libraries, lpips_net, metric_weights

ROWS, COLUMNS = np.mgrid[0:96, 0:80]
X = (
    (127 + 60 * np.sin(ROWS / 5)[..., None] + np.random.default_rng(0).normal(0, 9, (96, 80, 3)))
    .clip(0, 255)
    .astype("u1")
)
X_HAT = (X + np.random.default_rng(1).normal(0, 14, X.shape)).clip(0, 255).astype("u1")
ALEXNET = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}


def alexnet_file() -> bytes:
    """A state dict with the names and shapes of torchvision's AlexNet; the layers that LPIPS leaves are of no size."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    for index, (out, into, side) in ALEXNET.items():
        weight = torch.randn(out, into, side, side, generator=generator) / (into * side * side) ** 0.5
        state |= {f"features.{index}.weight": weight, f"features.{index}.bias": torch.zeros(out)}
    for index, shape in {1: (4096, 9216), 4: (4096, 4096), 6: (1000, 4096)}.items():
        zeros = torch.zeros(1).expand(shape)  # one number in the file
        state |= {f"classifier.{index}.weight": zeros, f"classifier.{index}.bias": torch.zeros(shape[0])}
    sink = io.BytesIO()
    torch.save(state, sink)
    return sink.getvalue()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def stand_in_file() -> bytes:
    return alexnet_file()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache of PyTorch's, no other source, and nothing loaded before."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "set_dir", lambda path: monkeypatch.setattr(torch.hub, "get_dir", lambda: str(path)))
    monkeypatch.delenv(metric_weights.FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv(metric_weights.URL_VARIABLE, "http://127.0.0.1:9/")  # nobody listens there
    loaded = (lpips_net.load_lpips, perceptual.load_dists, inception._net, inception.load)
    for each in loaded:
        each.cache_clear()
    yield tmp_path / "hub"
    for each in loaded:
        each.cache_clear()


@pytest.fixture
def server(cache: Path, tmp_path: Path, stand_in_file: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served, with the stand-in for AlexNet; the expected checksum fits it."""
    folder = tmp_path / "site"
    folder.mkdir()
    stand_in(folder, stand_in_file, monkeypatch)
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv(metric_weights.URL_VARIABLE, f"http://127.0.0.1:{site.server_port}")
    yield folder
    site.shutdown()
    thread.join()
    site.server_close()


def stand_in(folder: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / metric_weights.ALEXNET.file).write_bytes(data)
    fitting = dataclasses.replace(metric_weights.ALEXNET, sha256=hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(metric_weights, "ALEXNET", fitting)
    tensors = {name: x.numpy() for name, x in torch.load(io.BytesIO(data)).items() if name.startswith("features")}
    fitting_tensors = {"whole": fitting, "digest": convolutions.digest_of(tensors)}
    monkeypatch.setattr(convolutions, "ALEXNET", dataclasses.replace(convolutions.ALEXNET, **fitting_tensors))


def test_lpips_with_downloaded_weights_is_the_authors(server: Path, cache: Path) -> None:
    lpips = libraries.library("lpips")
    distance = image_metrics.get("lpips").score(X, X_HAT)
    assert (cache / "checkpoints" / metric_weights.ALEXNET.file).exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    state = torch.load(server / metric_weights.ALEXNET.file)
    for name, parameter in reference.net.named_parameters():
        parameter.data = state["features." + name.partition(".")[2]].clone()
    a, b = (torch.from_numpy(x / 127.5 - 1).float().permute(2, 0, 1)[None] for x in (X, X_HAT))
    with torch.inference_mode():
        assert distance == pytest.approx(float(reference(a, b)), rel=1e-5)
    assert distance > 0
    assert image_metrics.get("lpips").score(X, X) == 0
    (server / metric_weights.ALEXNET.file).unlink()
    metric_weights.find(metric_weights.ALEXNET)  # from the cache now


def test_making_the_networks_draws_nothing_and_leaves_the_device_alone(server: Path) -> None:
    before = torch.random.get_rng_state()
    network = lpips_net.load_lpips("alex")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert {x.device.type for x in [*network.parameters(), *network.buffers(), torch.zeros(1)]} == {"cpu"}
    assert not any(x.requires_grad for x in network.parameters())


def test_lpips_has_a_gradient_for_training(server: Path) -> None:
    a, b = (2 * perceptual.planes(x) - 1 for x in (X, X_HAT))
    distance = lpips_net.load_lpips("alex")(a, b.requires_grad_())
    distance.sum().backward()
    assert distance.shape == (1, 1, 1, 1) and b.grad is not None and float(b.grad.abs().sum()) > 0
    step = 0.01 * b.grad / b.grad.norm()
    with torch.inference_mode():
        moved = float(lpips_net.load_lpips("alex")(a, b - step))
    assert float(distance.detach()) - moved == pytest.approx(0.01 * float(b.grad.norm()), rel=0.1)


def test_dists_is_the_authors_at_full_size(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With random weights: α, β, what becomes of pooling, and no change of size, are what their own network has."""
    authors = libraries.library("DISTS_pytorch.DISTS_pt")
    generator = torch.Generator().manual_seed(1)
    tensors = {
        name: torch.randn(shape, generator=generator).numpy() / np.float32(np.prod(shape[1:]) / 2) ** 0.5
        for name, shape in convolutions.VGG16.names().items()
    }
    fitting = dataclasses.replace(convolutions.VGG16, digest=convolutions.digest_of(tensors))
    monkeypatch.setattr(convolutions, "VGG16", fitting)
    convolutions.write(fitting, tensors, tmp_path, "a test")
    monkeypatch.setenv(metric_weights.FOLDER_VARIABLE, str(tmp_path))

    vgg = libraries.library("torchvision.models").vgg16()
    vgg.features.load_state_dict({name[9:]: torch.from_numpy(x) for name, x in tensors.items()})
    monkeypatch.setattr(authors, "models", SimpleNamespace(vgg16=lambda pretrained: vgg))
    reference = authors.DISTS(load_weights=False)
    weights = torch.load(libraries.library_folder("DISTS_pytorch") / "weights.pt", weights_only=True)
    reference.alpha.data, reference.beta.data = weights["alpha"], weights["beta"]
    reference.requires_grad_(False)

    big, other = (np.tile(x, (3, 4, 1))[:270, :300] for x in (X, X_HAT))
    at_full_size = image_metrics.get("dists").score(big, other)
    assert at_full_size == pytest.approx(float(reference(*map(perceptual.planes, (big, other)))), abs=1e-5)
    sizes: dict[str, Any] = {"size": (256, 284), "mode": "bilinear"}
    smaller = [torch.nn.functional.interpolate(perceptual.planes(x), **sizes) for x in (big, other)]
    assert image_metrics.get("dists-256").score(big, other) == pytest.approx(float(reference(*smaller)), abs=5e-4)
    assert abs(at_full_size - image_metrics.get("dists-256").score(big, other)) > 2e-3
    assert image_metrics.get("dists").score(X, X_HAT) == image_metrics.get("dists-256").score(X, X_HAT)


def test_a_given_folder_comes_first(cache: Path, tmp_path: Path, stand_in_file: bytes, monkeypatch: Any) -> None:
    stand_in(tmp_path, stand_in_file, monkeypatch)
    monkeypatch.setenv(metric_weights.FOLDER_VARIABLE, str(tmp_path))
    assert metric_weights.find(metric_weights.ALEXNET) == tmp_path / metric_weights.ALEXNET.file
    assert not cache.exists()


@pytest.mark.parametrize("name", ["ALEXNET", "VGG16", "INCEPTION"])
def test_the_whole_digest_begins_as_its_authors_say(name: str) -> None:
    weights: metric_weights.Weights = getattr(metric_weights, name)
    assert re.fullmatch(r"[0-9a-f]{64}", weights.sha256)
    assert weights.file.endswith(f"-{weights.sha256[:8]}.pth")


def test_a_file_with_the_same_first_digits_is_refused(server: Path, monkeypatch: Any) -> None:
    real = metric_weights.ALEXNET
    other = dataclasses.replace(real, sha256=real.sha256[:-1] + ("1" if real.sha256[-1] == "0" else "0"))
    with pytest.raises(CodecUnavailable, match="another file"):
        metric_weights.find(other)


def test_another_file_is_refused_and_not_kept(server: Path, cache: Path) -> None:
    (server / metric_weights.ALEXNET.file).write_bytes(b"something else")
    with pytest.raises(CodecUnavailable, match="another file"):
        metric_weights.find(metric_weights.ALEXNET)
    assert list((cache / "checkpoints").iterdir()) == []


@pytest.mark.parametrize("damage", ["chunk", "length", "gzip"])
def test_a_download_that_breaks_is_one_line(cache: Path, damage: str, monkeypatch: Any) -> None:
    """The connection ends within a chunk, or before the length that was announced, or what comes is no gzip."""

    class Breaking(Quiet):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            header, body = {
                "chunk": ("Transfer-Encoding: chunked", b"64\r\nhalf"),
                "length": ("Content-Length: 1000", b"half"),
                "gzip": ("Content-Encoding: gzip", b"no gzip"),
            }[damage]
            self.send_header(*header.split(": "))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Breaking) as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv(metric_weights.URL_VARIABLE, f"http://127.0.0.1:{site.server_port}")
        try:
            with pytest.raises(CodecUnavailable, match=r"cannot download|another file"):
                metric_weights.find(metric_weights.ALEXNET)
        finally:
            site.shutdown()
            thread.join()
    assert list((cache / "checkpoints").iterdir()) == []


def test_weights_have_a_size_before_they_have_a_digest(
    server: Path, cache: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(metric_weights, "MAX_BYTES", 100)
    with pytest.raises(CodecUnavailable, match="more than 100 bytes"):
        metric_weights.find(metric_weights.ALEXNET)
    assert list((cache / "checkpoints").iterdir()) == []
    monkeypatch.setenv(metric_weights.FOLDER_VARIABLE, str(server))
    with pytest.raises(CodecUnavailable, match="at most 100 bytes"):
        metric_weights.find(metric_weights.ALEXNET)
    (server / metric_weights.ALEXNET.file).unlink()
    os.mkfifo(server / metric_weights.ALEXNET.file)
    with pytest.raises(CodecUnavailable, match="no file of at most"):
        metric_weights.find(metric_weights.ALEXNET)


def test_what_killed_downloads_left_is_removed(server: Path, cache: Path) -> None:
    folder = cache / "checkpoints"
    folder.mkdir(parents=True)
    stem = Path(metric_weights.ALEXNET.file).stem
    for name, age in ((f"{stem}.1.part", 2e5), (f"{stem}.2.part", 0), ("other.3.part", 2e5)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    metric_weights.find(metric_weights.ALEXNET)
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted([metric_weights.ALEXNET.file, f"{stem}.2.part", "other.3.part"])


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", ["lpips", "lpips-vgg", "dists", "fid-64", "kid-256"])
def test_offline_it_is_left_out_in_one_line(name: str) -> None:
    with pytest.warns(UserWarning, match=f"^{name} is left out: cannot download [^\n]*$"):
        assert bench.usable([name, "psnr"]) == ["psnr"]


@pytest.mark.usefixtures("cache")
def test_offline_the_command_measures_the_rest(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "p").mkdir()
    Image.fromarray(X).save(tmp_path / "p" / "a.png")
    words = [
        "bench",
        str(tmp_path / "p"),
        "--codec",
        "none",
        "--baseline",
        "jpeg@quality=20",
        "--out",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(app, [*words, "--metric", "lpips", "--metric", "ssim"])
    assert done.exit_code == 0, done.output
    assert done.stderr.count("lpips is left out") == 1
    assert "SSIM" in done.stdout and "LPIPS" not in done.stdout
    only = CliRunner().invoke(app, [*words, "--metric", "lpips"])
    assert (only.exit_code, "none of the metrics" in only.stderr) == (2, True)


def test_weight_free_measures_are_the_libraries() -> None:
    piq = libraries.library("piq")
    from skimage.metrics import structural_similarity

    a, b = (torch.from_numpy(x).permute(2, 0, 1)[None].float() / 255 for x in (X, X_HAT))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert image_metrics.get("haarpsi").score(X, X_HAT) == pytest.approx(float(piq.haarpsi(a, b)))
        assert image_metrics.get("gmsd").score(X, X_HAT) == pytest.approx(float(piq.gmsd(a, b)))
    options: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    ssim = structural_similarity(X, X_HAT, channel_axis=2, data_range=255, **options)
    assert image_metrics.get("ssim").score(X, X_HAT) == pytest.approx(float(ssim))


@pytest.mark.parametrize("name", ["ssim", "haarpsi", "gmsd", "vif", "fsim"])
def test_equal_pictures_are_the_best_there_is(name: str) -> None:
    metric = image_metrics.get(name)
    best, worse = metric.score(X, X), metric.score(X, X_HAT)
    assert best == pytest.approx(1 if metric.higher_is_better else 0, abs=1e-4)
    assert (worse < best) == metric.higher_is_better


@pytest.mark.parametrize("name", ["ssim", "vif", "iw-ssim"])
def test_a_tiny_picture_has_no_value(name: str) -> None:
    with pytest.raises(NotMeasurable):
        image_metrics.get(name).score(X[:8, :8], X_HAT[:8, :8])


def test_ms_ssim_is_that_of_piq() -> None:
    piq = libraries.library("piq")
    big, other = (np.tile(x, (2, 3, 1))[:180, :200] for x in (X, X_HAT))
    a, b = (torch.from_numpy(x.copy()).permute(2, 0, 1)[None].float() for x in (big, other))
    expected = float(piq.multi_scale_ssim(a, b, data_range=255.0))
    assert image_metrics.get("ms-ssim").score(big, other) == pytest.approx(expected, abs=5e-5)


def test_fid_and_kid_are_those_of_torch_fidelity() -> None:
    fidelity = libraries.library("torch_fidelity.metric_fid")
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, (1200, 12)).astype("f4"), rng.normal(0.2, 1.3, (1100, 12)).astype("f4")
    metric = set_metrics.SET_METRICS["fid-64"]
    statistics = [fidelity.fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)]
    reference = fidelity.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert metric.distance(metric.describe(a), metric.describe(b)) == pytest.approx(reference, rel=1e-5)

    kid = set_metrics.SET_METRICS["kid-64"]
    ours = kid.distance(kid.describe(a), kid.describe(b))
    everything = frechet.kernel_distance(frechet.powers(a), frechet.powers(b))
    assert ours == pytest.approx(everything, rel=0.05), "the mean over subsets nears that over all pairs"
    with pytest.raises(frechet.TooFewPatches, match="999 patches"):
        kid.describe(a[:999])


def test_patches_of_both_sides_are_counted_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Net:
        def __init__(self, name: str) -> None:
            self.name, self.side, self.digest = name, int(name[10:]), "0" * 8

        def of(self, patches: np.ndarray) -> np.ndarray:
            return patches.reshape(len(patches), -1)[:, :2].astype(np.float32)

    monkeypatch.setattr(inception, "load", Net)
    folder = tmp_path / "p"
    folder.mkdir()
    from PIL import Image

    Image.fromarray(np.tile(X, (3, 4, 1))).save(folder / "a.png")  # 320 x 288
    names = ["fid-64", "kid-64", "fid-256"]
    records = bench.run(str(folder), ["jpeg@quality=20"], metrics=["mse", *names], out=tmp_path / "o")
    (entry,) = bench.score_sets(records, tmp_path / "o", names)
    assert (entry["patches_64"], entry["patches_256"]) == (9 * 8, 1)
    assert entry["fid_64"] > 0 and entry["fid_256"] is None
    assert entry["not_measured"] == {"kid_64": "72 patches; KID needs 1000", "fid_256": "1 patches; 2 features need 8"}
    table = setting_tables.perception([entry], names)
    assert table.header[-2:] == ("patches_256", "patches_64")
    assert "torch-fidelity's Inception" in "".join(table.notes)


def test_inception_takes_patches_of_eight_bits(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Half:
        def __call__(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            assert x.dtype == torch.uint8 and x.shape[1:] == (3, 64, 64)
            return (x.float().mean((2, 3)).repeat(1, 683)[:, :2048],)

    monkeypatch.setattr(inception, "_net", lambda: Half())
    features_of_patches = inception.load("inception-64").of(frechet.patches(np.tile(X, (1, 2, 1)), 64))
    assert features_of_patches.shape == (2 * 4, 2048)
    inception.load.cache_clear()


def test_input_range_and_network_stand_beside_every_perceptual_number() -> None:
    for name, metric in image_metrics.METRICS.items():
        if name not in ("mse", "psnr", "ms-ssim"):
            assert "RGB in" in metric.about and ("no network" in metric.about or "SHA-256" in metric.about), name
    assert all("patches" in metric.about for metric in set_metrics.SET_METRICS.values())
    records = [
        {
            "codec": "c",
            "image": "i",
            "settings": {"quality": q},
            "baseline": True,
            "dataset": "d",
            "bpp": q,
            "ssim": q / 9,
        }
        | {"encode_s": 1, "decode_s": 1, "threads": 1}
        for q in (1, 2)
    ]
    notes = " ".join(curve_tables.summary(records, ["ssim"], "c").notes)
    assert "scikit-image, RGB in 0..255" in notes


def test_features_of_the_last_two_pictures_are_remembered() -> None:
    """An original that is compared with many decoded pictures is looked at once."""
    seen: list[float] = []

    def look(x: torch.Tensor) -> float:
        seen.append(float(x.detach().sum()))
        return 2 * seen[-1]

    remembered = perceptual.LastTwo(look)
    original, *decoded = (torch.full((1, 3, 2, 2), float(value)) for value in range(4))
    assert [remembered(x) for other in decoded for x in (original, other)] == [0, 24, 0, 48, 0, 72]
    assert seen == [0, 12, 24, 36]
    assert remembered(decoded[0]) == 24 and seen[-1] == 12, "only two are kept"
    assert remembered(torch.zeros(1, 3, 1, 4)) == 0 and len(seen) == 6, "another shape is another picture"
    remembered(original.requires_grad_())
    assert len(seen) == 7, "gradients need the whole way"
