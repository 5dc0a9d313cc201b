"""The table of how fast folders are converted."""

import numpy as np
from PIL import Image

from hvaecodec.bench.tools import folder_speed


def test_each_number_of_workers_has_a_row_and_its_pace(tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "pictures" / f"{name}.png")
    commands = []

    def run(folder, *words):
        commands.append((folder, *words))
        return {"1": 4.0, "2": 2.0}[words[words.index("--jobs") + 1]] + (len(commands) > 4)

    monkeypatch.setattr(folder_speed, "_time", run)
    table = folder_speed.by_workers(tmp_path, [1, 2], effort=3)
    assert table.rows == [
        ("encode, 1 at once", "0.500", "1.00", "556"),
        ("encode, 2 at once", "1.000", "2.00", "278"),
        ("decode, 1 at once", "0.400", "1.00", "694"),
        ("decode, 2 at once", "0.667", "1.67", "417"),
    ]
    assert len(commands) == 8 and table.notes[0].startswith("2 pictures, effort 3")
    assert " ".join(commands[0][1:]) == "encode pictures --out files --effort 3 --jobs 1 --force"
    assert " ".join(commands[-1][1:]) == "decode files --out decoded --jobs 2 --force"
    assert {folder for folder, *_ in commands} == {tmp_path}


def test_the_command_that_is_timed_works(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "pictures" / "a.png")
    assert folder_speed._time(tmp_path, "encode", "pictures", "--out", "files", "--effort", "1") > 0
    assert (tmp_path / "files" / "a.hvc").is_file()
