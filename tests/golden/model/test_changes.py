"""Networks whose inputs send changes: the states are those of samples that begin anew."""

import random

import numpy as np
import pytest
import torch

from spikewright.golden.model import Model, run
from spikewright.golden.model.neuron import Neurons
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
    Population,
    Readout,
    ReadoutKind,
    Soma,
    analyse,
    partial_sum_bound,
)
from support.changing import twins
from support.random_networks import random_inputs

MODES = [Mode.SETTLE, Mode.COLLAPSED]
FRAMES = 8


def since_reset(levels, keep):
    """Sums of what each sample sent, [samples, n], since the last END that reset."""
    found, total = [], torch.zeros_like(levels[0])
    for level, kept in zip(levels, keep, strict=True):
        total = total + level
        found.append(total)
        if not kept:
            total = torch.zeros_like(total)
    return torch.stack(found)


def check(seed, mode):
    """Both twins on the same samples; gives whether changes were fewer spikes."""
    rng = random.Random(seed)
    fresh, changing = twins(seed)
    keep = [rng.random() < 0.8 for _ in range(FRAMES)]
    x = random_inputs(fresh, batch=FRAMES, steps=1, seed=seed)
    anew = Model(fresh).run(x, mode=mode, keep=keep, trace=True)
    told = Model(changing).run(x, mode=mode, keep=keep, trace=True)
    assert torch.equal(anew.values, told.values)
    ranges = analyse(changing, mode)
    for name, levels in told.trace.spikes.items():
        own = ranges[name]
        sums = since_reset(levels.sum(0), keep)
        assert torch.equal(sums, anew.trace.spikes[name].sum(0)), name
        assert own.emitted.low <= levels.min() and levels.max() <= own.emitted.high
        assert own.total.low <= sums.min() and sums.max() <= own.total.high
        whole = own.sample(keeps_state=True)
        assert whole.low <= levels.sum(0).min() and levels.sum(0).max() <= whole.high
        if name in told.trace.membranes:
            v = told.trace.membranes[name]
            assert torch.equal(v[-1], anew.trace.membranes[name][-1])
            assert own.v.low <= v.min() and v.max() <= own.v.high
    return sum(each.sum() for each in told.events.values()) < sum(
        each.sum() for each in anew.events.values()
    )


@pytest.mark.parametrize("mode", MODES)
def test_random_networks_have_the_same_states(mode):
    fewer = sum(bool(check(seed, mode)) for seed in range(25))
    assert 4 < fewer < 25  # of random samples, which change much


def test_a_state_that_is_not_kept_is_found(monkeypatch):
    reset, begun = Neurons.reset, run.begun

    def forgetful(circuit, batch, memory):
        found = begun(circuit, batch, memory)
        for layer in found.layers:
            found.state[layer.name].s = reset(layer.neurons, batch).s
        return found

    monkeypatch.setattr(run, "begun", forgetful)
    with pytest.raises(AssertionError):
        check(1, Mode.SETTLE)


def tiny():
    """x (0..3) with weight 3, S (-1..2) of the frame before with weight 2; threshold 4, v0 2."""
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=4,
        threshold_negative=1,
        initial_v=2,
        bias=-1,
        bias_when=BiasWhen.FIRST,
        s_min=-1,
        s_max=2,
    )
    return Network(
        name="tiny",
        inputs=(
            Input(
                name="x",
                shape=(1,),
                payload=Payload.GRADED,
                low=0,
                high=3,
                encoding=Encoding.CHANGE,
            ),
        ),
        populations=(
            Population(name="h", shape=(1,), soma=soma, payload=Payload.SIGN),
            Population(name="o", shape=(1,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        connections=(
            Connection(source="x", target="h", operator=Dense(weights=[[3]], weight_bits=3)),
            Connection(
                source="h", target="h", operator=Dense(weights=[[2]], weight_bits=3), delay=1
            ),
            Connection(source="h", target="o", operator=Dense(weights=[[1]], weight_bits=2)),
        ),
        readout=Readout(population="o", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW),
        modes=tuple(MODES),
        max_steps=1,
    )


@pytest.mark.parametrize("mode", MODES)
def test_by_hand(mode):
    """S_t = clip(floor((3 x_t + 2 S_{t-1} - 1 + 2) / 4), -1, 2), of x = 1, 3, 3, 0 and, anew, 3.

    (3 + 0 + 1) / 4 = 1; (9 + 2 + 1) / 4 = 3, clipped to 2; (9 + 4 + 1) / 4 = 3, clipped to 2;
    (0 + 4 + 1) / 4 = 1; (9 + 0 + 1) / 4 = 2. So what is sent of x is 1, 2, nothing, -3, 3, and of S
    it is 1, 1, nothing, -1, 2.
    """
    x = np.array([[1], [3], [3], [0], [3]])
    keep = [True, True, True, False, False]
    found = Model(tiny()).run(x, mode=mode, keep=keep, trace=True)
    assert found.trace.spikes["x"].sum(0)[:, 0].tolist() == [1, 2, 0, -3, 3]
    assert found.trace.spikes["h"].sum(0)[:, 0].tolist() == [1, 1, 0, -1, 2]
    assert found.values[:, 0].tolist() == [1, 2, 2, 1, 2]
    # v0 + sum I - 4 S: 4 - 4, 12 - 8, 14 - 8, 5 - 4, 10 - 8
    assert found.trace.membranes["h"][-1][:, 0].tolist() == [0, 4, 6, 1, 2]
    assert found.events["h"].tolist() == [1, 1, 0, 1, 2 if mode is Mode.SETTLE else 1]


def test_bounds_by_hand():
    """x and S are anything that they may be, and change by no more than the whole span."""
    settled, closed = (analyse(tiny(), mode) for mode in MODES)
    assert (settled["x"].emitted.low, settled["x"].emitted.high) == (-3, 3)
    assert (settled["x"].total.low, settled["x"].total.high) == (0, 3)
    assert (settled["h"].emitted.low, settled["h"].emitted.high) == (-1, 1)
    assert (closed["h"].emitted.low, closed["h"].emitted.high) == (-3, 3)
    # a sample adds 3 * -3..3 and 2 * -3..3, and at the first the bias
    assert (closed["h"].charge.low, closed["h"].charge.high) == (-16, 15)
    # v0 + bias + sum I in 2 - 1 + 3 * 0..3 + 2 * -1..2, less -1..2 thresholds
    assert (settled["h"].v.low, settled["h"].v.high) == (-1 - 8, 14 + 4)
    # what a delay brings, 2 * -3..3, and of x 3 * -3..3
    network = tiny()
    for mode in MODES:
        given, back, _ = (partial_sum_bound(network, each, mode) for each in network.connections)
        assert (given, back) == (9, 6)
