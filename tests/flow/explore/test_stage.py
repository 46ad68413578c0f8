"""An exploration of a small network: what it writes, and that a point can be built."""

import json
import socket
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from spikewright.flow.accuracy import evaluate
from spikewright.flow.chosen_plan import plan_of_file
from spikewright.flow.conversions import convert_stage
from spikewright.flow.convert import ConvertConfig, TrainConfig
from spikewright.flow.explore import stage
from spikewright.flow.explore.front import Cost
from spikewright.flow.explore.space import Space
from spikewright.flow.explore.stage import Stopped, Where, explore_stage
from spikewright.flow.networks import mlp
from spikewright.flow.plan_file import load_plan
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples
from spikewright.flow.stages import cosim_stage, generate_stage
from spikewright.golden.errors import ConfigurationError, FileError, ToolError, UnsupportedError
from spikewright.golden.spec import Mode

SPACE = Space(
    weight_bits=(3, 5),
    levels=(3,),
    modes=(Mode.STEPWISE, Mode.COLLAPSED),
    steps=(4,),
    lanes=(8,),
    boards=("icebreaker", "ulx3s-85f"),
)
WHERE = Where(workers=2)


def samples(n, seed):
    """Four kinds of noise."""
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 4
    x = draw.random((n, 12)) * 0.6 + 0.4 * (np.arange(12)[None] // 3 == y[:, None])
    return Samples(x=torch.tensor(x, dtype=torch.float32), y=torch.tensor(y))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    torch.manual_seed(3)
    module = mlp((12, 10, 4), 0.0).eval()
    out = tmp_path_factory.mktemp("explore") / "p"
    config = ConvertConfig(name="small", weight_bits=4, levels=3, input_levels=3)
    return convert_stage(out, module, samples(60, 1), config)


@pytest.fixture(scope="module")
def explored(project, tmp_path_factory):
    out = tmp_path_factory.mktemp("explored") / "e"
    return out, explore_stage(project, out, SPACE, trials=100, where=WHERE)


def test_what_is_written(explored):
    out, result = explored
    assert len(result.found) == 8 and result.refused == 0
    points = json.loads((out / "points" / "points.json").read_text())["points"]
    assert [each["number"] for each in points] == sorted(each.number for each in result.found)
    best = {f"{each.number:04d}" for each in result.best}
    assert {f"{each['number']:04d}" for each in points if each["front"]} == best
    files = {"points.json", "points.csv", "front.png"}
    assert {path.name for path in (out / "points").iterdir()} == best | files and best
    assert len((out / "points" / "points.csv").read_text().splitlines()) == 9
    assert (out / "points" / "front.png").stat().st_size > 10_000
    for each in result.found:
        assert 0 < each.figures["efficiency"] <= 1
        assert each.figures["luts"] > 0 and each.figures["sample_us"] > 0


def test_the_accuracy_is_the_golden_models(explored, project):
    """Of a point made by hand."""
    out, result = explored
    each = result.best[0]
    made = Project(out / "points" / f"{each.number:04d}")
    figures = evaluate(made.network, None, None, project.samples.x, project.samples.y, steps=(4,))
    expected = figures[each.point.mode]
    if each.point.mode is Mode.STEPWISE:
        expected = expected["4"]
    assert each.accuracy == expected
    assert made.network.content_hash == each.figures["network"]


def test_a_point_can_be_built_and_takes_those_cycles(explored):
    out, result = explored
    each = next(each for each in result.best if each.point.mode is Mode.COLLAPSED)
    folder = out / "points" / f"{each.number:04d}"
    made = Project(folder)
    plan = plan_of_file(made.network, folder / "plan.json")
    assert plan == load_plan(folder / "plan.json")
    generate_stage(made, plan)
    cosim_stage(made, plan.mode, made.samples.spread(8), steps=4)
    cycles = made.summary["cosim"]["cycles_per_sample"]
    assert cycles == pytest.approx(each.figures["cycles"], rel=0.02)


def test_it_goes_on_and_changes_nothing(explored, project):
    """And what somebody did in the folder is kept."""
    out, result = explored
    before = (out / "points" / "points.csv").read_text()
    (out / "points" / "notes.txt").write_text("take the first")
    with pytest.warns(UserWarning, match=r"e/points was worked in: .* kept as .*e/points-1$"):
        again = explore_stage(project, out, SPACE, trials=100, where=WHERE)
    assert (out / "points-1" / "notes.txt").is_file()
    assert not (out / "points" / "notes.txt").exists()
    assert (out / "points" / "points.csv").read_text() == before
    assert {each.point for each in again.best} == {each.point for each in result.best}


def test_what_is_stopped_says_what_it_keeps(explored, project):
    out, _ = explored

    def interrupted(_title):
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match="^8 of 8 trials are kept$"):
        explore_stage(project, out, SPACE, trials=100, where=WHERE, working=interrupted)


