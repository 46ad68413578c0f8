"""What hardware cannot do is refused by name; what it can is worked out once."""

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Fire,
    Identity,
    Input,
    Leak,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
)
from spikewright.hdl import CorePlan, HardwarePlan, bound_cycles, core_configs

WEIGHTS = np.arange(-6, 6).reshape(3, 4)


def network(*, soma=None, operator=None, delay=0, readout="membrane", out=None, extra=()):
    hidden = soma or Soma(fire=Fire.BINARY, threshold=3)
    connections = [
        Connection(
            source="x",
            target="a",
            operator=operator or Dense(weights=WEIGHTS, weight_bits=4),
            delay=delay,
        ),
        Connection(
            source="a",
            target="b",
            operator=Dense(weights=np.ones((4, 2), dtype=int), weight_bits=2),
        ),
        *extra,
    ]
    return Network(
        name="t",
        inputs=(
            Input(name="x", shape=(3,), payload=Payload.UNIT, low=0, high=1, encoding="events"),
        ),
        populations=(
            Population(name="a", shape=(4,), soma=hidden, payload=Payload.SIGN),
            Population(
                name="b", shape=(2,), soma=out or Soma(fire=Fire.NONE), payload=Payload.UNIT
            ),
        ),
        connections=tuple(connections),
        readout=Readout(population="b", kind=readout, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=8,
    )


def plan(*names, mode=Mode.STEPWISE, lanes=3):
    return HardwarePlan(
        mode=mode, cores=tuple(CorePlan(population=name, lanes=lanes) for name in names)
    )


def test_a_core_in_numbers():
    first, second = core_configs(network(), plan("a", "b"))
    assert (first.n, first.pre, first.lanes, first.groups) == (4, 3, 3, 2)
    assert (second.n, second.pre, second.lanes, second.groups) == (2, 4, 2, 1)
    assert first.by_group(np.array([1, 2, 3, 4])) == [[1, 2, 3], [4, 4, 4]]
    assert first.source.is_unit
    assert not second.target.is_unit


def test_block_diagonal_weights_become_a_matrix():
    blocks = np.arange(1, 5).reshape(2, 1, 2)
    dense = Dense(weights=blocks, weight_bits=4)
    net = network()
    net = Network(
        name="t",
        inputs=(
            Input(name="x", shape=(2,), payload=Payload.UNIT, low=0, high=1, encoding="events"),
        ),
        populations=net.populations,
        connections=(Connection(source="x", target="a", operator=dense), net.connections[1]),
        readout=net.readout,
        modes=net.modes,
        max_steps=8,
    )
    config = core_configs(net, plan("a", "b"))[0]
    assert config.weights.tolist() == [[1, 2, 0, 0], [0, 0, 3, 4]]


def test_the_plan_names_every_population_once_in_order():
    with pytest.raises(
        ConfigurationError,
        match=r"^the plan must have one core for each of a, b, in this order, found b, a$",
    ):
        core_configs(network(), plan("b", "a"))


def test_the_plan_runs_a_mode_of_the_network():
    with pytest.raises(
        ConfigurationError,
        match=r"^network 't': the plan's mode must be one of stepwise, found collapsed$",
    ):
        core_configs(network(), plan("a", "b", mode=Mode.COLLAPSED))


@pytest.mark.parametrize(
    ("soma", "found"),
    [
        (Soma(fire=Fire.BURST, threshold=3, max_level=2), "fire burst"),
        (Soma(fire=Fire.BINARY, threshold=3, current=True), "a current state"),
        (Soma(fire=Fire.BINARY, threshold=3, reset_delay=True), "a delayed reset"),
        (
            Soma(fire=Fire.BINARY, threshold=3, reset_amount=2),
            "a reset amount that differs from the threshold",
        ),
        (Soma(fire=Fire.BINARY, threshold=3, v_min=-9, v_max=9), "a clipped membrane"),
    ],
)
def test_a_soma_that_is_not_built_is_refused(soma, found):
    net = network(soma=soma) if soma.fire is not Fire.BURST else None
    if net is None:
        graded = Population(name="a", shape=(4,), soma=soma, payload=Payload.GRADED)
        base = network()
        net = Network(
            name="t",
            inputs=base.inputs,
            populations=(graded, base.populations[1]),
            connections=base.connections,
            readout=base.readout,
            modes=base.modes,
            max_steps=8,
        )
    with pytest.raises(
        UnsupportedError, match=rf"^population 'a': hardware offers .*, found {found}$"
    ):
        core_configs(net, plan("a", "b"))


def test_other_connections_are_refused():
    with pytest.raises(
        UnsupportedError,
        match=r"^connection 'x' -> 'a': hardware offers dense connections, found identity$",
    ):
        core_configs(network(operator=Identity()), plan("a", "b"))
    with pytest.raises(
        UnsupportedError,
        match=r"^connection 'x' -> 'a': hardware offers connections without delay, found delay 1$",
    ):
        core_configs(network(delay=1), plan("a", "b"))


def test_a_branch_is_refused():
    extra = (
        Connection(
            source="x",
            target="b",
            operator=Dense(weights=np.ones((3, 2), dtype=int), weight_bits=2),
        ),
    )
    with pytest.raises(
        UnsupportedError,
        match=r"^population 'x': hardware takes a chain: every population feeds one other, "
        r"found 2 targets$",
    ):
        core_configs(network(extra=extra), plan("a", "b"))


def test_other_readouts_are_refused():
    spiking = Soma(fire=Fire.BINARY, threshold=2)
    with pytest.raises(
        UnsupportedError,
        match=r"^readout: hardware reads membranes or counts, raw or by argmax, "
        r"found first_spike with argmax$",
    ):
        core_configs(network(readout=ReadoutKind.FIRST_SPIKE, out=spiking), plan("a", "b"))


def test_a_leaky_start_has_leak_and_bias_in_it():
    soma = Soma(fire=Fire.BINARY, threshold=3, initial_v=9, bias=2, leak_v=Leak(shift=1))
    config = core_configs(network(soma=soma), plan("a", "b"))[0]
    assert config.stored_initial_v.tolist() == [6, 6, 6, 6]


def test_the_bound_is_the_busiest_core():
    configs = core_configs(network(), plan("a", "b"))
    bound = bound_cycles(configs, spikes_in={"a": 2.5, "b": 9}, steps={"a": 3, "b": 3})
    assert bound == max((2.5 + 3) * 2, (9 + 3) * 1)
