"""Inputs: from the integers a user gives to the payloads of every step, checked first."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Encoding, Input, Mode, Network, Payload
from spikewright.golden.spec.normalise import integer

__all__ = [
    "Array",
    "check_inputs",
    "check_keep",
    "check_mode",
    "check_steps",
    "encode",
    "input_steps",
    "totals",
]

Array = Tensor | npt.NDArray[np.integer[Any]]


def encode(network_input: Input, values: Tensor, steps: int) -> Tensor:
    """Payloads of every step.

    Parameters
    ----------
    network_input : says the encoding.
    values : int64 [batch, n], or [batch, steps, n] for ``events``; of ``change`` what x exceeds
        the one before by.
    steps : how many steps.

    Returns
    -------
    int64 [steps, batch, n]; their sum over the steps is x for ``once`` and ``spread``, and for
    ``phase`` if it has a step for each bit.
    """
    match network_input.encoding:
        case Encoding.EVENTS:
            return values.transpose(0, 1)
        case Encoding.CONSTANT:
            return values.expand(steps, -1, -1)
        case Encoding.ONCE | Encoding.CHANGE:
            payloads = values.new_zeros(steps, *values.shape)
            payloads[0] = values
            return payloads
        case Encoding.SPREAD:
            low, high = network_input.low, network_input.high
            if high - low >= values.numel():
                return spread(values, steps)
            # divisions are slow: make one for every level there is, not for every value
            levels = torch.arange(low, high + 1, device=values.device)
            return spread(levels, steps)[:, values - low]
        case Encoding.THRESHOLD:
            assert network_input.threshold is not None  # the contract says
            payloads = values.new_zeros(steps, *values.shape)
            payloads[0] = values >= network_input.threshold
            return payloads
        case Encoding.RATE:
            return rate(network_input, values, steps)
        case Encoding.PHASE:
            bits = network_input.bits
            planes = [values & (1 << (bits - 1 - t)) for t in range(min(bits, steps))]
            planes += [torch.zeros_like(values)] * (steps - len(planes))
            return torch.stack(planes)
        case Encoding.LATENCY:
            ticks = torch.arange(steps, device=values.device).view(-1, 1, 1)
            return ((values >= 1) & (ticks == network_input.high - values)).to(torch.int64)


def rate(network_input: Input, values: Tensor, steps: int) -> Tensor:
    """1 where the draw of a step and neuron is below x, [steps, batch, n]."""
    assert network_input.seed is not None  # the contract says
    active = values != 0
    count = active.sum(dim=1, keepdim=True)
    rank = active.cumsum(dim=1) - 1
    draws = torch.tensor(xorshift(network_input.seed, steps * max(1, int(count.max()))))
    draws = draws.to(values.device) >> (32 - network_input.bits)
    ticks = torch.arange(steps, device=values.device).view(-1, 1, 1)
    drawn = draws[(ticks * count + rank).clamp_(min=0)]
    return (active & (drawn < values)).to(torch.int64)


@lru_cache(maxsize=8)
def xorshift(seed: int, length: int) -> tuple[int, ...]:
    """The first states of Marsaglia's xorshift of 32 bits after ``seed``."""
    states, state = [], seed
    for _ in range(length):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        states.append(state)
    return tuple(states)


def spread(values: Tensor, steps: int) -> Tensor:
    """floor(x (t + 1) / T) - floor(x t / T) for all t and x, [steps, ...]."""
    ticks = torch.arange(steps + 1, device=values.device).view(-1, *[1] * values.ndim)
    return torch.div(values * ticks, steps, rounding_mode="floor").diff(dim=0)


def input_steps(network: Network, network_input: Input, values: Tensor, steps: int | None) -> int:
    """How many steps an input has in ``settle`` and ``collapsed``.

    ``events``: as given; ``spread``: as asked, otherwise enough for one level a step; others: until
    the last spike there can be.
    """
    match network_input.encoding:
        case Encoding.EVENTS:
            return values.shape[1]
        case Encoding.SPREAD if steps is None:
            return min(max(1, network_input.high), network.max_steps)
        case Encoding.SPREAD | Encoding.CONSTANT | Encoding.RATE:
            return network.max_steps if steps is None else steps
        case _:
            return network_input.least_steps()


def totals(network_input: Input, values: Tensor) -> Tensor:
    """The net payload [batch, n] that every input neuron sends in a sample."""
    match network_input.encoding:
        case Encoding.EVENTS:
            return values.sum(dim=1)
        case Encoding.ONCE | Encoding.SPREAD | Encoding.PHASE | Encoding.CHANGE:
            return values
        case _:
            return encode(network_input, values, network_input.least_steps()).sum(dim=0)


def check_mode(network: Network, mode: Mode | str) -> Mode:
    """The mode, where the network lists it."""
    if mode not in network.modes:
        raise ConfigurationError(
            f"mode must be one of {', '.join(network.modes)}",
            found=str(mode),
            where=f"network {network.name!r}",
        )
    return Mode(mode)