def test_points_are_written_while_nobody_else_works_on_the_study(project, tmp_path, monkeypatch):
    tried = []

    def write(*_, **__):
        with pytest.raises(FileError, match="one run at a time may work on a study"):
            explore_stage(project, tmp_path / "e", SPACE)
        tried.append(True)

    for name in ("search", "connect"):
        monkeypatch.setattr(stage, name, lambda *_, **__: nullcontext())
    monkeypatch.setattr(stage, "write_points", write)
    explore_stage(project, tmp_path / "e", SPACE)
    assert tried


def test_another_network_or_data_is_refused(explored, project, tmp_path, monkeypatch):
    out, _ = explored
    torch.manual_seed(4)
    config = ConvertConfig(name="small", weight_bits=4, levels=3, input_levels=3)
    other = convert_stage(tmp_path / "o", mlp((12, 10, 4), 0.0).eval(), samples(60, 1), config)
    with pytest.raises(FileError, match=r"of the same network \(hash\), found"):
        explore_stage(other, out, SPACE, where=WHERE)
    with pytest.raises(FileError, match=r"of the same held-out data \(hash\), found"):
        explore_stage(project, out, SPACE, held_out=samples(60, 2), where=WHERE)
    monkeypatch.setattr(stage, "PLAN_SCHEMA", 0)
    with pytest.raises(FileError, match=r"of the same version of plan schema, found \d+, not 0"):
        explore_stage(project, out, SPACE, where=WHERE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, r"^trials must be at least 1, found 0$"),
        ({"costs": ()}, r"^costs must be one or more different ones, found none$"),
        ({"costs": (Cost.TIME, Cost.TIME)}, r"^costs must be .* found time, time$"),
        ({"held_out": Samples(x=torch.zeros(3, 12))}, r"the data must have labels, found no array"),
    ],
)
def test_bad_options(project, tmp_path, options, message):
    with pytest.raises(ConfigurationError, match=message):
        explore_stage(project, tmp_path / "e", SPACE, **options)
    assert not (tmp_path / "e").exists()


def test_training_needs_its_own_data(project, tmp_path):
    with pytest.raises(ConfigurationError, match=r"^training must have samples of its own"):
        explore_stage(project, tmp_path / "e", SPACE, training=TrainConfig(epochs=1))


def test_a_folder_of_something_else(project, tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(FileError, match=r"must be new, empty or hold a study, found other files"):
        explore_stage(project, tmp_path, SPACE)


def test_a_network_that_cannot_be_quantised_again(project, tmp_path):
    other = Project(project.root)
    vars(other)["original"] = object()
    with pytest.raises(UnsupportedError, match=r"exploration must have a network that can be"):
        explore_stage(other, tmp_path / "e", SPACE)


def test_a_scheduler_that_does_not_answer(project, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    where = Where(scheduler=address, timeout_s=0.5)
    with pytest.raises(ToolError, match=rf"^{address}: the scheduler must answer within 0\.5 s"):
        explore_stage(project, tmp_path / "deep" / "e", SPACE, where=where)
    assert not list(tmp_path.iterdir())
