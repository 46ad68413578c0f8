"""Every execution equals the scalar model, spike by spike, on random networks."""

import copy
import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.golden.model import Model, neuron, readout, run
from spikewright.golden.model.neuron import Neurons
from spikewright.golden.spec import (
    BiasWhen,
    Dense,
    Encoding,
    Fire,
    Identity,
    LeakOrder,
    Mode,
    Payload,
    ReadoutKind,
    Reset,
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

FIRE, AFTER_FIRING, INPUT = Neurons.fire, Neurons.after_firing, Neurons.input
BUILD, RESET, STEP, COLLAPSE = Neurons.__init__, Neurons.reset, Neurons.step, Neurons.collapse
LARGEST, CHARGE = readout.first_largest, run.charge_of


def greater_than(self, v, s):
    return torch.where(v == self.threshold, 0, FIRE(self, v, s))


def lesser_than(self, v, s):
    return torch.where(v == -self.negative, 0, FIRE(self, v, s))


def signs_swapped(self, v, s):
    return -FIRE(self, v, s)


def no_reset(self, v, level):
    return v


def reset_by_threshold(self, v, level):
    subtracts = self.soma.reset is Reset.SUBTRACT
    return v - level * self.threshold if subtracts else AFTER_FIRING(self, v, level)


def truncating_leak(z, rule):
    if rule is None:
        return z
    return torch.div(rule.multiplier * z, 2**rule.shift, rounding_mode="trunc")


def bias_always(self, charge, *, fresh):
    return INPUT(self, charge, fresh=True)


def no_bias(self, charge, *, fresh):
    return torch.zeros_like(self.bias) if charge is None else charge


def start_at_zero(self, batch):
    state = RESET(self, batch)
    return replace(state, v=torch.zeros_like(state.v))


def current_forgotten(self, state, charge):
    return replace(STEP(self, state, charge), i=state.i)


def truncating_division(self, charge, batch):
    if self.soma.fire is Fire.NONE:
        return COLLAPSE(self, charge, batch)
    v = self.initial_v + self.input(charge, fresh=True)
    level = torch.div(v, self.threshold, rounding_mode="trunc")
    level = level.clamp(self.soma.s_min, self.soma.s_max).expand(batch, -1)
    return replace(RESET(self, batch), v=v - level * self.threshold, level=level)


def highest_index(values):
    return values.shape[1] - 1 - LARGEST(values.flip(1))


def no_delay(layer, now, before):
    return CHARGE(layer, now, now)


def one_branch(layer, now, before):
    return CHARGE(replace(layer, branches=layer.branches[:1]), now, before)


def other_soma(**changes):
    """Neurons that read some options of their soma wrongly."""

    def build(self, population, *, device):
        BUILD(self, population, device=device)
        self.soma = copy.copy(self.soma)
        self.soma.__dict__.update(changes)

    return Neurons, "__init__", build


STEPWISE_FAULTS = {
    "> for >=": (Neurons, "fire", greater_than),
    "< for <=": (Neurons, "fire", lesser_than),
    "signs swapped": (Neurons, "fire", signs_swapped),
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
    "bias always": (Neurons, "input", bias_always),
    "no bias": (Neurons, "input", no_bias),
    "start at 0": (Neurons, "reset", start_at_zero),
    "delay ignored": (run, "charge_of", no_delay),
    "merge ignored": (run, "charge_of", one_branch),
    "highest index wins": (readout, "first_largest", highest_index),
}
SETTLE_FAULTS = {
    name: STEPWISE_FAULTS[name]
    for name in ("> for >=", "< for <=", "no reset", "bias always", "no bias", "start at 0")
}
COLLAPSED_FAULTS = {
    "division truncates": (Neurons, "collapse", truncating_division),
    "no bias": STEPWISE_FAULTS["no bias"],
    "start at 0": STEPWISE_FAULTS["start at 0"],
    "merge ignored": STEPWISE_FAULTS["merge ignored"],
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


def differs(mode: Mode, tries: int = 80) -> bool:
    """Whether one of some fixed random networks shows a difference."""
    build = stepwise_network if mode is Mode.STEPWISE else settling_network
    for seed in range(tries):
        network = build(Seeded(seed))
        inputs = random_inputs(network, batch=2, steps=6, seed=seed)
        try:
            same_as_scalar(network, inputs, mode, 6)
        except AssertionError:
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
            seen |= {name for name in options if getattr(soma, name)}
            seen |= {"s_min"} if soma.s_min is not None else set()
            seen |= {"reset_amount"} if soma.reset_amount is not None else set()
            seen |= {f"{soma.threshold.size > 1} vector"}
        for connection in network.connections:
            operator = connection.operator
            blocks = isinstance(operator, Dense) and operator.weights.ndim == 3
            own = connection.source == connection.target
            seen |= {type(operator), connection.delay, f"{blocks} blocks", f"{own} loop"}
        seen |= {network.readout.kind}
    assert seen >= {
        *(set(Encoding) | set(Reset) | set(BiasWhen) | set(LeakOrder)),
        *(Fire.NONE, Fire.BINARY, Fire.TERNARY),
        *(Payload.UNIT, Payload.SIGN, Payload.GRADED),
        *("reset_delay", "current", "leak_v", "leak_i", "v_min", "v_max", "s_min", "s_max"),
        *("reset_amount", "True vector", "False vector", "True blocks", "True loop"),
        *(Dense, Identity, 0, 1, ReadoutKind.MEMBRANE, ReadoutKind.COUNT),
    }