def check_steps(network: Network, mode: Mode, steps: int | None, given: set[int]) -> int | None:
    """The number of steps, where one is asked for or (stepwise) needed; ``given`` by events."""
    if steps is None and mode is Mode.STEPWISE:
        steps = max(given, default=network.max_steps)
    where = f"network {network.name!r}"
    if steps is not None:
        steps = integer(steps, "steps", where)
    for asked in given if steps is None else {steps, *given}:
        if not 1 <= asked <= network.max_steps:
            raise ConfigurationError(
                f"steps must be from 1 to {network.max_steps}, up to which widths are proven",
                found=str(asked),
                where=where,
                action="convert again with a larger max_steps to run longer",
            )
    if steps is not None and given - {steps}:
        raise ConfigurationError(
            f"events must be given for each of {steps} steps",
            found=f"{', '.join(map(str, sorted(given)))} steps",
            where=where,
        )
    return steps


def check_keep(
    network: Network, mode: Mode, keep: Sequence[bool], samples: int, steps: int | None
) -> None:
    """Refuse more stepwise steps without a reset than widths are proven for."""
    where = f"network {network.name!r}"
    if len(keep) != samples:
        raise ConfigurationError(
            f"keep must say it for each of {samples} samples", found=f"{len(keep)}", where=where
        )
    if mode is not Mode.STEPWISE:
        return
    once = [each for each in network.inputs if not each.encoding.repeats]
    if any(keep[:-1]) and once:
        raise ConfigurationError(
            "an input of a stream must be encoded as events, constant or rate: of what comes once "
            "in a sample the widths are proven for one",
            found=once[0].encoding,
            where=f"input {once[0].name!r}",
        )
    assert steps is not None  # stepwise has a number
    longest = run = 1
    for keeps in keep[:-1]:
        run = run + 1 if keeps else 1
        longest = max(longest, run)
    if longest * steps > network.max_steps:
        raise ConfigurationError(
            f"from one reset to the next there must be at most {network.max_steps} steps, up to "
            "which widths are proven",
            found=f"{longest} samples of {steps} steps",
            where=where,
            action="convert again with a larger max_steps, or reset more often",
        )


def check_inputs(
    network: Network, inputs: Array | Mapping[str, Array], device: torch.device
) -> dict[str, Tensor]:
    """All inputs by name as int64 tensors, after their type, shape and range were checked."""
    names = [each.name for each in network.inputs]
    if not isinstance(inputs, Mapping):
        if len(names) > 1:
            raise ConfigurationError(
                f"inputs must be a mapping with the keys {', '.join(names)}",
                found=f"one {type(inputs).__name__}",
                where=f"network {network.name!r}",
            )
        inputs = {names[0]: inputs}
    if set(inputs) != set(names):
        raise ConfigurationError(
            f"inputs must have the keys {', '.join(names)}",
            found=", ".join(map(str, inputs)) or "none",
            where=f"network {network.name!r}",
        )
    checked = {each.name: check_input(each, inputs[each.name]) for each in network.inputs}
    batches = {name: values.shape[0] for name, values in checked.items()}
    if len(set(batches.values())) > 1:
        raise ConfigurationError(
            "all inputs must have the same batch",
            found=str(batches),
            where=f"network {network.name!r}",
        )
    return {name: values.to(device) for name, values in checked.items()}


def check_input(network_input: Input, values: Array) -> Tensor:
    """One input as an int64 tensor, where it was; events of int8 stay so."""
    where = f"input {network_input.name!r}"
    values = as_integers(values, where)
    events = network_input.encoding is Encoding.EVENTS
    if not events:
        values = values.long()
    wanted = "[batch, steps, n]" if events else "[batch, n]"
    shape = values.shape
    if len(shape) != (3 if events else 2) or shape[-1] != network_input.n or 0 in shape:
        raise ConfigurationError(
            f"values must have the shape {wanted}, n = {network_input.n}, with no dimension empty",
            found=str(list(shape)),
            where=where,
        )
    low, high = network_input.low, network_input.high
    smallest, largest = (int(bound) for bound in values.aminmax())
    if smallest < low or largest > high:
        wide = values.long()  # in int8 a bound would wrap
        outside = (wide < low) | (wide > high)
        refuse_first(values, outside, f"values must be from {low} to {high}", where)
    if events and network_input.payload is Payload.SHIFT:
        size = values.long().abs()
        mixed = (size & (size - 1)) != 0
        if mixed.any():
            refuse_first(values, mixed, "payloads of kind shift must be powers of two", where)
    return values


def refuse_first(values: Tensor, bad: Tensor, must: str, where: str) -> NoReturn:
    """Raise about the first of the values that are ``bad``."""
    index = bad.nonzero()[0].tolist()
    raise RangeError(must, found=f"{int(values[tuple(index)])}", where=f"{where} at index {index}")


def as_integers(values: Array, where: str) -> Tensor:
    """An int64 tensor of integers of any type, none of which wraps; int8 stays as it is."""
    if isinstance(values, Tensor):
        floats = values.is_floating_point() or values.is_complex()
        if not floats and values.dtype not in (torch.bool, torch.uint64):
            return values if values.dtype == torch.int8 else values.to(torch.int64)
        values = values.detach().cpu().numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise ConfigurationError(
            "inputs must be integers",
            found=f"dtype {array.dtype}",
            where=where,
            action="quantise them first: clip(floor(value / step + 0.5), low, high)",
        )
    if array.dtype.kind == "u":  # what does not fit int64 is too large for any input
        array = np.minimum(array, np.uint64(2**63 - 1))
    return torch.from_numpy(array.astype(np.int8 if array.dtype == np.int8 else np.int64))
