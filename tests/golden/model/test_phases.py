"""Codes of time: what a neuron receives in its phase is what it sends in the next."""

import numpy as np
import pytest

from spikewright.golden.model import Model
from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Payload,
    Phases,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
    analyse,
)


def first_spikes(rng, sizes, levels, slopes):
    """Layers one after the other, each of which receives while the one before fires."""
    populations, connections = [], []
    names = ["x", *(f"h{k}" for k in range(len(sizes) - 2)), "out"]
    for k, (name, n) in enumerate(zip(names[1:], sizes[1:], strict=True)):
        receive = (k + 1) * levels
        options = {"fire": Fire.NONE, "phases": Phases(receive=receive, slope=0)}
        slope = np.array(slopes[k]) if name != "out" else None
        if name != "out":
            options = {
                "fire": Fire.BINARY,
                "threshold": slope * (levels + 1),
                "s_max": 1,
                "reset": Reset.NONE,
                "phases": Phases(receive=receive, fire=levels, slope=slope),
            }
        soma = Soma(
            current=True,
            initial_v=rng.integers(-20, 20, n),
            bias_when=BiasWhen.FIRST,
            **options,
        )
        populations.append(Population(name=name, shape=(n,), soma=soma, payload=Payload.UNIT))
        weights = rng.integers(-8, 8, (sizes[k], n))
        connections.append(
            Connection(
                source=names[k],
                target=name,
                operator=Dense(weights=weights, weight_bits=4),
            )
        )
    source = Input(
        name="x",
        shape=(sizes[0],),
        payload=Payload.UNIT,
        low=0,
        high=levels,
        encoding=Encoding.LATENCY,
    )
    return Network(
        name="latency",
        inputs=(source,),
        populations=tuple(populations),
        connections=tuple(connections),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=levels * len(populations) + 3,
    )


