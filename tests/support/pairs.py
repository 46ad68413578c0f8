"""A few of many combinations, in which any two choices still meet."""

from collections.abc import Hashable, Sequence
from itertools import combinations

__all__ = ["covering"]


def covering(rows: Sequence[Sequence[Hashable]]) -> list[int]:
    """Which of ``rows`` to keep, in their order: all pairs of their entries are in one of them.

    Entries are told apart by where they stand in a row. Greedy, and the same every time.
    """
    pairs = [frozenset(combinations(enumerate(row), 2)) for row in rows]
    missing = frozenset().union(*pairs)
    kept = []
    while missing:
        best = max(range(len(rows)), key=lambda k: (len(pairs[k] & missing), -k))
        kept.append(best)
        missing -= pairs[best]
    return sorted(kept)
