"""What the numbers of networks may be that are loaded into the same hardware, in turn."""

from dataclasses import dataclass, fields

from spikewright.golden.errors import RangeError, UnsupportedError
from spikewright.golden.spec import Interval, Network, Ranges

__all__ = [
    "Envelope",
    "ParameterBounds",
    "PopulationBounds",
    "check_parameter",
    "check_ranges",
    "check_skeleton",
]

_FIT = "generate the hardware with more --headroom, or train within these bounds"


@dataclass(frozen=True, kw_only=True)
class ParameterBounds:
    """What a parameter of a population may be: constants where ``low`` is ``high``.

    ``by_position``: it may differ between the rows and columns of a channel.
    """

    name: str
    low: int
    high: int
    by_position: bool

    @property
    def interval(self) -> Interval:
        """The bounds."""
        return Interval(self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class PopulationBounds:
    """What the registers and parameters of a population may hold."""

    population: str
    ranges: Ranges
    parameters: tuple[ParameterBounds, ...]

    def parameter(self, name: str) -> ParameterBounds | None:
        """Of that name; None where the hardware does without."""
        return next((each for each in self.parameters if each.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What the numbers of a network may be.

    Parameters
    ----------
    skeleton : ``Network.skeleton_hash`` of all networks that fit. populations : bounds of each.
    """

    skeleton: str
    populations: tuple[PopulationBounds, ...]

    def bounds(self, population: str) -> PopulationBounds:
        """Of a population, by its name."""
        return next(each for each in self.populations if each.population == population)


def check_skeleton(network: Network, envelope: Envelope) -> None:
    """Refuse a network of another shape, whose bounds could not be looked up."""
    if network.skeleton_hash != envelope.skeleton:
        raise UnsupportedError(
            "the network must be of the shape that the hardware was made for: inputs, populations,"
            " connections, somas, weight bits and fraction bits",
            found="another one",
            where=f"network {network.name!r}",
            action="convert both with the same weight bits and --fraction-bits, or generate again"
            " with --loadable, for this network",
        )


def check_ranges(population: str, ranges: Ranges, bounds: PopulationBounds) -> None:
    """Refuse a population whose registers could hold more than the hardware's.

    Raises
    ------
    RangeError
        If a register is not there, or could overflow.
    """
    for field in fields(Ranges):
        own, most = getattr(ranges, field.name), getattr(bounds.ranges, field.name)
        if own is None and most is None:
            continue
        if own is None or most is None or own.low < most.low or own.high > most.high:
            raise RangeError(
                f"{field.name} must lie in {_text(most)}",
                found=_text(own),
                where=f"population {population!r}",
                action=_FIT,
            )


def check_parameter(
    population: str, bounds: ParameterBounds, *, own: Interval, by_position: bool
) -> None:
    """Refuse a parameter that the hardware's memory cannot hold; raises RangeError."""
    what = bounds.name.replace("_", " ")
    if own.low < bounds.low or own.high > bounds.high:
        raise RangeError(
            f"{what} must lie in {_text(bounds.interval)}",
            found=_text(own),
            where=f"population {population!r}",
            action=_FIT,
        )
    if by_position and not bounds.by_position:
        raise RangeError(
            f"{what} must be the same for all rows and columns of a channel",
            found="different ones",
            where=f"population {population!r}",
            action="generate the hardware from a network in which it differs",
        )


def _text(interval: Interval | None) -> str:
    return "none" if interval is None else f"{interval.low}..{interval.high}"
