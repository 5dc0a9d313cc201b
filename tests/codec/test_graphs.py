"""The graphs of nets: those in the package are what the writers write, and fit its weights; others are built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tiny

from hvaecodec.codec import graphs
from hvaecodec.codec.backends.onnx_photo import build_generator
from hvaecodec.codec.backends.onnx_session import Net
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.graphs import FOLDER, INDEX, Graph, __main__, build, graph_of, name_of
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weights import GENERATORS
from hvaecodec.models.photo.generator_config import GeneratorConfig
from hvaecodec.models.side_by_side import threads_allowed
from hvaecodec.models.texture_config import TextureConfig

SMALL = TextureConfig(quarter=8, quarter_blocks=1, half=8, half_blocks=1)


def test_the_files_are_what_the_command_writes(tmp_path):
    __main__.write_files(tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    packaged = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert sorted(written) == sorted(packaged), "run python -m hvaecodec.codec.graphs"
    for name, data in written.items():
        assert data == packaged[name], f"{name}: run python -m hvaecodec.codec.graphs"


def test_the_files_are_small_and_hold_no_weights():
    index = json.loads((FOLDER / INDEX).read_text())
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 200_000
    assert all(index[path.stem] for path in FOLDER.glob("*.onnx"))


@pytest.mark.parametrize("codec", __main__.CODECS)
def test_every_generator_of_the_package_fits_a_graph_of_the_package(codec):
    for path in sorted((WEIGHTS / codec).glob(GENERATORS)):
        _, metadata, arrays = read_weights(path)
        for kind, *sizes in __main__.nets_in(codec, metadata):
            assert (FOLDER / f"{name_of(kind, *sizes)}.onnx").is_file()
            if kind in ("photo", "texture"):
                Net(graph_of(kind, *sizes), arrays)


def test_a_perceptual_generator_runs_in_the_graph_of_the_first(monkeypatch):
    """So a plain install, which has no `onnx`, can draw with it; it has no posterior, and graphs have none."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    sizes = [json.dumps(asdict(GeneratorConfig(encoder=encoder))) for encoder in (48, 0)]
    overlay = {"config": sizes[1], "base": "0123", "kind": "perceptual"}
    (first,), (second,) = (__main__.nets_in("dct-vae-photo", m) for m in ({"config": sizes[0]}, overlay))
    assert name_of(*first) == name_of(*second)
    arrays = {name: np.zeros(shape, np.float16) for name, shape in graph_of(*first).weights.items()}
    assert build_generator(overlay, arrays).config.encoder == 0


def test_a_graph_of_other_sizes_is_built():
    assert not (FOLDER / f"{name_of('texture', SMALL)}.onnx").exists()
    assert graph_of("texture", SMALL) == build("texture", SMALL)


def test_without_onnx_a_graph_of_other_sizes_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(CodecUnavailable, match=r"\(texture\) and of these sizes needs the package onnx"):
        graph_of("texture", SMALL)


def test_graphs_of_different_sizes_have_different_names():
    assert name_of("texture", SMALL) != name_of("texture", TextureConfig())
    assert name_of("hqa-encoder", SMALL, True) != name_of("hqa-encoder", SMALL, False)


@pytest.mark.parametrize("fold", [16, 8, 4, 2])
def test_the_table_of_shape_maps_is_the_generators(fold):
    import torch
    from partitions import random_shapes

    from hvaecodec.codec.graphs.photo import _shape_table
    from hvaecodec.models.photo.shape_maps import shape_maps

    shapes = random_shapes((3, 2))
    expected = shape_maps(torch.from_numpy(shapes)[None], fold)[0].numpy()
    rows, columns = np.indices(shapes.shape[1:])
    cells = _shape_table(fold)[4 * shapes + 2 * (rows % 2) + columns % 2]  # (2, rows, columns, 11, n, n)
    maps = cells.transpose(0, 3, 1, 4, 2, 5).reshape(expected.shape)
    np.testing.assert_array_equal(maps, expected)


# -- running them -----------------------------------------------------------------------------------------------------


def texture_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = graph_of("texture", SMALL).weights
    return {name: rng.standard_normal(shape).astype(np.float16) for name, shape in shapes.items()}


def texture_inputs() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    sizes = {"picture": (1, 3, 8, 12), "rate": (1, 8), "noise4": (1, 4, 2, 3), "noise2": (1, 4, 4, 6)}
    return {name: rng.standard_normal(size).astype(np.float32) for name, size in sizes.items()}


def test_weights_that_do_not_fit_are_refused():
    graph, arrays = graph_of("texture", SMALL), texture_arrays()
    with pytest.raises(CodecUnavailable, match=r"out.bias must be \(12,\), it is \(3,\)"):
        Net(graph, arrays | {"out.bias": np.zeros(3)})
    del arrays["out.bias"]
    with pytest.raises(CodecUnavailable, match=r"out.bias must be \(12,\), there is none"):
        Net(graph, arrays)


def test_what_is_in_the_file_is_what_counts():
    graph, arrays, inputs = graph_of("texture", SMALL), texture_arrays(), texture_inputs()
    texture = Net(graph, arrays)(**inputs)
    none = Net(graph, arrays | {"gain.weight": np.zeros((12, 8)), "gain.bias": np.zeros(12)})(**inputs)
    assert texture.any() and not none.any()


FORKED = """
import os, sys
import numpy as np
from codec.test_graphs import SMALL, Net, graph_of, texture_arrays, texture_inputs

net, inputs = Net(graph_of("texture", SMALL), texture_arrays()), texture_inputs()
expected = net(**inputs)
if os.fork() == 0:
    sys.exit(0 if sys.argv[1] == "idle" or np.array_equal(net(**inputs), expected) else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.parametrize("child", ["busy", "idle"])
def test_a_net_lives_through_a_fork(child):
    """A session ends by waiting for its threads, which a fork leaves behind: for ever, if the child did that."""
    environment = _environment() | {"OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", FORKED, child], env=environment, check=True, timeout=120)


QUIET = """
import os
from codec.test_graphs import SMALL, Net, graph_of, texture_arrays, texture_inputs

os.environ.pop("ORT_DISABLE_TELEMETRY")  # which the tests set
Net(graph_of("texture", SMALL), texture_arrays())(**texture_inputs())
assert "ORT_DISABLE_TELEMETRY" not in os.environ
"""


def test_onnx_runtime_tells_nobody_about_us(tmp_path):
    """With its telemetry on, ONNX Runtime writes a number for the machine into the cache as it loads."""
    environment = _environment() | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", QUIET], env=environment, check=True, timeout=120)
    assert not any(tmp_path.rglob("*onnxruntime*"))


def _environment() -> dict[str, str]:
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), str(tests / "helpers"), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path}


def test_threads_are_those_that_the_environment_says(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads_allowed() == 3
    for nothing in ("", "many", "0"):
        monkeypatch.setenv("OMP_NUM_THREADS", nothing)
        assert threads_allowed() >= 1


def test_the_generators_arrays_are_where_the_graph_wants_them(tmp_path):
    tiny.write_generator(tmp_path / "generator.safetensors", 0)
    _, metadata, arrays = read_weights(tmp_path / "generator.safetensors")
    (net,) = __main__.nets_in("dct-vae-photo", metadata)
    graph: Graph = build(*net)
    assert set(graph.weights) <= set(arrays)
    assert graphs.write(*net).weights == graph.weights
