"""Data sets: embedded photos, folders, archives, and the Kodak download against a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hvaecodec.bench.data import DatasetError, kodak
from hvaecodec.bench.data.datasets import DATA_VARIABLE, load_dataset
from hvaecodec.training import small_images
from hvaecodec.training.small_images import SmallImages


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder of small stand-ins for the Kodak files, and the address it is served at; checksums fit them."""
    folder = tmp_path / "site"
    folder.mkdir()
    sums = {}
    for index, file in enumerate(kodak.FILES):
        Image.new("RGB", (4, 3), (index, 0, 0)).save(folder / file)
        sums[file] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    monkeypatch.setattr(kodak, "SHA256", sums)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)


def test_photos_are_the_five_in_scikit_image() -> None:
    photos = load_dataset("photos")
    assert [photo.name for photo in photos] == ["astronaut", "chelsea", "coffee", "motorcycle_left", "rocket"]
    assert photos[1].pixels().shape == (300, 451, 3)


def test_kodak_is_downloaded_once(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = site
    cache = tmp_path / "cache"
    assert kodak.download(cache, url) == cache
    assert sorted(path.name for path in cache.iterdir()) == list(kodak.FILES)
    for file in folder.iterdir():
        file.unlink()
    kodak.download(cache, url)  # nothing left to fetch from


def test_a_wrong_checksum_is_refused_and_not_kept(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = site
    (folder / "kodim07.png").write_bytes(b"another file")
    with pytest.raises(DatasetError, match=r"kodim07\.png is not the Kodak file"):
        kodak.download(tmp_path / "cache", url)
    assert not (tmp_path / "cache" / "kodim07.png").exists()


def test_a_missing_file_on_the_server_is_told(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = site
    (folder / "kodim03.png").unlink()
    with pytest.raises(DatasetError, match=r"cannot download .*kodim03\.png"):
        kodak.download(tmp_path / "cache", url)


def test_an_unreachable_server_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"pass --data"):
        kodak.download(tmp_path, "http://127.0.0.1:9/")


@pytest.mark.parametrize("inside", ["kodak", "."])
def test_kodak_from_a_folder(site: tuple[Path, str], inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = site
    root = folder if inside == "." else folder.rename(folder.parent / "kodak").parent
    assert [image.name for image in load_dataset("kodak", root)][::23] == ["kodim01", "kodim24"]
    monkeypatch.setenv(DATA_VARIABLE, str(root))
    assert len(load_dataset("kodak")) == 24


def test_cifar10_is_its_test_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match=r"cifar10\.npz of the training data; pass --data"):
        load_dataset("cifar10")
    with pytest.raises(FileNotFoundError, match=r"cifar10\.npz is not there"):
        load_dataset("cifar10", tmp_path)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    monkeypatch.setattr(small_images, "cifar10", lambda data: SmallImages("cifar10", pictures[:2], pictures[2:]))
    images = load_dataset("cifar10", tmp_path)
    assert [image.name for image in images] == ["test0000", "test0001", "test0002"]
    assert np.array_equal(images[1].pixels(), pictures[3])


def test_an_incomplete_kodak_is_refused(site: tuple[Path, str]) -> None:
    folder, _ = site
    (folder / "kodim20.png").unlink()
    with pytest.raises(DatasetError, match=r"lacks kodim20\.png"):
        load_dataset("kodak", folder)
    with pytest.raises(DatasetError, match=r"no kodim01\.png in"):
        load_dataset("kodak", folder.parent / "nowhere")


def test_a_folder_reads_grey_alpha_and_turned_pictures(tmp_path: Path) -> None:
    Image.new("L", (5, 4), 7).save(tmp_path / "grey.png")
    Image.new("RGBA", (5, 4), (1, 2, 3, 9)).save(tmp_path / "alpha.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (5, 4)).save(tmp_path / "turned.jpg", exif=turned)
    (tmp_path / "notes.txt").write_text("not a picture")
    by_name = {image.name: image.pixels() for image in load_dataset(str(tmp_path))}
    assert {name: x.shape for name, x in by_name.items()} == {"alpha": (4, 5, 3), "grey": (4, 5), "turned": (5, 4, 3)}
    np.testing.assert_array_equal(by_name["alpha"][0, 0], [1, 2, 3])


def test_equal_stems_get_whole_names(tmp_path: Path) -> None:
    for suffix in ("png", "bmp"):
        Image.new("RGB", (2, 2)).save(tmp_path / f"a.{suffix}")
    assert [image.name for image in load_dataset(str(tmp_path))] == ["a.bmp", "a.png"]


def test_valid_reads_an_archive(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (6, 5), (9, 8, 7)).save(picture, "WEBP", lossless=True)
    (tmp_path / "photos").mkdir()
    with tarfile.open(tmp_path / "photos" / "valid.tar", "w") as archive:
        member = tarfile.TarInfo("0001-a.webp")
        member.size = len(picture.getvalue())
        archive.addfile(member, io.BytesIO(picture.getvalue()))
    (image,) = load_dataset("valid", tmp_path)
    assert image.name == "0001-a"
    assert image.pixels().shape == (5, 6, 3)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="neither a folder nor one of kodak, photos, valid"):
        load_dataset("kodka")
    with pytest.raises(DatasetError, match="no images in"):
        load_dataset(str(tmp_path))
    with pytest.raises(DatasetError, match=DATA_VARIABLE):
        load_dataset("valid")
    with pytest.raises(DatasetError, match=r"no photos/valid\.tar"):
        load_dataset("valid", tmp_path)
