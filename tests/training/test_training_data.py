"""Pictures for training: what is read, what is held out, and that crops depend on their number alone."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image
from smooth import pictures, write_pictures

from hvaecodec.training.card import FREE, FREE_WITH_GPL, RESEARCH, UNKNOWN, data_and_terms, licence
from hvaecodec.training.data import FREE_MORE_SOURCES, FREE_SOURCES, MOST, Ahead, Crops, corners, load_photos, source_of
from hvaecodec.training.place import counter_rng


@pytest.fixture(scope="module")
def photos():
    return pictures(4)


def write_pack(path, names, photos):
    """Write a tar of photos under their names."""
    with tarfile.open(path, "w") as tar:
        for name, photo in zip(names, photos, strict=True):
            data = io.BytesIO()
            Image.fromarray(photo).save(data, "png")
            member = tarfile.TarInfo(name)
            member.size = data.tell()
            tar.addfile(member, io.BytesIO(data.getvalue()))


def write_manifest(path, names):
    """Write the manifest of four pictures that come from the repositories a, b, c, d."""
    rows = [f"{name},{source},{name},terms of {source}" for name, source in zip(names, "abcd", strict=True)]
    path.write_text("\n".join(["file,source_repository,original_path,licence_note", *rows]))


@pytest.fixture
def packs(tmp_path, photos):
    """A folder with packs of four photos from four sources."""
    folder = tmp_path / "photos"
    folder.mkdir()
    names = ["0000-imagenet.png", "0001-clic.png", "0002-cid22.png", "0003-elem.png"]
    write_pack(folder / "train-full.tar", names, photos)
    write_manifest(folder / "train-full-manifest.csv", names)
    return tmp_path


def test_crops_depend_on_their_number_alone(photos):
    def batch(number: int) -> torch.Tensor:
        return crops.batch(3, 64, False, counter_rng(5, number))

    crops = Crops(photos, 0)
    first = [batch(number) for number in range(4)]
    crops = Crops(photos, 0)
    again = [batch(number) for number in (2, 0, 3, 1)]
    for number, x in zip((2, 0, 3, 1), again, strict=True):
        assert torch.equal(first[number], x)
    assert not torch.equal(first[0], first[1])
    assert torch.equal(Crops(photos, 7).batch(2, 64), Crops(photos, 7).batch(2, 64))


def test_crops_are_whole_grey_levels(photos):
    for shrink in (False, True):
        x = Crops(photos, 0).batch(16, 64, shrink)
        assert x.shape == (16, 3, 64, 64) and x.dtype == torch.float32
        assert torch.equal(x, x.round()) and x.min() >= 0 and x.max() <= 255


def test_too_small_pictures_are_an_error(photos):
    with pytest.raises(ValueError, match="256 pixels"):
        Crops(photos, 0).batch(1, 256)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_made_ahead_come_in_order(workers):
    ahead = Ahead(lambda number: number * number, workers)
    assert [ahead[number] for number in (3, 3, 4, 5, 9)] == [9, 9, 16, 25, 81]


def test_source_is_in_the_name():
    assert source_of("0017-clic-3.webp") == "clic" and source_of("0017-cid22.webp") == "cid22"
    assert source_of("valid-000.webp") == ""


def test_a_free_recipe_takes_the_free_sources_alone(packs, photos):
    train, valid = load_photos(packs)
    assert len(train) == 4 and valid == []
    train, _ = load_photos(packs, FREE_SOURCES)
    assert len(train) == 3 and np.array_equal(train[0], photos[1])


def test_the_second_pack_is_read_where_a_source_of_it_is_named(packs, photos, monkeypatch):
    monkeypatch.setitem(MOST, "flowers", 2)
    names = ["0000-flowers-1.png", "0001-flowers-2.png", "0002-mate.png", "0003-flowers-3.png"]
    write_pack(packs / "photos" / "train-free-more.tar", names, photos)
    assert len(load_photos(packs).train) == 4
    assert len(load_photos(packs, FREE_SOURCES).train) == 3
    train, _ = load_photos(packs, FREE_MORE_SOURCES)
    assert len(train) == 3 + 3  # the third of the flowers is one too many
    assert all(np.array_equal(*pair) for pair in zip(train[3:], photos[:3], strict=True))

    write_manifest(packs / "photos" / "train-free-more-manifest.csv", names)
    card = data_and_terms(packs, FREE_MORE_SOURCES)
    assert sum(part["photos"] for part in card) == len(train)  # the card counts what was read
    assert sum(part["photos"] for part in data_and_terms(packs, FREE_SOURCES)) == 3


def test_the_card_tells_sources_and_terms(packs):
    everything, free = data_and_terms(packs), data_and_terms(packs, FREE_SOURCES)
    assert {part["source"] for part in everything} == set("abcd")
    assert {part["terms"] for part in free} == {"terms of b", "terms of c", "terms of d"}
    assert licence(everything, None) == RESEARCH and licence(free, FREE_SOURCES) == FREE
    assert licence([*free, {"photos": 1, "terms": "GPL-2+"}], FREE_MORE_SOURCES) == FREE_WITH_GPL


def test_a_folder_holds_some_pictures_out(tmp_path):
    folder = write_pictures(tmp_path, 22)
    train, valid = load_photos(folder)
    assert len(train) == 20 and len(valid) == 2
    with pytest.raises(ValueError, match="source"):
        load_photos(folder, FREE_SOURCES)
    data = data_and_terms(folder)
    assert licence(data, None) == UNKNOWN


def test_a_folder_without_pictures_is_an_error(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match="pass --data"):
            load_photos(folder)


def test_corners_are_whole_tiles(photos):
    assert corners(photos).shape == (4, 3, 128, 128)
    assert corners(photos, 64).shape == (4, 3, 64, 64)
