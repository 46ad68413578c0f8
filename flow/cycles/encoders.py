"""An encoder in time: a frame comes once, and is gone through in every step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spikewright.flow.cosim.streams import TokenStream
from spikewright.golden.spec import TokenKind

from .queues import END, STEP, Fork
from .routes import Batches

__all__ = ["Frame", "encoded", "frames"]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A sample: ``values`` that are not 0, and by step the places of those that spike."""

    values: int
    steps: Sequence[Sequence[int]]


def frames(sent: TokenStream, spikes: TokenStream) -> list[Frame]:
    """What an encoder does of the frames that are ``sent``, so that ``spikes`` leave it."""
    found = []
    for sample in range(sent.starts.size - 1):
        own = slice(sent.starts[sample], sent.starts[sample + 1] - 1)  # without END
        out = slice(spikes.starts[sample], spikes.starts[sample + 1])
        kind = spikes.kind[out]
        places = np.searchsorted(sent.address[own], spikes.address[out])
        ends = np.flatnonzero(kind == TokenKind.STEP)
        starts = [0, *(ends[:-1] + 1).tolist()]
        steps = [
            places[first:last].tolist() for first, last in zip(starts, ends.tolist(), strict=True)
        ]
        found.append(Frame(values=own.stop - own.start, steps=steps))
    return found


def encoded(
    samples: Sequence[Frame], busy_steps: int, fork: Fork, batches: Batches
) -> Iterator[bool]:
    """``hdl.encoder.Encoder`` behind an outside that always has the next frame's tokens.

    ``busy_steps`` : steps of a sample in which values are looked at.
    """
    time, following, moved = 0, 0, False
    for sample, frame in enumerate(samples):
        if sample % batches.size == 0:
            while (opens := batches.opens(sample)) is None:
                yield moved
                moved = False
            time = max(time, opens)
            batches.began(sample, time)
        time += frame.values + 1
        for step, spikes in enumerate(frame.steps):
            # A cycle to look the first value up, then one for each.
            begins = time + 1
            waited = 0
            for place in spikes:
                at = begins + place + waited
                while (taken := fork.send(at, following)) is None:
                    yield moved
                    moved = False
                following, moved = following + 1, True
                waited += taken - at
            if step < busy_steps and frame.values:
                time = begins + frame.values + waited
            while (taken := fork.send(time, STEP)) is None:
                yield moved
                moved = False
            time, moved = taken + 1, True
        while (taken := fork.send(time, END)) is None:
            yield moved
            moved = False
        time, moved = taken + 1, True
    while True:
        yield moved
        moved = False
