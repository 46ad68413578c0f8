"""What moved is told, and what moved too far fails: each kind of figure, planted."""

import json
from copy import deepcopy
from io import StringIO

import pytest
from rich.console import Console

from spikewright.flow.results.__main__ import main
from spikewright.flow.results.metrics import figures, rule
from spikewright.flow.results.record import take_over
from spikewright.flow.results.regress import compare, show
from spikewright.flow.results.table import BEGIN, END, page
from support.summaries import SUMMARY


def changed(path, value):
    """The summary with one figure another."""
    summary = deepcopy(SUMMARY)
    *parts, last = path.split("/")
    place = summary
    for part in parts:
        place = place[part]
    assert last in place
    place[last] = value
    return summary


def moves(now):
    return compare({"tiny-bench": SUMMARY}, {"tiny-bench": now})


def test_nothing_moved():
    assert moves(deepcopy(SUMMARY)) == ((), len(figures(SUMMARY)))


# What is planted, the figure that tells of it, its verdict, and whether it fails.
PLANTED = [
    ("network/hash", "b" * 20, "network", "worse", True),
    ("accuracy/quantised", 0.9699, "accuracy, quantised", "worse", True),
    ("accuracy/collapsed", 0.9701, "accuracy, collapsed", "better", True),
    ("accuracy/stepwise/8", 0.9, "accuracy, stepwise T = 8", "worse", True),
    ("cosim_modes/settle/samples", 999, "samples compared, settle", "worse", True),
    ("cosim_modes/settle/spikes_compared", 1, "spikes compared, settle", "worse", True),
    ("cosim_modes/settle/mismatches", 1, "differences, settle", "too much", True),
    ("cosim_modes/collapsed/latency_cycles", 351.0, "latency cycles, collapsed", "worse", True),
    ("cosim_modes/settle/estimate_error", 0.02, "model of cycles off by, settle", "within", False),
    (
        "cosim_modes/settle/estimate_error",
        -0.021,
        "model of cycles off by, settle",
        "too much",
        True,
    ),
    ("build/estimated/lut_error", -0.15, "model of LUTs off by", "within", False),
    ("build/estimated/lut_error", 0.16, "model of LUTs off by", "too much", True),
    ("build/estimated/bram_error", -1, "model of block RAMs off by", "too much", True),
    ("build/bram", 13, "block RAMs", "worse", True),
    ("build/bram", 11, "block RAMs", "better", True),
    ("build/spram", 1, "SPRAMs", "worse", True),
    ("build/dsp", 1, "DSPs", "worse", True),
    ("build/lut", 4400, "LUTs", "within", False),
    ("build/lut", 4500, "LUTs", "worse", True),
    ("build/lut", 3000, "LUTs", "better, allowed", False),
    ("build/ff", 2061, "flip-flops", "worse", True),
    ("build/fmax_mhz", 94.0, "Fmax, MHz", "within", False),
    ("build/fmax_mhz", 93.0, "Fmax, MHz", "worse", True),
    ("build/fmax_mhz", 150.0, "Fmax, MHz", "better, allowed", False),
    ("performance/frames_per_s", 350000.0, "samples a second", "worse", True),
    ("performance/frames_per_s_per_klut", 80000.0, "samples a second and kLUT", "worse", True),
]


@pytest.mark.parametrize(("path", "value", "figure", "verdict", "fails"), PLANTED)
def test_planted(path, value, figure, verdict, fails):
    (move,), _ = moves(changed(path, value))
    assert (move.run, move.figure, move.verdict) == ("tiny-bench", figure, verdict)
    assert move.too_far is fails


def test_one_cycle_more_is_seen_and_the_efficiency_beside_it():
    found, _ = moves(changed("cosim_modes/collapsed/cycles_per_sample", 250.5))
    assert [(move.figure, move.too_far) for move in found] == [
        ("cycles, collapsed", True),
        ("efficiency, collapsed", True),
    ]
    assert all(move.worse for move in found)


