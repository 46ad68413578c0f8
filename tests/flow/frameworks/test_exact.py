"""Where doubles hold every number on the way."""

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.frameworks import import_spiking
from spikewright.flow.frameworks.exact import exact_steps, fraction_bits
from spikewright.flow.frameworks.verify import reference_of
from support.frameworks import needs

snn = needs("snntorch")


@pytest.mark.parametrize(
    ("values", "bits"),
    [
        ([0.0, 1.0, -3.0, 2.0**40], 0),
        ([0.5, 8.0], 1),
        ([-0.375], 3),
        ([2.0**-30 + 1], 30),
        ([0.1], 55),
        ([2.0**-1000], 1000),
        ([np.inf], 2000),
        ([], 0),
    ],
)
def test_bits_behind_the_point(values, bits):
    assert fraction_bits(values) == bits


@pytest.mark.parametrize(
    ("beta", "weight", "scale", "exact"),
    [
        (1.0, 1.0, 1.0, 30),
        (0.5, 1.0, 1.0, 30),
        (0.75, 1.0, 1.0, 22),  # 2 + 2 t bits, and a sum of up to 2 (t + 1) + t / 4
        (0.9, 1.0, 1.0, 2),  # a share of 24 bits, as snnTorch keeps it, once
        (1.0, 0.1, 1.0, 0),
        (1.0, 1.0, 2.0**44, 7),
        (1.0, 1.0, 2.0**50, 0),
    ],
)
def test_steps_that_are_exact(beta, weight, scale, exact):
    module = nn.Sequential(
        nn.Linear(2, 3, bias=False), snn.Leaky(beta=beta, init_hidden=True, threshold=0.25)
    )
    module.double()[0].weight.data.fill_(weight)
    reference = reference_of(import_spiking(module, (2,)))
    x = torch.ones(1, 30, 2, dtype=torch.float64) * scale
    found = exact_steps(
        reference, reference.run({"input": x}), {"input": x.transpose(0, 1).numpy()}
    )
    assert found == {"1": [k < exact for k in range(30)]}
