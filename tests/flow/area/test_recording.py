"""A sweep is written as it goes, goes on where it stopped, and is one of its family only."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spikewright.flow.area import recording, records
from spikewright.flow.area.designs import DESIGNS, design
from spikewright.flow.area.recording import calibrate, fitted
from spikewright.flow.area.records import (
    load_records,
    model_hash,
    package_records,
    plain_hash,
    plain_plan,
)
from spikewright.flow.plan_file import PLAN_SCHEMA, plan_from_dict
from spikewright.golden.errors import ConfigurationError, FileError, ToolError

MODULE = "spikewright.flow.area.recording"
NAMES = ("tiny-collapsed", "tiny-stepwise", "tiny-settle")


@pytest.fixture
def few(monkeypatch):
    """Three designs, whose counts are those that the package has; returns what was built."""
    built = []
    known = package_records("ice40")

    def record(name, network, plan, board, *, routes):
        built.append(name)
        return replace(known.find(name), plan_hash=plain_hash(plain_plan(plan)))

    monkeypatch.setitem(DESIGNS, "ice40", tuple(design("ice40", name) for name in NAMES))
    monkeypatch.setattr(f"{MODULE}.record_design", record)
    monkeypatch.setattr(f"{MODULE}.package_versions", lambda *names: {"tool": "1"})
    return built


def test_a_sweep_is_resumed(few, tmp_path, monkeypatch):
    path = tmp_path / "s.json"
    told = []
    calibrate("ice40", path, progress=lambda share, note="": told.append(note))
    assert few == told == list(NAMES)
    whole = load_records(path)
    assert whole.luts and whole.flip_flops and whole.alone
    assert [each.name for each in tmp_path.iterdir()] == ["s.json"]
    data = json.loads(path.read_text())
    del data["designs"][1]
    path.write_text(json.dumps(data))
    few.clear()
    assert calibrate("ice40", path) == whole
    assert few == [NAMES[1]]
    few.clear()
    calibrate("ice40", path, again=True)
    assert few == list(NAMES)
    few.clear()
    monkeypatch.setattr(f"{MODULE}.package_versions", lambda *names: {"tool": "2"})
    calibrate("ice40", path)
    assert few == list(NAMES)


def test_what_was_recorded_stays_when_a_tool_fails(few, tmp_path, monkeypatch):
    path = tmp_path / "s.json"
    whole = calibrate("ice40", path)
    record = recording.record_design

    def fails(name, *rest, **options):
        if name == NAMES[2]:
            raise ToolError("yosys must end well", found="not so")
        return record(name, *rest, **options)

    monkeypatch.setattr(f"{MODULE}.record_design", fails)
    with pytest.raises(ToolError):
        calibrate("ice40", path, again=True)
    # What is complete stays until there is another that is.
    assert load_records(path) == whole
    part = tmp_path / "s.part.json"
    assert [each.name for each in load_records(part).designs] == list(NAMES[:2])
    monkeypatch.setattr(f"{MODULE}.record_design", record)
    few.clear()
    assert calibrate("ice40", path) == whole
    assert few == [NAMES[2]]
    assert not part.exists()


def test_a_design_that_is_to_be_timed_is_recorded_again(few, tmp_path, monkeypatch):
    path = tmp_path / "s.json"
    calibrate("ice40", path)
    data = json.loads(path.read_text())
    for each in data["designs"]:
        each["fmax_mhz"] = None
    path.write_text(json.dumps(data))
    timed = [replace(each, routes=each.name == NAMES[1]) for each in DESIGNS["ice40"]]
    monkeypatch.setitem(DESIGNS, "ice40", tuple(timed))
    few.clear()
    calibrate("ice40", path)
    assert few == [NAMES[1]]


def test_unknown_family(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"^the family must be one of ecp5, ice40, found 'gowin'$"
    ):
        calibrate("gowin", tmp_path / "s.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 0}, r"the schema of a sweep must be 2, found 0; record it anew"),
        ({"designs": [{}]}, r"a sweep must hold family, date, versions, coefficients and designs"),
    ],
)
def test_bad_files(tmp_path, change, message):
    path = tmp_path / "s.json"
    data = {"schema": 2, "family": "ice40", "date": "", "versions": {}, "luts": {}}
    path.write_text(json.dumps({**data, "flip_flops": {}, "alone": None, "designs": [], **change}))
    with pytest.raises(FileError, match=message):
        load_records(path)


@pytest.mark.parametrize("family", DESIGNS)
def test_a_plain_plan_is_the_plan(family):
    for each in DESIGNS[family]:
        _, plan = each.made()
        plain = plain_plan(plan)
        assert plan_from_dict({"schema": PLAN_SCHEMA, **plain}) == plan
        assert "schema" not in plain and "guards" not in plain


@pytest.mark.parametrize("family", DESIGNS)
def test_what_comes_with_the_package_is_fitted_by_its_code(family):
    """Where not: spikewright calibrate --family FAMILY."""
    known = package_records(family)
    again = fitted(family, known.date, known.versions, known.designs)
    for name, wanted in known.fitted.items():
        near = wanted if wanted is None else pytest.approx(wanted, rel=1e-3, abs=1e-3)
        assert again.fitted[name] == near, name


def test_a_model_is_known_by_what_was_fitted(monkeypatch):
    known = {family: package_records(family) for family in DESIGNS}
    monkeypatch.setattr(records, "package_records", known.__getitem__)
    both, one = model_hash({"ecp5", "ice40"}), model_hash(["ice40"])
    assert both != one and both == model_hash(["ice40", "ecp5"])
    known["ice40"] = replace(known["ice40"], date="", versions={}, designs=())
    assert model_hash(["ice40"]) == one
    known["ice40"] = replace(known["ice40"], spread=known["ice40"].spread + 0.1)
    assert model_hash(["ice40"]) != one and model_hash(DESIGNS) != both


def test_a_sweep_that_is_not_whole_says_nothing(tmp_path, monkeypatch):
    whole = json.loads((Path(records.__file__).parent / "ice40.json").read_text())
    (tmp_path / "ice40.json").write_text(json.dumps(whole | {"luts": {}, "flip_flops": {}}))
    monkeypatch.setattr(records, "package_path", lambda family: tmp_path / f"{family}.json")
    with pytest.raises(FileError, match=r"must have been recorded whole .* found \d+ designs, and"):
        package_records.__wrapped__("ice40")
