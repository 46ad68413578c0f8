"""Every execution equals the scalar model, spike by spike, on random networks."""

import copy
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.model import Model, delta, model, neuron, readout, run, window
from spikewright.golden.model.delta import DeltaSynapses, RunningDelta
from spikewright.golden.model.neuron import Neurons
from spikewright.golden.model.product import ProductSynapses
from spikewright.golden.model.window import Plane, WindowSynapses, convolve
from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Delta,
    DeltaFunction,
    Dense,
    Encoding,
    Fire,
    Identity,
    Input,
    LeakOrder,
    Mode,
    Network,
    Payload,
    Population,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
    Window,
    WindowKind,
)
from support.against_scalar import same_as_scalar
from support.random_networks import (
    Drawn,
    Seeded,
    random_inputs,
    settling_network,
    stepwise_network,
)
from support.scalar_network import run_anyhow, run_collapsed

MANY = settings(max_examples=120, deadline=None)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def stepwise_networks(draw):
    return stepwise_network(Drawn(draw))


@st.composite
def settling_networks(draw):
    return settling_network(Drawn(draw))


@MANY
@given(network=stepwise_networks(), steps=st.integers(1, 8), seed=seeds)
def test_stepwise_equals_scalar(network, steps, seed):
    inputs = random_inputs(network, batch=3, steps=steps, seed=seed)
    same_as_scalar(network, inputs, Mode.STEPWISE, steps, random.Random(seed))


@MANY
@given(network=settling_networks(), steps=st.integers(1, 8), seed=seeds)
def test_settle_equals_scalar_and_collapsed(network, steps, seed):
    inputs = random_inputs(network, batch=3, steps=steps, seed=seed)
    asked = None if seed % 2 else steps
    settled = same_as_scalar(network, inputs, Mode.SETTLE, asked, random.Random(seed))
    collapsed = same_as_scalar(network, inputs, Mode.COLLAPSED, asked)
    assert torch.equal(settled.values, collapsed.values)
    assert torch.equal(settled.labels, collapsed.labels)
    for name, levels in settled.trace.spikes.items():
        assert torch.equal(levels.sum(dim=0), collapsed.trace.spikes[name][0]), name


@MANY
@given(network=settling_networks(), seed=seeds)
def test_any_order_of_events_settles_the_same(network, seed):
    """No steps at all: synapses deliver in any order, neurons fire when they like."""
    inputs = random_inputs(network, batch=1, steps=3, seed=seed)
    sample = {name: values[0].tolist() for name, values in inputs.items()}
    found = run_anyhow(network, sample, random.Random(seed))
    result = Model(network).run(inputs, mode=Mode.SETTLE, steps=3, trace=True)
    assert found.values == result.values[0].tolist() == run_collapsed(network, sample).values
    for name, levels in found.spikes.items():
        assert levels[0] == result.trace.spikes[name].sum(dim=0)[0].tolist(), name


@settings(max_examples=40, deadline=None)
@given(network=stepwise_networks(), steps=st.integers(1, 6), seed=seeds)
def test_samples_do_not_see_each_other(network, steps, seed):
    inputs = random_inputs(network, batch=4, steps=steps, seed=seed)
    model = Model(network)
    together = model.run(inputs, mode=Mode.STEPWISE, steps=steps, trace=True)
    again = model.run(inputs, mode=Mode.STEPWISE, steps=steps, trace=True)
    for b in range(4):
        one = {name: values[b : b + 1] for name, values in inputs.items()}
        alone = model.run(one, mode=Mode.STEPWISE, steps=steps, trace=True)
        assert torch.equal(alone.values[0], together.values[b])
        for name, levels in alone.trace.spikes.items():
            assert torch.equal(levels[:, 0], together.trace.spikes[name][:, b])
            assert torch.equal(levels[:, 0], again.trace.spikes[name][:, b])


