"""Simulated spikes are the golden model's, where thresholds are whole and no floor rounds."""

import numpy as np
import pytest
import torch

from spikewright.flow.convert import METHODS
from spikewright.flow.convert.code import Levels
from spikewright.flow.convert.method import Initial, Negative, Neuron
from spikewright.flow.convert.spikes import mean_over_steps, spike_trains
from spikewright.golden.model import Model
from spikewright.golden.spec import Fire, Leak, Mode, Payload, Population, Soma, int_vector
from support.by_hand import G, H, converted
from support.scalar_network import ScalarSoma

STEPS, NEURONS = 6, 5
REPEATING = [name for name, method in METHODS.items() if method.repeats]


def in_golden_words(neuron: Neuron, threshold: int, high: int, begin: int):
    """The soma that the docstrings describe, built here by hand."""
    ternary = neuron.negative is not Negative.NEVER
    fires = round(neuron.fires_at * threshold)
    back = {Negative.NEVER: None, Negative.BELOW_ZERO: 1, Negative.THRESHOLD: fires}
    soma = Soma(
        fire=Fire.BURST if high > 1 else Fire.TERNARY if ternary else Fire.BINARY,
        threshold=int_vector(fires),
        reset_amount=int_vector(threshold),
        threshold_negative=None if not ternary else int_vector(back[neuron.negative]),
        initial_v=int_vector(begin),
        leak_v=Leak(multiplier=(1 << neuron.leak) - 1, shift=neuron.leak) if neuron.leak else None,
        s_min=0 if ternary else None,
        max_level=high,
    )
    return Population(name="p", shape=(1,), soma=soma, payload=Payload.GRADED)


@pytest.mark.parametrize("name", REPEATING)
def test_trains_equal_an_integer_neuron(name):
    method = METHODS[name]
    neuron, high = method.neuron, 3 if method.bursts else 1
    # Multiples of 2**(leak * steps) lose nothing to a floor; a tenth of them neither.
    unit = 1 << (neuron.leak or 0) * STEPS
    threshold = 20 * unit
    rng = np.random.default_rng(len(name))
    drive = rng.integers(
        -25 if neuron.negative is Negative.NEVER else -40, 60, (STEPS, 40, NEURONS)
    )
    share = 0.5 if neuron.initial is not Initial.ZERO else 0.0
    found = spike_trains(
        torch.tensor(drive * unit, dtype=torch.float64)[..., None, None],
        torch.tensor(float(threshold), dtype=torch.float64),
        Levels(highest=high, steps=STEPS),
        neuron,
        np.array([share]),
    )[..., 0, 0]
    seen = set()
    for sample in range(drive.shape[1]):
        for index in range(NEURONS):
            begin = int(share * threshold)
            one = ScalarSoma(in_golden_words(neuron, threshold, high, begin), 0)
            wanted = [one.step(int(each) * unit) for each in drive[:, sample, index]]
            assert found[:, sample, index].tolist() == wanted
            seen |= set(wanted)
    assert seen == set(range(-1 if neuron.negative is not Negative.NEVER else 0, high + 1))


def test_an_initial_membrane_of_its_own_for_each_neuron():
    drive = torch.full((3, 1, 2, 1, 1), 4.0)
    found = spike_trains(
        drive, torch.tensor(8.0), Levels(highest=1, steps=3), Neuron(), np.array([0.0, 0.5])
    )
    assert found[:, 0, :, 0, 0].T.tolist() == [[0, 1, 0], [1, 0, 1]]  # 4, 8, 4 and 8, 4, 8


def test_late_steps_count_more_of_neurons_that_leak():
    trains = torch.tensor([1.0, 0.0, 1.0])[:, None]
    assert mean_over_steps(trains, Neuron()).tolist() == [pytest.approx(2 / 3)]
    # weights 9/16, 3/4 and 1 of 37/16
    assert mean_over_steps(trains, Neuron(leak=2)).tolist() == [pytest.approx(25 / 37)]


@pytest.mark.parametrize("name", ["rate", "qcfs", "fast-snn", "dsr", "bursts"])
def test_a_network_in_training_sends_what_the_golden_model_sends(name):
    """Of the network worked by hand, whose thresholds are whole; means of the steps it is for."""
    levels = 6 if name == "bursts" else 4
    conversion = converted(name, levels)
    module = conversion.quantised
    steps = module.config.steps
    x = torch.tensor([[a, b] for a in range(4) for b in range(4)], dtype=torch.float32)
    ran = Model(conversion.network).run(
        x.to(torch.int64), mode=Mode.STEPWISE, steps=steps, trace=True
    )
    module.spiking = True
    with torch.no_grad():
        for stage in (H, G):
            sent = module.levels_of(x, stage).flatten(1) * steps
            assert torch.equal(sent.round().long(), ran.trace.spikes[stage].sum(0)), stage
            assert torch.allclose(sent, sent.round(), atol=1e-5)
        outputs = module(x) * steps / conversion.logit_step
    assert torch.equal(outputs.round().long(), ran.values)
    assert ran.trace.spikes[G].any()
