"""The study's frame: rows that are run once, what they measure, and the page."""

from pathlib import Path

import pytest
import torch
from torch import nn

from spikewright.flow.convert import ConvertConfig, convert
from spikewright.flow.datasets import digits
from spikewright.flow.progress import silent
from spikewright.flow.study import Context, Finding, Row, run, study
from spikewright.flow.study.check import equal_in_hardware
from spikewright.flow.study.measure import equal_logits, measure, steps_needed
from spikewright.flow.study.presets import PRESET_ROWS
from spikewright.flow.study.table import page
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Mode


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(data=tmp_path, out=tmp_path / "study", seed=0, working=silent)


def row(name: str, met: bool, calls: list[str]) -> Row:
    def find(context: Context) -> Finding:
        calls.append(name)
        return Finding(result=f"{name} came", met=met, compared=50, spikes=123)

    return Row(
        name=name,
        paper="A Paper",
        claim="a claim",
        experiment="an experiment",
        target="a target",
        run=find,
        missed="a reason",
    )


def test_rows_run_once_and_are_told(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    rows = {name: row(name, name == "good", calls) for name in ("good", "bad", "later")}
    monkeypatch.setattr(run, "ROWS", rows)
    monkeypatch.setattr("spikewright.flow.study.table.ROWS", rows)
    study(context, ["good"])
    study(context, ["good", "bad"])
    assert calls == ["good", "bad"]
    text = page(run.found(context))
    good, bad, later = (text.index(f"### {name}") for name in rows)
    assert "Result (reached): good came" in text[good:bad]
    assert "50 samples, 123 spikes, 0 differ" in text[good:bad] and "a reason" not in text[good:bad]
    assert "Result (missed): bad came\n- Why: a reason" in text[bad:later]
    assert "Not run yet" in text[later:] and "Seed 0" not in text[later:]


def test_an_interrupted_row_leaves_nothing(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(context: Context) -> Finding:
        raise UnsupportedError("a row must end", found="not")

    monkeypatch.setattr(run, "ROWS", {"x": Row(**{**vars(row("x", True, [])), "run": stopped})})
    with pytest.raises(UnsupportedError):
        study(context, ["x"])
    assert run.found(context) == {}


def test_every_method_has_a_row() -> None:
    from spikewright.flow.convert import METHODS

    assert [each.name for each in PRESET_ROWS] == [f"preset-{name}" for name in METHODS]


def test_steps_needed() -> None:
    assert steps_needed({1: 50, 2: 97, 4: 96, 8: 98}, 96.5) == 8
    assert steps_needed({1: 50, 2: 97, 4: 97}, 96.5) == 2
    assert steps_needed({1: 50, 2: 60}, 96.5) is None


def test_measures_and_hardware() -> None:
    data = digits().shaped((64,))
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 10)).eval()
    conversion = convert(module, data.x_train, ConvertConfig(levels=3, input_levels=3))
    network = conversion.network
    found = measure(network, data, Mode.COLLAPSED)
    logits = conversion.reference(conversion.reference.encode(data.x_test))
    assert equal_logits(found.values, logits) == len(logits)
    right = int((conversion.reference.labels(logits) == data.y_test).sum())
    assert found.accuracy == 100 * right / len(logits) and 0 < found.spikes < 1
    broken = found.values.clone()
    broken[3, 2] += 1
    assert equal_logits(broken, logits) == len(logits) - 1
    equal = equal_in_hardware(network, data.x_test, Mode.COLLAPSED, samples=5)
    assert equal["compared"] == 5 and equal["spikes"] > 5 and equal["mismatches"] == 0
