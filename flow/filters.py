"""Low passes as biquads of integers, from scipy's designs."""

import scipy.signal

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Biquad

__all__ = ["bessel"]


def bessel(order: int, cutoff: float, *, shift: int = 14) -> tuple[Biquad, ...]:
    """A Bessel low pass: the flattest group delay, so that the shape of a movement is kept.

    Its zeros are all at half the step rate (bilinear transform), as ``Biquad`` has them. The poles
    are rounded to ``shift`` fraction bits, the second coefficient such that the first one of the
    input is an integer: the gain at rest is one, exactly.

    Parameters
    ----------
    order : even. cutoff : in units of half the step rate, between 0 and 1, where the phase is half
        its last value, as scipy's. shift : fraction bits; more for a lower cut-off.

    Raises
    ------
    ConfigurationError
        If the order is odd, the cut-off out of range, or the shift too short for its poles.
    """
    if order < 2 or order % 2:
        raise ConfigurationError("the order must be even, from 2", found=str(order), where="bessel")
    if not 0 < cutoff < 1:
        raise ConfigurationError(
            "the cut-off must be between 0 and 1, half the step rate",
            found=str(cutoff),
            where="bessel",
        )
    one = 1 << shift
    biquads = []
    for *_, a1, a2 in scipy.signal.bessel(order, cutoff, output="sos"):
        first, second = round(a1 * one), round(a2 * one)
        biquads.append((first, second - (one + first + second + 2) % 4 + 2))
    try:
        return tuple(Biquad(a1=a1, a2=a2, shift=shift) for a1, a2 in biquads)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"a low pass of cut-off {cutoff} must have poles that {shift} bits can tell from 1",
            found=error.found,
            where="bessel",
            action="use a larger shift",
        ) from error
