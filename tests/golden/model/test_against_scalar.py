"""The golden model against a loop over single neurons, written from the contract's words."""

import itertools
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.model import Model
from spikewright.golden.model import neuron as neuron_module
from spikewright.golden.model.neuron import Neurons
from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Leak,
    LeakOrder,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
)

MAX_STEPS = 6


class Scalar:
    """One neuron: the docstring of ``Soma``, line by line."""

    def __init__(self, soma, k, spread):
        self.soma = soma
        self.th = spread(soma.threshold)[k]
        self.th_n = None if soma.threshold_negative is None else spread(soma.threshold_negative)[k]
        self.amount = self.th if soma.reset_amount is None else spread(soma.reset_amount)[k]
        self.bias = spread(soma.bias)[k]
        self.v, self.i, self.s, self.last = spread(soma.initial_v)[k], 0, 0, 0
        self.first = True

    @staticmethod
    def leak(rule, z):
        return z if rule is None else (rule.multiplier * z) >> rule.shift

    def step(self, acc):
        soma = self.soma
        charge = acc + (self.bias if self.first or soma.bias_when is BiasWhen.EVERY else 0)
        self.first = False
        if soma.current:
            self.i = self.leak(soma.leak_i, self.i) + charge
            charge = self.i
        if soma.leak_order is LeakOrder.BEFORE:
            v = self.leak(soma.leak_v, self.v) + charge
        else:
            v = self.leak(soma.leak_v, self.v + charge)
        if soma.reset_delay:
            v -= self.last * self.amount
        v = v if soma.v_min is None else max(v, soma.v_min)
        v = v if soma.v_max is None else min(v, soma.v_max)
        level = 0
        if soma.fire is not Fire.NONE and v >= self.th:
            level = int(soma.s_max is None or self.s < soma.s_max)
        elif soma.fire is Fire.TERNARY and v <= -self.th_n:
            level = -int(soma.s_min is None or self.s > soma.s_min)
        if level and not soma.reset_delay:
            if soma.reset is Reset.SUBTRACT:
                v -= level * self.amount
            elif soma.reset is Reset.VALUE:
                v = soma.reset_value
        self.v, self.last, self.s = v, level, self.s + level
        return level


def run_scalar(network, payloads):
    """Spikes and membranes by name, [steps][n], of one sample's payloads [steps][n]."""
    neurons = {
        p.name: [Scalar(p.soma, k, lambda a, p=p: p.per_neuron(a).tolist()) for k in range(p.n)]
        for p in network.populations
    }
    silent = {name: [0] * len(group) for name, group in neurons.items()}
    silent |= {source.name: [0] * source.n for source in network.inputs}
    before, spikes, membranes = silent, {name: [] for name in silent}, {n: [] for n in neurons}
    for payload in payloads:
        now = {network.inputs[0].name: payload}
        for population in network.order():
            name = population if isinstance(population, str) else population.name
            acc = [0] * len(neurons[name])
            for connection in network.sources(name):
                levels = (before if connection.delay else now)[connection.source]
                weights = connection.operator.weights
                for pre, level in enumerate(levels):
                    for post in range(len(acc)):
                        weight = int(weights[pre, post]) << connection.operator.shift
                        acc[post] += weight * int(level)
            now[name] = [cell.step(a) for cell, a in zip(neurons[name], acc, strict=True)]
            membranes[name].append([cell.v for cell in neurons[name]])
        for name, levels in now.items():
            spikes[name].append(list(levels))
        before = now
    return spikes, membranes


