"""Compares the tokens that were seen with those that must come, and finds the first difference."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import TokenKind

from .layout import Fields, Layout, Words

__all__ = ["Difference", "StreamPair", "first_difference", "locate"]

_NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first place where hardware and golden model differ.

    ``step`` and ``neuron`` are None where the difference is not about one of them.
    """

    sample: int
    step: int | None
    population: str
    neuron: int | None
    expected: str
    found: str
    what: str = "the hardware must equal the golden model"

    def where(self) -> str:
        """The place, in words."""
        parts = [f"sample {self.sample}"]
        if self.step is not None:
            parts.append(f"step {self.step}")
        parts.append(self.population)
        if self.neuron is not None:
            parts.append(f"neuron {self.neuron}")
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """All fields, as JSON."""
        return asdict(self)

    def error(self) -> MismatchError:
        """The error that a user sees."""
        return MismatchError(
            f"{self.what}: expected {self.expected}", found=self.found, where=self.where()
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamPair:
    """What one stream must carry and what it carried, in a batch."""

    name: str
    layout: Layout
    expected: Words
    found: Words


def locate(pair: StreamPair, position: int, first_sample: int) -> tuple[int, int | None]:
    """Sample and step of a position; no step after the last STEP, or where none are sent."""
    kind, _, _ = pair.layout.unpack(pair.expected)
    ends = np.flatnonzero(kind[:position] == TokenKind.END)
    sample = first_sample + ends.size
    start = int(ends[-1]) + 1 if ends.size else 0
    rest = kind[start:]
    finish = np.flatnonzero(rest == TokenKind.END)
    steps = np.flatnonzero(rest[: int(finish[0]) if finish.size else None] == TokenKind.STEP)
    step = int(np.count_nonzero(steps < position - start))
    return sample, step if step < steps.size else None


def first_difference(
    pairs: Sequence[StreamPair], *, first_sample: int = 0, missing: str = _NOTHING
) -> Difference | None:
    """The earliest difference over all streams by sample, step and data's way, or None.

    The order of spikes within a step means nothing: both sides are compared in ascending order of
    their neurons, never across a STEP or END. A wrong or surplus token counts before a missing
    one: a stream that ends early may just have been cut when another went wrong. ``pairs`` are in
    the order of the data's way.
    """
    candidates = []
    for order, pair in enumerate(pairs):
        expected = pair.layout.in_order(pair.expected)
        place = _first_unequal(pair.layout, expected, pair.found)
        if place is None:
            continue
        position, word = place
        sample, step = locate(pair, position, first_sample)
        if position == expected.size:
            sample = first_sample + max(0, sample - first_sample - 1)
        wanted = None if position == expected.size else int(expected[position])
        rank = (word is None, sample, np.inf if step is None else step, order)
        candidates.append((rank, pair, (wanted, word), sample, step))
    if not candidates:
        return None
    _, pair, words, sample, step = min(candidates, key=lambda c: c[0])
    return _describe(pair, words, sample, step, missing)


def _first_unequal(layout: Layout, expected: Words, found: Words) -> tuple[int, int | None] | None:
    """Position in ``expected``, and the word found there, None where it is missing; None if equal.

    ``expected`` is in order, ``found`` as it came. Spikes behind the last marker that was found may
    be any of their step, for the rest of it may be under way.
    """
    came, found = found, layout.in_order(found)
    kind, neuron, _ = layout.unpack(found)
    markers = np.flatnonzero((kind == TokenKind.STEP) | (kind == TokenKind.END))
    whole = int(markers[-1]) + 1 if markers.size else 0
    common = min(whole, expected.size)
    unequal = np.flatnonzero(expected[:common] != found[:common])
    if unequal.size:
        at = int(unequal[0])
        start, marker = _step_of(layout, expected, at)
        if np.array_equal(layout.in_order(came[start:marker]), expected[start:marker]):
            # All spikes of the step came, but its marker did not.
            return marker, int(came[marker])
        return at, int(found[at])
    if whole > expected.size:
        return expected.size, int(found[expected.size])
    return _in_last_step(layout, expected, whole, found[whole:], neuron[whole:])


def _step_of(layout: Layout, words: Words, position: int) -> tuple[int, int]:
    """Where the step begins that holds a position, and where its marker is, or would be."""
    kind, _, _ = layout.unpack(words)
    markers = np.flatnonzero((kind == TokenKind.STEP) | (kind == TokenKind.END))
    k = int(np.searchsorted(markers, position))
    start = int(markers[k - 1]) + 1 if k else 0
    return start, int(markers[k]) if k < markers.size else words.size


def _in_last_step(
    layout: Layout, expected: Words, start: int, tail: Words, neuron: Fields
) -> tuple[int, int | None] | None:
    """As ``_first_unequal``, for spikes that must be some of those from ``start`` on."""
    kind, wanted, _ = layout.unpack(expected[start:])
    markers = np.flatnonzero((kind == TokenKind.STEP) | (kind == TokenKind.END))
    length = int(markers[0]) if markers.size else kind.size
    place = np.searchsorted(wanted[:length], neuron)
    alike = place < length
    alike[alike] = expected[start + place[alike]] == tail[alike]
    again = np.append(False, neuron[1:] == neuron[:-1])
    if (again | ~alike).any():
        at = int(np.argmax(again | ~alike))
        return start + int(place[at] + again[at]), int(tail[at])
    seen = np.zeros(length, dtype=bool)
    seen[place] = True
    if start + length == expected.size and seen.all():
        return None
    return start + (length if seen.all() else int(np.argmin(seen))), None


def _describe(
    pair: StreamPair,
    words: tuple[int | None, int | None],
    sample: int,
    step: int | None,
    missing: str,
) -> Difference:
    texts, neurons = [], []
    for word, nothing in zip(words, (_NOTHING, missing), strict=True):
        if word is None:
            texts.append(nothing)
            continue
        kind, neuron, _ = pair.layout.unpack(np.array([word], dtype=np.uint64))
        texts.append(pair.layout.describe(word))
        if int(kind[0]) == TokenKind.SPIKE and neuron[0] >= 0:
            neurons.append(int(neuron[0]))
    # Spikes ascend, so the lower of two unequal addresses is the neuron that is wrong.
    return Difference(
        sample=sample,
        step=step,
        population=pair.name,
        neuron=min(neurons) if neurons else None,
        expected=texts[0],
        found=texts[1],
    )