@settings(max_examples=40, deadline=None)
@given(network=settling_networks(), seed=seeds)
def test_settling_samples_do_not_see_each_other(network, seed):
    inputs = random_inputs(network, batch=4, steps=3, seed=seed)
    model = Model(network)
    together = model.run(inputs, mode=Mode.SETTLE, steps=3, trace=True)
    for b in range(4):
        one = {name: values[b : b + 1] for name, values in inputs.items()}
        alone = model.run(one, mode=Mode.SETTLE, steps=3, trace=True)
        for name, steps in alone.trace.steps.items():
            assert steps[0] == together.trace.steps[name][b]
            count = len(alone.trace.spikes[name])
            assert torch.equal(
                alone.trace.spikes[name][:, 0], together.trace.spikes[name][:count, b]
            )
            assert alone.events[name][0] == together.events[name][b]


# --- faults that somebody could make, each of which the comparison must notice -------------------

FIRE, AFTER_FIRING, INTEGRATE = Neurons.fire, Neurons.after_firing, Neurons.integrate
BUILD, RESET, STEP, COLLAPSE = Neurons.__init__, Neurons.reset, Neurons.step, Neurons.collapse
PRODUCT_INIT, PRODUCT_CALL = ProductSynapses.__init__, ProductSynapses.__call__
LARGEST, CHARGE, DECIDE = readout.first_largest, run.charge_of, readout.decide


def greater_than(self, v, s, steps):
    return FIRE(self, torch.where(v == self.threshold, v - 1, v), s, steps)


def lesser_than(self, v, s, steps):
    return FIRE(self, torch.where(v == -self.negative, v + 1, v), s, steps)


def a_step_late(self, v, s, steps):
    """The bits of a pattern come too high."""
    begun = self.soma.phases is not None and steps > self.soma.phases.receive
    return FIRE(self, v, s, steps - begun)


def signs_swapped(self, v, s, steps):
    level = -FIRE(self, v, s, steps)[0]
    return level, s + level


def no_reset(self, v, level):
    pass


def reset_by_threshold(self, v, level):
    if self.soma.reset is Reset.SUBTRACT:
        v.sub_(level * self.threshold)
    else:
        AFTER_FIRING(self, v, level)


def truncating_leak(z, rule):
    if rule is not None:
        z.copy_(torch.div(rule.multiplier * z, 2**rule.shift, rounding_mode="trunc"))


def bias_always(self, register, charge, *, fresh):
    INTEGRATE(self, register, charge, fresh=True)


def no_bias(self, register, charge, *, fresh):
    if charge is not None:
        register.add_(charge)


def start_at_zero(self, batch):
    state = RESET(self, batch)
    return replace(state, v=torch.zeros_like(state.v))


def current_forgotten(self, state, charge):
    current = None if state.i is None else state.i.clone()
    STEP(self, state, charge)
    state.i = current


def truncating_division(self, state, charge):
    if self.soma.fire is Fire.NONE:
        COLLAPSE(self, state, charge)
        return
    self.integrate(state.v, charge, fresh=True)
    level = torch.div(state.v, self.threshold, rounding_mode="trunc")
    state.s = state.level = level.clamp(self.soma.s_min, self.soma.s_max)
    state.v -= state.level * self.threshold


def highest_index(values):
    return values.shape[1] - 1 - LARGEST(values.flip(1))


def one_label_for_all(readout, values, positions):
    return DECIDE(readout, values, 1)


def no_delay(layer, now, before):
    return CHARGE(layer, now, now)


def one_branch(layer, now, before):
    return CHARGE(replace(layer, branches=layer.branches[:1]), now, before)


def other_soma(**changes):
    """Neurons that read some options of their soma wrongly."""

    def build(self, population, **options):
        BUILD(self, population, **options)
        self.soma = copy.copy(self.soma)
        self.soma.__dict__.update(changes)

    return Neurons, "__init__", build


# --- of windows and deltas

