"""Inputs: from the integers a user gives to the payloads of every step, checked first."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Encoding, Input, Mode, Network

__all__ = ["Array", "check_inputs", "check_steps", "encode", "input_steps"]

Array = Tensor | npt.NDArray[np.integer[Any]]


def encode(network_input: Input, values: Tensor, steps: int) -> Tensor:
    """Payloads of every step.

    Parameters
    ----------
    network_input : says the encoding.
    values : int64 [batch, n], or [batch, steps, n] for ``events``.
    steps : how many steps.

    Returns
    -------
    int64 [steps, batch, n]; their sum over the steps is x for ``once`` and ``spread``.
    """
    match network_input.encoding:
        case Encoding.EVENTS:
            return values.transpose(0, 1)
        case Encoding.CONSTANT:
            return values.expand(steps, -1, -1)
        case Encoding.ONCE:
            payloads = values.new_zeros(steps, *values.shape)
            payloads[0] = values
            return payloads
        case Encoding.SPREAD:
            ticks = torch.arange(steps + 1, device=values.device).view(-1, 1, 1)
            return torch.div(values * ticks, steps, rounding_mode="floor").diff(dim=0)


def input_steps(network: Network, network_input: Input, values: Tensor, steps: int | None) -> int:
    """How many steps an input has in ``settle`` and ``collapsed``.

    ``events``: as given; ``once``: 1; ``spread``: as asked, otherwise enough for one level a step.
    """
    match network_input.encoding:
        case Encoding.EVENTS:
            return values.shape[1]
        case Encoding.ONCE:
            return 1
        case Encoding.SPREAD if steps is None:
            return min(max(1, network_input.high), network.max_steps)
        case _:
            return network.max_steps if steps is None else steps


def check_steps(network: Network, mode: Mode, steps: int | None, given: set[int]) -> int | None:
    """The number of steps, where one is asked for or (stepwise) needed; ``given`` by events."""
    if mode not in network.modes:
        raise ConfigurationError(
            f"mode must be one of {', '.join(network.modes)}", found=str(mode), where=network.name
        )
    if steps is None and mode is Mode.STEPWISE:
        steps = max(given, default=network.max_steps)
    for asked in ({steps} if steps is not None else set()) | given:
        if isinstance(asked, bool) or not isinstance(asked, int):
            raise ConfigurationError(
                "steps must be an integer", found=repr(asked), where=network.name
            )
        if not 1 <= asked <= network.max_steps:
            raise ConfigurationError(
                f"steps must be from 1 to {network.max_steps}, up to which widths are proven",
                found=str(asked),
                where=network.name,
                action="convert again with a larger max_steps to run longer",
            )
    if steps is not None and given - {steps}:
        raise ConfigurationError(
            f"events must be given for each of {steps} steps",
            found=f"{', '.join(map(str, sorted(given)))} steps",
            where=network.name,
        )
    return steps


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
                where=network.name,
            )
        inputs = {names[0]: inputs}
    if set(inputs) != set(names):
        raise ConfigurationError(
            f"inputs must have the keys {', '.join(names)}",
            found=", ".join(map(str, inputs)) or "none",
            where=network.name,
        )
    checked = {each.name: check_input(each, inputs[each.name]) for each in network.inputs}
    batches = {name: values.shape[0] for name, values in checked.items()}
    if len(set(batches.values())) > 1:
        raise ConfigurationError(
            "all inputs must have the same batch", found=str(batches), where=network.name
        )
    return {name: values.to(device) for name, values in checked.items()}


def check_input(network_input: Input, values: Array) -> Tensor:
    """One input as an int64 tensor, where it was."""
    where = f"input {network_input.name!r}"
    if not isinstance(values, Tensor):
        values = as_tensor(np.asarray(values), where)
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise ConfigurationError(
            "inputs must be integers",
            found=str(values.dtype).removeprefix("torch."),
            where=where,
            action="quantise them first: clip(floor(value / step + 0.5), low, high)",
        )
    events = network_input.encoding is Encoding.EVENTS
    wanted = "[batch, steps, n]" if events else "[batch, n]"
    if values.ndim != (3 if events else 2) or values.shape[-1] != network_input.n or 0 in values.shape:
        raise ConfigurationError(
            f"values must have the shape {wanted} with n = {network_input.n} and no empty dimension",
            found=str(list(values.shape)),
            where=where,
        )
    values = values.to(torch.int64)
    low, high = network_input.low, network_input.high
    smallest, largest = (int(bound) for bound in values.aminmax())
    if smallest < low or largest > high:
        index = ((values < low) | (values > high)).nonzero()[0].tolist()
        raise RangeError(
            f"values must be from {low} to {high}",
            found=f"{int(values[tuple(index)])} at {index}",
            where=where,
        )
    return values


def as_tensor(values: npt.NDArray[Any], where: str) -> Tensor:
    """A tensor of ``values``; int64 where they are integers of any width."""
    if values.dtype.kind not in "iu":
        raise ConfigurationError(
            "inputs must be integers", found=str(values.dtype), where=where,
            action="quantise them first: clip(floor(value / step + 0.5), low, high)",
        )
    if values.dtype.kind == "u":  # what does not fit is too large for any input anyway
        values = np.minimum(values, np.uint64(2**63 - 1))
    return torch.tensor(values.astype(np.int64))
