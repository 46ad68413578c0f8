"""One axis of a connection: which coordinates reach which, in how many passes over the banks."""

from dataclasses import dataclass

import numpy as np

from spikewright.golden.spec import IntArray, Window, WindowKind

from .token import Axis

__all__ = ["AxisSchedule", "Reach", "along", "axis_reach", "everywhere"]

Reach = list[list[tuple[int, int]]]
"""For every source coordinate the (target coordinate, tap) pairs that it reaches."""

_NO_ROWS = 1  # a table needs a pass, even where no source reaches anything


@dataclass(frozen=True, kw_only=True, eq=False)
class AxisSchedule:
    """How a row or column of a source becomes banks, blocks and word positions of its target.

    Arrays are indexed by the code of the source's axis; P is the largest number of passes, B the
    banks of the target's axis. Codes that no coordinate has make no pass.

    Parameters
    ----------
    passes : [codes], rows of weights for that coordinate along this axis; 0 reaches nothing.
    row : [codes, P], summand of the row's address.
    enable : [codes, P, B], whether a bank takes part.
    block : [codes, P, B], its block on the target's axis; 0 where it takes no part.
    select : [codes, P, B], the position of the word that it takes; 0 where it takes no part.
    banks : B. positions : positions of the word along this axis.
    """

    passes: IntArray
    row: IntArray
    enable: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    block: IntArray
    select: IntArray
    banks: int
    positions: int


def axis_reach(window: Window, axis: int, n_source: int, n_target: int) -> Reach:
    """What each source coordinate reaches along spatial axis ``axis`` of a window, its pool too.

    Padding is left out: a pair exists only where both coordinates do.
    """
    if window.pool is None:
        return _plain_reach(window, axis, n_source, n_target)
    pool = window.pool
    reach = pool.dilation[axis] * (pool.kernel[axis] - 1) + 1
    n_pooled = (n_source + 2 * pool.padding[axis] - reach) // pool.stride[axis] + 1
    pooled = _plain_reach(pool, axis, n_source, n_pooled)
    behind = _plain_reach(window, axis, n_pooled, n_target)
    return [[pair for middle, _ in pairs for pair in behind[middle]] for pairs in pooled]


def _plain_reach(window: Window, axis: int, n_source: int, n_target: int) -> Reach:
    stride, padding, dilation = window.stride[axis], window.padding[axis], window.dilation[axis]
    reach: Reach = [[] for _ in range(n_source)]
    for tap in range(window.kernel[axis]):
        if window.kind is WindowKind.TRANSPOSED:
            pairs = [(i, i * stride - padding + tap * dilation) for i in range(n_source)]
        else:
            pairs = [(o * stride - padding + tap * dilation, o) for o in range(n_target)]
        for source, target in pairs:
            if 0 <= source < n_source and 0 <= target < n_target:
                reach[source].append((target, tap))
    return [sorted(pairs) for pairs in reach]


def along(source: Axis, target: Axis, reach: Reach, n_taps: int, stride: int) -> AxisSchedule:
    """Pairs of one coordinate go to the first pass in which their bank is still free."""
    banks = target.banks
    serial = banks == 1
    taken: list[list[dict[int, tuple[int, int]]]] = []
    for pairs in reach:
        passes: list[dict[int, tuple[int, int]]] = []
        for place, tap in pairs:
            # In one bank every tap is a row; else the taps of a pass share a word.
            free = (p for p in passes if place % banks not in p)
            chosen = next(free, None)
            if chosen is None:
                chosen = {}
                passes.append(chosen)
            chosen[place % banks] = (place // banks, tap)
        taken.append(passes)
    most = max(_NO_ROWS, *(len(passes) for passes in taken)) if taken else _NO_ROWS
    made = _blank(source, most, banks, 1 if serial else n_taps)
    for coordinate, passes in enumerate(taken):
        code = int(source.encode(np.array(coordinate)))
        made.passes[code] = len(passes)
        for index, entries in enumerate(passes):
            for bank, (block, tap) in entries.items():
                made.enable[code, index, bank] = True
                made.block[code, index, bank] = block
                made.select[code, index, bank] = 0 if serial else tap
                if serial:
                    made.row[code, index] = tap * stride
    return made


def everywhere(source: Axis, target: Axis, *, weight: int, stride: int) -> AxisSchedule:
    """Every coordinate visits all blocks of the target, one a pass."""
    made = _blank(source, target.blocks, target.banks, target.banks)
    codes = source.encode(np.arange(source.size))
    made.passes[codes] = target.blocks
    for block in range(target.blocks):
        made.row[codes, block] = np.arange(source.size) * weight + block * stride
        for bank in range(target.banks):
            if block * target.banks + bank < target.size:
                made.enable[codes, block, bank] = True
                made.block[codes, block, bank] = block
                made.select[codes, block, bank] = bank
    return made


def _blank(source: Axis, passes: int, banks: int, positions: int) -> AxisSchedule:
    codes = source.codes
    return AxisSchedule(
        passes=np.zeros(codes, np.int64),
        row=np.zeros((codes, passes), np.int64),
        enable=np.zeros((codes, passes, banks), np.bool_),
        block=np.zeros((codes, passes, banks), np.int64),
        select=np.zeros((codes, passes, banks), np.int64),
        banks=banks,
        positions=positions,
    )