def quantised(network, x, levels, slopes):
    """The same layers as clip(floor(v / slope), 0, levels), and the sum of all neurons' levels."""
    fired = 0
    for k, (population, connection) in enumerate(
        zip(network.populations, network.connections, strict=True)
    ):
        x = x @ connection.operator.weights + population.soma.initial_v
        if population.name != "out":
            x = np.clip(x // np.array(slopes[k]), 0, levels)
            fired = fired + (x > 0).sum(axis=1)
    return x, fired


@pytest.mark.parametrize(
    ("levels", "slopes"), [(1, (4, 9)), (7, (12, range(10, 18))), (15, (range(3, 13), 1))]
)
@pytest.mark.parametrize("extra", [0, 3])
def test_first_spikes_are_the_quantised_network(levels, slopes, extra):
    rng = np.random.default_rng(levels)
    network = first_spikes(rng, (12, 10, 8, 5), levels, slopes)
    x = rng.integers(0, levels + 1, (200, 12))
    result = Model(network).run(x, mode="stepwise", steps=3 * levels + extra, trace=True)
    wanted, fired = quantised(network, x, levels, slopes)
    assert result.values.numpy().tolist() == wanted.tolist()
    spikes = result.events["h0"] + result.events["h1"]
    assert spikes.tolist() == fired.tolist()
    assert fired.sum() > 0
    assert max(int(each.sum(dim=0).max()) for each in result.trace.spikes.values()) == 1


def test_registers_are_proven_by_what_each_neuron_can_send_once():
    """A current is no more than all weights, once; the membrane, that in each step there is."""
    network = first_spikes(np.random.default_rng(3), (40, 10, 5), 7, (30,))
    ranges = analyse(network, Mode.STEPWISE)["h0"]
    weights = network.connections[0].operator.weights
    most = int(np.maximum(weights, 0).sum(axis=0).max())
    least = int(np.minimum(weights, 0).sum(axis=0).min())
    assert least <= ranges.i.low
    assert ranges.i.high <= most
    assert ranges.v.high <= most * network.max_steps + 20


def neuron(fire=Fire.BINARY, payload=Payload.UNIT, threshold=5, **options):
    """One neuron that is given its input step by step, and what it fires is counted."""
    return Network(
        name="one",
        inputs=(
            Input(
                name="x",
                shape=(1,),
                payload=Payload.GRADED,
                low=-9,
                high=9,
                encoding=Encoding.EVENTS,
            ),
        ),
        populations=(
            Population(
                name="p",
                shape=(1,),
                soma=Soma(fire=fire, threshold=threshold, **options),
                payload=payload,
            ),
        ),
        connections=(
            Connection(source="x", target="p", operator=Dense(weights=[[1]], weight_bits=2)),
        ),
        readout=Readout(population="p", kind=ReadoutKind.COUNT, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=16,
    )


def trace(network, values):
    found = (
        Model(network).run(np.array(values).reshape(1, -1, 1), mode="stepwise", trace=True).trace
    )
    return found.spikes["p"][:, 0, 0].tolist(), found.membranes["p"][:, 0, 0].tolist()


def test_refractory_steps_by_hand():
    """It fires in step 0, hears and leaks nothing in 1 and 2, and goes on in 3."""
    assert trace(neuron(refractory=2), [6, 9, 9, 3, 9]) == ([1, 0, 0, 0, 1], [1, 1, 1, 4, 8])
    assert trace(neuron(refractory=0), [6, 9, 9, 3, 9]) == ([1, 1, 1, 1, 1], [1, 5, 9, 7, 11])


def test_a_current_goes_on_while_v_stays():
    spikes, membranes = trace(neuron(refractory=2, current=True), [6, 0, 0, 0])
    assert (spikes, membranes) == ([1, 0, 0, 1], [1, 1, 1, 2])


def test_phases_by_hand():
    """It receives for two steps, then grows by 4 a step, and may fire in steps 2 and 3 only."""
    network = neuron(current=True, phases=Phases(receive=2, fire=2, slope=4), reset=Reset.NONE)
    assert trace(network, [1, -4, 0, 0, 0]) == ([0, 0, 0, 1, 0], [1, -2, 2, 6, 10])
    assert trace(network, [9, 0, 0, 0, 0]) == ([0, 0, 1, 1, 0], [9, 18, 22, 26, 30])


def test_a_pattern_by_hand():
    """v of 3 * 6 + 2 is sent as 4 and 2, highest first, and 2 stay; 9 levels are cut to 7."""
    phases = Phases(receive=1, fire=3)
    network = neuron(Fire.PATTERN, Payload.SHIFT, threshold=3, max_level=4, phases=phases)
    assert trace(network, [9, 9, 2, 0, 0]) == ([0, 4, 2, 0, 0], [9, 6, 2, 2, 2])
    assert trace(network, [9, 0, 0, 0, 0]) == ([0, 0, 2, 1, 0], [9, 9, 3, 0, 0])
    assert trace(network, [9, 9, 9, 0, 0]) == ([0, 4, 2, 1, 0], [9, 6, 9, 6, 6])
    assert trace(network, [-9, 0, 0, 0, 9]) == ([0, 0, 0, 0, 0], [-9, -9, -9, -9, 0])


@pytest.mark.parametrize(("bits", "extra"), [(1, 0), (2, 2), (3, 0), (4, 1)])
def test_patterns_are_the_bits_of_the_quantised_level(bits, extra):
    """Every level, from far below 0 to far above the highest, of thresholds 1 to 5."""
    highest = (1 << bits) - 1
    charges = np.arange(-3 * highest, 8 * (highest + 1))
    n = 5
    threshold = np.arange(1, n + 1)
    soma = Soma(
        fire=Fire.PATTERN,
        threshold=threshold,
        max_level=1 << (bits - 1),
        phases=Phases(receive=1, fire=bits),
    )
    network = Network(
        name="bits",
        inputs=(
            Input(
                name="x",
                shape=(1,),
                payload=Payload.GRADED,
                low=int(charges.min()),
                high=int(charges.max()),
                encoding=Encoding.ONCE,
            ),
        ),
        populations=(Population(name="p", shape=(n,), soma=soma, payload=Payload.SHIFT),),
        connections=(
            Connection(
                source="x",
                target="p",
                operator=Dense(weights=np.ones((1, n), np.int64), weight_bits=2),
            ),
        ),
        readout=Readout(population="p", kind=ReadoutKind.COUNT, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=1 + bits + extra,
    )
    result = Model(network).run(
        charges.reshape(-1, 1), mode="stepwise", steps=network.max_steps, trace=True
    )
    wanted = np.clip(charges.reshape(-1, 1) // threshold, 0, highest)
    assert result.values.numpy().tolist() == wanted.tolist()
    spikes = result.trace.spikes["p"].numpy()
    for step in range(network.max_steps):
        bit = bits - step  # the phase begins in step 1
        there = (wanted >> bit & 1) << bit if 0 <= bit < bits else 0 * wanted
        assert spikes[step].tolist() == there.tolist()
    ranges = analyse(network, Mode.STEPWISE)["p"]
    assert (ranges.emitted.high, ranges.total.high) == (1 << (bits - 1), highest)


def test_crossings_by_hand():
    """+1 where v has come up to 5, -1 where it has fallen below; the membrane is never reset."""
    network = neuron(
        Fire.TERNARY, Payload.SIGN, threshold_negative=-4, reset=Reset.NONE, s_min=0, s_max=1
    )
    crossed = ([0, 1, 0, -1, 0, 0, 1], [4, 5, 8, 4, -5, 4, 5])
    assert trace(network, [4, 1, 3, -4, -9, 9, 1]) == crossed
    values = Model(network).run(np.array([[[4], [1]]]), mode="stepwise").values
    assert values.tolist() == [[1]]
