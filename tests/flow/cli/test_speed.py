import json

import pytest

from spikewright.flow import speed as package
from spikewright.flow.cli.speed import speed
from spikewright.golden.errors import FileError, MismatchError

FIGURES = {
    "networks": {},
    "measured": {
        "date": "2026-01-02",
        "processor": "x",
        "cores": 3,
        "memory_gib": 4.5,
        "load_average": 0.1,
    },
    "versions": {"torch": "9"},
}


def test_table_and_figures_are_written(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(
        package, "measure_speed", lambda folder, **options: asked.append(options) or FIGURES
    )
    speed(tmp_path / "out", 5)
    assert asked[0]["samples"] == 5
    assert json.loads((tmp_path / "out" / "speed.json").read_text()) == FIGURES
    table = (tmp_path / "out" / "speed.md").read_text()
    assert table.startswith("Measured 2026-01-02 on 3 x cores with 4.5 GiB; torch 9. Other work")
    assert table in capsys.readouterr().out
    speed(None, None)
    assert "Written" not in capsys.readouterr().out


def test_nothing_is_left_of_a_run_that_failed(tmp_path, monkeypatch):
    def fail(folder, **options):
        raise MismatchError("a", found="b")

    monkeypatch.setattr(package, "measure_speed", fail)
    with pytest.raises(MismatchError):
        speed(tmp_path / "out", None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_first(tmp_path, monkeypatch):
    monkeypatch.setattr(package, "measure_speed", lambda *_, **__: pytest.fail("it was measured"))
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError):
        speed(tmp_path / "file" / "out", None)
