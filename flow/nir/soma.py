"""Discrete dynamics as a soma of integers."""

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.spec import (
    BiasWhen,
    Fire,
    Leak,
    Reset,
    Soma,
)
from spikewright.golden.spec.soma import MAX_LEAK_SHIFT, MAX_LEVEL

from .discretisation import Compare, Order
from .dynamics import Dynamics
from .precision import Precision
from .reference import Reference

__all__ = ["marks_of", "soma_of", "takes_old"]

Floats = npt.NDArray[np.float64]


def takes_old(reference: Reference, name: str) -> bool:
    """Whether the membranes of a population take in the current of the step before."""
    current = reference.dynamics[name].left_i is not None
    return current and reference.rules[name].order is Order.OLD


def _leak(share: float, precision: Precision, where: str) -> Leak | None:
    """The nearest m / 2**k; None where all is left."""
    if share == 1.0:
        return None
    best: tuple[float, int, int] | None = None
    for shift in range(1, precision.leak_bits + 1):
        m = min(max(1, round(share * 2**shift)), 2**shift - 1)
        while m % 2 == 0:
            m //= 2
            shift -= 1  # the same share, in its lowest terms
        error = abs(m / 2**shift - share)
        if best is None or error < best[0] - 1e-15:
            best = (error, m, shift)
    assert best is not None
    error, m, shift = best
    if error > min(share, 1 - share) / 2:
        raise ConfigurationError(
            f"a leak of m / 2**k with k up to {precision.leak_bits} must come near {share:g}, "
            "which leaves something and takes some",
            found=f"{m} / {2**shift}",
            where=where,
            action="give dt in the file's unit of time: next to its time constants it is too "
            + ("short" if share > 0.5 else "long"),
        )
    return Leak(multiplier=m, shift=shift)


def marks_of(reference: Reference, name: str, bias: Floats) -> Floats:
    """What of a population should be whole numbers of its unit, in what its input counts."""
    dynamics, rule = reference.dynamics[name], reference.rules[name]
    rest, drift = _coordinates(dynamics)
    gain = dynamics.gain
    marks = [bias, (dynamics.start - rest) / gain, drift / gain]
    if dynamics.threshold is not None:
        marks.append((dynamics.threshold - rest) / gain)
        if rule.reset is Reset.VALUE:
            marks.append((dynamics.reset_value - rest) / gain)
        if rule.amount is not None:
            marks.append(rule.amount / gain)
        if rule.floor is not None:
            marks.append((rule.floor * dynamics.threshold + rest) / gain)
    return np.concatenate(marks)


