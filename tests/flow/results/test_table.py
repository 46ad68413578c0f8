"""The table of measured results."""

import json

import pytest

from spikewright.flow.results import BEGIN, END, main, replace_table, table
from spikewright.golden.errors import FileError

SUMMARY = {
    "network": {"name": "tiny", "shapes": ["4x2", "3", "2"], "weights": 18, "weight_bits": [4, 2]},
    "accuracy": {
        "float": 0.98765,
        "quantised": 0.97,
        "stepwise": {"1": 0.9, "8": 0.965},
        "settle": 0.97,
        "collapsed": 0.97,
        "equal_logits": {"settle": 9, "collapsed": 9},
        "spikes_per_neuron": {"stepwise T=1": 0.5, "settle": 0.75, "collapsed": 0.25},
    },
    "cosim": {},
    "cosim_modes": {
        "settle": {
            "samples": 1000,
            "spikes_compared": 2_000_000,
            "mismatches": 0,
            "cycles_per_second": 654321.0,
            "lanes": [2, 2],
        },
        "collapsed": {
            "samples": 1000,
            "spikes_compared": 1_000_000,
            "mismatches": 0,
            "cycles_per_second": 1234567.8,
            "lanes": [3, 2],
        },
    },
    "hardware": {"lanes": [18, 2], "banks": ["3x3", "1x1"]},
    "golden": {"mode": "stepwise", "steps": 8, "threads": 2, "samples_per_second": 12345},
    "measured": {"date": "2026-02-03", "processor": "x86_64", "cores": 2, "memory_gib": 23.4},
    "versions": {"spikewright": "0.1.0", "torch": "2.13.0"},
    "build": {"board": "ulx3s-85f", "lut": 4321, "ff": 2000, "bram": 12, "fmax_mhz": 101.26},
    "performance": {
        "cycles_per_sample": 250.4,
        "bound_cycles": 200.2,
        "efficiency": 0.8,
        "latency_us": 3.456,
        "frames_per_s": 404392.9,
        "frames_per_s_per_klut": 93587.8,
    },
}


def test_replaces_only_what_is_between_the_markers(tmp_path):
    text = tmp_path / "README.md"
    text.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    run = tmp_path / "run"
    run.mkdir()
    (run / "summary.json").write_text(json.dumps(SUMMARY))
    assert main([str(text), str(run), str(run)]) == 0
    lines = text.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "old" not in lines
    assert "| | tiny | tiny |" in lines
    joined = "\n".join(lines)
    for figure in (
        "| 4x2-3-2 |",
        "| lanes (banks) | 18 (3x3) 2 |",
        "98.77 %",
        "90.00, 96.50 % (T = 1, 8)",
        "| 0.750 (settle), 0.250 (collapsed) |",
        "0 of 3,000,000 (1,000 samples, collapsed, settle)",
        "101.3 MHz",
        "4,321",
        "200, 0.80",
        "12,345 (stepwise, T = 8, 2 threads)",
        "collapsed 1,234,568 (3 2), settle 654,321 (2 2)",
        "tiny, tiny: measured 2026-02-03 on 2 x86_64 cores with 23.4 GiB; torch 2.13.0.",
    ):
        assert figure in joined
    once = text.read_text()
    assert main([str(text), str(run), str(run)]) == 0
    assert text.read_text() == once


def test_a_network_that_runs_stepwise_only():
    accuracy = {name: SUMMARY["accuracy"][name] for name in ("float", "quantised")}
    accuracy |= {
        "stepwise": {"4": 0.97},
        "equal_logits": {"stepwise": 9},
        "spikes_per_neuron": {"stepwise T=4": 0.26},
    }
    joined = table([SUMMARY | {"accuracy": accuracy}])
    assert "| accuracy, collapsed and settle | - |" in joined
    assert "| 0.260 (stepwise T=4) |" in joined


def test_more_than_four_runs_are_two_tables():
    lines = table([SUMMARY] * 5).splitlines()
    assert lines[0] == "| | tiny | tiny | tiny | tiny |"
    assert lines.count("| | tiny |") == 1
    assert lines[lines.index("| | tiny |") - 1] == ""
    assert sum("98.77 %" in line for line in lines) == 2


def test_a_network_in_time_has_no_other_modes():
    accuracy = {"float": 0.98, "stepwise": {"28": 0.975}}
    lines = table([SUMMARY | {"accuracy": accuracy}]).splitlines()
    assert "| accuracy, quantised | - |" in lines
    assert "| accuracy, collapsed and settle | - |" in lines
    assert "| accuracy, stepwise | 97.50 % (T = 28) |" in lines


@pytest.mark.parametrize(
    "text", ["", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"]
)
def test_text_without_markers_is_refused(text):
    with pytest.raises(FileError, match=r"^here: the text must have the lines"):
        replace_table(text, "new", "here")


def test_a_run_that_stopped_on_the_way_is_refused(tmp_path, capsys):
    text = tmp_path / "README.md"
    text.write_text(f"{BEGIN}\n{END}\n")
    (tmp_path / "summary.json").write_text(json.dumps({"network": {}, "accuracy": {}}))
    assert main([str(text), str(tmp_path)]) == FileError.exit_code
    assert "no build, cosim, performance" in capsys.readouterr().err
    assert text.read_text() == f"{BEGIN}\n{END}\n"


def test_the_readme_has_its_markers(request):
    text = (request.config.rootpath / "README.md").read_text()
    assert "new" in replace_table(text, "new", "README.md")
