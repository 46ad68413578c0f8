"""The populations of networks whose input, and every bias, comes in each step.

A spike stands for A, the step of its stage's ``Levels``, in the mean over all steps. With acc the
charge of one step, theta = A / (scale |gain| unit) and c the constants, all in units::

    v = leak(v) + acc + c;   spike where v >= fires_at * theta;   v -= theta * spike

With F fraction bits the threshold is round(theta 2**F) and the bias round(c 2**F): it is added in
every step, so what it is off by grows with the steps, as that of the threshold does with the
spikes.
"""

from collections.abc import Mapping

import numpy as np

from spikewright.flow.convert.connect import Sender, reach
from spikewright.flow.convert.method import Negative
from spikewright.flow.convert.neurons import (
    Neurons,
    Wanted,
    bias_vector,
    check_register,
    fraction_bits,
    real_values,
)
from spikewright.flow.convert.quantised import QuantisedStage
from spikewright.flow.importers import FloatArray
from spikewright.golden.spec import (
    BiasWhen,
    Fire,
    IntArray,
    Leak,
    Payload,
    Population,
    Soma,
    int_vector,
)

__all__ = ["rate_neurons"]

STILL = 256  # the threshold of a neuron of which no input changes the rate


def rate_neurons(stage: QuantisedStage, senders: Mapping[str, Sender], wanted: Wanted) -> Neurons:
    """Hidden neurons whose level is the mean of what they send in a step."""
    neuron, levels = wanted.neuron, stage.levels
    sign, theta, c = real_values(stage, senders)
    rates = _constant_rates(stage, senders, sign, theta, c)
    free = np.isnan(rates).any(1)
    fraction = wanted.given
    if fraction is None:
        fraction = fraction_bits(theta[free], levels.count, wanted.most)
    check_register(stage.name, fraction, theta[free], c[free])
    threshold = np.full(len(sign), STILL, dtype=np.int64)
    bias = np.floor(np.nan_to_num(rates) * STILL + 0.5).astype(np.int64)
    scale = 2.0**fraction
    threshold[free] = np.maximum(1, np.floor(theta[free] * scale + 0.5)).astype(np.int64)
    bias[free] = np.floor(c[free] * scale + 0.5).astype(np.int64)
    start = stage.initial.reshape(-1, stage.initial.size // len(sign) or 1)  # [channels or 1, ...]
    initial = np.floor(start * threshold[:, None]).astype(np.int64)
    fires_at = np.maximum(1, np.floor(neuron.fires_at * threshold + 0.5)).astype(np.int64)
    high = levels.highest
    signed = neuron.negative is not Negative.NEVER
    negative = {
        Negative.NEVER: None,
        Negative.BELOW_ZERO: int_vector(1),
        Negative.THRESHOLD: int_vector(fires_at),
    }[neuron.negative]
    leak = neuron.leak
    soma = Soma(
        fire=neuron.fire if high == 1 else Fire.BURST,
        threshold=int_vector(fires_at),
        threshold_negative=negative,
        reset_amount=None if neuron.fires_at == 1 else int_vector(threshold),
        initial_v=bias_vector(initial),
        bias=bias_vector(bias),
        bias_when=BiasWhen.EVERY,
        leak_v=None if leak is None else Leak(multiplier=(1 << leak) - 1, shift=leak),
        s_min=0 if signed else None,
        s_max=None,
        max_level=high,
    )
    payload = Payload.SIGN if signed else Payload.UNIT
    population = Population(
        name=stage.name,
        shape=wanted.shape,
        soma=soma,
        payload=payload if high == 1 else Payload.GRADED,
    )
    return Neurons(population=population, fraction=fraction, factor=sign * free)


def _constant_rates(
    stage: QuantisedStage,
    senders: Mapping[str, Sender],
    sign: IntArray,
    theta: FloatArray,
    c: FloatArray,
) -> FloatArray:
    """The level a step of each neuron that no legal input can change, NaN for all others.

    One that never comes above 0, one that fires all it can in every step, one without a gain.
    """
    lowest = highest = np.zeros(len(sign), dtype=np.int64)
    for part in stage.branches:
        least, most = reach(part, senders[part.branch.source], sign)
        lowest, highest = lowest + least, highest + most
    assert stage.step is not None
    top = stage.levels.highest
    no_gain = (stage.gain == 0) | (stage.scale == 0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        least_drive = (lowest[:, None] + c) / theta[:, None]
        most_drive = (highest[:, None] + c) / theta[:, None]
    rates = np.full(most_drive.shape, np.nan)
    rates[most_drive <= 0] = 0
    rates[least_drive >= top] = top
    still = np.clip(stage.scale * stage.shift / stage.step, 0, top)
    return np.where(no_gain[:, None], still[:, None], rates)
