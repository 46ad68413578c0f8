"""Patterns: the bits of a level by hand, in hardware, and what they cannot be made of."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from spikewright.flow.convert import ConvertConfig, QuantisedReLU, convert
from spikewright.flow.convert.pattern import as_pattern
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode
from support.fuzz import Case, check


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(20, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)
    ).eval()


def samples(n: int, *, signed: bool = False) -> torch.Tensor:
    x = torch.rand(60, n, generator=torch.Generator().manual_seed(1))
    return x * 2 - 1 if signed else x


def test_a_pattern_by_hand() -> None:
    """One weight of 1 and a threshold of 1 level: the bits of x go through."""
    module = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 2))
    module[0].weight.data = torch.ones(1, 1)
    x = torch.arange(8.0).reshape(8, 1)
    config = ConvertConfig(levels=7, input_levels=7, percentile=100.0, method="pattern")
    network = convert(module.eval(), x, config).network
    result = Model(network).run(x.long(), mode=Mode.STEPWISE, steps=6, trace=True)
    assert result.trace is not None
    hidden = result.trace.spikes[network.populations[0].name][:, :, 0]
    assert hidden[:3].sum() == 0  # it receives
    assert hidden[3:, 5].tolist() == [4, 0, 1] and hidden[3:, 6].tolist() == [4, 2, 0]
    assert hidden.sum(0).tolist() == list(range(8))


def test_what_a_pattern_cannot_is_named() -> None:
    must = "^levels: must be one less than a power of two with method pattern, found 5$"
    with pytest.raises(ConfigurationError, match=must):
        ConvertConfig(method="pattern", levels=(7, 5))
    with pytest.raises(UnsupportedError, match="patterns must have levels from 0, found -15 to 15"):
        convert(mlp(), samples(20, signed=True), ConvertConfig(method="pattern"))
    learned = nn.Sequential(nn.Linear(12, 8), QuantisedReLU(6, 0.5), nn.Linear(8, 2))
    with pytest.raises(UnsupportedError, match=r"must be 0 to 2\*\*b - 1, found 0 to 6; convert"):
        convert(learned, samples(12), ConvertConfig(method="pattern"))
    network = convert(mlp(), samples(20), ConvertConfig(method="one-hot")).network
    with pytest.raises(UnsupportedError, match="patterns need a network that may run collapsed"):
        as_pattern(network)
    recurrent = convert(mlp(), samples(20), ConvertConfig()).network
    late = (replace(recurrent.connections[0], delay=1), *recurrent.connections[1:])
    with pytest.raises(UnsupportedError, match="found a delay from 'input' to 'layer_0'$"):
        as_pattern(replace(recurrent, connections=late))


def test_hardware_sends_the_same_bits(tmp_path: Path) -> None:
    """Every spike of every step, with stalls; layers of two and of three bits."""
    config = ConvertConfig(levels=(3, 7), input_levels=5, method="pattern")
    found = convert(mlp(), samples(20), config)
    network = found.network
    x = found.reference.encode(samples(20)[:5]).numpy()
    check(
        Case(
            network=network,
            plan=default_plan(network, Mode.STEPWISE, lanes=(4, 3, 2)),
            inputs={network.inputs[0].name: x},
            steps=network.max_steps,
            keep=None,
            stalls=("01", "0010"),
        ),
        tmp_path,
    )
