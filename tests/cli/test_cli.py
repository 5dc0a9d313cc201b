"""The command line on good and bad input: what it prints where, exit codes, and targets left alone."""

import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import standin
from PIL import Image
from rich.console import Console

import hvaecodec
from hvaecodec.bench.show.table import Table
from hvaecodec.cli import long_work
from hvaecodec.cli import main as cli_main
from hvaecodec.codec.format.container import MAGIC, Header, pack
from hvaecodec.codec.images import read_image
from hvaecodec.codec.settings import Decoding, check_targets

PIXELS = np.random.default_rng(5).integers(0, 256, (9, 12, 3), dtype=np.uint8)


class Result:
    """Exit code and the two outputs of one run."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err.decode()

    @property
    def error(self) -> str:
        """The one line on stderr of a failed run."""
        lines = self.err.splitlines()
        assert self.code in (1, 2) and len(lines) == 1 and lines[0].startswith("error: "), self.err
        assert self.out == b""
        return lines[0]


@pytest.fixture
def run(monkeypatch, capsysbinary):
    """Runs the command in this process; `stdin` is bytes."""

    def run(*words: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "argv", ["hvaecodec", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as done:
            cli_main.main()
        return Result(done.value.code or 0, *capsysbinary.readouterr())

    return run


@pytest.fixture
def photo(tmp_path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(PIXELS).save(path)
    return path


@pytest.fixture
def hvc(tmp_path, stand_in) -> Path:
    path = tmp_path / "photo.hvc"
    path.write_bytes(hvaecodec.encode(PIXELS, stand_in))
    return path


def test_there_and_back(run, photo, tmp_path, stand_in):
    hvc, png = tmp_path / "a.hvc", tmp_path / "b.png"
    done = run("encode", photo, "-o", hvc, "--model", stand_in)
    assert (done.code, done.out) == (0, b"") and f"{hvc.stat().st_size} bytes" in done.err
    assert run("decode", hvc, "-o", png).code == 0
    np.testing.assert_array_equal(np.asarray(Image.open(png)), PIXELS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.hvc", "b.png", "photo.png"]


def test_a_limit_of_pixels(run, hvc, tmp_path):
    out = tmp_path / "out.png"
    for words in (("decode", hvc, "-o", out), ("info", hvc), ("info", hvc, "--estimate")):
        refused = run(*words, "--max-pixels", 1023)
        assert refused.code == 1 and "9 x 12 pixels, 1024 in whole tiles, is above the limit of 1023" in refused.error
        warned = run(*words, "--max-pixels", 1024)
        assert warned.code == 0 and "is above half the limit of 1024" in warned.err
        assert run(*words, "--max-pixels", 0).code == 2
        out.unlink(missing_ok=True)
    assert run("info", hvc).code == 0 and run("info", hvc).err == ""


def test_pipes(run, photo, stand_in):
    encoded = run("encode", "-", "-o", "-", "--model", stand_in, stdin=photo.read_bytes())
    assert (encoded.code, encoded.err) == (0, "") and encoded.out.startswith(MAGIC)
    decoded = run("decode", "-", "-o", "-", stdin=encoded.out)
    assert (decoded.code, decoded.err) == (0, "")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(decoded.out))), PIXELS)
    assert json.loads(run("info", "-", "--json", stdin=encoded.out).out)["n_bytes"] == len(encoded.out)


def test_without_an_output_the_name_follows_from_the_input(run, photo, tmp_path, stand_in, monkeypatch):
    (tmp_path / "folder").mkdir()
    photo.rename(tmp_path / "folder" / "a.b.png")
    monkeypatch.chdir(tmp_path)
    done = run("encode", "folder/a.b.png", "--model", stand_in)
    assert done.code == 0 and done.err.startswith("folder/a.b.hvc: "), "beside the input, not in this folder"
    done = run("decode", "folder/a.b.hvc")
    assert done.code == 1 and done.error == "error: folder/a.b.png exists and is kept; --force replaces it"
    (tmp_path / "folder" / "a.b.png").rename(tmp_path / "before.png")
    done = run("decode", "folder/a.b.hvc")
    assert (done.code, done.out, done.err) == (0, b"", "folder/a.b.png: 12 × 9 pixels\n")
    np.testing.assert_array_equal(np.asarray(Image.open("folder/a.b.png")), PIXELS)


def test_without_an_output_nothing_is_replaced_unless_forced(run, photo, hvc, tmp_path, stand_in):
    assert run("decode", hvc, "--force").code == 0
    for words, target in ((["encode", photo, "--model", stand_in], hvc), (["decode", hvc], photo)):
        before = target.read_bytes()
        target.write_bytes(b"precious")
        done = run(*words)
        assert done.code == 1 and f"{target} exists and is kept; --force" in done.error
        assert target.read_bytes() == b"precious"
        assert run(*words, "--force").code == 0
        assert target.read_bytes() == before
    np.testing.assert_array_equal(np.asarray(Image.open(photo)), PIXELS)


def test_what_comes_from_stdin_goes_to_stdout(run, photo, tmp_path, stand_in, monkeypatch):
    monkeypatch.chdir(tmp_path)
    encoded = run("encode", "-", "--model", stand_in, stdin=photo.read_bytes())
    assert (encoded.code, encoded.err) == (0, "") and encoded.out.startswith(MAGIC)
    decoded = run("decode", "-", stdin=encoded.out)
    assert (decoded.code, decoded.err) == (0, "")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(decoded.out))), PIXELS)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


@pytest.mark.parametrize("target", ["-", "no-suffix"])
def test_a_picture_whose_format_no_suffix_names_is_a_png_in_a_fresh_process(tmp_path, target):
    """Pillow lists the formats that it writes only after it was asked for one; this process has asked long ago."""
    (tmp_path / "photo.hvc").write_bytes(hvaecodec.encode(PIXELS, effort=1))
    words = [sys.executable, "-m", "hvaecodec", "decode", "photo.hvc", "-o", target]
    done = subprocess.run(words, capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    png = done.stdout if target == "-" else (tmp_path / target).read_bytes()
    assert np.asarray(Image.open(io.BytesIO(png), formats=["PNG"])).shape == PIXELS.shape


def test_metadata_and_alpha_travel_along(run, tmp_path, stand_in):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a maker", 6
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif, icc_profile=b"some profile")
    done = run("encode", tmp_path / "a.png", "-o", tmp_path / "a.hvc", "--model", stand_in)
    assert "note: turned upright" in done.err
    run("decode", tmp_path / "a.hvc", "-o", tmp_path / "b.png")
    back = read_image(tmp_path / "b.png")
    np.testing.assert_array_equal(back.pixels, np.rot90(pixels, -1))
    assert back.icc == b"some profile" and b"a maker" in back.exif and not back.notes


def test_info_for_people(run, hvc):
    done = run("info", hvc)
    assert done.code == 0 and b"codec    hqa-photo\n" in done.out


def test_models(run, stand_in):
    names = {model["name"] for model in json.loads(run("models", "--json").out)}
    assert "dct-vae-photo" in names and b"dct-vae-photo  " in run("models").out
    assert b"dct-vae-cifar10  cifar10-narrow-dct" in run("models").out


def test_export(run, tmp_path, monkeypatch):
    target = tmp_path / "generator.onnx"
    done = run("export", "onnx", "dct-vae-photo", "-o", str(target))
    assert done.code == 0 and f"{target.stat().st_size} bytes, generator of dct-vae-photo" in done.err
    kept = run("export", "onnx", "hqa-photo", "-o", str(target))
    assert kept.code == 1 and "--force" in kept.err
    for words in (("hqa-photo", "--layer", "9"), ("dct-vae-cifar10",), ("nothing",)):
        assert run("export", "onnx", *words, "-o", str(tmp_path / "none.onnx")).code in (1, 2)
    monkeypatch.setitem(sys.modules, "onnx", None)
    without = run("export", "onnx", "hqa-photo", "-o", str(tmp_path / "none.onnx"))
    assert without.code == 1
    assert without.err == "error: an export needs the package onnx: pip install 'hvaecodec[onnx]'\n"
    assert not (tmp_path / "none.onnx").exists()


def test_help_of_every_command(run):
    commands = [command.name for command in cli_main.app.registered_commands]
    assert commands == ["encode", "decode", "info", "models", "export", "bench", "paper", "train"]
    for command in commands:
        done = run(command, "--help")
        assert done.code == 0 and b"Usage:" in done.out and done.err == ""
        _, _, examples = done.out.partition(b"\n  Examples:\n")
        assert f"    hvaecodec {command} ".encode() in examples or f"    hvaecodec {command}\n".encode() in examples
    assert b"encode" in run("--help").out
    assert run("--version").out.startswith(b"hvaecodec ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encode"], "Missing argument"),
        (["encode", "{photo}", "-o", "x.hvc", "--effort", "4"], "effort"),
        (["encode", "{photo}", "-o", "x.hvc", "--quality", "high"], "quality"),
        (["encode", "{photo}", "-o", "x.hvc", "--quality", "9", "--bpp", "1"], "one of --quality"),
        (["encode", "{photo}", "-o", "{photo}", "--force"], "same file"),
        (["decode", "{photo}", "-o", "x.hvc"], "not an image format"),
        (["decode", "{photo}", "-o", "x.png", "--scale", "1/3"], "--scale is 1/3"),
        (["decode", "{photo}", "-o", "x.png", "--scale", "1/0"], "--scale is 1/0"),
        (["decode", "{photo}", "-o", "x.png", "--generator", "new"], "generator"),
        (["squash"], "squash"),
    ],
)
def test_wrong_usage_exits_2(run, photo, tmp_path, words, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = photo.read_bytes()
    done = run(*(word.format(photo=photo) for word in words))
    assert done.code == 2 and message in done.error
    assert photo.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def bad_images() -> dict[str, bytes]:
    png, jpeg = io.BytesIO(), io.BytesIO()
    Image.fromarray(PIXELS).save(png, "PNG")
    Image.fromarray(PIXELS).save(jpeg, "JPEG")
    return {
        "empty.png": b"",
        "text.png": b"not an image at all",
        "cut.png": png.getvalue()[:80],
        "cut.jpg": jpeg.getvalue()[:-30],
        "already.hvc": MAGIC + b"\1",
    }


@pytest.mark.parametrize(("name", "data"), bad_images().items())
def test_encode_of_what_is_no_image(run, tmp_path, stand_in, name, data):
    (tmp_path / name).write_bytes(data)
    done = run("encode", tmp_path / name, "-o", tmp_path / "out.hvc", "--model", stand_in)
    assert done.code == 1 and str(tmp_path / name) in done.error
    assert not (tmp_path / "out.hvc").exists()


def test_inputs_and_targets_that_cannot_be(run, photo, hvc, tmp_path, stand_in):
    (tmp_path / "folder").mkdir()
    for command, source in (("encode", photo), ("decode", hvc)):
        model = ["--model", stand_in] if command == "encode" else []
        for bad_source, problem in (
            (tmp_path / "missing", "cannot read"),
            (tmp_path / "folder", f"nothing to {command}"),
        ):
            assert problem in run(command, bad_source, "-o", tmp_path / "x.png", *model).error
        for target in ("folder", "nowhere/x.png", "photo.png/x.png"):
            for force in ([], ["--force"]):
                done = run(command, source, "-o", tmp_path / target, *model, *force)
                assert done.code == 1 and done.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "photo.hvc", "photo.png"]


def test_an_existing_target_is_kept_unless_forced(run, photo, hvc, tmp_path, stand_in):
    target = tmp_path / "there.png"
    for words in (["encode", photo, "--model", stand_in], ["decode", hvc]):
        target.write_bytes(b"precious")
        done = run(*words, "-o", target)
        assert done.code == 1 and "--force" in done.error and target.read_bytes() == b"precious"
        assert run(*words, "-o", target, "--force").code == 0
        assert target.read_bytes() != b"precious"


def test_unknown_model(run, photo, tmp_path):
    done = run("encode", photo, "-o", tmp_path / "x.hvc", "--model", "no-such")
    assert done.code == 1 and "no-such" in done.error


def damaged(data: bytes) -> dict[str, bytes]:
    header = Header("srvae-cifar10", "RGB", 9, 12, 0, b"abcd", b"ef")
    return {
        "empty": b"",
        "appended": data + b"\0",
        "magic": b"PNG" + data[3:],
        "newer": data[:3] + b"\2" + data[4:],
        "codec not here": pack(header, [b"x"]),
        **{f"cut at {end}": data[:end] for end in range(0, len(data), 7)},
        **{f"byte {at}": data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1 :] for at in range(0, len(data), 7)},
    }


@pytest.mark.parametrize("options", [[], ["--scale", "1/8"]])
def test_decode_of_a_damaged_file(run, hvc, tmp_path, options):
    target = tmp_path / "out.png"
    target.write_bytes(b"precious")
    for what, data in damaged(hvc.read_bytes()).items():
        hvc.write_bytes(data)
        done = run("decode", hvc, "-o", target, "--force", *options)
        assert done.code == 1 and done.error, what
        assert target.read_bytes() == b"precious"
        assert run("info", hvc).error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "photo.hvc"]


def test_partial_gives_the_coarser_picture_with_a_warning(run, hvc, tmp_path):
    data = hvc.read_bytes()
    hvc.write_bytes(data[:-10])
    assert "truncated" in run("decode", hvc, "-o", tmp_path / "a.png").error
    done = run("decode", hvc, "-o", tmp_path / "a.png", "--partial", "--scale", "1/2")
    assert done.code == 0 and done.err.startswith("warning: level 1 is incomplete")
    assert np.asarray(Image.open(tmp_path / "a.png")).shape == (5, 6, 3)
    hvc.write_bytes(data[:20])
    assert "truncated" in run("decode", hvc, "-o", tmp_path / "b.png", "--partial").error


def test_random_bytes(run, hvc, tmp_path):
    rng = random.Random(2)
    for n in (1, 3, 30, 300):
        hvc.write_bytes(rng.choice([b"", MAGIC, MAGIC + b"\1"]) + rng.randbytes(n))
        assert run("decode", hvc, "-o", "-", "--partial").error


def test_unexpected_errors_are_one_line_without_debug(run, photo, tmp_path, stand_in, monkeypatch):
    import standin

    def fail(*_args, **_kwargs):
        raise KeyError("odd\nthing")

    monkeypatch.setattr(standin.StandIn, "encode", fail)
    words = "encode", photo, "-o", tmp_path / "x.hvc", "--model", stand_in
    assert "unexpected KeyError" in run(*words).error
    with pytest.raises(KeyError):
        run(*words, "--debug")


def test_as_a_process(tmp_path):
    def process(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "hvaecodec", *words], capture_output=True, text=True)

    assert process("--help").returncode == 0
    done = process("info", str(tmp_path / "missing.hvc"))
    assert done.returncode == 1 and done.stderr.startswith("error: cannot read") and done.stdout == ""
    done = process("info", str(tmp_path / "missing.hvc"), "--debug")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_an_experiment_without_its_pictures_says_what_it_misses(run, tmp_path, monkeypatch):
    monkeypatch.delenv("HVAECODEC_DATA", raising=False)
    for name, value in long_work._KEEP_PAGES.items():  # else the command starts the process again
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert "mnist.npz is not there; pass --data" in run("paper", "hqa-mnist", "--only", "hqa", "--out", tmp_path).error
    assert "no experiment 'hqa-minst'; did you mean hqa-mnist?" in run("paper", "hqa-minst").error


HELPERS = Path(standin.__file__).parent
WITH_STAND_IN = """
import sys, standin
from hvaecodec.codec import registry
from hvaecodec.codec.format.wire_ids import CodecEntry
from hvaecodec.cli import main
registry.CODECS[standin.NAME] = registry.CODECS[registry.DEFAULT] = CodecEntry(2, "standin")
main.main()
"""


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run a line of bash in a folder, where `ours` is our command with a codec that needs no weights."""
    line = f'ours() {{ "{sys.executable}" -c "$CODE" "$@"; }}; {line}'
    variables = os.environ | {"CODE": WITH_STAND_IN, "PYTHONPATH": os.pathsep.join([str(HELPERS), *sys.path])}
    command = ["bash", "-c", line]
    return subprocess.run(command, cwd=folder, env=variables | environment, capture_output=True, timeout=120)