WINDOW, DELTA, FOLD, PLANE = WindowSynapses.__init__, RunningDelta.__call__, window.fold, Plane.of
FUNCTION = DeltaSynapses.function


def other_window(change):
    """Windows that read their operator wrongly."""

    def build(self, operator, shape, arithmetic, **options):
        operator = copy.copy(operator)
        change(operator)
        WINDOW(self, operator, shape, arithmetic, **options)

    return WindowSynapses, "__init__", build


def flipped(operator):
    if operator.weights is not None:
        axes = tuple(range(2, operator.weights.ndim))
        operator.__dict__["weights"] = np.flip(operator.weights, axes).copy()


def transposed_plane(operator):
    if operator.weights is not None and operator.kernel[0] == operator.kernel[-1]:
        if len(operator.kernel) == 1:
            return
        operator.__dict__["weights"] = np.swapaxes(operator.weights, -1, -2).copy()


def groups_mixed(operator):
    """The last group's weights first."""
    if operator.weights is not None:
        weights = operator.weights
        groups = weights.reshape(operator.groups, -1, *weights.shape[1:])
        operator.__dict__["weights"] = groups[::-1].reshape(weights.shape).copy()


def no_shift(operator):
    operator.__dict__["shift"] = 0


def padding_on_one_side(planes, plane, join, padding):
    """All of it in front of the plane."""
    high, wide = plane.padding
    planes = functional.pad(planes, (2 * wide, 0, 2 * high, 0), value=padding)
    return FOLD(planes, replace(plane, padding=(0, 0)), join, padding)


def padded_conv_on_one_side(planes, weights, plane, groups):
    high, wide = plane.padding
    planes = functional.pad(planes, (2 * wide, 0, 2 * high, 0))
    return convolve(planes, weights, replace(plane, padding=(0, 0)), groups)


def zeros_for_a_maximum(planes, plane, join, padding):
    return FOLD(planes, plane, join, 0)


def last_of_a_maximum(planes, plane, join, padding):
    return FOLD(planes, plane, (lambda a, b: b) if join is torch.maximum else join, padding)


def plane_turned(operator):
    """y for x."""
    plane = PLANE(operator)
    return Plane(*(each[::-1] for each in vars(plane).values()))


def delta_of_one_step(self, spikes):
    """X of this step alone."""
    self.x = None
    return DELTA(self, spikes)


def delta_not_taken_back(self, spikes):
    """y, not its change."""
    DELTA(self, spikes)
    return self.y


def table_with_its_rest(self, x):
    """f(X) without taking off f(0)."""
    found = FUNCTION(self, x)
    return found if self.table is None else found + 1


def heads_mixed(self, operator, *args, **options):
    PRODUCT_INIT(self, replace(operator, heads=1), *args, **options)


def no_keys(self, spikes):
    """Every value counts, sent with a key or not."""
    query, keys, _ = self.sizes
    levels = spikes.clone()
    levels[:, query : query + keys] = 1
    return PRODUCT_CALL(self, levels)


