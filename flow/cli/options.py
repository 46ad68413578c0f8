"""Options that several commands read alike."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from spikewright.golden.errors import ConfigurationError

if TYPE_CHECKING:
    from spikewright.golden.spec import Mode, Network

__all__ = [
    "Data",
    "ModeName",
    "ProjectFolder",
    "above_zero",
    "check_steps",
    "integers",
    "named",
    "one_of",
    "pairs",
]

Choice = TypeVar("Choice", bound=StrEnum)

ProjectFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Project folder, made by spikewright convert.")
]
ModeName = Annotated[
    str | None,
    typer.Option(
        "--mode", help="stepwise, settle or collapsed.", show_default="what was made last"
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="npz with samples x [N, ...] and labels y [N].",
        show_default="what the project keeps",
    ),
]


def integers(text: str, where: str, *, least: int = 1) -> tuple[int, ...]:
    """Integers, positive ones, from a list such as 1,2,4."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigurationError(
            "must be integers, separated by commas", found=repr(text), where=where
        ) from error
    if min(numbers) < least:
        raise ConfigurationError(f"must be at least {least}", found=str(min(numbers)), where=where)
    return numbers


def pairs(text: str, where: str) -> tuple[tuple[int, int], ...]:
    """Pairs of positive integers from a list such as 3x3,1x5."""
    found = []
    for part in text.split(","):
        rows, cross, columns = part.partition("x")
        if not cross:
            raise ConfigurationError(
                "must be ROWSxCOLUMNS, separated by commas", found=repr(part), where=where
            )
        found.append((integers(rows, where)[0], integers(columns, where)[0]))
    return tuple(found)


def named(text: str, where: str) -> dict[str, int]:
    """Positive integers by name from a list such as hidden=2,classes=1."""
    found = {}
    for part in text.split(","):
        name, equals, number = part.partition("=")
        if not equals or not name:
            raise ConfigurationError(
                "must be NAME=NUMBER, separated by commas", found=repr(part), where=where
            )
        found[name] = integers(number, where)[0]
    return found


def above_zero(value: float | None, where: str) -> float | None:
    """The number, where one is given: as it was typed, before its unit becomes the code's."""
    if value is not None and not value > 0:
        raise ConfigurationError("must be above 0", found=f"{value:g}", where=where)
    return value


def one_of(kind: type[Choice], text: str, where: str, *, but: tuple[Choice, ...] = ()) -> Choice:
    """The member of that name; those in ``but`` are not offered."""
    offered = [member for member in kind if member not in but]
    if text not in offered:
        raise ConfigurationError(
            f"must be one of {', '.join(offered)}", found=repr(text), where=where
        )
    return kind(text)


def check_steps(
    network: "Network",
    given: object,
    modes: "Sequence[Mode]",
    *,
    otherwise: str = "give --mode stepwise",
) -> None:
    """Refuse ``--steps`` that nobody would look at in any of these modes.

    ``otherwise``: what to do for a stepwise run.
    """
    from spikewright.golden.spec import Encoding, Mode

    if given is None:
        return
    where = f"network {network.name!r}"
    if network.inputs[0].encoding is Encoding.EVENTS:
        raise ConfigurationError(
            "--steps must be left out where the samples are events, which have their own",
            found=str(given),
            where=where,
        )
    if Mode.STEPWISE not in modes:
        raise ConfigurationError(
            "--steps must be given with the mode stepwise, the only one that takes so many",
            found=f"{given} for {', '.join(modes)}",
            where=where,
            action=f"leave it out, or {otherwise}",
        )
