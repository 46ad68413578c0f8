"""Every method against a tiny network worked by hand, from its paper's equations.

The network is that of ``support.by_hand``. In each step of a repeated input h gets (h0, h1), as
the float network has it, and g gets 3 s0 - 3 s1 + 2 of what h sent: 24 is two spikes of h, each
worth 12; a spike of g is worth 24, which is 2 of these. The outputs get 3 s and -2 s + 1 of it.
Of the sample (0, 3) h0 = 3 and h1 = 9, of (3, 1) h0 = 0 and h1 = 9, of (0, 0) h0 = -6 and h1 = 0.
"""

import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from spikewright.flow.convert import (
    METHODS,
    ConvertConfig,
    QuantisedReLU,
    convert,
    method_named,
    prepare,
)
from spikewright.flow.convert.code import Cut, Levels
from spikewright.flow.convert.method import Method
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.model import Model
from spikewright.golden.spec import BiasWhen, Encoding, Fire, Leak, Mode, Payload, Reset
from support.by_hand import G, H, calibration, converted, linear, spikes, tiny

EXACT = (Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED)


def somas(conversion):
    return [population.soma for population in conversion.network.populations]


def thresholds(conversion, name="threshold"):
    """Of h and of g; None where there is none."""
    found = [getattr(soma, name) for soma in somas(conversion)[:2]]
    return [None if each is None else each.tolist() for each in found]


def check_repeats(conversion):
    """The input, and every bias, comes in each step; stepwise alone is valid."""
    network = conversion.network
    assert network.inputs[0].encoding is Encoding.CONSTANT
    assert network.modes == (Mode.STEPWISE,)
    assert all(soma.bias_when is BiasWhen.EVERY for soma in somas(conversion))
    assert [soma.bias.tolist() for soma in somas(conversion)[:2]] == [[-6, 0], [2]]
    weights = [each.operator.weights.tolist() for each in network.connections]
    assert weights == [[[1, 2], [3, 3]], [[3], [-3]], [[3, -2]]]  # [pre][post]


@pytest.mark.parametrize("method", ["rate-max", "rate"])
def test_rates(method):
    conversion = converted(method, 4)
    check_repeats(conversion)
    assert thresholds(conversion) == [[12, 12], [2]]
    assert thresholds(conversion, "threshold_negative") == [None, None]
    assert all(soma.fire is Fire.BINARY for soma in somas(conversion)[:2])
    # (0, 3): h0 3, 6, 9, 12 -> spike, 0.       h1 9; 18 -> spike, 6; 15 -> 3; 12 -> 0.
    # g gets 2, 2 - 3, 2 - 3, 2 + 3 - 3: 2 -> spike, 0; -1; -2; 0.
    # outputs: 3 * 1 and 4 * 1 - 2 * 1.
    assert spikes(conversion, (0, 3), 4) == ([[0, 0, 0, 1], [0, 1, 1, 1]], [[1, 0, 0, 0]], [3, 2])
    # (3, 1): h0 0 always. g gets 2, -1, -1, -1: 2 -> spike, 0; -1; -2; -3. T is free: after 5 steps
    # h1 9 + 0 has not fired again; g -3 + 2 = -1; outputs 3 and 5 - 2.
    h = [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0]]
    assert spikes(conversion, (3, 1), 5) == (h, [[1, 0, 0, 0, 0]], [3, 3])


def test_the_percentile_clips_what_is_rare():
    # One sample of 4,000 has h1 = 15 (3, 3): the 99.9 percentile of h's positive values (3 and 12
    # alternately, and one pair 6, 15) is 12, their maximum 15. The largest of g stays 24.
    data = torch.cat([calibration(2000), torch.tensor([[3.0, 3.0]])])
    choices = {"weight_bits": 3, "input_levels": 3, "fraction_bits": 3, "levels": 4}
    for method, largest in (("rate", 12), ("rate-max", 15)):
        network = convert(tiny(), data[-2048:], ConvertConfig(method=method, **choices)).network
        assert network.population(H).soma.threshold.tolist() == [8 * largest] * 2
    # A spike of h is worth 15 now, and g needs 24 / 15 of them: 12.8 eighths, rounded.
    assert network.population(G).soma.threshold.tolist() == [13]


