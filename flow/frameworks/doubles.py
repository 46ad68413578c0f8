"""Run a module in float64 throughout, whatever its framework casts."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["Doubles", "double", "doubled"]


class Doubles(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes float64 of what is asked for in float32: frameworks cast spikes, and what they reset.

    A threshold times spikes of float32 is off by more than float64 rounds.
    """

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        if named.get("dtype") is torch.float32:
            named["dtype"] = torch.float64
        return func(*args, **named)


def doubled(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """A hook in front of a layer: what it gets, in float64."""
    return tuple(double(each) for each in args)


def double(value: Any) -> Any:
    """A tensor of floats in float64; anything else as it is."""
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value
