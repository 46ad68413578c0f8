"""What the inputs of a network are sent: the golden model's encodings a second time, in numpy."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Encoding, Input, Mode, Network

__all__ = ["changes", "check_kept", "check_levels", "input_steps", "levels_of", "payloads"]

Array = npt.NDArray[np.int64]

_WORD = (1 << 32) - 1


def levels_of(source: Input, x: npt.NDArray[np.generic]) -> Array:
    """Integer levels [N, n] of raw samples [N, ...]: clip(floor(x / step + 0.5), low, high).

    Events [N, steps, ...] become [N, steps, n].

    Raises
    ------
    ConfigurationError
        If a sample has another number of values than the input, or one that is not finite.
    """
    kept = 2 if source.encoding is Encoding.EVENTS else 1
    flat = x.reshape(*x.shape[:kept], -1) if x.ndim > kept else x
    if flat.ndim != kept + 1 or flat.shape[-1] != source.n:
        what = "[steps, ...]" if kept == 2 else "sample"
        raise ConfigurationError(
            f"a {what} must have {source.n} values",
            found=f"shape {list(x.shape[1:])}",
            where=f"input {source.name!r}",
        )
    values = flat.astype(np.float64)
    if not np.isfinite(values).all():
        raise ConfigurationError(
            "data must be finite", found="NaN or inf", where=f"input {source.name!r}"
        )
    if source.step is not None:
        values = np.floor(values / source.step + 0.5)
    return values.clip(source.low, source.high).astype(np.int64)


def check_levels(source: Input, values: npt.NDArray[np.integer]) -> Array:
    """Levels [N, n], or [N, steps, n] of events, as they are; raises where one is not legal."""
    wanted = 3 if source.encoding is Encoding.EVENTS else 2
    if values.dtype.kind not in "iu" or values.ndim != wanted or values.shape[-1] != source.n:
        shape = "[samples, steps, n]" if wanted == 3 else "[samples, n]"
        raise ConfigurationError(
            f"levels must be integers of shape {shape}, n = {source.n}",
            found=f"{values.dtype} of shape {list(values.shape)}",
            where=f"input {source.name!r}",
        )
    outside = (values < source.low) | (values > source.high)
    if outside.any():
        index = [int(k) for k in np.argwhere(outside)[0]]
        raise RangeError(
            f"values must be from {source.low} to {source.high}",
            found=str(values[tuple(index)]),
            where=f"input {source.name!r} at index {index}",
        )
    return values.astype(np.int64)


def input_steps(network: Network, source: Input, mode: Mode, given: int, steps: int | None) -> int:
    """STEPs of a sample; ``given``: those that events have.

    Raises
    ------
    ConfigurationError
        If widths are not proven for so many.
    """
    if mode is Mode.COLLAPSED:
        return 0
    events = source.encoding is Encoding.EVENTS
    found = given if events else steps
    if found is None and mode is Mode.SETTLE and source.encoding is Encoding.SPREAD:
        found = min(max(1, source.high), network.max_steps)
    fixed = not (source.encoding.repeats or source.encoding is Encoding.SPREAD)
    if mode is Mode.SETTLE and fixed:
        found = source.least_steps()
    if found is None:
        found = network.max_steps
    if not 1 <= found <= network.max_steps or (events and steps not in (None, given)):
        many = f", and as many as the events have, {given}" if events else ""
        raise ConfigurationError(
            f"steps must be from 1 to {network.max_steps}{many}",
            found=str(found if steps is None else steps),
            where=f"input {source.name!r}",
        )
    return found


def check_kept(network: Network, mode: Mode, samples: int, given: int, steps: int | None) -> None:
    """Refuse samples that follow each other without a reset and that no widths are proven for.

    Parameters
    ----------
    samples : so many. given : steps that events have. steps : T of the others.

    Raises
    ------
    ConfigurationError
        If they are stepwise, and what comes once in each comes several times, or steps too many.
    """
    if mode is not Mode.STEPWISE or samples < 2:
        return
    once = [each for each in network.inputs if not each.encoding.repeats]
    if once:
        raise ConfigurationError(
            "an input of a stream must be encoded as events, constant or rate: of what comes once "
            "in a sample the widths are proven for one",
            found=once[0].encoding,
            where=f"input {once[0].name!r}",
            action="take infer, which resets between samples",
        )
    events = (each for each in network.inputs if each.encoding is Encoding.EVENTS)
    each = input_steps(network, next(events, network.inputs[0]), mode, given, steps)
    if samples * each > network.max_steps:
        raise ConfigurationError(
            f"from one reset to the next there must be at most {network.max_steps} steps, up to "
            "which widths are proven",
            found=f"{samples} samples of {each} steps",
            where=f"network {network.name!r}",
            action="convert again with a larger max_steps, or give fewer samples at once",
        )


def changes(
    network: Network, levels: Mapping[str, Array], before: Mapping[str, Array] | None
) -> dict[str, Array]:
    """Levels by input, less those of the sample ``before`` where changes are sent of them.

    ``before`` is None behind a reset.
    """
    told = {each.name for each in network.inputs if each.encoding is Encoding.CHANGE}
    return {
        name: values - before[name] if before is not None and name in told else values
        for name, values in levels.items()
    }


def payloads(source: Input, values: Array, steps: int) -> Array:
    """Payloads [steps, n] of one sample [n], or [steps, n] of events; [1, n] sums where no steps.

    Of ``change`` the sample is what ``changes`` gives. ``steps`` 0 says that no steps are told
    apart: the net payloads of as many as there must be.
    """
    if not steps:
        if source.encoding is Encoding.EVENTS:
            return np.asarray(values.sum(axis=0, keepdims=True))
        if source.encoding in (Encoding.ONCE, Encoding.SPREAD, Encoding.PHASE, Encoding.CHANGE):
            return values[np.newaxis]
        each = payloads(source, values, source.least_steps())
        return np.asarray(each.sum(axis=0, keepdims=True))
    ticks: Array = np.arange(steps)[:, np.newaxis]
    found: Array
    match source.encoding:
        case Encoding.EVENTS:
            found = values
        case Encoding.CONSTANT:
            found = np.broadcast_to(values, (steps, values.size))
        case Encoding.ONCE | Encoding.CHANGE:
            found = np.where(ticks == 0, values, 0)
        case Encoding.SPREAD:
            found = values * (ticks + 1) // steps - values * ticks // steps
        case Encoding.THRESHOLD:
            assert source.threshold is not None  # the contract says
            found = ((ticks == 0) & (values >= source.threshold)).astype(np.int64)
        case Encoding.RATE:
            found = _rate(source, values, steps)
        case Encoding.PHASE:
            left = source.bits - 1 - ticks
            found = values & np.where(left >= 0, 1 << np.maximum(left, 0), 0)
        case Encoding.LATENCY:
            found = ((values >= 1) & (ticks == source.high - values)).astype(np.int64)
    return found


def _rate(source: Input, values: Array, steps: int) -> Array:
    """1 where the next draw is below x: a draw for each value but 0, step by step."""
    assert source.seed is not None  # the contract says
    active = np.flatnonzero(values)
    state, draws = source.seed, np.empty(steps * active.size, dtype=np.int64)
    for k in range(draws.size):
        state ^= state << 13 & _WORD
        state ^= state >> 17
        state ^= state << 5 & _WORD
        draws[k] = state >> (32 - source.bits)
    found = np.zeros((steps, values.size), dtype=np.int64)
    found[:, active] = draws.reshape(steps, active.size) < values[active]
    return found