def test_neuron_norm():
    # g = 12 h0 - 3 h1 + 24: of (3, 2) 36 - 36 + 24. Each neuron by its largest: h0 3, h1 12, g 24;
    # the weights into g become 12 * 3 / 24 and -3 * 12 / 24, alike: codes 3 and -3 again.
    conversion = converted("neuron-norm", 8, tiny((12.0, -3.0)))
    check_repeats(conversion)
    assert thresholds(conversion) == [[3, 12], [2]]
    assert thresholds(conversion, "threshold_negative") == [[3, 12], [2]]
    assert thresholds(conversion, "initial_v") == [[0, 0], [0]]
    assert [(soma.s_min, soma.s_max) for soma in somas(conversion)[:2]] == [(0, None)] * 2
    # (3, 1): h0 0; h1 9; 18 -> 6; 15 -> 3; 12 -> 0, and the same again.
    # g gets 2, -1, -1, -1 twice: 2 -> spike, 0; -1; -2 -> taken back, 0; -1; 1; 0; -1; -2, but what
    # was sent adds up to 0 now, and nothing is taken back.
    h = [[0] * 8, [0, 1, 1, 1, 0, 1, 1, 1]]
    assert spikes(conversion, (3, 1), 8) == (h, [[1, 0, -1, 0, 0, 0, 0, 0]], [0, 8])
    # (0, 2): h0 0; h1 6: every other step. g gets 2, -1: 2 -> spike, 0; -1; 1; 0, and again.
    h = [[0] * 8, [0, 1, 0, 1, 0, 1, 0, 1]]
    assert spikes(conversion, (0, 2), 8) == (h, [[1, 0, 0, 0, 1, 0, 0, 0]], [6, 4])
    # (1, 2): h0 gets 1 and has a threshold of 3; h1 gets 8: 8; 16 -> 4; 12 -> 0.
    # g gets 2, 2 - 3, 2 + 3 - 3: 2 -> spike, 0; -1; 1.
    assert spikes(conversion, (1, 2), 3)[:2] == ([[0, 0, 1], [0, 1, 1]], [[1, 0, 0]])


def test_dnisnm():
    # Of (3, 1) h = (0, 9), g = 12 * 0 - 3 * 9 + 24 < 0; of (2, 2) h = (2, 10), g = 24 - 30 + 24;
    # of (3, 2) h = (3, 12), g = 24. With T = 2 the activations, in spikes: h0 0, 4/3, 2, in all
    # 10/3; h1 3/2, 5/3, 2, in all 31/6; g 0, 3/2, 2, in all 7/2. What floors of them and v0 give is
    # h0 3 up to v0 = 10/16, and one more from 11/16 on; h1 4 up to 5/16, 5 from 6/16 on, 6 from 1/2
    # on; g 3 below 1/2 and 4 from there on. Nearest: h0 3, by 1/2; h1 5, by 6/16 and 7/16, of which
    # the latter is nearer to a half; g both are as near, by 1/2.
    data = torch.tensor([[3.0, 1.0], [2.0, 2.0], [3.0, 2.0]]).repeat(20, 1)
    choices = {"weight_bits": 3, "input_levels": 3, "fraction_bits": 3}
    config = ConvertConfig(method="dnisnm", levels=2, **choices)
    conversion = convert(tiny((12.0, -3.0)), data, config)
    assert thresholds(conversion) == [[24, 96], [16]]
    assert thresholds(conversion, "threshold_negative") == [[24, 96], [16]]
    assert thresholds(conversion, "initial_v") == [[12, 42], [8]]  # 96 * 7 / 16


