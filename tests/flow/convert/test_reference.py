"""The closed form reads integers only, and refuses what it has no form for."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from spikewright.flow.convert import Reference, convert, encode_input
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Encoding, Input, Mode, Network, Payload


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


def test_refuses_other_data() -> None:
    with pytest.raises(ConfigurationError, match=r"^input: a sample must have 3 values, found 4$"):
        encode_input(source(), torch.zeros(2, 4))
    with pytest.raises(ConfigurationError, match=r"^input: data must be finite, found NaN or inf$"):
        encode_input(source(), torch.full((2, 3), float("nan")))


def test_integers_beyond_float64_stay_exact() -> None:
    reference = Reference(network())
    values = torch.randint(0, 16, (50, 3))
    fast = reference.levels(values)
    reference._exact = [False] * len(reference._exact)
    assert all(torch.equal(a, b) for a, b in zip(fast, reference.levels(values), strict=True))


def test_refuses_a_network_that_may_not_collapse() -> None:
    with pytest.raises(UnsupportedError, match=r"^network: a closed form needs one chain of dense"):
        Reference(replace(network(), modes=(Mode.STEPWISE,)))