def soma_of(
    reference: Reference,
    name: str,
    dynamics: Dynamics,
    bias: Floats,
    unit: float,
    precision: Precision,
) -> Soma:
    """All in units; v is counted from its rest, so that the leak goes to 0.

    Where that does not lie below the threshold v is counted from 0, and the drift is a bias.
    """
    rule, where = reference.rules[name], f"{reference.where}: node {name!r}"
    if takes_old(reference, name) and np.any(bias != 0):
        raise UnsupportedError(
            "a current that is taken in a step later must have no bias, which would come early",
            found=f"order old, and a bias of up to {np.abs(bias).max():g}",
            where=where,
            action="leave the bias out, or use order new",
        )
    scale = dynamics.gain * unit  # one unit of v, in the file's volts, per neuron
    rest, drift = _coordinates(dynamics)
    start = dynamics.start - rest
    options: dict[str, object] = {
        "bias": _rounded(bias / unit + drift / scale, "bias", where),
        "bias_when": BiasWhen.EVERY,
        "initial_v": _rounded(start / scale, "initial v", where),
        "leak_v": _leak(dynamics.left_v, precision, where)
        if dynamics.left_v > 0
        else Leak(shift=MAX_LEAK_SHIFT),
        "current": dynamics.left_i is not None,
    }
    if dynamics.left_i is not None:
        options["leak_i"] = _leak(dynamics.left_i, precision, where)
    if dynamics.threshold is None:
        return Soma(fire=Fire.NONE, **options)  # type: ignore[arg-type]
    exact = (dynamics.threshold - rest) / scale
    # What is a whole number but for the rounding of doubles is meant to be one.
    exact = np.where(np.isclose(exact, np.rint(exact), rtol=1e-9, atol=0), np.rint(exact), exact)
    if np.any(exact <= 0):
        raise ConfigurationError(
            "a threshold must lie above the rest, v_leak, where there is a current",
            found=f"{float((dynamics.threshold - rest).min()):g} above it",
            where=where,
        )
    # v > th is v >= floor(th) + 1 in integers
    above = rule.compare is Compare.ABOVE
    threshold = np.floor(exact) + 1 if above else np.ceil(exact)
    options["threshold"] = _rounded(np.maximum(threshold, 1), "threshold", where)
    options["fire"] = Fire.BINARY if rule.bursts == 1 else Fire.BURST
    options["max_level"] = rule.bursts or MAX_LEVEL
    options["refractory"] = rule.refractory
    if dynamics.left_v == 0:
        # Nothing is left of what lies below 0, nor of what falls short of the threshold.
        if threshold.max() > 1 << MAX_LEAK_SHIFT:
            raise RangeError(
                f"a threshold without memory must be at most {1 << MAX_LEAK_SHIFT}",
                found=f"{threshold.max():g}",
                where=where,
                action="use fewer fraction bits",
            )
        options["v_min"] = 0
    if rule.reset is Reset.NONE:
        options["reset"] = Reset.NONE
    elif rule.reset is Reset.SUBTRACT:
        # What is taken off is what v exceeds, where both are of the same integers.
        amount = np.maximum(np.rint((rule.amount or dynamics.threshold) / scale), 1)
        if np.all(rest == 0) and rule.amount is None:
            amount = np.maximum(np.floor(exact) if above else np.ceil(exact), 1)
        if rule.bursts != 1:  # a burst takes no more than its threshold
            amount = np.minimum(amount, np.maximum(threshold, 1))
        options["reset_amount"] = _rounded(amount, "reset amount", where)
        options["reset_delay"] = rule.reset_delay
    else:
        values = np.unique(np.rint((dynamics.reset_value - rest) / scale))
        if values.size != 1:
            raise ConfigurationError(
                "v_reset must be the same for all neurons of a population, in their units",
                found=f"{values.size} values",
                where=where,
            )
        options |= {"reset": Reset.VALUE, "reset_value": int(values[0])}
    if rule.floor is not None:
        floors = np.unique(np.rint((-rule.floor * dynamics.threshold - rest) / scale))
        if floors.size != 1:
            raise ConfigurationError(
                "the least membrane must be the same for all neurons of a population, in their "
                "units",
                found=f"{floors.size} values",
                where=where,
            )
        options["v_min"] = int(floors[0])
    return Soma(**options)  # type: ignore[arg-type]


def _coordinates(dynamics: Dynamics) -> tuple[Floats, Floats]:
    """What v is counted from, and what is added in each step on top of its input."""
    zero = np.zeros_like(dynamics.drift)
    rest = zero if dynamics.left_v == 1 else dynamics.drift / (1 - dynamics.left_v)
    if dynamics.threshold is None:  # it is read beside others
        drifts = bool(np.any(rest != rest[0]))
    else:
        drifts = bool(np.any(rest >= dynamics.threshold))
    return (zero, dynamics.drift) if drifts and dynamics.left_i is None else (rest, zero)


def _rounded(values: Floats, what: str, where: str) -> npt.NDArray[np.int64]:
    """Integers, as one where all are the same."""
    found = np.rint(values)
    if np.abs(found).max() > 2**31:
        raise RangeError(
            f"a {what} must fit 32 bits",
            found=f"{np.abs(found).max():g}",
            where=where,
            action="use fewer fraction bits, or fewer weight bits",
        )
    whole = found.astype(np.int64)
    return whole[:1] if np.all(whole == whole[0]) else whole