@pytest.mark.parametrize("method", ["qcfs", "mice"])
def test_half_a_threshold_first(method):
    conversion = converted(method, 4)
    check_repeats(conversion)
    assert thresholds(conversion) == [[12, 12], [2]]
    assert thresholds(conversion, "initial_v") == [[6, 6], [1]]
    assert thresholds(conversion, "reset_amount") == [None, None]
    assert all(soma.fire is Fire.BINARY for soma in somas(conversion)[:2])
    # (0, 3): h0 9; 12 -> 0; 3; 6.        h1 15 -> 3; 12 -> 0; 9; 18 -> 6.
    # g gets -1, 2, 2, -1 and has 1: 0; 2 -> 0; 2 -> 0; -1.      outputs 3 * 2 and 4 - 2 * 2
    assert spikes(conversion, (0, 3), 4) == ([[0, 1, 0, 0], [1, 1, 0, 1]], [[0, 1, 1, 0]], [6, 0])
    # (3, 1): h0 stays at 6; h1 as above. g gets -1, -1, 2, -1: 0; -1; 1; 0.
    assert spikes(conversion, (3, 1), 4) == ([[0] * 4, [1, 1, 0, 1]], [[0] * 4], [0, 4])


def test_fast_snn():
    conversion = converted("fast-snn", 4)
    check_repeats(conversion)
    assert thresholds(conversion) == [[12, 12], [2]]
    assert thresholds(conversion, "threshold_negative") == [[1], [1]]  # v <= -1 is v < 0
    assert thresholds(conversion, "initial_v") == [[6, 6], [1]]
    assert [(soma.s_min, soma.s_max) for soma in somas(conversion)[:2]] == [(0, None)] * 2
    # (0, 3): h as above. g gets -1, 2, 2, -1 and has 1: 0; 2 -> 0; 2 -> 0; -1 -> taken back, 1.
    h = [[0, 1, 0, 0], [1, 1, 0, 1]]
    assert spikes(conversion, (0, 3), 4) == (h, [[0, 1, 1, -1]], [3, 2])
    # (3, 1): g gets -1, -1, 2, -1: 0; -1, with nothing to take back; 1; 0.
    assert spikes(conversion, (3, 1), 4) == ([[0] * 4, [1, 1, 0, 1]], [[0] * 4], [0, 4])


def test_fast_snn_sends_more_than_its_levels():
    """Nothing bounds what is sent: of 3 levels 5 go in 5 steps, and ST-BIF's stay at 3."""
    conversion = converted("fast-snn", 3)
    # (0, 0): h0 6 - 6 = 0; -6, ..; h1 stays at 6. g gets 2: 3 -> 1; 3 -> 1; ..
    assert spikes(conversion, (0, 0), 5) == ([[0] * 5, [0] * 5], [[1] * 5], [15, -5])
    bounded = converted("st-bif", 3)
    assert spikes(bounded, (0, 0), 5)[1] == [[1, 1, 1, 0, 0]]


def test_dsr():
    conversion = converted("dsr", 4)
    check_repeats(conversion)
    assert thresholds(conversion) == [[6, 6], [1]]  # a neuron fires at half of what a spike takes
    assert thresholds(conversion, "reset_amount") == [[12, 12], [2]]
    assert thresholds(conversion, "initial_v") == [[0, 0], [0]]
    # (0, 3): h0 3; 6 -> -6; -3; 0.          h1 9 -> -3; 6 -> -6; 3; 12 -> 0.
    # g gets -1, 2, 2, -1: -1; 1 -> -1; 1 -> -1; -2.
    assert spikes(conversion, (0, 3), 4) == ([[0, 1, 0, 0], [1, 1, 0, 1]], [[0, 1, 1, 0]], [6, 0])