def random_soma(rng, n, *, fire):
    def vector(low, high):
        return rng.integers(low, high, rng.choice([1, n]))

    leak = [None, Leak(shift=1), Leak(shift=2), Leak(multiplier=5, shift=3)]
    options = {
        "fire": fire,
        "threshold": vector(1, 9),
        "initial_v": vector(-5, 6),
        "bias": vector(-4, 5),
        "bias_when": rng.choice(list(BiasWhen)),
        "leak_v": rng.choice(leak),
        "leak_order": rng.choice(list(LeakOrder)),
    }
    if rng.random() < 0.3:
        options |= {"current": True, "leak_i": rng.choice(leak)}
    if rng.random() < 0.3:
        options |= {"v_min": -12, "v_max": 14}
    if fire is Fire.NONE:
        return Soma(**options)
    options["reset"] = rng.choice(list(Reset))
    if fire is Fire.TERNARY:
        options["threshold_negative"] = vector(1, 6)
    if options["reset"] == Reset.VALUE:
        options["reset_value"] = int(rng.integers(-3, 4))
    if options["reset"] == Reset.SUBTRACT:
        if rng.random() < 0.3:
            options["reset_amount"] = vector(1, 9)
        options["reset_delay"] = bool(rng.random() < 0.3)
    if rng.random() < 0.5:
        options["s_max"] = 2
        if fire is Fire.TERNARY:
            options["s_min"] = -2
    return Soma(**options)


def random_network(seed):
    """Three populations, forward and recurrent connections, any soma."""
    rng = np.random.default_rng(seed)
    sizes = {"x": 3, "a": 4, "b": 3, "c": 2}
    fires = {"a": rng.choice([Fire.BINARY, Fire.TERNARY]), "b": Fire.TERNARY, "c": Fire.BINARY}
    kind = rng.choice([ReadoutKind.MEMBRANE, ReadoutKind.COUNT])
    if kind == ReadoutKind.MEMBRANE:
        fires["c"] = Fire.NONE

    def connect(source, target, delay=0):
        weights = rng.integers(-4, 4, (sizes[source], sizes[target]))
        dense = Dense(weights=weights, weight_bits=3, shift=int(rng.integers(0, 2)))
        return Connection(source=source, target=target, operator=dense, delay=delay)

    connections = [connect("x", "a"), connect("a", "b"), connect("b", "c")]
    if rng.random() < 0.5:
        connections.append(connect("a", "c"))
    if rng.random() < 0.5:
        connections.append(connect("b", "a", delay=1))
    if rng.random() < 0.5:
        connections.append(connect("a", "a", delay=1))
    return Network(
        name="random",
        inputs=(
            Input(
                name="x",
                shape=(3,),
                payload=Payload.GRADED,
                low=-2,
                high=3,
                encoding=Encoding.EVENTS,
            ),
        ),
        populations=tuple(
            Population(
                name=name,
                shape=(sizes[name],),
                soma=random_soma(rng, sizes[name], fire=Fire(fires[name])),
                payload=Payload.SIGN,
            )
            for name in "abc"
        ),
        connections=tuple(connections),
        readout=Readout(population="c", kind=kind, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=MAX_STEPS,
    )


def events(seed, batch=4, steps=MAX_STEPS):
    rng = np.random.default_rng(seed + 1)
    values = rng.integers(-2, 4, (batch, steps, 3)) * (rng.random((batch, steps, 3)) < 0.7)
    values[0] = 0
    values[1] = 3
    return values


def differences(network, values):
    """How many spikes, membranes and results differ from the scalar loop."""
    result = Model(network).run(values, mode=Mode.STEPWISE, trace=True)
    wrong = 0
    for k, sample in enumerate(values.tolist()):
        spikes, membranes = run_scalar(network, sample)
        for name, levels in spikes.items():
            wrong += int((result.trace.spikes[name][:, k] != torch.tensor(levels)).sum())
        for name, v in membranes.items():
            wrong += int((result.trace.membranes[name][:, k] != torch.tensor(v)).sum())
        if network.readout.kind is ReadoutKind.MEMBRANE:
            read = membranes["c"][-1]
        else:
            read = [sum(column) for column in zip(*spikes["c"], strict=True)]
        wrong += int((result.values[k] != torch.tensor(read)).sum())
        wrong += int(result.labels[k] != read.index(max(read)))
        for name, levels in spikes.items():
            wrong += int(result.events[name][k] != sum(x != 0 for row in levels for x in row))
    return wrong


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31))
def test_stepwise_equals_the_scalar_loop(seed):
    assert differences(random_network(seed), events(seed)) == 0


