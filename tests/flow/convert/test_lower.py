"""A conversion of two neurons worked by hand, and channels that no input can change."""

from typing import Any

import numpy as np
import pytest
import torch

from spikewright.flow.convert.calibrate import InputRange
from spikewright.flow.convert.code import Levels
from spikewright.flow.convert.config import ConvertConfig
from spikewright.flow.convert.geometry import Geometry
from spikewright.flow.convert.lower import Lowered, lower
from spikewright.flow.convert.quantised import QuantisedBranch, QuantisedStage
from spikewright.flow.convert.reference import Reference
from spikewright.flow.importers import INPUT, Branch, BranchKind, Graph, Stage
from spikewright.golden.errors import RangeError
from spikewright.golden.spec import BiasWhen, Dense, Fire, Mode, Payload

RANGE = InputRange(low=0, high=4, step=0.5)


def linear(name: str, source: str) -> Branch:
    return Branch(name=name, source=source, kind=BranchKind.LINEAR, weight=np.zeros((2, 2)))


STAGES = tuple(
    Stage(name=name, shape=(2,), branches=(linear(name, source),), bias=np.zeros(2))
    for name, source in (("fc1", INPUT), ("fc2", "fc1"))
)
GRAPH = Graph(input_shape=(2,), stages=STAGES)


def quantised(stage: Stage, **changes: Any) -> QuantisedStage:
    branch = stage.branches[0]
    fields: dict[str, Any] = {
        "name": stage.name,
        "shape": stage.shape,
        "weight_bits": 3,
        "gain": np.ones(2),
        "shift": np.zeros(2),
        "scale": np.ones(2),
        "sign": np.ones(2, dtype=np.int64),
        "after": np.zeros(2),
        "initial": np.zeros(1),
        **changes,
    }
    part = QuantisedBranch(
        branch=branch,
        geometry=Geometry.of(branch, stage.shape),
        codes=fields.pop("codes"),
        exponent=0,
    )
    return QuantisedStage(branches=(part,), **fields)


def hidden(**changes: Any) -> QuantisedStage:
    fields: dict[str, Any] = {
        "codes": np.array([[3, -1], [-2, 1]]),
        "unit": np.array([0.125, 0.125]),
        "constant": np.array([0.1, 0.25]),
        "gain": np.array([1.0, -2.0]),
        "shift": np.array([0.0, 1.0]),
        "scale": np.array([1.0, 0.5]),
        "sign": np.array([1, -1]),
        "step": 0.5,
        "levels": Levels(highest=3),
    }
    return quantised(STAGES[0], **{**fields, **changes})


def readout(**changes: Any) -> QuantisedStage:
    fields: dict[str, Any] = {
        "codes": np.array([[1, -3], [2, 3]]),
        "unit": np.array([0.05, 0.05]),
        "constant": np.array([0.2, -0.1]),
        "step": None,
        "levels": Levels(highest=0),
    }
    return quantised(STAGES[1], **{**fields, **changes})


def lowered(*stages: QuantisedStage, fraction_bits: int | None = 1) -> Lowered:
    config = ConvertConfig(fraction_bits=fraction_bits, weight_bits=3, levels=3, input_levels=4)
    by_name = {stage.name: stage for stage in stages}
    return lower(GRAPH, by_name, input_range=RANGE, config=config, provenance={})


def test_two_neurons_by_hand() -> None:
    """Thresholds, biases and a sample, as worked out on paper.

    Neuron 0: theta = 0.5 / (1 * 0.125) = 4, so th = 8 with one fraction bit; c = 0.1 / 0.125
    = 0.8, so bias + v0 = floor(1.6 + 4) = 5. Neuron 1: theta = 0.5 / (0.5 * 2 * 0.125) = 4; the
    gain is negative, so signs flip and c = (-0.25 + 1 / 2) / 0.125 = 2, bias + v0 = 8. The
    readout's second column flips since its source's sign is -1; one unit is 0.1 * 0.5 / 2 = 0.025.
    """
    result = lowered(hidden(), readout())
    first, last = result.network.populations
    operators = [connection.operator for connection in result.network.connections]
    assert isinstance(operators[0], Dense) and isinstance(operators[1], Dense)
    assert operators[0].weights.tolist() == [[3, 2], [-1, -1]] and operators[0].shift == 1
    assert first.soma.threshold.tolist() == [8, 8]
    assert first.soma.initial_v.tolist() == [4, 4]
    assert first.soma.bias.tolist() == [1, 4]
    assert operators[1].weights.tolist() == [[1, 2], [3, -3]] and operators[1].shift == 1
    assert last.soma.bias.tolist() == [8, -4]
    assert result.logit_step == pytest.approx(0.025)
    # x = (1.0, 0.5) is (2, 1): charges 5 and 3, levels (10 + 5) // 8 and (6 + 8) // 8.
    reference = Reference(result.network)
    values = reference.encode(torch.tensor([[1.0, 0.5], [9.0, 0.0], [-3.0, 0.24]]))
    assert values.tolist() == [[2, 1], [4, 0], [0, 0]]
    levels, logits = reference.levels(values)
    assert levels[0].tolist() == [1, 1] and logits[0].tolist() == [16, -6]
    # (4, 0): charges 12 and 8; (24 + 5) // 8 = 3 and (16 + 8) // 8 = 3. Nothing: 5 // 8, 8 // 8.
    assert levels[1:].tolist() == [[3, 3], [0, 1]]