def test_dsr_is_half_a_threshold_first_bit_for_bit():
    """Of IF neurons, odd thresholds too (methods: where hardware and torch diverge, 18)."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Linear(9, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4)
    )
    x = torch.rand(400, 9, generator=torch.Generator().manual_seed(1))
    config = ConvertConfig(method="dsr", levels=5)
    fires, begins = (
        convert(module, x, replace(config, method=method)) for method in ("dsr", "qcfs")
    )
    assert any(int(each) % 2 for each in begins.network.population("layer_0").soma.threshold)
    inputs = fires.quantised.encode(x).to(torch.int64)
    ran = [
        Model(each.network).run(inputs, mode=Mode.STEPWISE, steps=7, trace=True)
        for each in (fires, begins)
    ]
    for name, sent in ran[0].trace.spikes.items():
        assert torch.equal(sent, ran[1].trace.spikes[name]), name
    assert int(ran[0].trace.spikes["layer_2"].sum()) > 0
    assert torch.equal(ran[0].values, ran[1].values)


def test_dsr_lif():
    conversion = converted("dsr-lif", 8)
    check_repeats(conversion)
    # beta = 3/4. Fires at 0.3 of 12 and of 2, and a spike takes all of them.
    assert thresholds(conversion, "reset_amount") == [[12, 12], [2]]
    assert thresholds(conversion) == [[4, 4], [1]]  # 3.6 and 0.6
    assert all(soma.leak_v == Leak(multiplier=3, shift=2) for soma in somas(conversion))
    assert thresholds(conversion, "initial_v") == [[0, 0], [0]]
    # (0, 3), floors of 3/4 of what was before: h0 gets 3: 3; 2 + 3 -> -7; -6 + 3; -3 + 3.
    # h1 gets 9: 9 -> -3; -3 + 9 -> -6; -5 + 9 -> -8; -6 + 9.
    # g gets -1, 2, -1, 2: -1; -1 + 2 -> -1; -1 - 1; -2 + 2.
    # outputs, which leak as well: 0; 3; 2; 1, and 1; 0 - 1; -1 + 1; 0 + 1.
    h = [[0, 1, 0, 0], [1, 1, 1, 0]]
    assert spikes(conversion, (0, 3), 4) == (h, [[0, 1, 0, 0]], [1, 1])


def test_a_leaky_neuron_of_dsr_sends_what_comes_in():
    """Weighted as the readout does it: a constant input of h is the rate, from 0 to 1."""
    conversion = converted("dsr-lif", 32, fraction_bits=8)
    # of 12: h0 3 and h1 9 of (0, 3); late steps count more by 4/3 each
    h, _, _ = spikes(conversion, (0, 3), 32)
    weights = [0.75**age for age in range(31, -1, -1)]
    for sent, wanted in zip(h, (3 / 12, 9 / 12), strict=True):
        rate = sum(w * s for w, s in zip(weights, sent, strict=True)) / sum(weights)
        assert rate == pytest.approx(wanted, abs=0.25)  # a last spike alone weighs a quarter


def test_bursts():
    # 6 levels in 2 steps: spikes carry up to 3, worth 4 of h and 8 of g. g gets 3 s0 - 3 s1 + 6.
    conversion = converted("bursts", 6)
    assert thresholds(conversion) == [[4, 4], [2]]
    assert thresholds(conversion, "initial_v") == [[2, 2], [1]]
    assert [soma.bias.tolist() for soma in somas(conversion)] == [[-6, 0], [6], [0, 3]]
    assert all((soma.fire, soma.max_level) == (Fire.BURST, 3) for soma in somas(conversion)[:2])
    assert conversion.network.population(H).payload is Payload.GRADED
    # (0, 3): h0 gets 3: 5 -> 1; 4 -> 0.     h1 gets 9: 11 -> 2 spikes, 3; 12 -> 3 spikes, 0.
    # g gets 3 - 6 + 6, 3 - 9 + 6: 4 -> 2 spikes, 0; 0.      outputs 3 * 2 and 2 * 3 - 2 * 2
    assert spikes(conversion, (0, 3), 2) == ([[1, 1], [2, 3]], [[2, 0]], [6, 2])
    # (3, 3): h0 gets 6: 8 -> 2, 0; 6 -> 1, 2.  h1 gets 15: 17 -> 3 and no more, 5; 20 -> 3, 8.
    # g gets 6 - 9 + 6, 3 - 9 + 6: as before.
    assert spikes(conversion, (3, 3), 2) == ([[2, 1], [3, 3]], [[2, 0]], [6, 2])
    # A spike of one bit is QCFS.
    single = converted("bursts", 4, spike_bits=1)
    assert spikes(single, (0, 3), 4) == spikes(converted("qcfs", 4), (0, 3), 4)
    assert single.network.population(H).payload is Payload.UNIT


def test_hybrid():
    conversion = converted("hybrid", 4)
    check_repeats(conversion)
    assert thresholds(conversion) == [[12, 12], [2]]
    assert thresholds(conversion, "initial_v") == [[6, 6], [1]]
    leaks = [soma.leak_v for soma in somas(conversion)]
    assert leaks == [Leak(multiplier=7, shift=3)] * 2 + [None]
    # (0, 3), floors of 7/8: h0 5 + 3 = 8; 7 + 3; 8 + 3; 9 + 3 -> 0.
    # h1 5 + 9 = 14 -> 2; 1 + 9; 8 + 9 = 17 -> 5; 4 + 9 = 13 -> 1.
    # g gets -1, 2, -1, 2 and has 1: 0 - 1; -1 + 2 = 1; 0 - 1; -1 + 2.
    assert spikes(conversion, (0, 3), 4) == ([[0, 0, 0, 1], [1, 0, 1, 1]], [[0] * 4], [0, 4])
    # (0, 0): h0 5 - 6 = -1; -1 - 6; -7 - 6; -12 - 6.  h1 5; 4; 3; 2.  g 0 + 2 -> 0; 2 -> 0; ..
    assert spikes(conversion, (0, 0), 4) == ([[0] * 4, [0] * 4], [[1] * 4], [12, -4])


def test_step_relu():
    # 3 levels, of 4 and of 8; all at once: g gets 3 s0 - 3 s1 + 6, the outputs 3 s, 3 - 2 s.
    conversion = converted("step-relu", 3)
    assert conversion.network.inputs[0].encoding is Encoding.ONCE
    assert conversion.network.modes == EXACT
    assert all(soma.bias_when is BiasWhen.FIRST for soma in somas(conversion))
    assert thresholds(conversion) == [[4, 4], [2]]
    assert thresholds(conversion, "threshold_negative") == [[1], [1]]
    assert thresholds(conversion, "initial_v") == [[0, 0], [0]]
    assert [(soma.s_min, soma.s_max) for soma in somas(conversion)[:2]] == [(0, 3)] * 2
    # (0, 3): h0 3 / 4 -> 0; h1 9 / 4 -> 2: 9 -> 5; 5 -> 1; 1.
    # g gets 6 - 3, -3, 0: 3 -> 1; -2 -> taken back, 0; 0.
    assert spikes(conversion, (0, 3), 3) == ([[0, 0, 0], [1, 1, 0]], [[1, -1, 0]], [0, 3])
    # (2, 1): h0 -1; h1 7 / 4 -> 1; g (6 - 3) / 2 -> 1.   (0, 0): g 6 / 2 -> 3.   (3, 3): h 6 / 4 ->
    # 1, 15 / 4 -> 3, g 3 - 9 + 6 -> 0.
    staircase = {(0, 3): (0, 2, 0), (2, 1): (0, 1, 1), (0, 0): (0, 0, 3), (3, 3): (1, 3, 0)}
    for sample, (h0, h1, g) in staircase.items():
        for mode in EXACT:
            (first, second), (third,), read = spikes(conversion, sample, 8, mode)
            assert (sum(first), sum(second), sum(third)) == (h0, h1, g), (sample, mode)
            assert read == [3 * g, 3 - 2 * g], (sample, mode)


def test_step_relu_leaky():
    conversion = converted("step-relu-leaky", 3)
    assert conversion.network.modes == (Mode.STEPWISE,)
    assert thresholds(conversion) == [[4, 4], [2]]
    leaks = [soma.leak_v for soma in somas(conversion)]
    assert leaks == [Leak(multiplier=15, shift=4)] * 2 + [None]
    # (0, 3), floors of 15/16: h1 9 -> 5; 4 -> 0; 0.   g 6 - 3 -> 1; 0 - 3 -> taken back, -1; -1.
    assert spikes(conversion, (0, 3), 3) == ([[0, 0, 0], [1, 1, 0]], [[1, -1, 0]], [0, 3])
    # (0, 0): g 6 -> 4; 3 -> 1; 0: the leak has eaten the third spike.
    assert spikes(conversion, (0, 0), 3) == ([[0] * 3, [0] * 3], [[1, 1, 0]], [6, -1])


def test_st_bif():
    conversion = converted("st-bif", 3)
    assert conversion.network.inputs[0].encoding is Encoding.ONCE
    assert conversion.network.modes == EXACT
    assert thresholds(conversion) == [[4, 4], [2]]
    assert thresholds(conversion, "threshold_negative") == [[1], [1]]
    assert thresholds(conversion, "initial_v") == [[2, 2], [1]]
    assert [(soma.s_min, soma.s_max) for soma in somas(conversion)[:2]] == [(0, 3)] * 2
    # (0, 3): h0 5 -> 1; 1; 1.   h1 11 -> 7; 7 -> 3; 3.   g has 1 and gets 6 + 3 - 3, -3, 0: 7 -> 5;
    # 2 -> 0; 0.
    assert spikes(conversion, (0, 3), 3) == ([[1, 0, 0], [1, 1, 0]], [[1, 1, 0]], [6, -1])
    # clip(floor((sum + th / 2) / th), 0, 3) of (3, 3): h (6 + 2) / 4 -> 2, (15 + 2) / 4 -> 4, at
    # most 3; g (6 - 9 + 6 + 1) / 2 -> 2.   (0, 0): h (-6 + 2) / 4 -> 0; g 7 / 2 -> 3.
    for sample, wanted in {(0, 3): (1, 2, 2), (3, 3): (2, 3, 2), (0, 0): (0, 0, 3)}.items():
        for mode in EXACT:
            (first, second), (third,), read = spikes(conversion, sample, 8, mode)
            assert (sum(first), sum(second), sum(third)) == wanted, (sample, mode)
            assert read == [3 * wanted[2], 3 - 2 * wanted[2]], (sample, mode)


def test_ttfs():
    # Phases of 3 steps, of the input, of h and of g: the level x is sent x steps before the end of
    # each. (0, 3) is ST-BIF's h = (1, 2), g = 2: in steps 6 - 1, 6 - 2 and 9 - 2.
    conversion = converted("ttfs", 3)
    assert conversion.network.modes == (Mode.STEPWISE,)
    assert conversion.network.max_steps == 9
    (h0, h1), (g,), read = spikes(conversion, (0, 3), 9)
    assert [[step for step, level in enumerate(each) if level] for each in (h0, h1, g)] == [
        [5],
        [4],
        [7],
    ]
    assert read == [6, -1]


def test_pattern():
    # Two bits a level, and phases of two steps, of the input, of h and of g: ST-BIF's h = (1, 2) of
    # (0, 3) are 01 and 10, in steps 2 and 3, and g = 2 is 10, in steps 4 and 5.
    conversion = converted("pattern", 3)
    assert conversion.network.modes == (Mode.STEPWISE,)
    assert conversion.network.max_steps == 6
    h = [[0, 0, 0, 1, 0, 0], [0, 0, 2, 0, 0, 0]]
    assert spikes(conversion, (0, 3), 6) == (h, [[0, 0, 0, 0, 2, 0]], [6, -1])
    # of (3, 3) h = (2, 3), g = 2; of (0, 0) g = 3
    h = [[0, 0, 2, 0, 0, 0], [0, 0, 2, 1, 0, 0]]
    assert spikes(conversion, (3, 3), 6) == (h, [[0, 0, 0, 0, 2, 0]], [6, -1])
    assert spikes(conversion, (0, 0), 6)[1:] == ([[0, 0, 0, 0, 2, 1]], [9, -3])


def test_one_hot():
    # Levels 1, 2 and 4 of 3 (h) and of 6 (g), each from 3/4 of it on: thresholds of 9/4 and, in
    # spikes of h, 3/2. Two fraction bits make all of it four times as large: 9 and 6.
    conversion = converted("one-hot", 7, fraction_bits=2)
    assert conversion.network.modes == (Mode.STEPWISE,) and conversion.network.max_steps == 1
    assert thresholds(conversion) == [[9, 9], [6]]
    assert all((soma.fire, soma.max_level) == (Fire.ONEHOT, 4) for soma in somas(conversion)[:2])
    assert all(soma.reset is Reset.NONE for soma in somas(conversion))
    # (0, 3): h0 12 >= 9 -> 1; h1 36 >= 4 * 9 -> 4; g 4 * (3 - 12 + 8) < 6; outputs 0 and 4 * 4.
    assert spikes(conversion, (0, 3), 1) == ([[1], [4]], [[0]], [0, 16])
    # (0, 1): h0 -3; h1 3 -> 1; g 4 * (-3 + 8) = 20 >= 2 * 6 -> 2; outputs 4 * 6 and 4 * (4 - 4).
    assert spikes(conversion, (0, 1), 1) == ([[0], [1]], [[2]], [24, 0])
    # (0, 0): g 4 * 8 >= 4 * 6 -> 4.
    assert spikes(conversion, (0, 0), 1) == ([[0], [0]], [[4]], [48, -16])


@pytest.mark.parametrize(
    ("cut", "wanted"),
    [
        (Cut.NEAREST, [0, 0, 0.25, 0.5, 1, 1]),  # floor(4 x + 1/2) / 4
        (Cut.BELOW, [0, 0, 0, 0.25, 0.75, 1]),  # floor(4 x) / 4
        (Cut.CLIP, [0, 0.1, 0.2, 0.4, 0.9, 1]),
        (Cut.NONE, [0, 0.1, 0.2, 0.4, 0.9, 1]),
    ],
)
def test_what_training_makes_of_a_value(cut, wanted):
    x = torch.tensor([-0.3, 0.1, 0.2, 0.4, 0.9, 1.2], dtype=torch.float64, requires_grad=True)
    found = Levels(highest=1, steps=4, rule=cut)(x)
    assert found.tolist() == wanted
    torch.autograd.backward([found.sum()])
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0]


def test_st_pruning():
    # Of the calibration samples h = (0, 0) and (3, 12): one component holds all, h1 varies most,
    # and h0 is h1 / 4. The weights 3 and -3 of g become 3 / 4 - 3 of h1 alone.
    conversion = converted("st-pruning", 4)
    assert conversion.network.population(H).shape == (1,)
    first, second, _ = conversion.quantised.graph.stages
    assert first.branches[0].weight.tolist() == [[2, 3]]
    assert second.branches[0].weight.tolist() == [[pytest.approx(-2.25)]]
    assert second.bias.tolist() == [pytest.approx(24)]
    neuron = replace(conversion.network.population(H).soma)
    assert neuron.leak_v == Leak(multiplier=7, shift=3)
    assert (neuron.threshold.tolist(), neuron.initial_v.tolist()) == ([12], [6])
    # (0, 3), floors of 7/8, as in test_hybrid: h1 14 -> 2; 10; 17 -> 5; 13 -> 1.
    assert spikes(conversion, (0, 3), 4)[0] == [[1, 0, 1, 1]]


TRAINED = {
    # h of (0, 3), 3 and 9 of 12, in T = 3 steps (or 3 levels): x T = 0.75 and 2.25
    **dict.fromkeys(("rate-max", "rate", "mice"), (1 / 4, 3 / 4)),
    **dict.fromkeys(("neuron-norm", "dnisnm"), (1, 3 / 4)),  # 3 of 3, 9 of 12
    **dict.fromkeys(("qcfs", "fast-snn", "dsr", "dsr-lif", "hybrid"), (1 / 3, 2 / 3)),
    "st-pruning": (2 / 3,),
    "bursts": (1, 5 / 2),  # two steps of 3 levels, each worth 4: 0.75 and 2.25 to halves
    **dict.fromkeys(("step-relu", "step-relu-leaky"), (0, 2)),
    **dict.fromkeys(("st-bif", "ttfs", "pattern", "corrective"), (1, 2)),
    "one-hot": (1, 4),  # 3 and 9 of 3: 3 is nearer to 4 than to 2, in ratio
}


@pytest.mark.parametrize("name", METHODS)
def test_what_each_method_trains_with(name):
    levels = {"one-hot": 7, "bursts": 6}.get(name, 3)
    config = ConvertConfig(method=name, levels=levels, weight_bits=3)
    module = prepare(tiny(), calibration(), config)
    found = module.levels_of(torch.tensor([[0.0, 3.0]]), H).flatten().tolist()
    assert found == pytest.approx(TRAINED[name])


def test_a_method_has_a_name_a_source_and_a_page():
    assert [name for name, method in METHODS.items() if method.name != name] == []
    for method in METHODS.values():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", method.name)
        assert method.title and not method.title.endswith(".")
        assert re.search(r"20[12]\d", method.source), method.name
        assert method.modes[0] is Mode.STEPWISE
        assert method.repeats <= (method.modes == (Mode.STEPWISE,))
    with pytest.raises(TypeError, match="unexpected keyword argument 'temperature'"):
        Method(name="a", title="b", source="c", temperature=1)
    message = f"^method: must be one of {', '.join(METHODS)}, found 'rates'$"
    with pytest.raises(ConfigurationError, match=message):
        method_named("rates")


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"method": "bursts", "levels": 8}, "levels: must be a multiple of 3, the levels of a "
         "spike, found 8"),
        ({"method": "qcfs", "levels": (4, 8)}, "levels: must be one number where the input comes "
         "in every step, found (4, 8)"),
        ({"method": "qcfs", "levels": 8, "max_steps": 7}, "max_steps: must be at least 8, the "
         "steps that the network is made for, found 7"),
        ({"method": "qcfs", "levels": 100}, "max_steps: must be at least 100, the steps that the "
         "network is made for, found 64"),
        ({"method": "rate", "percentile": 99}, "percentile: must be left out with method rate, "
         "found 99"),
        ({"method": "neuron-norm", "percentile": 99.9}, "percentile: must be left out with method "
         "neuron-norm, found 99.9"),
        ({"method": "fast-snn", "max_pool": "or"}, "max_pool: must be left out with method "
         "fast-snn, found or"),
        ({"method": "neuron-norm", "max_pool": "or"}, "max_pool: must be left out with method "
         "neuron-norm, found or"),
        ({"method": "rate", "encoding": Encoding.SPREAD}, "encoding: must be left out with method "
         "rate, found spread"),
        ({"method": "qcfs", "spike_bits": 2}, "spike_bits: must be left out with method qcfs, "
         "found 2"),
        ({"method": "bursts", "spike_bits": 5}, "spike_bits: must be 1 to 4, found 5"),
        ({"method": "hybrid", "variance": 0.9}, "variance: must be left out with method hybrid, "
         "found 0.9"),
        ({"method": "st-pruning", "variance": 0.0}, "variance: must be above 0 and at most 1, "
         "found 0.0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_method_is_refused(choices, message):
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        ConvertConfig(**choices)


def test_levels_of_their_own_do_not_fit_every_method():
    module = nn.Sequential(
        linear([[1.0, 3.0], [2.0, 3.0]], [-6.0, 0.0]), QuantisedReLU(5, 2.0),
        linear([[3.0, -2.0]], [0.0]),
    )  # fmt: skip
    message = (
        "^layer_1: a quantised activation must have a multiple of 3 levels, those of a spike, "
        "found 5$"
    )
    with pytest.raises(UnsupportedError, match=message.replace("layer_1", ".*")):
        convert(module, calibration(), ConvertConfig(method="bursts", levels=6))
    message = (
        "^.*: activations must have no levels of their own with method rate, found a quantised "
        "activation of 5 levels; use a ReLU, and train quantised$"
    )
    with pytest.raises(UnsupportedError, match=message):
        convert(module, calibration(), ConvertConfig(method="rate"))
