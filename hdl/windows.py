"""Windows over one axis: who is in which, and banks from which a whole window is read at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Array, Module, Mux, Signal, Value

from spikewright.golden.spec import Window

from .axis import axis_reach
from .tables import Column, look_up
from .token import Axis

__all__ = ["Bank", "WindowAxis", "WindowWalk", "by_code", "window_axis"]


def by_code(m: Module, code: Value, table: Mapping[int, int], name: str) -> Value:
    """The entry of a code in the same cycle; codes without one mean nothing."""
    values = np.zeros(1 << len(code), dtype=np.int64)
    known = np.zeros(len(values), dtype=np.bool_)
    for entry, value in table.items():
        values[entry], known[entry] = value, True
    return look_up(m, Column(values, known), code, name)


@dataclass(frozen=True, kw_only=True)
class WindowAxis:
    """One axis of a source, seen by the windows over it.

    Coordinate i lies in bank i % banks, block i // banks; no bank has two positions of one window.

    Parameters
    ----------
    windows : by the source's code, the windows that the coordinate is in, ascending: the code of
        the window, and by bank the block of its position there, None where it has none.
    own : by the source's code, its bank. banks, blocks : how many.
    """

    windows: dict[int, list[tuple[int, list[int | None]]]]
    own: dict[int, int]
    banks: int
    blocks: int

    @property
    def most(self) -> int:
        """Windows of the coordinate that is in the most."""
        return max(len(windows) for windows in self.windows.values())


def window_axis(window: Window | None, source: Axis, target: Axis, axis: int) -> WindowAxis:
    """Rows (axis 0) or columns (1) under a window; without one each coordinate is its own window.

    Padding is in no window; so is a coordinate that a stride leaves out.
    """
    members = [[i] for i in range(target.size)]
    # A window of one dimension is one over columns.
    along = axis if window is None else axis + len(window.kernel) - 2
    if window is not None and along >= 0:
        members = [[] for _ in range(target.size)]
        for i, pairs in enumerate(axis_reach(window, along, source.size, target.size)):
            for place in {place for place, _ in pairs}:
                members[place].append(i)
    banks = next(
        n
        for n in range(1, source.size + 1)
        if all(len({i % n for i in places}) == len(places) for places in members)
    )
    codes = source.encode(np.arange(source.size)).tolist()
    windows: dict[int, list[tuple[int, list[int | None]]]] = {code: [] for code in codes}
    for place, places in enumerate(members):
        blocks = {i % banks: i // banks for i in places}
        entry = int(target.encode(np.array(place))), [blocks.get(b) for b in range(banks)]
        for i in places:
            windows[codes[i]].append(entry)
    own = {code: i % banks for i, code in enumerate(codes)}
    return WindowAxis(windows=windows, own=own, banks=banks, blocks=-(-source.size // banks))


@dataclass(frozen=True, kw_only=True)
class Bank:
    """A bank's part in one window: whether it has a position, its word, whether that is the own."""

    enable: Value
    word: Value
    own: Value


class WindowWalk:
    """Goes through the windows of a coordinate, one each time it steps.

    Parameters
    ----------
    side : the axis. code : Value, the coordinate's code. scale : words between two blocks.

    Members
    -------
    some : the coordinate is in a window. last : this is its last one. target : the window's code.
    banks : its ``Bank`` for each bank.
    """

    def __init__(self, m: Module, side: WindowAxis, code: Value, name: str, *, scale: int) -> None:
        most = side.most
        self.index = Signal(range(most), name=f"{name}_window")

        def pick(what: str, entries: list[dict[int, int]]) -> Value:
            found = [by_code(m, code, e, f"{name}_{what}_{w}") for w, e in enumerate(entries)]
            return found[0] if most == 1 else Array(found)[self.index]

        counts = {code: len(windows) for code, windows in side.windows.items()}
        by_window = [
            {code: windows[w] for code, windows in side.windows.items() if w < len(windows)}
            for w in range(most)
        ]
        lasts = {code: count - 1 for code, count in counts.items() if count}
        self.some = by_code(m, code, {k: int(c > 0) for k, c in counts.items()}, f"{name}_some")
        self.last = self.index == by_code(m, code, lasts, f"{name}_last")
        self.target = pick("target", [{k: e[0] for k, e in w.items()} for w in by_window])
        self.banks = []
        for b in range(side.banks):
            blocks = [{k: e[1][b] for k, e in w.items()} for w in by_window]
            self.banks.append(
                Bank(
                    enable=pick(
                        f"enable_{b}",
                        [{k: int(v is not None) for k, v in w.items()} for w in blocks],
                    ),
                    word=pick(
                        f"word_{b}",
                        [{k: v * scale for k, v in w.items() if v is not None} for w in blocks],
                    ),
                    own=by_code(
                        m, code, {k: int(v == b) for k, v in side.own.items()}, f"{name}_own_{b}"
                    ),
                )
            )

    def step(self, m: Module, *, restart: Value) -> None:
        """Go to the next window, or back to the first one; within an If."""
        m.d.sync += self.index.eq(Mux(restart, 0, self.index + 1))
