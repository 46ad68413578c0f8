"""The closed form reads integers only, and refuses what it has no form for."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.convert import Reference, convert, encode_input
from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.spec import (
    Connection,
    Delta,
    DeltaFunction,
    Encoding,
    Input,
    Mode,
    Network,
    Payload,
)


def source(**changes: object) -> Input:
    fields: dict[str, object] = {
        "name": "input",
        "shape": (3,),
        "payload": Payload.GRADED,
        "low": -2,
        "high": 2,
        "encoding": Encoding.ONCE,
        "step": 0.5,
    }
    return Input(**{**fields, **changes})


def network() -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    return convert(module, torch.rand(16, 3)).network


def test_encodes_half_up_and_clips() -> None:
    x = torch.tensor([[-0.25, 0.25, 0.74], [-9.0, 9.0, -0.26]])
    assert encode_input(source(), x).tolist() == [[0, 1, 1], [-2, 2, -1]]
    assert encode_input(source(step=None), torch.tensor([[5, -1, 0]])).tolist() == [[2, -1, 0]]


def last_largest(values: torch.Tensor, dim: int) -> torch.Tensor:
    """An argmax as torch may give it: of several largest values any may be named."""
    return values.shape[dim] - 1 - torch.from_numpy(values.flip(dim).numpy().argmax(dim))


def test_the_lowest_index_wins_whatever_torch_names(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Reference(network())
    monkeypatch.setattr(torch.Tensor, "argmax", last_largest)
    logits = torch.tensor([[3, 3], [1, 3], [-2, -2]])
    assert logits.argmax(1).tolist() == [1, 1, 1]
    assert reference.labels(logits).tolist() == [0, 1, 0]


def test_refuses_other_data() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^input 'input': a sample must have 3 values, found shape \[4\]$"
    ):
        encode_input(source(), torch.zeros(2, 4))
    with pytest.raises(ConfigurationError, match=r"^input 'input': data must be finite, found NaN"):
        encode_input(source(), torch.full((2, 3), float("nan")))


def test_sums_that_float64_does_not_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = network()
    limit = int(np.abs(made.connections[0].operator.weights).sum(0).max()) * 15
    monkeypatch.setattr("spikewright.flow.convert.reference.EXACT_FLOAT64", limit)
    message = (
        "^connection 'input' -> 'layer_0': sums must stay below 2\\*\\*53 to be exact in float64, "
        f"found {limit}$"
    )
    with pytest.raises(RangeError, match=message):
        Reference(made)


def test_refuses_a_network_that_may_not_collapse() -> None:
    message = (
        "^network: a closed form needs one input and a network that may run collapsed, or one "
        "of one-hot levels, of first spikes or of patterns, found 1 "
        'inputs, modes stepwise; OR pooling has none: convert with max_pool "exact"; '
        "nor have corrective spikes$"
    )
    with pytest.raises(UnsupportedError, match=message):
        Reference(replace(network(), modes=(Mode.STEPWISE,)))


def test_refuses_an_operator_without_a_closed_form_here() -> None:
    made = network()
    table = Delta(function=DeltaFunction.CLIP, low=0, high=2)
    population = replace(made.populations[0], name="clipped")
    clipped = replace(
        made,
        populations=(made.populations[0], population, made.populations[1]),
        connections=(
            made.connections[0],
            Connection(source="layer_0", target="clipped", operator=table),
            replace(made.connections[1], source="clipped"),
        ),
    )
    message = (
        "^connection 'layer_0' -> 'clipped': a closed form needs dense, window, identity and delta "
        "max connections, found delta$"
    )
    with pytest.raises(UnsupportedError, match=message):
        Reference(clipped)
