"""How large the values of a cascade of biquads can become."""

import math

from spikewright.golden.errors import RangeError
from spikewright.golden.spec.limits import LIMITS, Interval
from spikewright.golden.spec.parts import Biquad, Readout

__all__ = ["filter_bounds"]

_TERMS = 1 << 20
_SMALL = 1e-12
_MARGIN = 1e-3  # of what doubles lose in that many terms, with much to spare


def filter_bounds(readout: Readout, value: Interval) -> tuple[int, ...]:
    """The largest magnitude of the input of a readout's filter and of each biquad's output.

    With H = B/A the transfer function, y = h * x + g * d, where g is the response of 1/A to an
    impulse and d, of magnitude below 1, the difference of two of the errors fed back. So |y| is at
    most sum |h| * max |x| + sum |g|. Backwards the last output is the first input.

    Raises
    ------
    RangeError
        If one does not fit a register, or a biquad comes to rest so late that its sum is not known.
    """
    largest = max(abs(value.low), abs(value.high)) << readout.fraction
    gains = [_gains(biquad) for biquad in readout.biquads]
    bounds = [largest, *(0 for _ in gains)]
    for _ in range(1 if readout.block is None else 2):
        bounds[0] = max(bounds[0], largest)
        for k, (gain, noise) in enumerate(gains, 1):
            largest = math.ceil((gain * largest + noise) * (1 + _MARGIN)) + 1
            bounds[k] = max(bounds[k], largest)
    widest = max(bounds).bit_length() + 1
    if widest > LIMITS.register:
        raise RangeError(
            f"a filtered value must fit {LIMITS.register} bits",
            found=f"up to {max(bounds)}, {widest} bits",
            where="readout",
            action="use fewer fraction bits, or a filter that overshoots less",
        )
    return tuple(bounds)


def _gains(biquad: Biquad) -> tuple[float, float]:
    """Sums of magnitudes of the responses of B/A and of 1/A to an impulse."""
    one = float(1 << biquad.shift)
    a1, a2, b0 = biquad.a1 / one, biquad.a2 / one, biquad.b0 / one
    g1 = g2 = 0.0  # the last two of 1/A
    gain = noise = 0.0
    for n in range(_TERMS):
        g = (1.0 if n == 0 else 0.0) - a1 * g1 - a2 * g2
        gain += abs(b0 * (g + 2 * g1 + g2))
        noise += abs(g)
        if n > 1 and max(abs(g), abs(g1)) < _SMALL:
            return gain, noise
        g1, g2 = g, g1
    raise RangeError(
        f"a biquad must come to rest within {_TERMS} steps",
        found=f"a1 {biquad.a1}, a2 {biquad.a2}, shift {biquad.shift}",
        where="readout",
        action="use a higher cut-off",
    )
