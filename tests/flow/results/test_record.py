"""The record: taken over whole, kept, read again."""

import json

import pytest

from spikewright.flow.results.__main__ import main
from spikewright.flow.results.metrics import figures
from spikewright.flow.results.record import load_record, name_of, read_summary, take_over
from spikewright.flow.results.table import BEGIN, END, page, short_table
from spikewright.golden.errors import ConfigurationError, FileError, MismatchError
from support.summaries import SUMMARY


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return path


def run(folder, **changes):
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(SUMMARY | changes))
    return str(folder)


def test_a_run_is_taken_over_with_all_that_is_shown_or_held(tmp_path, text):
    assert main(["record", str(tmp_path / "docs"), str(text), run(tmp_path / "run")]) == 0
    record = load_record(tmp_path / "docs")
    assert list(record) == ["tiny-bench"]
    kept = record["tiny-bench"]
    assert figures(kept) == figures(SUMMARY)
    assert page(record) == page({"tiny-bench": SUMMARY})
    assert (tmp_path / "docs" / "record.md").read_text() == page(record)
    assert short_table(record) in text.read_text()
    assert text.read_text().startswith("before") and text.read_text().endswith("after\n")
    assert "used" not in kept["build"] and "events" not in kept["accuracy"]


def test_other_runs_stay(tmp_path, text):
    folder = tmp_path / "docs"
    take_over(folder, text, [SUMMARY, SUMMARY | {"benchmark": {"name": "other", "goal": {}}}])
    before = load_record(folder)["other"]
    changed = SUMMARY | {"performance": SUMMARY["performance"] | {"efficiency": 0.5}}
    take_over(folder, text, [changed])
    assert load_record(folder)["other"] == before
    assert load_record(folder)["tiny-bench"]["performance"]["efficiency"] == 0.5
    assert list(load_record(folder)) == ["other", "tiny-bench"]


def test_a_text_without_a_place_changes_nothing(tmp_path, text, capsys):
    text.write_text("no markers")
    assert main(["record", str(tmp_path / "docs"), str(text), run(tmp_path / "r")]) == 6
    assert "the text must have the lines" in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()
    assert text.read_text() == "no markers"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"build": {}}, "KeyError: 'lut'"),
        ({"network": []}, "TypeError"),
        ({"accuracy": 1}, "Att"),
        ({"golden": {}}, "KeyError: 'steps'"),  # what is only shown
        ({"hardware": {"lanes": [2]}}, "KeyError: 'banks'"),
    ],
)
def test_a_summary_of_something_else_is_refused(tmp_path, changes, found):
    message = rf"run: a summary must be of a run of this version, found {found}"
    with pytest.raises(FileError, match=message):
        read_summary(run(tmp_path / "run", **changes))


def test_a_run_that_stopped_on_the_way_is_refused(tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps({"network": {}, "accuracy": {}}))
    missing = "golden, hardware, cosim, cosim_modes, build, performance, measured"
    with pytest.raises(FileError, match=f"found no {missing}; run it again"):
        read_summary(tmp_path)


@pytest.mark.parametrize("part", ["golden", "hardware"])
def test_a_run_without_what_the_table_shows_is_refused(tmp_path, text, capsys, part):
    folder = run(tmp_path / "run")
    summary = {name: each for name, each in SUMMARY.items() if name != part}
    (tmp_path / "run" / "summary.json").write_text(json.dumps(summary))
    assert main(["record", str(tmp_path / "docs"), str(text), folder]) == FileError.exit_code
    assert f"gone the whole way, found no {part}; run it again" in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()


@pytest.mark.parametrize("command", ["record", "regress"])
def test_a_run_whose_hardware_differs_is_refused(tmp_path, text, capsys, command):
    modes = SUMMARY["cosim_modes"]
    modes = modes | {"settle": modes["settle"] | {"mismatches": 2}}
    folder = run(tmp_path / "run", cosim_modes=modes)
    texts = [str(text)] if command == "record" else []
    status = main([command, str(tmp_path / "docs"), *texts, folder])
    assert status == MismatchError.exit_code
    assert "found 2 of 2000000 spikes that differ, settle" in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()


@pytest.mark.parametrize("content", ['{"schema": 0, "runs": {}}', '{"schema": 1}', "[1]", "{"])
def test_a_damaged_record_is_refused(tmp_path, content):
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(FileError):
        load_record(tmp_path)


def test_no_record_yet(tmp_path):
    assert load_record(tmp_path) == {}


def test_a_demonstration_goes_by_its_network():
    assert name_of({"network": {"name": "net"}}) == "net"


@pytest.mark.parametrize("arguments", [[], ["record", "a"], ["regress", "a"], ["other", "a", "b"]])
def test_bad_arguments(arguments, capsys):
    assert main(arguments) == ConfigurationError.exit_code
    assert "the arguments must be: record RECORD TEXT DIR..." in capsys.readouterr().err


def test_what_is_recorded_is_what_the_pages_say(request):
    root = request.config.rootpath
    record = load_record(root / "docs" / "results")
    assert record
    assert (root / "docs" / "results" / "record.md").read_text() == page(record)
    assert short_table(record) in (root / "README.md").read_text()
