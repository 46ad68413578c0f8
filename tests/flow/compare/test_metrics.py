"""Operations, sparsity and bits, counted by hand on networks of a few neurons."""

import numpy as np
import torch

from spikewright.flow.compare import bit_budget, operations, static_metrics
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


def network(encoding: Encoding, high: int, s_max: int = 3) -> Network:
    """Two inputs, two hidden neurons of threshold 2, one that reads."""
    hidden = Soma(
        fire=Fire.TERNARY,
        threshold=np.array([2]),
        threshold_negative=np.array([1]),
        bias_when=BiasWhen.FIRST,
        s_min=0,
        s_max=s_max,
    )
    once = encoding is Encoding.ONCE
    return Network(
        name="n",
        inputs=(
            Input(
                name="input",
                shape=(2,),
                payload=Payload.UNIT if high == 1 else Payload.GRADED,
                low=0,
                high=high,
                encoding=encoding,
            ),
        ),
        populations=(
            Population(name="h", shape=(2,), soma=hidden, payload=Payload.SIGN),
            Population(
                name="out",
                shape=(1,),
                soma=Soma(fire=Fire.NONE, bias_when=BiasWhen.FIRST),
                payload=Payload.GRADED,
            ),
        ),
        connections=(
            Connection(
                source="input",
                target="h",
                operator=Dense(weights=np.array([[1, 0], [2, 3]]), weight_bits=3),
            ),
            Connection(
                source="h",
                target="out",
                operator=Dense(weights=np.array([[1], [0]]), weight_bits=2),
            ),
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED) if once else (Mode.STEPWISE,),
        max_steps=4,
    )


def test_binary_spikes_are_accumulates() -> None:
    # Input 1 spikes in both steps and meets two weights: 4 ACs. The hidden charges are 2 and 3 a
    # step, so both fire in both steps; only the first meets a weight other than 0: 2 ACs.
    found = operations(
        network(Encoding.CONSTANT, 1), torch.tensor([[0, 1]]), Mode.STEPWISE, steps=2
    )
    assert (found.acs, found.macs) == (6.0, 0.0)
    # Dense: 4 + 2 weights, zeros too, in each of 2 steps.
    assert found.dense == 12.0
    assert found.activation_sparsity == 0.0
    # A unit and 3 bits, 4 times; a sign of 2 bits and 2 bits, twice.
    assert found.bit_operations == 4 * 3 + 2 * 2 * 2


def test_levels_are_multiplied() -> None:
    # Level 2 of input 1: charges 4 and 6, of which collapsed neurons send 2 and 3: all MACs.
    found = operations(
        network(Encoding.ONCE, 3), torch.tensor([[0, 2]]), Mode.COLLAPSED, steps=None
    )
    assert (found.acs, found.macs) == (0.0, 3.0)
    assert found.dense == 4 + 2
    # Inputs of 2 bits meet two weights of 3, a level of 2 bits one of 2.
    assert found.bit_operations == 2 * 2 * 3 + 2 * 2
    # Of levels to 15 a collapsed spike has 4 bits, whatever one of a step has.
    more = operations(
        network(Encoding.ONCE, 3, 15), torch.tensor([[0, 2]]), Mode.COLLAPSED, steps=None
    )
    assert more.bit_operations == 2 * 2 * 3 + 4 * 2
    # Two samples, one of which is silent: half of it each, and half of the levels are 0.
    both = torch.tensor([[0, 2], [0, 0]])
    mean = operations(network(Encoding.ONCE, 3), both, Mode.COLLAPSED, steps=None)
    assert (mean.macs, mean.activation_sparsity) == (1.5, 0.5)


