"""The tables of measured results."""

import pytest

from spikewright.flow.results.table import BEGIN, END, page, replace_table, short_table
from spikewright.golden.errors import FileError
from support.summaries import SUMMARY


def test_the_page_has_every_figure():
    text = page({"one": SUMMARY, "two": SUMMARY})
    assert "| | one | two |" in text.splitlines()
    for figure in (
        "| 4x2-3-2 |",
        "| collapsed 248 (-1.00 %), settle 900 (+0.00 %) |",
        "| lanes (banks) | 18 (3x3) 2 |",
        "98.77 %",
        "90.00, 96.50 % (T = 1, 8)",
        "| 0.750 (settle), 0.250 (collapsed) |",
        "0 of 3,000,000 (1,000 samples, collapsed, settle)",
        "101.3 MHz",
        "99.5 (1), 105.2 (2), 101.3 (3)",
        "4,321",
        "200, 0.80",
        "12,345 (stepwise, T = 8, 2 threads)",
        "collapsed 1,234,568 (3 2), settle 654,321 (2 2)",
        "one, two: measured 2026-02-03 on 2 x86_64 cores with 23.4 GiB; seed of training 7, "
        "of place and route 1, 2, 3; torch 2.13.0.",
        "| one | accuracy | at least 0.96 | 0.97 | met |",
        "| two | cycles | at most 200 | 250.4 | missed |",
        "- one: 9.87 ns (3.50 logic, 6.37 routing), from `a.Q` to `b.D`",
    ):
        assert figure in text


def test_the_short_table_has_a_row_for_each_run():
    lines = short_table({"one": SUMMARY}).splitlines()
    assert lines[2] == (
        "| one | 4x2-3-2 | ulx3s-85f | 97.00 % | 250 | 0.80 | 101.3 | 4,321 | 12 | 404,393 "
        "| 93,588 | 0 of 3,000,000 spikes |"
    )
    assert len({line.count("|") for line in lines[:3]}) == 1


def test_replaces_only_what_is_between_the_markers():
    text = replace_table(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new", "here")
    assert text == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replace_table(text, "new", "here") == text


def test_a_network_that_runs_stepwise_only():
    accuracy = {name: SUMMARY["accuracy"][name] for name in ("float", "quantised")}
    accuracy |= {
        "stepwise": {"4": 0.97},
        "equal_logits": {"stepwise": 9},
        "spikes_per_neuron": {"stepwise T=4": 0.26},
    }
    build = SUMMARY["build"] | {"mode": "stepwise"}
    runs = {"tiny": SUMMARY | {"accuracy": accuracy, "build": build}}
    assert "| accuracy, collapsed and settle | - |" in page(runs)
    assert "| 0.260 (stepwise T=4) |" in page(runs)
    assert "| 97.00 % |" in short_table(runs)


def test_more_than_four_runs_are_two_tables():
    lines = page({f"r{k}": SUMMARY for k in range(5)}).splitlines()
    assert "| | r0 | r1 | r2 | r3 |" in lines
    assert lines[lines.index("| | r4 |") - 1] == ""
    assert sum("98.77 %" in line for line in lines) == 2


def test_a_network_in_time_has_no_other_modes():
    accuracy = {"float": 0.98, "stepwise": {"28": 0.975}}
    build = SUMMARY["build"] | {"mode": "stepwise"}
    lines = page({"tiny": SUMMARY | {"accuracy": accuracy, "build": build}}).splitlines()
    assert "| accuracy, quantised | - |" in lines
    assert "| accuracy, collapsed and settle | - |" in lines
    assert "| accuracy, stepwise | 97.50 % (T = 28) |" in lines


def test_without_goals_there_are_none():
    summary = {key: value for key, value in SUMMARY.items() if key != "benchmark"}
    assert "Goals" not in page({"tiny": summary})


@pytest.mark.parametrize(
    "text", ["", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"]
)
def test_text_without_markers_is_refused(text):
    with pytest.raises(FileError, match=r"^here: the text must have the lines"):
        replace_table(text, "new", "here")


def test_the_readme_has_its_markers(request):
    text = (request.config.rootpath / "README.md").read_text()
    assert "new" in replace_table(text, "new", "README.md")
