"""How much faster other speed grades are than the one that the model of the clock is fitted to."""

from dataclasses import dataclass
from functools import cache
from statistics import fmean, median, pstdev

from spikewright.boards import BOARDS, Board
from spikewright.flow.routed.record import Routed, load_routed

__all__ = ["Grade", "grade_of"]


@dataclass(frozen=True, kw_only=True)
class Grade:
    """By how much clocks are multiplied, and the share by which boards of these grades differ."""

    ratio: float
    spread: float


def grade_of(board: Board) -> Grade:
    """From the digits network, with the same lanes, on the boards of either grade: their medians.

    1 on boards of the model's own grade, and of one of which none was routed: then the clock is
    that of the model's.
    """
    return _grade(board.family, _speed(board))


def _speed(board: Board) -> str:
    """An ECP5-5G is faster than any other of its grade."""
    return f"{board.speed} of a 5G" if "5G" in board.device else board.speed


@cache
def _grade(family: str, speed: str) -> Grade:
    own = next(_speed(board) for board in BOARDS.values() if board.family == family)
    record = load_routed()
    lanes = max((each.lanes for each in record.values() if each.routed), default=0)
    ours, theirs = (_clocks(record, family, which, lanes) for which in (own, speed))
    if speed == own or not ours or not theirs:
        return Grade(ratio=1.0, spread=0.0)
    shares = [pstdev(clocks) / fmean(clocks) for clocks in (ours, theirs)]
    return Grade(ratio=median(theirs) / median(ours), spread=max(shares))


def _clocks(record: dict[str, Routed], family: str, speed: str, lanes: int) -> list[float]:
    return [
        record[board.name].fmax_mhz
        for board in BOARDS.values()
        if (board.family, _speed(board)) == (family, speed)
        and board.name in record
        and record[board.name].routed
        and record[board.name].lanes == lanes
    ]
