"""``spikewright plan``: what a user sees, and that the plan goes on to ``generate``."""

import json

import numpy as np
import pytest

from support.cli import spikewright


@pytest.fixture
def project(tmp_path, source):
    rng = np.random.default_rng(0)
    data = tmp_path / "data.npz"
    np.savez(data, x=rng.random((20, 12), dtype=np.float32), y=rng.integers(0, 4, 20))
    out = tmp_path / "p"
    spikewright("convert", source, "--calibrate", data, "--out", out, cwd=tmp_path)
    return out


def test_a_plan_is_chosen_shown_drawn_and_generated(tmp_path, project):
    shown = spikewright(
        "plan", project, "--board", "ulx3s-85f", "--objective", "area", "--samples", 4,
        "--mode", "collapsed", "--share", "none", "--partition", "none", "--spikes", 1,
        "--plot", tmp_path / "front.svg", "--out", tmp_path / "plan.json", cwd=tmp_path,
    ).stdout  # fmt: skip
    for part in ("cycles a sample, bound", "limited by", "No plan beats these", "LUTs"):
        assert part in shown
    assert "<svg" in (tmp_path / "front.svg").read_text()
    spikewright("generate", project, "--plan", tmp_path / "plan.json", cwd=tmp_path)
    made = json.loads((project / "generated" / "collapsed" / "plan.json").read_text())
    assert made == json.loads((tmp_path / "plan.json").read_text())


def test_what_cannot_be_met_is_one_message(tmp_path, project):
    result = spikewright(
        "plan", project, "--board", "ulx3s-85f", "--samples", 4, "--lanes", 2, "--spikes", 1,
        "--mode", "collapsed", "--at-least-fps", 1e12, cwd=tmp_path, ok=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert "the nearest of" in result.stderr
    assert "frames/s where 1,000,000,000,000 are wanted" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--plot", "front.gif"), "a plot's name must end in"),
        (("--objective", "speed"), "--objective: must be one of latency, throughput, area, memory"),
        (("--partition", "two"), "--partition: must be NAME=NUMBER"),
        (("--rows", "few"), "--rows: must be one of dense, sparse, found 'few'"),
        (("--steps", "4"), "--steps must be given with the mode stepwise, the only one that takes"),
        (("--mode", "stepwise", "--banks", "1x1,1x1,1x1,1x1"), "--banks: must be one, or one for"),
    ],
)
def test_bad_options(tmp_path, project, options, message):
    result = spikewright("plan", project, "--board", "ulx3s-85f", *options, cwd=tmp_path, ok=False)
    assert result.returncode == 2
    assert message in result.stderr


@pytest.mark.parametrize("option", [("--out", "plan.json"), ("--plot", "front.png")])
def test_a_file_that_cannot_be_written_is_told_before_the_work(tmp_path, project, option):
    name, file = option
    result = spikewright(
        "plan", project, "--board", "ulx3s-85f", name, f"none/{file}", cwd=tmp_path, ok=False
    )
    assert result.returncode == 6
    assert f"none/{file}: the output must be writable, found No such file" in result.stderr
    assert "trace" not in result.stderr


def test_an_unknown_board_is_told_before_the_work(tmp_path, project):
    result = spikewright("plan", project, "--board", "nope", cwd=tmp_path, ok=False)
    assert "the board must be one of" in result.stderr
    assert "trace" not in result.stderr