STEPWISE_FAULTS = {
    "> for >=": (Neurons, "fire", greater_than),
    "< for <=": (Neurons, "fire", lesser_than),
    "signs swapped": (Neurons, "fire", signs_swapped),
    "a bit late": (Neurons, "fire", a_step_late),
    "s_min ignored": other_soma(s_min=None),
    "s_max ignored": other_soma(s_max=None),
    "no reset": (Neurons, "after_firing", no_reset),
    "threshold for reset amount": (Neurons, "after_firing", reset_by_threshold),
    "reset to 0": other_soma(reset_value=0),
    "reset not delayed": other_soma(reset_delay=False),
    "leak truncates": (neuron, "leak", truncating_leak),
    "leak before": other_soma(leak_order=LeakOrder.BEFORE),
    "leak after": other_soma(leak_order=LeakOrder.AFTER),
    "v_min ignored": other_soma(v_min=None),
    "v_max ignored": other_soma(v_max=None),
    "current ignored": other_soma(current=False),
    "current forgotten": (Neurons, "step", current_forgotten),
    "bias always": (Neurons, "integrate", bias_always),
    "no bias": (Neurons, "integrate", no_bias),
    "start at 0": (Neurons, "reset", start_at_zero),
    "delay ignored": (run, "charge_of", no_delay),
    "heads of a product mixed": (ProductSynapses, "__init__", heads_mixed),
    "keys ignored": (ProductSynapses, "__call__", no_keys),
    "merge ignored": (run, "charge_of", one_branch),
    "highest index wins": (readout, "first_largest", highest_index),
    "one label for all positions": (model, "decide", one_label_for_all),
    "kernel flipped": other_window(flipped),
    "kernel transposed": other_window(transposed_plane),
    "groups mixed": other_window(groups_mixed),
    "shift of a window ignored": other_window(no_shift),
    "padding of a sum on one side": (window, "fold", padding_on_one_side),
    "padding of a convolution on one side": (window, "convolve", padded_conv_on_one_side),
    "x for y": (Plane, "of", staticmethod(plane_turned)),
    "padding of a maximum is 0": (delta, "fold", zeros_for_a_maximum),
    "last for largest": (delta, "fold", last_of_a_maximum),
    "delta of one step": (RunningDelta, "__call__", delta_of_one_step),
    "delta not taken back": (RunningDelta, "__call__", delta_not_taken_back),
    "f(0) is counted": (DeltaSynapses, "function", table_with_its_rest),
}
SETTLE_FAULTS = {
    name: STEPWISE_FAULTS[name]
    for name in (
        *("> for >=", "< for <=", "no reset", "bias always", "no bias", "start at 0"),
        *("merge ignored", "kernel flipped", "delta of one step", "delta not taken back"),
    )
}
COLLAPSED_FAULTS = {
    "division truncates": (Neurons, "collapse", truncating_division),
    "no bias": STEPWISE_FAULTS["no bias"],
    "start at 0": STEPWISE_FAULTS["start at 0"],
    "merge ignored": STEPWISE_FAULTS["merge ignored"],
    "kernel flipped": STEPWISE_FAULTS["kernel flipped"],
    "last for largest": STEPWISE_FAULTS["last for largest"],
    "f(0) is counted": STEPWISE_FAULTS["f(0) is counted"],
}
FAULTS = [
    (mode, name, fault)
    for mode, faults in (
        (Mode.STEPWISE, STEPWISE_FAULTS),
        (Mode.SETTLE, SETTLE_FAULTS),
        (Mode.COLLAPSED, COLLAPSED_FAULTS),
    )
    for name, fault in faults.items()
]


def differs(mode: Mode, tries: int = 160) -> bool:
    """Whether one of some fixed random networks shows a difference."""
    build = stepwise_network if mode is Mode.STEPWISE else settling_network
    for seed in range(tries):
        network = build(Seeded(seed))
        inputs = random_inputs(network, batch=2, steps=6, seed=seed)
        try:
            same_as_scalar(network, inputs, mode, 6)
        except (AssertionError, RuntimeError):  # the latter where shapes do not fit any more
            return True
    return False


@pytest.mark.parametrize("mode", list(Mode))
def test_there_is_no_difference_without_a_fault(mode):
    assert not differs(mode)


@pytest.mark.parametrize(
    ("mode", "fault"), [pytest.param(m, f, id=f"{m}: {name}") for m, name, f in FAULTS]
)
def test_a_fault_is_caught(monkeypatch, mode, fault):
    monkeypatch.setattr(*fault)
    assert differs(mode)


