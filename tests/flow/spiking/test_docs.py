"""The examples of the documentation run as they stand."""

import json
import re
import runpy

import pytest

from spikewright.flow.cli.main import main
from spikewright.flow.project import Project
from spikewright.golden.spec import load


@pytest.fixture
def page(request):
    return (request.config.rootpath / "docs" / "spiking.md").read_text()


def run(code, tmp_path, monkeypatch):
    (tmp_path / "example.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    runpy.run_path("example.py")


def command(line, monkeypatch):
    # Verilator would compile for longer than it simulates.
    more = ["--simulator", "icarus"] if line.startswith("spikewright cosim") else []
    monkeypatch.setattr("sys.argv", [*line.split(), *more])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code, line


def summary(tmp_path):
    return json.loads((tmp_path / "p" / "summary.json").read_text())


def test_a_spiking_network(page, tmp_path, monkeypatch):
    code, on, _ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (commands,) = re.findall(r"```\n(spikewright .*?)```", page, re.DOTALL)
    run(code, tmp_path, monkeypatch)
    for line in commands.splitlines()[:-1]:  # a build takes its time, and is tested elsewhere
        command(line, monkeypatch)
    assert summary(tmp_path)["accuracy"]["stepwise"]["20"] > 0.95
    assert summary(tmp_path)["cosim"]["mismatches"] == 0
    run(on, tmp_path, monkeypatch)
    assert load("tuned.safetensors").unlike(Project(tmp_path / "p").network)  # a leak moved


def test_a_quantised_recurrent_network(page, tmp_path, monkeypatch):
    *_, code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    run(code, tmp_path, monkeypatch)
    for line in re.findall(r"`(spikewright evaluate p|generate p|cosim p --samples 20)`", page)[:3]:
        command(f"spikewright {line.removeprefix('spikewright ')}", monkeypatch)
    found = summary(tmp_path)["accuracy"]
    assert found["quantised"] == found["settle"] == found["collapsed"] > 0.9
    assert found["equal_states"]["settle"] == found["equal_states"]["collapsed"] == found["states"]
    assert summary(tmp_path)["cosim"]["mismatches"] == 0
    assert summary(tmp_path)["cosim"]["samples"] == 100
