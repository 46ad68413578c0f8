"""Bessel low passes of integers beside scipy's of doubles."""

import numpy as np
import pytest
import scipy.signal
import torch

from spikewright.flow.filters import bessel
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model.readout import Filter


def run(biquads, x):
    filters = [Filter(each) for each in biquads]
    out = []
    for value in x.tolist():
        y = torch.tensor([[value]])
        for each in filters:
            y = each(y)
        out.append(int(y))
    return np.array(out)


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("cutoff", [0.04, 0.053, 0.2, 0.5])
def test_close_to_doubles(order, cutoff):
    """12 bits in, 4 fraction bits: an R2 of more than 0.9999."""
    rng = np.random.default_rng(1)
    x = np.clip(np.cumsum(rng.normal(0, 60, 3000)), -2048, 2047).round().astype(np.int64)
    found = run(bessel(order, cutoff, shift=16), x << 4) / 16
    wanted = scipy.signal.sosfilt(scipy.signal.bessel(order, cutoff, output="sos"), x)
    assert 1 - ((found - wanted) ** 2).sum() / ((wanted - wanted.mean()) ** 2).sum() > 0.9999


@pytest.mark.parametrize("shift", [8, 12, 14, 20])
def test_unit_gain_at_rest(shift):
    for biquad in bessel(4, 0.3, shift=shift):
        assert 4 * biquad.b0 == (1 << shift) + biquad.a1 + biquad.a2
    assert set(run(bessel(4, 0.3, shift=shift), np.full(3000, 777))[-50:]) == {777}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((3, 0.1), "bessel: the order must be even, from 2, found 3"),
        ((4, 1.0), "bessel: the cut-off must be between 0 and 1, half the step rate, found 1.0"),
    ],
)
def test_wrong_designs(arguments, text):
    with pytest.raises(ConfigurationError) as caught:
        bessel(*arguments)
    assert str(caught.value) == text


def test_too_few_bits():
    with pytest.raises(ConfigurationError, match=r"4 bits can tell from 1.*use a larger shift$"):
        bessel(4, 0.001, shift=4)
