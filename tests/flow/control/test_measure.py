"""A policy in floats and in spikes: the same returns, and the same decisions in hardware."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.control import PolicyTraining, SpikingPolicy, control_stage, train_policy
from spikewright.flow.control.policy import _advantages, first_best
from spikewright.flow.convert import ConvertConfig, convert, encode_input
from spikewright.flow.plan import default_plan
from spikewright.flow.project import Project
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode
from support.fuzz import Case, check

LONGEST = 150
EPISODES = 100
RANDOM = 60  # steps that nobody who acts at random stands


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    out = tmp_path_factory.mktemp("control") / "p"
    return control_stage(out, episodes=EPISODES, longest=LONGEST)


def test_spikes_stand_as_long_as_floats(project: Project) -> None:
    figures = project.summary["control"]
    assert figures["episodes"] == EPISODES
    assert figures["float_return"] > RANDOM
    assert [*figures["modes"]] == ["stepwise T=16", "settle", "collapsed"]
    for each in figures["modes"].values():
        assert each["return"] == figures["float_return"] == LONGEST
        assert 0.9 < each["same_actions"] <= 1
    events = [each["events_per_decision"] for each in figures["modes"].values()]
    assert 0 < events[2] < events[1]


def test_another_seed_is_another_policy_and_the_same_the_same() -> None:
    few = PolicyTraining(updates=2, episodes=4, hidden=4)
    made = [train_policy(few, seed=seed, longest=20).state_dict() for seed in (3, 3, 4)]
    assert all(torch.equal(a, b) for a, b in zip(made[0].values(), made[1].values(), strict=True))
    assert not torch.equal(made[0]["0.weight"], made[2]["0.weight"])


def test_advantages_by_hand() -> None:
    """Two episodes of 2 and 1 steps: returns 1 + g, 1 and 1, 0; the second step is one's alone."""
    stood = torch.tensor([[True, True], [True, False], [False, False]])
    weights = _advantages(stood, 0.5)
    # Less the mean over those that played: 1.5 and 1, then 1 and 0; then only the first played.
    spread = (0.25**2 * 2 + 0.5**2 * 2 + 0) / 5
    wanted = torch.tensor([[0.25, -0.25], [0.5, -0.5], [0, 0]]) / spread**0.5
    assert weights == pytest.approx(wanted.numpy())


def test_of_equal_membranes_the_first_acts() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2, bias=False)).eval()
    module[2].weight.data = torch.ones(2, 3)
    seen = np.random.default_rng(0).uniform(-1, 1, (30, 4))
    network = convert(module, torch.from_numpy(seen).float(), ConvertConfig()).network
    policy = SpikingPolicy(network, mode=Mode.COLLAPSED)
    assert policy(seen).tolist() == first_best(module)(seen).tolist() == [0] * 30
    assert policy.decisions == 30 and policy.events > 0


def test_hardware_decides_the_same(project: Project, tmp_path: Path) -> None:
    network, states = project.network, project.samples.first(16)
    levels = encode_input(network.inputs[0], states.x)
    labels = Model(network).run(levels, mode=Mode.COLLAPSED).labels
    assert labels is not None and set(labels.tolist()) == {0, 1}
    check(
        Case(
            network=network,
            plan=default_plan(network, Mode.COLLAPSED, lanes=(8, 2)),
            inputs={network.inputs[0].name: levels.numpy()},
            steps=None,
            keep=None,
            stalls=("01", "0010"),
        ),
        tmp_path,
    )


def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="^episodes: must be at least 1, found 0$"):
        control_stage(tmp_path / "p", episodes=0)
    with pytest.raises(ConfigurationError, match="^steps: must be 1 to 64, found 65$"):
        control_stage(tmp_path / "p", steps=65)
    assert not (tmp_path / "p").exists()
