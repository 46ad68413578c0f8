"""Compares the tokens that were seen with those that must come, and finds the first difference."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import TokenKind

from .layout import Layout, Words

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

    A wrong or surplus token counts before a missing one: a stream that ends early may just have
    been cut when another went wrong. ``pairs`` are in the order of the data's way.
    """
    candidates = []
    for order, pair in enumerate(pairs):
        expected = pair.layout.significant(pair.expected)
        found = pair.layout.significant(pair.found)
        common = min(expected.size, found.size)
        unequal = np.flatnonzero(expected[:common] != found[:common])
        if unequal.size:
            position, is_missing = int(unequal[0]), False
        elif found.size > expected.size:
            position, is_missing = common, False
        elif found.size < expected.size:
            position, is_missing = common, True
        else:
            continue
        sample, step = locate(pair, position, first_sample)
        if position == expected.size:
            sample = first_sample + max(0, sample - first_sample - 1)
        rank = (is_missing, sample, np.inf if step is None else step, order)
        candidates.append((rank, pair, position, sample, step))
    if not candidates:
        return None
    _, pair, position, sample, step = min(candidates, key=lambda c: c[0])
    return _describe(pair, position, sample, step, missing)


def _describe(
    pair: StreamPair, position: int, sample: int, step: int | None, missing: str
) -> Difference:
    texts, neurons = [], []
    for words in (pair.expected, pair.found):
        if position >= words.size:
            texts.append(_NOTHING if words is pair.expected else missing)
            continue
        word = words[position : position + 1]
        kind, address, _ = pair.layout.unpack(word)
        texts.append(pair.layout.describe(int(word[0])))
        if int(kind[0]) == TokenKind.SPIKE:
            neurons.append(int(address[0]))
    # Spikes ascend, so the lower of two unequal addresses is the neuron that is wrong.
    return Difference(
        sample=sample,
        step=step,
        population=pair.name,
        neuron=min(neurons) if neurons else None,
        expected=texts[0],
        found=texts[1],
    )