def test_what_a_converted_soma_is() -> None:
    network = lowered(hidden(), readout()).network
    soma = network.populations[0].soma
    assert soma.fire is Fire.TERNARY and soma.bias_when is BiasWhen.FIRST
    assert (soma.s_min, soma.s_max) == (0, 3)
    assert soma.threshold_negative is not None and soma.threshold_negative.tolist() == [1]
    assert network.populations[0].payload is Payload.SIGN
    assert network.populations[1].soma.fire is Fire.NONE
    assert set(network.modes) == set(Mode)


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"gain": np.array([1.0, 0.0]), "shift": np.array([0.0, 2.6])}, 3),
        ({"gain": np.array([1.0, 0.0]), "shift": np.array([0.0, 1.0])}, 1),
        ({"scale": np.array([1.0, 0.0])}, 0),
        ({"codes": np.array([[3, -1], [0, 0]])}, 1),
        ({"constant": np.array([0.1, 1e9])}, 0),
        ({"constant": np.array([0.1, -1e9])}, 3),
        ({"gain": np.array([1.0, 1e-300])}, 1),
    ],
)
def test_a_channel_that_nothing_changes_loses_its_synapses(
    changes: dict[str, Any], level: int
) -> None:
    layer = hidden(**changes)
    reference = Reference(lowered(layer, readout()).network)
    every = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    assert set(reference.levels(every)[0][:, 1].tolist()) == {level}
    assert not np.asarray(lowered(layer, readout()).network.connections[0].operator.weights)[
        :, 1
    ].any()


def test_a_threshold_below_one_half_saturates_at_once() -> None:
    layer = hidden(gain=np.array([1e6, -2.0]), constant=np.array([0.0, 0.25]))
    network = lowered(layer, readout(), fraction_bits=2).network
    assert network.populations[0].soma.threshold[0] == 1
    values = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 3], [1, 2]])
    assert Reference(network).levels(values)[0][:, 0].tolist() == [0, 3, 0, 0, 3]


def test_automatic_fraction_bits_bound_the_rounding_of_thresholds() -> None:
    """theta = 4 and 3 levels: half a unit 3 times over stays below 1/16 for th >= 24, so F = 3."""
    network = lowered(hidden(), readout(), fraction_bits=None).network
    assert network.connections[0].operator.shift == 3
    assert network.populations[0].soma.threshold.tolist() == [32, 32]


@pytest.mark.parametrize("constant", [1e9, 1e30])
def test_a_constant_that_fits_no_register_is_the_layers_fault(constant: float) -> None:
    message = (
        r"^fc2: thresholds and biases must fit 32 bits, found (4e\+10|4e\+31); check the layer for "
        "a batch norm of almost no gain, and for a bias far above what its weights can add$"
    )
    with pytest.raises(RangeError, match=message):
        lowered(hidden(), readout(constant=np.array([constant, 0.0])))


def test_fraction_bits_that_fit_no_register_are_the_users_choice() -> None:
    big = readout(constant=np.array([5e7, 0.0]))
    message = "^fc2: thresholds and biases must fit 32 bits, found 4e.09; convert with fewer fracti"
    with pytest.raises(RangeError, match=message):
        lowered(hidden(), big, fraction_bits=2)
    bias = lowered(hidden(), big, fraction_bits=0).network.populations[1].soma.bias
    assert bias.tolist() == [10**9, 0]
    # theta is 1.6e7, and the constant one unit below half of it.
    constant = np.array([(8e6 - 1) * 0.125, 0.25])
    edge = hidden(scale=np.array([2.5e-7, 0.5]), constant=constant)
    message = "^fc1: thresholds and biases must fit 32 bits, found 6.55e.10; convert with fewer fr"
    with pytest.raises(RangeError, match=message):
        lowered(edge, readout(), fraction_bits=12)


def test_weights_that_add_up_beyond_a_register_need_coarser_numbers() -> None:
    """A bias that just fits leaves no room for the charge."""
    message = (
        r"^population 'fc2', mode \w+: [\w ]+ must fit 32 bits, found .*; convert with fewer "
        "weight_bits, levels, input_levels, fraction_bits or max_steps$"
    )
    constant = np.array([(2**31 - 4) * 0.05 / 2, 0.0])
    with pytest.raises(RangeError, match=message):
        lowered(hidden(), readout(constant=constant), fraction_bits=1)