@pytest.mark.parametrize(
    "line",
    [
        "ours encode photo.png -o - > out.hvc 2>&-",
        "ours encode photo.png -o out.hvc 2>&- >&- <&-",
        "ours encode - -o out.hvc < photo.png 2>&-",
        "ours encode photo.png -o /dev/stdout > out.hvc",
        "ours encode photo.png -o /dev/stdout | cat > out.hvc",
        "ours encode photo.png -o /dev/fd/7 7> out.hvc",
        "ours encode photo.png -o /proc/self/fd/1 > out.hvc",
        "ours encode photo.png -o >(cat > out.hvc); while ! [ -s out.hvc ]; do sleep 0.1; done",
        "ours encode /dev/stdin -o out.hvc < photo.png",
        "ours encode <(cat photo.png) -o out.hvc",
        "mkfifo pipe; cat pipe > out.hvc & ours encode photo.png -o pipe; wait",
        "ours encode photo.png -o out.hvc 2> /dev/full",
    ],
)
def test_streams_that_are_closed_or_have_names(line, photo, tmp_path):
    """Streams that the caller closed, and targets that are open streams: whole data, and nothing else in it."""
    done = shell(line, tmp_path)
    assert done.returncode == 0, done.stderr
    data = (tmp_path / "out.hvc").read_bytes()
    np.testing.assert_array_equal(standin.StandIn().decode(data), PIXELS)
    assert b"bytes" not in done.stdout and len(data) == len(standin.StandIn().encode(PIXELS))


