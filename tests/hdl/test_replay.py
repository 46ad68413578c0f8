"""Which inputs may come once and count in every step: the rule, case by case."""

import numpy as np
import pytest

from spikewright.golden.spec import (
    Connection,
    Decision,
    Delta,
    DeltaFunction,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
    Window,
    WindowKind,
)
from spikewright.hdl.replay import replayed_inputs, replays

FIRES = Soma(fire=Fire.BINARY, threshold=3)
SILENT = Soma(fire=Fire.NONE)
CURRENT = Soma(fire=Fire.BINARY, threshold=3, current=True)
POOL = Delta(
    function=DeltaFunction.MAX,
    window=Window(
        kind=WindowKind.SUM_POOL,
        kernel=(1,),
        stride=(1,),
        padding=(0,),
        dilation=(1,),
        output_padding=(0,),
    ),
)


def network(wires, *, kind=ReadoutKind.COUNT, read="p", events=(), **somas):
    """Inputs are x, y and z, constant but for those of ``events``; wires are "xp", or with what."""
    given = [wire if isinstance(wire, tuple) else (wire, {}) for wire in wires]
    dense = Dense(weights=np.ones((2, 2), int), weight_bits=2)
    names = sorted({ends[0] for ends, _ in given} & set("xyz"))
    return Network(
        name="replay",
        inputs=tuple(
            Input(
                name=name,
                shape=(1, 2),
                payload=Payload.UNIT,
                low=0,
                high=1,
                encoding=Encoding.EVENTS if name in events else Encoding.CONSTANT,
            )
            for name in names
        ),
        populations=tuple(
            Population(name=name, shape=(1, 2), soma=soma, payload=Payload.UNIT)
            for name, soma in ({"p": FIRES} | somas).items()
        ),
        connections=tuple(
            Connection(
                source=ends[0],
                target=ends[1],
                **({"operator": dense} | options),
            )
            for ends, options in given
        ),
        readout=Readout(population=read, kind=kind, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=4,
    )


LATE = {"delay": 1}
CASES = {
    "alone": (network(["xp"]), "x"),
    "events": (network(["xp"], events="x"), ""),
    "two of them": (network(["xp", "yp"]), "xy"),
    "beside events": (network(["xp", "yp"], events="y"), ""),
    "beside another population": (network(["xp", "xq", "qp"], q=FIRES), ""),
    "in front of another population": (network(["xq", "qp"], q=FIRES), "x"),
    "beside its own past": (network(["xp", ("pp", LATE)]), ""),
    "late": (network(["xp", ("xp", LATE)]), ""),
    "beside what does not replay": (
        network(["xp", "yp", "yq", "zq", "po", "qo"], q=CURRENT, o=FIRES, read="o"),
        "",
    ),
    "far from what does not replay": (
        network(["xp", "yq", "po", "qo"], q=CURRENT, o=FIRES, read="o"),
        "x",
    ),
    "into a current": (network(["xp"], p=CURRENT), ""),
    "changes only": (network([("xp", {"operator": POOL})]), ""),
    "read at the end": (network(["xp"], p=SILENT, kind=ReadoutKind.MEMBRANE), ""),
    "read in every step": (network(["xp"], p=SILENT, kind=ReadoutKind.MAXIMUM), "x"),
}


@pytest.mark.parametrize("name", CASES)
def test_inputs_that_are_replayed(name):
    net, expected = CASES[name]
    assert replayed_inputs(net, Mode.STEPWISE) == frozenset(expected)
    for population in net.populations:
        reads = {each.source for each in net.sources(population.name)}
        assert replays(net, population, Mode.STEPWISE) == bool(reads & set(expected))


@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
def test_a_sample_without_steps_replays_nothing(mode):
    assert replayed_inputs(CASES["alone"][0], mode) == frozenset()
