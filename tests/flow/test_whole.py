"""The whole way, on a small recipe: what a demonstration or a benchmark leaves behind."""

import json
from dataclasses import replace
from functools import partial

import pytest

from spikewright.flow.bench import run_bench
from spikewright.flow.cli.console import show_summary
from spikewright.flow.datasets import digits
from spikewright.flow.networks import mlp
from spikewright.flow.progress import silent
from spikewright.flow.project import Project
from spikewright.flow.recipes import DIGITS_MLP
from spikewright.flow.results.record import name_of, read_summary
from spikewright.flow.results.table import page
from spikewright.flow.whole import Target, whole_way
from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.spec import Mode


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    recipe = replace(
        DIGITS_MLP,
        build=partial(mlp, (64, 10, 10), 0.1),
        pretrain=replace(DIGITS_MLP.pretrain, epochs=8),
        finetune=replace(DIGITS_MLP.finetune, epochs=4),
    )
    target = Target(board="icebreaker", lanes=(5, 2), samples=40)
    stages = []

    def working(title):
        stages.append(title)
        return silent(title)

    made = whole_way(
        tmp_path_factory.mktemp("whole") / "p", recipe, digits, target, seed=1, working=working
    )
    assert stages == [
        "train", "convert", "evaluate",
        "generate collapsed", "co-simulate collapsed", "model of cycles collapsed",
        "build icebreaker",
    ]  # fmt: skip
    return made


def test_summary_has_all_that_it_promises(project):
    summary = json.loads((project.root / "summary.json").read_text())
    wanted = {
        "network": {"name", "hash", "sizes"},
        "accuracy": {"float", "quantised", "stepwise", "settle", "collapsed"},
        "cosim": {"simulator", "samples", "spikes_compared", "mismatches", "cycles_per_second"},
        "build": {"board", "lut", "ff", "bram", "fmax_mhz", "bitstream"},
        "performance": {
            "cycles_per_sample", "bound_cycles", "efficiency", "latency_us", "frames_per_s",
            "frames_per_s_per_klut",
        },
        "versions": {"python", "torch", "amaranth", "cocotb"},
        "seconds": {
            "train", "convert", "evaluate", "generate_collapsed", "cosim_collapsed", "build",
        },
    }  # fmt: skip
    for section, keys in wanted.items():
        assert keys <= set(summary[section]), section
    accuracy = summary["accuracy"]
    assert 0.5 < accuracy["quantised"] == accuracy["settle"] == accuracy["collapsed"] <= 1
    assert accuracy["equal_logits"] == {"settle": 359, "collapsed": 359}
    assert set(summary["cosim_modes"]) == {"collapsed"}
    assert summary["cosim"] == summary["cosim_modes"]["collapsed"]
    assert summary["cosim"]["mismatches"] == 0
    assert 0 < summary["performance"]["efficiency"] <= 1
    # The first batch of a process begins while memories are cleared.
    assert abs(summary["cosim"]["estimate_error"]) <= 0.002
    assert (project.root / summary["build"]["bitstream"]).stat().st_size > 1000


def test_it_can_be_shown(project, capsys):
    show_summary(project.summary)
    shown = capsys.readouterr().out
    for text in ("Accuracy", "Co-simulation", "icebreaker", "T=8", "frames per s"):
        assert text in shown
    summary = read_summary(project.root)
    assert "| board | icebreaker |" in page({name_of(summary): summary})


def test_the_board_may_have_another_clock(project):
    again = Project(project.root)
    assert again.main_mode() is Mode.COLLAPSED
    performance = again.summary["performance"]
    clock = again.summary["build"]["fmax_mhz"] * 1e6
    assert performance["frames_per_s"] == pytest.approx(
        clock / performance["cycles_per_sample"], rel=1e-4
    )


def test_bad_benchmarks_are_refused_before_any_work(tmp_path):
    with pytest.raises(ConfigurationError, match="^the benchmark must be one of mnist-mlp"):
        run_bench("other", tmp_path, tmp_path / "p")
    with pytest.raises(FileError):
        run_bench("mnist-mlp", tmp_path / "none", tmp_path / "p")
    assert not (tmp_path / "p").exists()
