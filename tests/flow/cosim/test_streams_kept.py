"""What END(keep) keeps in hardware, where it is easy to lose: phases, replayed input, sums."""

import numpy as np
import pytest

from spikewright.flow.cosim import cosimulate
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Leak,
    Mode,
    Network,
    Payload,
    Phases,
    Population,
    Readout,
    ReadoutKind,
    Soma,
)


def network(soma, encoding=Encoding.EVENTS, kind=ReadoutKind.MEMBRANE, *, modes=(Mode.STEPWISE,)):
    """Two inputs, one layer that is read, and itself a step before where it fires."""
    weights = np.array([[2, -1, 3], [1, 2, -3]])
    connections = [Connection(source="x", target="out", operator=dense(weights))]
    if soma.fire is not Fire.NONE:
        back = np.array([[1, -2, 0], [2, 0, 1], [-1, 1, 1]])
        connections.append(Connection(source="out", target="out", operator=dense(back), delay=1))
    return Network(
        name="kept",
        inputs=(Input(name="x", shape=(2,), payload="unit", low=0, high=1, encoding=encoding),),
        populations=(Population(name="out", shape=(3,), soma=soma, payload=Payload.UNIT),),
        connections=tuple(connections),
        readout=Readout(population="out", kind=kind, decision=Decision.RAW),
        modes=modes,
        max_steps=40,
    )


def dense(weights):
    return Dense(weights=weights, weight_bits=3)


def check(tmp_path, made, x, steps=None, *, every=4):
    generate(made, default_plan(made, made.modes[0], lanes=2), tmp_path / "g")
    report = cosimulate(
        made, tmp_path / "g", x, steps=steps, reset_every=every, simulator="icarus",
        stall_input="01", stall_output="0010",
    )  # fmt: skip
    assert report.mismatches == 0


@pytest.mark.parametrize("receive", [0, 1, 2, 5])
@pytest.mark.parametrize("kind", [ReadoutKind.MEMBRANE, ReadoutKind.MAXIMUM, ReadoutKind.STREAM])
def test_phases_of_what_is_read_go_on(tmp_path, receive, kind):
    soma = Soma(fire=Fire.NONE, current=True, phases=Phases(receive=receive, slope=[5]))
    x = np.random.default_rng(receive).integers(0, 2, (8, 2, 2))
    check(tmp_path, network(soma, kind=kind), x)


@pytest.mark.parametrize("receive", [0, 3])
def test_phases_of_what_fires_go_on(tmp_path, receive):
    phases = Phases(receive=receive, fire=4, slope=[2])
    soma = Soma(fire=Fire.BINARY, threshold=4, current=True, phases=phases)
    x = np.random.default_rng(receive).integers(0, 2, (8, 3, 2))
    check(tmp_path, network(soma, kind=ReadoutKind.COUNT), x)


def test_replayed_input_is_the_sample_s_own(tmp_path):
    """Every sample has its own constant; the membrane goes on."""
    made = network(
        Soma(fire=Fire.NONE, leak_v=Leak(shift=2)), Encoding.CONSTANT, ReadoutKind.STREAM
    )
    x = np.array([[1, 0], [0, 1], [1, 1], [0, 0]] * 2)
    check(tmp_path, made, x, steps=5)
