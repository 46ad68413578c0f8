"""The encodings in numpy are the golden model's."""

import numpy as np
import pytest
import torch

from spikewright.flow.convert.reference import encode_input
from spikewright.flow.host.levels import check_levels, input_steps, levels_of, payloads
from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.model.encode import encode, totals
from spikewright.golden.model.encode import input_steps as golden_steps
from spikewright.golden.spec import Encoding, Input, Mode, Payload
from support.chains import bounded_chain

STEPS = 8


def source(encoding, **changes):
    settings = {
        "name": "x",
        "shape": (5, 4),
        "payload": Payload.GRADED,
        "low": 0,
        "high": 6,
        "encoding": encoding,
        "threshold": 3 if encoding is Encoding.THRESHOLD else None,
        "seed": 12345 if encoding is Encoding.RATE else None,
    }
    if encoding in (Encoding.RATE, Encoding.LATENCY, Encoding.THRESHOLD):
        settings["payload"] = Payload.UNIT
    if encoding is Encoding.PHASE:
        settings["payload"] = Payload.SHIFT
    return Input(**{**settings, **changes})


def values_of(each, seed, samples=6):
    shape = (samples, STEPS, each.n) if each.encoding is Encoding.EVENTS else (samples, each.n)
    return np.random.default_rng(seed).integers(each.low, each.high + 1, shape)


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("low", [0, -4])
def test_payloads(encoding, low):
    signed = encoding not in (
        *(Encoding.THRESHOLD, Encoding.RATE, Encoding.PHASE, Encoding.LATENCY),
    )
    each = source(encoding, low=low if signed else 0)
    values = values_of(each, 1)
    for steps in (1, 3, STEPS):
        given = values[:, :steps] if encoding is Encoding.EVENTS else values
        expected = encode(each, torch.from_numpy(given), steps).numpy()
        found = np.stack([payloads(each, one, steps) for one in given], axis=1)
        assert (found == expected).all(), steps
    expected = totals(each, torch.from_numpy(values)).numpy()
    assert (np.concatenate([payloads(each, one, 0) for one in values]) == expected).all()


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("steps", [None, 3])
def test_steps(encoding, steps):
    network = bounded_chain((20, 4, 3), seed=1, max_steps=STEPS)
    each = source(encoding)
    values = torch.from_numpy(values_of(each, 2))
    events = encoding is Encoding.EVENTS
    given = STEPS if events else 0
    if events and steps:
        with pytest.raises(ConfigurationError, match="^input 'x': steps must be from 1 to 8, and"):
            input_steps(network, each, Mode.SETTLE, given, steps)
        return
    found = input_steps(network, each, Mode.SETTLE, given, steps)
    assert found == golden_steps(network, each, values, steps)
    assert input_steps(network, each, Mode.COLLAPSED, given, steps) == 0
    stepwise = input_steps(network, each, Mode.STEPWISE, given, steps)
    assert stepwise == (STEPS if events or steps is None else steps)


def test_more_steps_than_are_proven():
    network = bounded_chain((20, 4, 3), seed=1, max_steps=STEPS)
    with pytest.raises(ConfigurationError, match="^input 'x': steps must be from 1 to 8, found 9"):
        input_steps(network, network.inputs[0], Mode.STEPWISE, 0, 9)


@pytest.mark.parametrize("step", [None, 0.1, 1 / 3])
@pytest.mark.parametrize("encoding", [Encoding.ONCE, Encoding.EVENTS])
def test_raw_samples_become_the_levels_that_conversion_makes(step, encoding):
    each = source(encoding, step=step, low=-3)
    shape = (7, STEPS, 5, 4) if encoding is Encoding.EVENTS else (7, 5, 4)
    x = np.random.default_rng(3).normal(0, 3, shape).astype(np.float32)
    x.flat[:8] = [0.05, 0.15, 0.25, -0.05, 0.5, -0.5, 100, -100]
    expected = encode_input(each, torch.from_numpy(x)).numpy()
    assert (levels_of(each, x) == expected).all()


def test_samples_that_do_not_fit():
    each = source(Encoding.ONCE)
    with pytest.raises(
        ConfigurationError, match=r"^input 'x': a sample must have 20 values, found"
    ):
        levels_of(each, np.zeros((3, 19)))
    with pytest.raises(ConfigurationError, match=r"^input 'x': data must be finite, found NaN"):
        levels_of(each, np.full((3, 20), np.nan))
    with pytest.raises(ConfigurationError, match="levels must be integers of shape .samples, n."):
        check_levels(each, np.zeros((3, 20)))
    values = np.zeros((3, 20), dtype=np.int64)
    values[1, 2] = 7
    with pytest.raises(
        RangeError, match=r"^input 'x' at index \[1, 2\]: values must be from 0 to 6"
    ):
        check_levels(each, values)
