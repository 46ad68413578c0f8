"""The study's frame: rows that are run once, what they measure, and the page."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from spikewright.flow.convert import Conversion, ConvertConfig, convert
from spikewright.flow.datasets import digits
from spikewright.flow.importers import Graph, import_module
from spikewright.flow.progress import silent
from spikewright.flow.study import Context, Finding, Row, presets, run, study
from spikewright.flow.study.check import equal_in_hardware
from spikewright.flow.study.measure import equal_logits, measure, steps_needed
from spikewright.flow.study.presets import PRESET_ROWS
from spikewright.flow.study.projects import project_of
from spikewright.flow.study.table import page
from spikewright.golden.errors import ConfigurationError, UnsupportedError
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


def test_a_folder_is_of_one_seed(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ROWS", {"x": row("x", True, [])})
    study(context, ["x"])
    message = "^.*x.json: a folder must be of one seed, 1 here, found 0; take another folder$"
    with pytest.raises(ConfigurationError, match=message):
        study(replace(context, seed=1), ["x"])


def test_a_project_is_there_as_a_whole_or_not_at_all(context: Context) -> None:
    def stopped(folder: Path) -> None:
        (folder / "deep").mkdir(parents=True)
        raise KeyboardInterrupt

    def made(folder: Path) -> None:
        folder.mkdir()
        (folder / "summary.json").write_text("{}")

    with pytest.raises(KeyboardInterrupt):
        project_of(context, "p", stopped)
    assert not (context.out / "projects" / "p").exists()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("spikewright.flow.study.projects.Project", lambda folder: folder)
        folder = project_of(context, "p", made)
        assert project_of(context, "p", stopped) == folder  # it is there
    assert [each.name for each in context.out.joinpath("projects").iterdir()] == ["p"]
    assert [each.name for each in Path(str(folder)).iterdir()] == ["summary.json"]


def test_a_preset_that_suits_one_network_alone_is_missed(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apply(graph: Graph, *_: object, **__: object) -> Conversion:
        if len(graph.input_shape) > 1:
            raise UnsupportedError("a network must be flat", found="3 axes")
        return convert(module, x, ConvertConfig(levels=3, input_levels=3))

    x = digits().shaped((64,)).x_train[:100]
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 10)).eval()
    flat = import_module(module, (64,))
    deep = import_module(nn.Sequential(nn.Conv2d(1, 2, 8), nn.Flatten()).eval(), (1, 8, 8))
    monkeypatch.setattr(presets, "apply_method", apply)
    monkeypatch.setattr(Context, "digits_mlp", flat)
    monkeypatch.setattr(Context, "digits_cnn", deep)
    equal = {"compared": 50, "spikes": 7, "mismatches": 0}
    monkeypatch.setattr(presets, "equal_in_hardware", lambda *_, **__: equal)
    found = presets.preset(context, "st-bif")
    assert (found.met, found.compared, found.spikes) == (False, 150, 21)
    assert "CNN: cannot be (a network must be flat, found 3 axes)" in found.result
    monkeypatch.setattr(Context, "digits_cnn", flat)
    found = presets.preset(context, "st-bif")
    assert (found.met, found.compared, found.spikes) == (True, 300, 42)


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