def test_a_figure_that_is_gone_fails_and_a_new_one_does_not():
    less = deepcopy(SUMMARY)
    del less["cosim_modes"]["settle"]
    found, _ = moves(less)
    assert {(move.verdict, move.too_far) for move in found} == {("gone", True)}
    found, _ = compare({"tiny-bench": less}, {"tiny-bench": SUMMARY})
    assert {(move.verdict, move.too_far) for move in found} == {("new", False)}


@pytest.mark.parametrize(
    ("figure", "value", "name"),
    [
        ("estimate_error", 0.05, "model of cycles off by, settle"),
        ("mismatches", 1, "differences, settle"),
    ],
)
def test_what_is_above_its_limit_fails_in_new_runs_and_old(figure, value, name):
    far = changed(f"cosim_modes/settle/{figure}", value)
    for record in ({}, {"tiny-bench": far}):
        (move,), _ = compare(record, {"tiny-bench": far})
        assert (move.figure, move.verdict) == (name, "too much")
        assert move.too_far


def test_a_record_without_the_models_is_told():
    old = deepcopy(SUMMARY)
    del old["build"]["estimated"]
    for report in old["cosim_modes"].values():
        del report["estimate_error"], report["estimated_cycles"]
    console = Console(width=200, record=True, file=StringIO())
    assert show(console, {"tiny-bench": old}, {"tiny-bench": SUMMARY})
    lacks = "cycles collapsed, cycles settle, area"
    told = f"nothing by the planner's model in the record of tiny-bench: {lacks}"
    assert told in console.export_text()
    assert not show(console, {"tiny-bench": SUMMARY}, {"tiny-bench": old})
    assert told.replace("record", "run") in console.export_text()
    assert "| not recorded |" in page({"tiny": old})


def test_every_kind_of_figure_has_a_planted_move():
    planted = {figure.partition(",")[0] for _, _, figure, _, _ in PLANTED} | {
        "cycles", "bound", "efficiency",
    }  # fmt: skip
    assert {name.partition(",")[0] for name in figures(SUMMARY)} <= planted
    assert rule("Fmax, MHz").text == "-8 %"
    assert rule("LUTs").text == "+3 %"
    assert rule("network").text == "exact"


def test_the_table_shows_the_worst_first():
    console = Console(width=200, record=True, file=StringIO())
    now = changed("build/lut", 4400)
    now["build"]["fmax_mhz"] = 50.0
    assert not show(
        console, {"tiny-bench": SUMMARY, "idle": SUMMARY}, {"tiny-bench": now, "n": now}
    )
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert " ".join(lines[1].split()) == "tiny-bench Fmax, MHz 101.26 50.00 -50.62 % -8 % worse"
    assert " ".join(lines[2].split()) == "tiny-bench LUTs 4,321 4,400 +1.83 % +3 % within"
    assert lines[3:] == [
        "not run: idle",
        "not recorded yet: n",
        "efficiency: n 0.799, tiny-bench 0.799",
        f"{len(figures(SUMMARY))} figures held against the record, 1 moved too far",
    ]


def test_nothing_held_is_no_success(tmp_path):
    console = Console(width=200, record=True, file=StringIO())
    assert not show(console, {}, {"tiny-bench": SUMMARY})
    assert "No run is in the record" in console.export_text()
    assert not show(console, {"tiny-bench": SUMMARY}, {})


def test_the_command_fails_where_something_moved_too_far(tmp_path, capsys):
    text = tmp_path / "README.md"
    text.write_text(f"{BEGIN}\n{END}\n")
    take_over(tmp_path / "docs", text, [SUMMARY])
    for value, status in ((101.26, 0), (95.0, 0), (50.0, 1)):
        folder = tmp_path / f"run-{value}"
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps(changed("build/fmax_mhz", value)))
        assert main(["regress", str(tmp_path / "docs"), str(folder)]) == status
        assert "figures held against the record" in capsys.readouterr().out
