"""What moved since the record, and whether any of it moved too far."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from .metrics import Rule, Value, figures, rule, without_model

__all__ = ["Move", "compare", "show"]

Summary = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Move:
    """One figure that is not what the record says.

    ``before``, ``now``: None where there is no such figure.
    """

    run: str
    figure: str
    before: Value | None
    now: Value | None
    rule: Rule

    @property
    def above(self) -> bool:
        """Whether it is above a limit, which needs no record."""
        limit = self.rule.limit
        return limit is not None and isinstance(self.now, int | float) and self.now > limit

    @property
    def too_far(self) -> bool:
        """Whether it goes against its rule. One that is gone does; one that is new, if above."""
        if self.rule.limit is not None and self.now is not None:
            return self.above
        if self.before is None:
            return False
        if self.now is None or self.rule.share == 0:
            return True
        return self.worse and abs(self.change) > self.rule.share

    @property
    def worse(self) -> bool:
        """Whether it became worse; of what is not a number, whether it changed."""
        if not isinstance(self.before, int | float) or not isinstance(self.now, int | float):
            return self.before is not None
        return (self.now < self.before) == self.rule.more

    @property
    def change(self) -> float:
        """As a share of what was recorded; 0 where that cannot be said."""
        numbers = isinstance(self.before, int | float) and isinstance(self.now, int | float)
        if not numbers or not self.before:
            return 0.0
        return float(self.now) / float(self.before) - 1  # type: ignore[arg-type]

    @property
    def verdict(self) -> str:
        """One or two words."""
        if self.now is None:
            return "gone"
        if self.above:
            return "too much"
        if self.before is None:
            return "new"
        if self.too_far:
            return "worse" if self.worse else "better"
        return "within" if self.worse else "better, allowed"


def compare(
    record: Mapping[str, Summary], results: Mapping[str, Summary]
) -> tuple[tuple[Move, ...], int]:
    """Figures of ``results`` that differ from the record's, or are above a limit, and how many were
    held against the record.

    Of runs that only one of them has, only limits are looked at.
    """
    moves = []
    held = 0
    for name in sorted(results):
        before = figures(record[name]) if name in record else {}
        now = figures(results[name])
        held += len(before)
        for figure in [*before, *(each for each in now if each not in before)]:
            move = Move(
                run=name,
                figure=figure,
                before=before.get(figure),
                now=now.get(figure),
                rule=rule(figure),
            )
            if move.above or (name in record and move.before != move.now):
                moves.append(move)
    return tuple(moves), held


def show(
    console: Console,
    record: Mapping[str, Summary],
    results: Mapping[str, Summary],
) -> bool:
    """Print what moved, worst first; whether something was held, and nothing moved too far."""
    moves, held = compare(record, results)
    if moves:
        table = Table(box=None, pad_edge=False)
        for title in ("run", "figure", "record", "now", "change", "allowed", ""):
            numbers = title in ("record", "now", "change")
            table.add_column(title, justify="right" if numbers else "left", no_wrap=True)
        for move in sorted(moves, key=lambda move: (not move.too_far, not move.worse)):
            table.add_row(
                move.run,
                move.figure,
                _text(move.before),
                _text(move.now),
                f"{100 * move.change:+.2f} %" if move.change else "",
                move.rule.text,
                move.verdict,
                style="red" if move.too_far and move.worse else "yellow" if move.too_far else None,
            )
        console.print(table)
    for what, names in (
        ("not run", sorted(set(record) - set(results))),
        ("not recorded yet", sorted(set(results) - set(record))),
    ):
        if names:
            console.print(f"{what}: {', '.join(names)}", highlight=False)
    for what, runs in (("the record of", record), ("the run of", results)):
        for name in sorted(set(runs) & set(results)):
            if lacks := without_model(runs[name]):
                console.print(
                    f"nothing by the planner's model in {what} {name}: {', '.join(lacks)}",
                    highlight=False,
                )
    efficiency = ", ".join(
        f"{name} {results[name]['performance']['efficiency']:.3f}" for name in sorted(results)
    )
    console.print(f"efficiency: {efficiency or 'nothing was run'}", highlight=False)
    far = sum(move.too_far for move in moves)
    console.print(f"{held:,} figures held against the record, {far} moved too far", highlight=False)
    if not held:
        console.print("No run is in the record: make record takes them over.", highlight=False)
    return held > 0 and far == 0


def _text(value: Value | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 10 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else value
