"""What ``default_plan`` is given: for all populations, for each, or for some by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Network
from spikewright.hdl.token import axes_of

__all__ = ["check_partition", "for_each", "is_number", "is_pair", "together_on_cores"]

_Value = TypeVar("_Value")


def together_on_cores(
    order: Sequence[str], parts: Mapping[str, int], share: Sequence[Sequence[str]]
) -> list[tuple[str, ...]]:
    """The populations of each core, in the order of the first of each."""
    place: dict[str, tuple[str, ...]] = {}
    for names in share:
        unknown = sorted(set(names) - set(order))
        twice = sorted(name for name in names if name in place or list(names).count(name) > 1)
        sliced = sorted(name for name in names if parts.get(name, 1) > 1)
        for what, wrong in (("known", unknown), ("named once", twice), ("whole", sliced)):
            if wrong:
                raise ConfigurationError(
                    f"populations that share a core must be {what}",
                    found=", ".join(wrong),
                    action=f"the network has {', '.join(order)}",
                )
        members = tuple(name for name in order if name in names)
        place |= dict.fromkeys(members, members)
    cores = []
    for name in order:
        members = place.get(name, (name,))
        if name == members[0]:
            cores.append(members)
    return cores


def check_partition(network: Network, order: Sequence[str], parts: Mapping[str, int]) -> None:
    """Refuse parts of unknown populations, and more of them than channels."""
    unknown = sorted(set(parts) - set(order))
    if unknown:
        raise ConfigurationError(
            f"a partition may be given for {', '.join(order)}", found=", ".join(unknown)
        )
    for name, n in parts.items():
        channels = axes_of(network.population(name).shape)[0].size
        if not is_number(n) or not 1 <= n <= channels:
            raise ConfigurationError(
                f"a partition must have 1 to {channels} parts, the population's channels",
                found=repr(n),
                where=f"population {name!r}",
            )


def is_number(value: object) -> bool:
    """Whether it is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_pair(value: object) -> bool:
    """Whether it is two integers."""
    return isinstance(value, tuple) and len(value) == 2 and all(map(is_number, value))


def for_each(
    order: Sequence[str],
    given: Any,
    what: str,
    *,
    single: Callable[[object], bool],
    default: _Value,
) -> dict[str, _Value]:
    """A value for each population from one for all, one for each, or some by name."""
    if single(given) or not isinstance(given, (Mapping, Sequence)):
        values = dict.fromkeys(order, default if given is None else given)
    elif isinstance(given, Mapping):
        unknown = sorted(set(given) - set(order))
        if unknown:
            raise ConfigurationError(
                f"{what} may be given for {', '.join(order)}", found=", ".join(unknown)
            )
        values = {name: given.get(name, default) for name in order}
    else:
        listed = list(given)
        if len(listed) not in (1, len(order)):
            raise ConfigurationError(
                f"{what} must be given once, or once for each of {', '.join(order)}",
                found=f"{len(listed)} of them",
            )
        values = dict(zip(order, listed * (len(order) // len(listed)), strict=True))
    for name, value in values.items():
        if value is default:
            continue
        if not single(value) or min(value if isinstance(value, tuple) else (value,)) < 1:
            raise ConfigurationError(
                f"{what} must be integers of at least 1", found=repr(value), where=f"core {name!r}"
            )
    return values
