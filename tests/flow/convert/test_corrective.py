"""Corrective spikes: by hand, against a loop of their own, in hardware, and what is refused."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.convert import ConvertConfig, code_of, convert, is_corrective
from spikewright.flow.convert.corrective import as_corrective
from spikewright.flow.plan import default_plan
from spikewright.flow.stages import usual_steps
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode, Network, Payload
from support.fuzz import Case, check


class Skip(nn.Module):
    """Two sources of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        return self.last(torch.relu(self.second(x) + x))


def mlp() -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)
    ).eval()


def samples(n: int = 12) -> torch.Tensor:
    return torch.rand(60, n, generator=torch.Generator().manual_seed(1))


def run(network: Network, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Values read, and spikes [steps, N, n] of each population."""
    result = Model(network).run(x, mode=Mode.STEPWISE, steps=network.max_steps, trace=True)
    assert result.trace is not None
    return result.values, result.trace.spikes


def test_by_hand() -> None:
    """Levels 0 to 4, 16 steps: x is on when x t has come to 4 * 16 / 8, in steps counted from 1."""
    module = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 2, bias=False))
    module[0].weight.data = torch.ones(1, 1)
    module[2].weight.data = torch.tensor([[1.0], [-1.0]])
    x = torch.arange(5.0).reshape(5, 1)
    config = ConvertConfig(
        levels=4, input_levels=4, percentile=100.0, method="corrective", max_steps=16
    )
    network = convert(module.eval(), x, config).network
    values, spikes = run(network, x.long())
    hidden = spikes[network.populations[0].name][:, :, 0]
    first = [int(each.nonzero()[0, 0]) + 1 for each in hidden.T[1:]]
    assert first == [8, 4, 3, 2]
    assert hidden.sum(0).tolist() == [0, 1, 1, 1, 1]  # nothing is taken back
    # On from the step in which it fires to the end, squared: current, and current again.
    unit = int(values[4, 0]) // (16 - 2 + 1)
    assert values[:, 0].tolist() == [0, *(unit * (16 - t + 1) for t in first)]
    assert values[:, 1].tolist() == [-each for each in values[:, 0].tolist()]


def loop(network: Network, x: np.ndarray) -> tuple[np.ndarray, int]:
    """What a neuron that is on adds in every step; the membranes read, and how many fell back."""
    somas = [each.soma for each in network.populations]
    weights = [
        each.operator.weights * 2**each.operator.shift  # type: ignore[union-attr]
        for each in network.connections
    ]
    v = [np.zeros((len(x), each.n), np.int64) for each in network.populations]
    on = [np.zeros(each.shape, bool) for each in v]
    fell = 0
    for _ in range(network.max_steps):
        comes = x
        for k, soma in enumerate(somas):
            v[k] = v[k] + comes @ weights[k] + soma.bias
            crossed = v[k] >= soma.threshold
            fell += int((on[k] & ~crossed).sum()) if k < len(somas) - 1 else 0
            comes = on[k] = crossed
    return v[-1], fell


def test_what_is_on_is_added_until_it_falls_back() -> None:
    found = convert(mlp(), samples(), ConvertConfig(method="corrective", max_steps=24))
    network = found.network
    assert network.modes == (Mode.STEPWISE,) and network.max_steps == 24
    assert code_of(network) is None and is_corrective(network)
    assert usual_steps(network, (1, 8)) == (24,)
    assert network.populations[0].payload is Payload.SIGN
    x = torch.floor(samples() * 15 + 0.5).long()
    wanted, fell = loop(network, x.numpy())
    values, spikes = run(network, x)
    assert values.tolist() == wanted.tolist()
    hidden = [spikes[each.name] for each in network.populations[:-1]]
    assert sum(int((each == -1).sum()) for each in hidden) == fell > 0
    for each in hidden:
        state = each.cumsum(0)
        assert state.min() == 0 and state.max() == 1  # on or not, by turns


def test_thresholds_are_those_of_the_quantised_network() -> None:
    """th * S_max * T / 8, over the levels of the source with a bit more than they have."""
    config = ConvertConfig(levels=(3, 7), weight_bits=4)
    rate = convert(copy.deepcopy(mlp()), samples(), config).network
    made = as_corrective(rate, 40)
    first, second = (each.soma for each in rate.populations[:2])
    found = [each.soma for each in made.populations]
    assert found[0].threshold.tolist() == (first.threshold * 15).tolist()
    assert [each.threshold_negative.tolist() for each in found[:2]] == [
        (1 - each.threshold).tolist() for each in found[:2]
    ]
    wanted = np.floor(second.threshold * 7 * 5 * 4 / 3 + 0.5).astype(int)
    assert found[1].threshold.tolist() == wanted.tolist()
    assert found[0].bias.tolist() == first.bias.tolist()
    assert found[1].bias.tolist() == np.floor(second.bias * 4 / 3 + 0.5).astype(int).tolist()
    shifts = [each.operator.shift for each in made.connections]  # type: ignore[union-attr]
    before = [each.operator.shift for each in rate.connections]  # type: ignore[union-attr]
    assert shifts == [before[0], before[1] + 2, before[2] + 3]


def test_what_is_refused() -> None:
    rate = convert(mlp(), samples(), ConvertConfig()).network
    message = "^corrective spikes need at least 8 steps, found 7$"
    with pytest.raises(ConfigurationError, match=message):
        as_corrective(rate, 7)
    message = "^max_steps: must be at least 8 with method corrective, found 7$"
    with pytest.raises(ConfigurationError, match=message):
        ConvertConfig(method="corrective", max_steps=7)
    message = "^corrective spikes need a network that may run collapsed, found stepwise$"
    with pytest.raises(UnsupportedError, match=message):
        as_corrective(replace(rate, modes=(Mode.STEPWISE,)), 8)
    first, second, last = rate.connections
    late = replace(rate, connections=(first, replace(second, delay=1), last))
    with pytest.raises(UnsupportedError, match="found dense from 'layer_0', delay 1; use means"):
        as_corrective(late, 8)
    config = ConvertConfig(method="corrective", levels=(3, 7))
    message = "must have the same levels, .*, found 'first' with 3, 'second' with 7; leave"
    with pytest.raises(UnsupportedError, match=message):
        convert(Both().eval(), samples(6), config)
    # A skip of one level is as good as any weight.
    assert is_corrective(convert(Skip().eval(), samples(6), replace(config, levels=7)).network)


class Both(nn.Module):
    """A readout of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 5)
        self.one, self.other = nn.Linear(5, 2), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        return self.one(x) + self.other(torch.relu(self.second(x)))


def test_hardware_crosses_when_the_golden_model_does(tmp_path: Path) -> None:
    network = convert(mlp(), samples(), ConvertConfig(method="corrective", max_steps=16)).network
    x = torch.floor(samples()[:6] * 15 + 0.5).long().numpy()
    check(
        Case(
            network=network,
            plan=default_plan(network, Mode.STEPWISE, lanes=(4, 3, 2)),
            inputs={network.inputs[0].name: x},
            steps=16,
            keep=None,
            stalls=("01", "0010"),
        ),
        tmp_path,
    )
