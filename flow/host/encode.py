"""Samples to TOKENS commands: each piece of spikes in the fewest bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.flow.cosim.layout import Layout
from spikewright.flow.cosim.manifest import Manifest
from spikewright.flow.host.levels import input_steps, payloads
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.link import Spikes
from spikewright.golden.spec import Encoding, Mode, Network

__all__ = ["SampleEncoder", "SpikeWriter"]

Array = npt.NDArray[np.int64]

_HEADER_BYTES = 2
_FIRST_BYTES = 2
_MOST_STEPS = 255
_TURN_SPIKES = 8  # of an input before the next one's turn: the accelerator waits for each


@dataclass
class _Piece:
    """A TOKENS command of one input, until it is known what follows its spikes."""

    how: int
    spikes: bytes
    steps: int = 0
    flags: int = 0

    def payload(self, number: int) -> bytes:
        return bytes([number | self.how << 4 | self.flags, self.steps]) + self.spikes


class SpikeWriter:
    """Writes the spikes of one step of an input.

    Parameters
    ----------
    layout : of its tokens. longest : bytes of a command. turn : most spikes of a piece, if any.
    """

    def __init__(self, layout: Layout, longest: int, turn: int | None = None) -> None:
        self.layout = layout
        self.turn = turn
        self.word_bytes = -(-layout.width // 8)
        self.payload_bytes = -(-layout.payload[1] // 8)
        self.room = longest - _HEADER_BYTES
        by_address = np.argsort(layout.addresses)
        self._neurons = by_address
        self._addresses = layout.addresses[by_address]

    def write(self, levels: Array) -> Iterator[tuple[Spikes, bytes]]:
        """Pieces of ``levels`` [n], of which those that are 0 are no spikes."""
        levels = levels[self._neurons]
        there = np.flatnonzero(levels)
        neurons, addresses, levels = self._neurons[there], self._addresses[there], levels[there]
        at = 0
        while at < addresses.size:
            how, count = self._choose(addresses[at:], levels[at:])
            end = at + count
            if how is Spikes.WORDS:
                data = self._words(neurons[at:end], levels[at:end])
            else:
                data = self._dense(how, addresses[at:end], levels[at:end])
            yield how, data
            at = end

    def _choose(self, addresses: Array, levels: Array) -> tuple[Spikes, int]:
        """How to write the next spikes, and how many of them; the same ones in each way."""
        room = self.room - _FIRST_BYTES
        span = addresses - addresses[0] + 1
        most = addresses.size if self.turn is None else min(self.turn, addresses.size)
        count = min(most, int(np.searchsorted(span, 8 * room, side="right")))
        sizes = {Spikes.WORDS: -(-count // self.layout.slots) * self.word_bytes}
        if (levels[:count] == 1).all():
            sizes[Spikes.BITMAP] = _FIRST_BYTES + -(-int(span[count - 1]) // 8)
        if self.payload_bytes:
            sizes[Spikes.VALUES] = _FIRST_BYTES + int(span[count - 1]) * self.payload_bytes
        how = min(sizes, key=lambda each: sizes[each])
        if how is Spikes.WORDS:
            count = min(count, self.room // self.word_bytes * self.layout.slots)
        elif how is Spikes.VALUES:
            fits = int(np.searchsorted(span, room // self.payload_bytes, side="right"))
            count = min(count, fits)
        return how, count

    def _words(self, neurons: Array, levels: Array) -> bytes:
        tokens = self.layout.pack(np.zeros_like(neurons), neurons, levels)
        words, _ = self.layout.gather(tokens, np.array([0, tokens.size]))
        return _bytes_of(words.astype(np.int64), self.word_bytes)

    def _dense(self, how: Spikes, addresses: Array, levels: Array) -> bytes:
        first = int(addresses[0])
        values = np.zeros(int(addresses[-1]) - first + 1, dtype=np.int64)
        values[addresses - first] = levels
        if how is Spikes.BITMAP:
            body = np.packbits(values != 0, bitorder="little").tobytes()
        else:
            body = _bytes_of(values, self.payload_bytes)
        return first.to_bytes(_FIRST_BYTES, "little") + body


class SampleEncoder:
    """All inputs of an accelerator.

    Parameters
    ----------
    network, manifest : what it computes, and how its tokens lie.
    longest : bytes of a command's payload.
    """

    def __init__(self, network: Network, manifest: Manifest, longest: int) -> None:
        self.network = network
        self.manifest = manifest
        alone = len(manifest.inputs) == 1
        self._writers = [
            SpikeWriter(each.layout, longest, None if alone else _TURN_SPIKES)
            for each in manifest.inputs
        ]

    def commands(
        self, levels: Mapping[str, Array], *, steps: int | None, keep: bool
    ) -> list[bytes]:
        """The payloads of the TOKENS of one sample, in order.

        Parameters
        ----------
        levels : [n], or [steps, n] of events, by input; as ``levels.changes`` gives them.
        steps : T of a stepwise run. keep : whether END keeps the state.

        Raises
        ------
        UnsupportedError
            If an encoder would have to make more steps than a command can say.
        """
        if steps is None and self.manifest.mode is Mode.STEPWISE:
            events = [each for each in self.network.inputs if each.encoding is Encoding.EVENTS]
            steps = max((len(levels[each.name]) for each in events), default=None)
        parts = [
            self._pieces(number, levels[each.name], steps)
            for number, each in enumerate(self.manifest.inputs)
        ]
        for pieces in parts:
            pieces[-1].flags = 0x40 | keep << 7
        return [
            parts[number][turn].payload(number)
            for turn in range(max(map(len, parts)))
            for number in range(len(parts))
            if turn < len(parts[number])
        ]

    def _pieces(self, number: int, values: Array, steps: int | None) -> list[_Piece]:
        source = self.manifest.inputs[number]
        given = self.network.inputs[number]
        n_steps = input_steps(self.network, given, self.manifest.mode, len(values), steps)
        if source.frames:
            if n_steps > _MOST_STEPS:
                raise UnsupportedError(
                    f"an encoder must make at most {_MOST_STEPS} steps over the link",
                    found=str(n_steps),
                    where=f"input {source.name!r}",
                    action="generate without --encoders",
                )
            made = list(self._writers[number].write(values)) or [(Spikes.WORDS, b"")]
            return [_Piece(how, spikes, n_steps) for how, spikes in made]
        rows = payloads(given, values, n_steps)
        if source.first_step_only:
            rows = np.where(np.arange(len(rows))[:, np.newaxis] == 0, rows, 0)
        return self._steps(number, rows, told=n_steps > 0)

    def _steps(self, number: int, rows: Sequence[Array] | Array, *, told: bool) -> list[_Piece]:
        alone = len(self.manifest.inputs) == 1
        pieces: list[_Piece] = []
        for row in rows:
            made = [_Piece(*each) for each in self._writers[number].write(row)]
            # Steps without spikes hang on the piece before; beside other inputs, which wait for
            # each step, they come in turn.
            if not made and not (alone and pieces and pieces[-1].steps < _MOST_STEPS):
                made = [_Piece(Spikes.WORDS, b"")]
            pieces += made
            pieces[-1].steps += told
        return pieces


def _bytes_of(values: Array, size: int) -> bytes:
    """The lower bytes of each."""
    lower = values.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :size]
    return np.ascontiguousarray(lower).tobytes()
