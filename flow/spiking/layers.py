"""What a spiking network consists of: layers of neurons and what is read."""

from dataclasses import dataclass

from spikewright.golden.errors import ConfigurationError

__all__ = ["LEAK_UNIT", "Layer", "Output"]

LEAK_UNIT = 256
"""A leak leaves a multiple of one part in so many, m / 2**k with k up to 8: integers hold it."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Fully connected spiking neurons, LIF or, with a current, CuBa-LIF.

    Parameters
    ----------
    neurons : how many.
    leak : the share of the membrane that a step leaves, a multiple of 1/256 above 0; 1 leaves all.
    current : the same of the synaptic current; None: input charges the membrane at once.
    recurrent : whether the layer hears its own spikes of the step before.

    Raises
    ------
    ConfigurationError
        If a number is not legal.
    """

    neurons: int
    leak: float
    current: float | None = None
    recurrent: bool = False

    def __post_init__(self) -> None:
        _check_count(self.neurons, "neurons")
        _check_leak(self.leak, "leak", least_leak=self.current is not None)
        if self.current is not None:
            _check_leak(self.current, "current", least_leak=True)


@dataclass(frozen=True, kw_only=True)
class Output:
    """One neuron for each class.

    Parameters
    ----------
    classes : how many.
    leak : the share of the membrane that a step leaves, a multiple of 1/256 above 0; 1 leaves all.
    fires : read the count of its spikes; else it never fires and its last membrane is read.

    Raises
    ------
    ConfigurationError
        If a number is not legal.
    """

    classes: int
    leak: float = 1.0
    fires: bool = False

    def __post_init__(self) -> None:
        _check_count(self.classes, "classes")
        _check_leak(self.leak, "leak", least_leak=False)


def _check_count(value: object, where: str) -> None:
    if type(value) is not int or value < 1:
        raise ConfigurationError("must be an integer of at least 1", found=repr(value), where=where)


def _check_leak(value: object, where: str, *, least_leak: bool) -> None:
    most = 1 - 1 / LEAK_UNIT if least_leak else 1.0
    if not isinstance(value, int | float) or not 1 / LEAK_UNIT <= value <= most:
        raise ConfigurationError(
            f"what a step leaves must lie in {1 / LEAK_UNIT:g}..{most:g}",
            found=repr(value),
            where=where,
        )
    if value * LEAK_UNIT != round(value * LEAK_UNIT):
        raise ConfigurationError(
            f"what a step leaves must be a multiple of 1/{LEAK_UNIT}, which integers hold",
            found=repr(value),
            where=where,
            action=f"use {round(value * LEAK_UNIT)}/{LEAK_UNIT}",
        )
