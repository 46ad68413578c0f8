"""What is searched: the choices that each point makes one of."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import product
from typing import Any

from optuna.trial import BaseTrial

from spikewright.boards import get_board
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode

__all__ = ["Point", "Space"]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One choice of everything.

    ``steps`` : the T of a stepwise point, None in other modes. ``lanes`` : at most, of each core.
    """

    weight_bits: int
    levels: int
    mode: Mode
    steps: int | None
    lanes: int
    board: str

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "mode": str(self.mode)}

    def __str__(self) -> str:
        steps = f", T = {self.steps}" if self.steps else ""
        return (
            f"{self.board}, {self.mode}{steps}, {self.weight_bits} bits, {self.levels} levels, "
            f"{self.lanes} lanes"
        )


@dataclass(frozen=True, kw_only=True)
class Space:
    """The choices.

    Parameters
    ----------
    weight_bits : 2 to 8. levels : of hidden neurons, 1 to 255. modes : how the hardware runs.
    steps : the T of stepwise points. lanes : the most of each core. boards : their names.

    Raises
    ------
    ConfigurationError
        If there is nothing to choose from, a choice is there twice or not legal, or there are
        steps and no stepwise mode, or the other way round.
    """

    weight_bits: tuple[int, ...] = (3, 4, 6)
    levels: tuple[int, ...] = (1, 3, 7, 15)
    modes: tuple[Mode, ...] = (Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED)
    steps: tuple[int, ...] = (2, 4, 8)
    lanes: tuple[int, ...] = (8, 16, 32, 64, 128)
    boards: tuple[str, ...] = ("icebreaker", "ulx3s-85f")

    def __post_init__(self) -> None:
        for each in fields(self):
            choices = getattr(self, each.name)
            if len(set(choices)) != len(choices):
                raise ConfigurationError(
                    "must name every choice once", found=_listed(choices), where=each.name
                )
            if not choices and each.name != "steps":
                raise ConfigurationError("must have a choice", found="none", where=each.name)
        for name, low, high in (
            ("weight_bits", 2, 8),
            ("levels", 1, 255),
            ("steps", 1, 4096),
            ("lanes", 1, 4096),
        ):
            wrong = [n for n in getattr(self, name) if not low <= n <= high]
            if wrong:
                raise ConfigurationError(
                    f"must lie in {low}..{high}", found=_listed(wrong), where=name
                )
        if (Mode.STEPWISE in self.modes) != bool(self.steps):
            raise ConfigurationError(
                "must be given with the mode stepwise, and only with it",
                found=f"steps {_listed(self.steps) or 'none'}, modes {_listed(self.modes)}",
                where="steps",
            )
        for name in self.boards:
            get_board(name)

    def suggest(self, trial: BaseTrial) -> Point:
        """The point that a trial of optuna stands for."""
        mode = Mode(trial.suggest_categorical("mode", [str(mode) for mode in self.modes]))
        stepwise = mode is Mode.STEPWISE
        return Point(
            weight_bits=trial.suggest_categorical("weight_bits", self.weight_bits),
            levels=trial.suggest_categorical("levels", self.levels),
            mode=mode,
            steps=trial.suggest_categorical("steps", self.steps) if stepwise else None,
            lanes=trial.suggest_categorical("lanes", self.lanes),
            board=trial.suggest_categorical("board", self.boards),
        )

    def points(self) -> Iterator[Point]:
        """Every point there is."""
        for bits, levels, mode, lanes, board in product(
            self.weight_bits, self.levels, self.modes, self.lanes, self.boards
        ):
            for steps in self.steps if mode is Mode.STEPWISE else (None,):
                yield Point(
                    weight_bits=bits,
                    levels=levels,
                    mode=mode,
                    steps=steps,
                    lanes=lanes,
                    board=board,
                )

    def as_dict(self) -> dict[str, list[Any]]:
        """As plain data."""
        return {name: [*map(_plain, choices)] for name, choices in asdict(self).items()}

    @staticmethod
    def params(point: Point) -> Mapping[str, Any]:
        """What optuna calls a point."""
        return {name: value for name, value in point.as_dict().items() if value is not None}


def _plain(value: object) -> Any:
    return str(value) if isinstance(value, Mode) else value


def _listed(values: Any) -> str:
    return ", ".join(map(str, values))