def streams_of_events(first, count):
    """Random stepwise networks whose inputs are all given step by step."""
    for seed in range(first, first + count):
        network = stepwise_network(Seeded(seed))
        inputs = tuple(
            replace(each, encoding=Encoding.EVENTS, threshold=None, seed=None)
            for each in network.inputs
            if each.encoding not in (Encoding.RATE, Encoding.PHASE)
        )
        if len(inputs) == len(network.inputs):
            try:
                yield seed, replace(network, inputs=inputs)
            except (ConfigurationError, RangeError):
                continue  # of events more can come than a table has entries for


def test_samples_that_keep_the_state_are_one_long_sample():
    compared = 0
    for seed, network in streams_of_events(0, 80):
        rng = np.random.default_rng(seed)
        long = random_inputs(network, batch=1, steps=8, seed=seed)
        cut = int(rng.integers(1, 8))
        steps = np.gcd(cut, 8)
        parts = {name: values.reshape(8 // steps, steps, -1) for name, values in long.items()}
        golden = Model(network)
        whole = golden.run(long, mode="stepwise", trace=True)
        keep = [True] * (8 // steps - 1) + [False]
        found = golden.run(parts, mode="stepwise", trace=True, keep=keep)
        if network.readout.kind is not ReadoutKind.STREAM:
            assert found.values[-1].tolist() == whole.values[0].tolist()
        elif network.readout.block is None:  # a block ends with its sample
            assert found.values.flatten(0, 1).tolist() == whole.values[0].tolist()
        for name, spikes in whole.trace.spikes.items():
            pieces = found.trace.spikes[name].transpose(0, 1).flatten(0, 1)
            assert pieces.tolist() == spikes[:, 0].tolist()
        compared += len(keep) > 1
    assert compared > 20


def test_samples_that_reset_the_state_come_out_the_same_in_any_order():
    differs = 0
    for seed, network in streams_of_events(200, 40):
        golden = Model(network)
        x = random_inputs(network, batch=2, steps=4, seed=seed)
        back = {name: values[::-1].copy() for name, values in x.items()}
        there = golden.run(x, mode="stepwise", keep=[False, False])
        assert there.values.tolist() == golden.run(x, mode="stepwise").values.tolist()
        again = golden.run(back, mode="stepwise", keep=[False, False])
        assert there.values.tolist() == again.values.flip(0).tolist()
        first = golden.run(x, mode="stepwise", keep=[True, False])
        other = golden.run(back, mode="stepwise", keep=[True, False])
        assert first.values[0].tolist() == there.values[0].tolist()
        assert other.values[0].tolist() == there.values[1].tolist()
        differs += first.values[1].tolist() != there.values[1].tolist()
    assert differs > 10  # where the state is kept, order matters


def settling_streams(first, count):
    """Random networks whose samples hear the ones before, samples of theirs, and what is kept."""
    for seed in range(first, first + count):
        try:
            network = settling_network(Seeded(seed), delays=True)
        except RangeError:
            continue
        if any(connection.delay for connection in network.connections):
            rng = random.Random(seed)
            keep = [rng.random() < 0.7 for _ in range(6)]
            yield network, random_inputs(network, batch=6, steps=3, seed=seed), keep


@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
def test_what_a_sample_hears_of_the_one_before_equals_scalar(mode):
    compared = 0
    for network, x, keep in settling_streams(0, 60):
        events = any(each.encoding is Encoding.EVENTS for each in network.inputs)
        same_as_scalar(network, x, mode, steps=3 if events else None, keep=keep)
        compared += 1
    assert compared > 20


def test_settle_and_collapsed_agree_on_streams():
    heard = 0
    for network, x, keep in settling_streams(100, 60):
        golden = Model(network)
        events = any(each.encoding is Encoding.EVENTS for each in network.inputs)
        settled = golden.run(x, mode="settle", steps=3 if events else None, keep=keep, trace=True)
        closed = golden.run(x, mode="collapsed", keep=keep, trace=True)
        alone = golden.run(x, mode="collapsed")
        assert settled.values.tolist() == closed.values.tolist()
        for name, spikes in settled.trace.spikes.items():
            assert spikes.sum(0).tolist() == closed.trace.spikes[name][0].tolist()
        heard += closed.values.tolist() != alone.values.tolist()
    assert heard > 10  # else nothing was heard of any sample before


def test_streams_of_any_lengths_run_side_by_side():
    """Each as if it ran alone; of chunks too small for all of them at once as well."""
    network, _, _ = next(settling_streams(3, 50))
    keep = [True, False, False, True, True, False, True, False, True]
    x = random_inputs(network, batch=len(keep), steps=3, seed=1)
    golden = Model(network)
    whole = golden.run(x, mode="collapsed", keep=keep, trace=True)
    starts = [0, *(k + 1 for k, kept in enumerate(keep[:-1]) if not kept), len(keep)]
    for first, last in pairwise(starts):
        part = {name: values[first:last] for name, values in x.items()}
        alone = golden.run(part, mode="collapsed", keep=keep[first:last], trace=True)
        assert whole.values[first:last].tolist() == alone.values.tolist()
        assert whole.labels[first:last].tolist() == alone.labels.tolist()
        for name, spikes in alone.trace.spikes.items():
            assert whole.trace.spikes[name][:, first:last].tolist() == spikes.tolist()
            assert whole.events[name][first:last].tolist() == alone.events[name].tolist()


def test_a_quantised_recurrent_network():
    """h = clip(floor((x wx + h wh + b + v0) / th), 0, 5), written out."""
    rng = np.random.default_rng(0)
    wx, wh = rng.integers(-3, 4, (6, 8)), rng.integers(-3, 4, (8, 8))
    th, bias = rng.integers(3, 9, 8), rng.integers(-4, 5, 8)
    soma = Soma(
        fire=Fire.TERNARY, threshold=th, threshold_negative=[1], s_min=0, s_max=5, bias=bias,
        bias_when=BiasWhen.FIRST, initial_v=th // 2,
    )  # fmt: skip
    dense = {"weight_bits": 3}
    network = Network(
        name="rnn",
        inputs=(
            Input(name="x", shape=(6,), payload=Payload.GRADED, low=0, high=3, encoding="once"),
        ),
        populations=(
            Population(name="h", shape=(8,), soma=soma, payload=Payload.SIGN),
            Population(name="out", shape=(8,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        connections=(
            Connection(source="x", target="h", operator=Dense(weights=wx, **dense)),
            Connection(source="h", target="h", operator=Dense(weights=wh, **dense), delay=1),
            Connection(source="h", target="out", operator=Identity()),
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.SETTLE, Mode.COLLAPSED),
        max_steps=4,
    )
    x = rng.integers(0, 4, (50, 12, 6))
    h, states = np.zeros((50, 8), int), []
    for step in range(12):
        h = (x[:, step] @ wx + h @ wh + bias + th // 2) // th
        h = h.clip(0, 5)
        states.append(h)
    for mode in network.modes:
        keep = ([True] * 11 + [False]) * 50
        found = Model(network).run(x.reshape(600, 6), mode=mode, keep=keep, trace=True)
        assert found.values.reshape(50, 12, 8).tolist() == np.stack(states, 1).tolist()
        sums = found.trace.spikes["h"].sum(0)
        assert sums.reshape(50, 12, 8).tolist() == np.stack(states, 1).tolist()


def test_the_random_networks_use_every_option():
    """What the comparison never met it never compared."""
    seen = set()
    for seed in range(80):
        network = stepwise_network(Seeded(seed))
        for each in network.inputs:
            seen |= {each.encoding, each.payload}
        for population in network.populations:
            soma = population.soma
            seen |= {soma.fire, soma.reset, soma.bias_when, soma.leak_order}
            options = ("reset_delay", "current", "leak_v", "leak_i", "v_min", "v_max", "s_max")
            options += ("refractory", "phases")
            seen |= {name for name in options if getattr(soma, name)}
            seen |= {"s_min"} if soma.s_min is not None else set()
            seen |= {"reset_amount"} if soma.reset_amount is not None else set()
            seen |= {f"{soma.threshold.size > 1} vector"}
            seen |= {f"{len(network.sources(population.name))} sources"}
        for connection in network.connections:
            own = connection.source == connection.target
            seen |= {connection.delay, f"{own} loop", *options_of(connection.operator)}
            if isinstance(connection.operator, Product):
                seen |= {f"{len(set(connection.reads))} populations of a product"}
        read = network.population(network.readout.population)
        seen |= {"block"} if network.readout.block is not None else set()
        seen |= {
            network.readout.kind,
            network.readout.decision,
            f"{read.positions > 1} map",
            f"{len(network.inputs)} inputs",
        }
    assert seen >= {
        *(set(Encoding) - {Encoding.CHANGE} | set(Reset) | set(BiasWhen) | set(LeakOrder)),
        *(Fire.NONE, Fire.BINARY, Fire.TERNARY),
        *(Payload.UNIT, Payload.SIGN, Payload.GRADED),
        *("reset_delay", "current", "leak_v", "leak_i", "v_min", "v_max", "s_min", "s_max"),
        *("refractory", "phases"),
        *("reset_amount", "True vector", "False vector", "True blocks", "True loop"),
        *("1 sources", "2 sources", "3 sources", "1 inputs", "2 inputs", "True map"),
        *(Dense, Identity, Window, Delta, *WindowKind, *DeltaFunction, "1-D", "2-D"),
        *("stride", "padding", "dilation", "output_padding", "groups", "shift", "pool"),
        *("pool of transposed", "pool overlaps", "delta padding", "delta"),
        *(Product, "heads", *(f"{n} populations of a product" for n in (1, 2, 3))),
        *(0, 1, *ReadoutKind, Decision.FILTER, "block"),
    }


def options_of(operator):
    """Names of what an operator makes use of."""
    seen = {type(operator)}
    if isinstance(operator, Dense):
        return seen | {f"{operator.weights.ndim == 3} blocks"}
    if isinstance(operator, Delta):
        padded = operator.window is not None and any(operator.window.padding)
        return seen | {"delta", operator.function} | ({"delta padding"} if padded else set())
    if isinstance(operator, Product):
        return seen | ({"heads"} if operator.heads > 1 else set())
    if isinstance(operator, Identity):
        return seen
    seen |= {operator.kind, f"{len(operator.kernel)}-D"}
    plain = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}
    seen |= {n for n, least in plain.items() if any(e > least for e in getattr(operator, n))}
    seen |= {"groups"} if operator.groups > 1 else set()
    seen |= {"shift"} if operator.shift else set()
    if operator.pool is not None:
        seen |= {"pool", f"pool of {operator.kind}"}
        pairs = zip(operator.pool.kernel, operator.pool.stride, strict=True)
        seen |= {"pool overlaps"} if any(k > s for k, s in pairs) else set()
    return seen


def test_a_sum_that_is_heard_later_is_not_rounded():
    """Of 1,023 steps with payloads of 15 bits."""
    payload = 32767
    network = Network(
        name="late",
        inputs=(
            Input(
                name="x", shape=(1,), payload=Payload.GRADED, low=0, high=payload, encoding="events"
            ),
        ),
        populations=(
            Population(
                name="out",
                shape=(1,),
                soma=Soma(fire=Fire.NONE, bias_when=BiasWhen.FIRST),
                payload=Payload.UNIT,
            ),
        ),
        connections=(
            Connection(
                source="x",
                target="out",
                operator=Dense(weights=np.ones((1, 1), int), weight_bits=2),
                delay=1,
            ),
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW),
        modes=(Mode.SETTLE,),
        max_steps=1023,
    )
    x = np.full((2, 1023, 1), payload)
    found = Model(network).run(x, mode="settle", keep=[True, False])
    assert found.values.tolist() == [[0], [1023 * payload]]