def test_appending_to_an_open_stream_keeps_what_is_there(photo, tmp_path):
    (tmp_path / "out").write_bytes(b"before")
    assert shell("ours encode photo.png -o /dev/stdout >> out", tmp_path).returncode == 0
    data = (tmp_path / "out").read_bytes()
    assert data.startswith(b"before") and data[6:] == standin.StandIn().encode(PIXELS)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ours encode photo.png -o - >&-", b"error: cannot write stdout: bad file descriptor"),
        ("ours info photo.hvc > /dev/full", b"error: [Errno 28] No space left on device"),
        ("ours encode photo.png -o /dev/full", b"error: cannot write /dev/full: no space left on device"),
        ("ours encode photo.png -o /dev/fd/9", b"error: cannot write /dev/fd/9: bad file descriptor"),
        ("ours info - <&-", b"error: cannot read stdin: bad file descriptor"),
        ("ours info /dev/zero", b"error: cannot read /dev/zero: it is a device, not a file"),
        ("ours info .", b"error: cannot read .: is a directory"),
    ],
)
def test_streams_that_cannot_be_used_are_one_line(line, words, photo, tmp_path):
    (tmp_path / "photo.hvc").write_bytes(standin.StandIn().encode(PIXELS))
    done = shell(line, tmp_path)
    assert done.returncode == 1 and done.stderr.splitlines() == [words]