def converted(seed, *, encoding=Encoding.ONCE, s_min=0):
    """A random network that may settle, and inputs for it."""
    rng = np.random.default_rng(seed)
    sizes = [5, 7, 6, 3]
    populations, connections, source = [], [], "x"
    for k, (pre, post) in enumerate(itertools.pairwise(sizes)):
        name = f"p{k}"
        threshold = rng.integers(2, 14, post)
        soma = Soma(
            fire=Fire.TERNARY,
            threshold=threshold,
            threshold_negative=1,
            initial_v=threshold // 2,
            bias=rng.integers(-12, 12, post),
            bias_when=BiasWhen.FIRST,
            s_min=s_min,
            s_max=3,
        )
        if k == 2:
            soma = Soma(fire=Fire.NONE, bias=rng.integers(-9, 9, post), bias_when=BiasWhen.FIRST)
        populations.append(Population(name=name, shape=(post,), soma=soma, payload=Payload.SIGN))
        dense = Dense(weights=rng.integers(-8, 8, (pre, post)), weight_bits=4)
        connections.append(Connection(source=source, target=name, operator=dense))
        source = name
    network = Network(
        name="converted",
        inputs=(
            Input(name="x", shape=(5,), payload=Payload.GRADED, low=0, high=4, encoding=encoding),
        ),
        populations=tuple(populations),
        connections=tuple(connections),
        readout=Readout(population="p2", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=tuple(Mode),
        max_steps=64,
    )
    return network, rng.integers(0, 5, (8, 5))


def closed_form(network, values):
    """The quantised network, by Python's floor division."""
    results = []
    for sample in values.tolist():
        for population, connection in zip(network.populations, network.connections, strict=True):
            soma, weights = population.soma, connection.operator.weights
            charge = [
                int(population.per_neuron(soma.bias)[k] + population.per_neuron(soma.initial_v)[k])
                + sum(x * int(weights[pre, k]) for pre, x in enumerate(sample))
                for k in range(population.n)
            ]
            if soma.fire is not Fire.NONE:
                threshold = population.per_neuron(soma.threshold).tolist()
                charge = [
                    min(max(c // th, soma.s_min), soma.s_max)
                    for c, th in zip(charge, threshold, strict=True)
                ]
            sample = charge
        results.append(sample)
    return results


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from([Encoding.ONCE, Encoding.SPREAD]),
    st.sampled_from([0, -2]),
)
def test_settle_and_collapsed_are_the_closed_form(seed, encoding, s_min):
    network, values = converted(seed, encoding=encoding, s_min=s_min)
    model = Model(network)
    expected = closed_form(network, values)
    assert model.run(values, mode=Mode.COLLAPSED).values.tolist() == expected
    settled = model.run(values, mode=Mode.SETTLE, trace=True)
    assert settled.values.tolist() == expected
    # Enough plain steps after the last input settle too; fewer need not.
    if encoding is Encoding.ONCE:
        assert model.run(values, mode=Mode.STEPWISE, steps=64).values.tolist() == expected
    # Net counts are the levels of the collapsed run.
    levels = model.run(values, mode=Mode.COLLAPSED, trace=True).trace.spikes
    for name in ("p0", "p1"):
        assert (settled.trace.spikes[name].sum(0) == levels[name][0]).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_settle_ends_each_population_when_it_is_quiet(seed):
    network, values = converted(seed)
    settled = Model(network).run(values, mode=Mode.SETTLE, trace=True).trace
    assert (settled.steps["x"] == 1).all()
    before = settled.steps["x"]
    for name in ("p0", "p1"):
        steps, spikes = settled.steps[name], settled.spikes[name]
        assert (steps >= before).all()
        for k in range(len(values)):
            last, own = int(steps[k]), spikes[:, k]
            assert not own[last:].any()
            # Steps past the source's fired something.
            assert all(own[t].any() for t in range(int(before[k]), last))
        before = steps


def test_a_batch_is_its_samples():
    network, values = random_network(7), events(7, batch=6)
    model = Model(network)
    whole = model.run(values, mode=Mode.STEPWISE)
    for k in range(len(values)):
        one = model.run(values[k : k + 1], mode=Mode.STEPWISE)
        assert (one.values[0] == whole.values[k]).all()


def test_the_order_of_neurons_does_not_matter():
    network, values = converted(11)
    order = random.Random(0).sample(range(5), 5)
    first = network.connections[0]
    shuffled = Connection(
        source="x",
        target="p0",
        operator=Dense(weights=first.operator.weights[order], weight_bits=4),
    )
    other = Network(
        name="converted",
        inputs=network.inputs,
        populations=network.populations,
        connections=(shuffled, *network.connections[1:]),
        readout=network.readout,
        modes=network.modes,
        max_steps=network.max_steps,
    )
    for mode in Mode:
        expected = Model(network).run(values, mode=mode).values
        assert (Model(other).run(values[:, order], mode=mode).values == expected).all()


def test_large_weights_leave_float32_and_stay_exact():
    """Sums past 2**24, where float32 would round: the parity of the result shows it."""
    weights = np.full((700, 1), 2**15 - 1)
    network = Network(
        name="large",
        inputs=(
            Input(name="x", shape=(700,), payload=Payload.GRADED, low=0, high=3, encoding="once"),
        ),
        populations=(
            Population(name="r", shape=(1,), soma=Soma(fire=Fire.NONE), payload=Payload.GRADED),
        ),
        connections=(
            Connection(source="x", target="r", operator=Dense(weights=weights, weight_bits=16)),
        ),
        readout=Readout(population="r", kind="membrane", decision="raw"),
        modes=(Mode.STEPWISE,),
        max_steps=1,
    )
    values = np.full((2, 700), 3)
    values[1, 0] = 2
    result = Model(network).run(values, mode=Mode.STEPWISE, steps=1)
    expected = [[700 * 3 * (2**15 - 1)], [(700 * 3 - 1) * (2**15 - 1)]]
    assert result.values.tolist() == expected
    assert torch.tensor(expected[1], dtype=torch.float32).to(torch.int64).tolist() != expected[1]


def test_the_lowest_index_wins_a_tie():
    network, _ = converted(3)
    zero = np.zeros((1, 5), dtype=int)
    result = Model(network).run(zero, mode=Mode.COLLAPSED)
    values = result.values[0].tolist()
    assert result.labels[0] == values.index(max(values))


def late_fire(self, v, s):
    """> instead of >=."""
    return HONEST["fire"](self, v - 1, s)


def no_reset(self, v, level):
    return v


def leak_towards_zero(z, rule):
    """Rounds towards zero instead of down."""
    if rule is None:
        return z
    return torch.div(rule.multiplier * z, 1 << rule.shift, rounding_mode="trunc")


HONEST = {"fire": Neurons.fire}


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (Neurons, "fire", late_fire),
        (Neurons, "after_firing", no_reset),
        (neuron_module, "leak", leak_towards_zero),
    ],
)
def test_a_planted_fault_is_seen(monkeypatch, owner, name, fault):
    monkeypatch.setattr(owner, name, fault)
    assert any(differences(random_network(seed), events(seed)) for seed in range(20))


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (np.zeros((2, 4), dtype=int), ConfigurationError),
        (np.full((2, 5), 9), RangeError),
        (np.zeros((2, 5)), ConfigurationError),
    ],
)
def test_inputs_are_checked(values, error):
    network, _ = converted(0)
    with pytest.raises(error):
        Model(network).run(values, mode=Mode.COLLAPSED)


def test_modes_and_steps_are_checked():
    network = random_network(1)
    with pytest.raises(ConfigurationError):
        Model(network).run(events(1), mode=Mode.SETTLE)
    with pytest.raises((ConfigurationError, RangeError)):
        Model(network).run(np.zeros((1, MAX_STEPS + 1, 3), dtype=int), mode=Mode.STEPWISE)


def test_what_is_not_modelled_is_refused():
    network, _ = converted(0)
    burst = Soma(fire=Fire.BURST, threshold=3, max_level=2)
    populations = list(network.populations)
    populations[0] = Population(name="p0", shape=(7,), soma=burst, payload=Payload.GRADED)
    other = Network(
        name="burst",
        inputs=network.inputs,
        populations=tuple(populations),
        connections=network.connections,
        readout=network.readout,
        modes=(Mode.STEPWISE,),
        max_steps=4,
    )
    with pytest.raises(UnsupportedError, match="burst"):
        Model(other)