def test_a_sample_that_settles_has_its_own_steps() -> None:
    # Level 3 of input 1: charges 6 and 9, of which both neurons send 3, one a step: 3 ACs of the
    # first behind 2 MACs. Dense: 4 weights in the input's step, 2 in 3 steps; all levels are 1.
    made = network(Encoding.ONCE, 3)
    found = operations(made, torch.tensor([[0, 3]]), Mode.SETTLE, steps=None)
    assert (found.acs, found.macs, found.dense) == (3.0, 2.0, 4 + 3 * 2)
    assert found.activation_sparsity == 0.0
    # A silent one has one step of each, 4 + 2, beside it too: 2 of 8 levels are 0.
    both = operations(made, torch.tensor([[0, 3], [0, 0]]), Mode.SETTLE, steps=None)
    assert (both.acs, both.macs, both.dense) == (1.5, 1.0, (10 + 6) / 2)
    assert both.activation_sparsity == 2 / 8


def test_static_metrics() -> None:
    found = static_metrics(network(Encoding.ONCE, 3))
    assert (found["parameter_count"], found["connection_sparsity"]) == (6, 2 / 6)
    # 4 weights of 3 bits, 2 of 2. h is at most 9, and while it settles at least 2 - 2 - 6: 5 bits,
    # of two membranes, a threshold, a bias and a start. The output is at most 3, of 2
    # bits without a sign: a membrane, a bias and a start; it has no threshold.
    assert found["footprint"] == (4 * 3 + 2 * 2 + 5 * (2 + 3) + 2 * (1 + 2)) / 8


def test_bit_budget() -> None:
    made = network(Encoding.ONCE, 3)
    # A sign is 2 bits, read by weights of 2; collapsed levels 0 to 3 are 2 bits in one step.
    assert bit_budget(made, Mode.STEPWISE, steps=4) == 4 * 2 * 2
    assert bit_budget(made, Mode.COLLAPSED, steps=None) == 1 * 2 * 2
    assert bit_budget(made, Mode.SETTLE, steps=None) is None


def test_maxima_windows_and_skips() -> None:
    """Binary pixels in a row, of which the second is dark, through each kind of connection."""
    one = Soma(fire=Fire.BINARY, threshold=np.array([1]), bias_when=BiasWhen.FIRST)
    most = Soma(
        fire=Fire.TERNARY,
        threshold=np.array([1]),
        threshold_negative=np.array([1]),
        bias_when=BiasWhen.FIRST,
        s_min=0,
        s_max=4,
    )
    pairs = {"kernel": (2,), "stride": (2,), "padding": (0,), "dilation": (1,)}
    weighed = Window(
        kind=WindowKind.CONVOLUTION,
        output_padding=(0,),
        weights=np.array([[[1, 0]]]),
        weight_bits=2,
        **pairs,
    )
    window = Window(kind=WindowKind.SUM_POOL, output_padding=(0,), **pairs)
    made = Network(
        name="n",
        inputs=(
            Input(
                name="input",
                shape=(1, 4),
                payload=Payload.UNIT,
                low=0,
                high=1,
                encoding=Encoding.CONSTANT,
            ),
        ),
        populations=(
            Population(name="a", shape=(1, 4), soma=one, payload=Payload.UNIT),
            Population(name="p", shape=(1, 2), soma=most, payload=Payload.SIGN),
            Population(
                name="out",
                shape=(1, 2),
                soma=Soma(fire=Fire.NONE, bias_when=BiasWhen.FIRST),
                payload=Payload.GRADED,
            ),
        ),
        connections=(
            Connection(source="input", target="a", operator=Identity(shift=0)),
            Connection(
                source="a", target="p", operator=Delta(function=DeltaFunction.MAX, window=window)
            ),
            Connection(source="a", target="out", operator=weighed),
            Connection(source="p", target="out", operator=Identity(shift=3, negative=True)),
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=4,
    )
    found = operations(made, torch.tensor([[1, 0, 1, 1]]), Mode.STEPWISE, steps=1)
    # Three pixels pass; each is in one maximum's window; the first of each pair meets a weight; and
    # both maxima are sent on, whatever their sign and shift.
    assert (found.acs, found.macs) == (3 + 3 + 2 + 2, 0)
    assert found.dense == 4 + 4 + 4 + 2
    # Units are a bit, a maximum's spike has a sign; the weights have 2 bits.
    assert found.bit_operations == 3 + 3 + 2 * 2 + 2 * 2
    assert found.activation_sparsity == 1 / 6