@pytest.mark.parametrize(
    "name", ["d[/x].png", "shot[a].png", "[red]b.png", ":smile:.png", "a\x1b[2Jb.png", "\udcff.png"]
)
@pytest.mark.parametrize("terminal", [False, True])
def test_any_name_of_a_file_is_shown_as_it_is(run, tmp_path, stand_in, name, terminal, monkeypatch, capsysbinary):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    Image.fromarray(PIXELS).save(tmp_path / name, "PNG")
    if terminal:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    done = run("encode", tmp_path / name, "-o", tmp_path / "out.hvc", "--model", stand_in)
    assert done.code == 0 and "\x1b[2J" not in done.err
    shown = name.replace("\x1b", "\\x1b").replace("\udcff", "\\udcff")
    gone = run("encode", tmp_path / f"x{name}", "-o", tmp_path / "new.hvc")
    assert f"x{shown}" in gone.err


def test_brackets_in_a_table_are_brackets():
    table = Table("t[a]", ("c[/x]", "d"), [("shot[a]", ":smile:"), ("shot[b]", "[red]1")], ["n[/]"])
    out = io.StringIO()
    Console(file=out, width=60).print(table.rich())
    for words in ("t[a]", "c[/x]", "shot[a]", "shot[b]", "[red]1", ":smile:", "n[/]"):
        assert words in out.getvalue()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bench", "FOLDER", "--quality", "nan"], "--quality wants numbers"),
        (["bench", "FOLDER", "--quality", "inf"], "--quality wants numbers"),
        (["bench", "FOLDER", "--quality", ","], "--quality wants numbers"),
        (["bench", "FOLDER", "--quality", "50,"], "--quality wants numbers"),
        (["bench", "FOLDER", "--quality", "0,50"], "--quality wants numbers"),
        (["bench", "FOLDER", "--quality", "0.5"], "quality must lie in 1..100"),
        (["bench", "FOLDER", "--quality", "ten"], "--quality wants numbers"),
        (["bench", "FOLDER", "--report-rates", "0"], "--report-rates wants numbers"),
        (["bench", "FOLDER", "--report-megabytes", "nan"], "--report-megabytes"),
        (["train", "dct-vae-photo", "--data", "FOLDER", "--out", "FOLDER/run", "--minutes", "nan"], "minutes are"),
        (["train", "dct-vae-photo", "--data", "FOLDER", "--out", "FOLDER/run", "--minutes", "inf"], "minutes are"),
        (["encode", "FOLDER/photo.png", "--quality", "nan"], "quality must lie in 1..100"),
        (["encode", "FOLDER/photo.png", "--bpp", "nan"], "bpp must be above 0"),
        (["encode", "FOLDER/photo.png", "--psnr", "nan"], "psnr must be"),
    ],
)
def test_numbers_that_are_none_end_a_command_before_it_begins(run, photo, tmp_path, words, message, monkeypatch):
    monkeypatch.setattr(long_work, "keep_pages", lambda: None)
    monkeypatch.setattr("hvaecodec.cli.train.keep_pages", lambda: None)
    done = run(*(word.replace("FOLDER", str(tmp_path)) for word in words))
    assert done.code == 2 and message in done.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]


@pytest.mark.parametrize("settings", [{"quality": "50"}, {"bpp": "0.5"}, {"psnr": "30"}, {"quality": True}])
def test_texts_are_no_numbers(settings):
    ((name, value),) = settings.items()
    with pytest.raises(TypeError, match=f"{name} is a number, not {value!r}"):
        check_targets(**({"quality": None, "bpp": None, "psnr": None, "effort": 1} | settings))
    with pytest.raises(TypeError, match="temperature is a number, not '1'"):
        Decoding(temperature="1")
