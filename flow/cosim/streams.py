"""The tokens that the golden trace says each stream must carry; numpy only, no torch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import SpikewrightError
from spikewright.golden.spec import (
    Decision,
    Encoding,
    EndFlag,
    Fire,
    Mode,
    Network,
    Payload,
    ReadoutKind,
    TokenKind,
    analyse,
)

__all__ = [
    "OUTPUT",
    "Golden",
    "TokenStream",
    "concatenate",
    "expected_streams",
    "frame_name",
    "frame_streams",
    "sent_name",
    "sum_parts",
]

OUTPUT = "output"
"""Key of the accelerator's output among the streams; not a legal place for a population."""

Array = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Golden:
    """A golden run as numpy arrays.

    ``spikes`` [steps, batch, n] levels by source (inputs and populations; collapsed: one step);
    ``steps`` [batch] STEPs that a source emits; ``values`` [batch, n_out] what the readout reads;
    ``labels`` [batch], of a readout with positions [batch, positions], None where it is no label.
    ``membranes`` [steps, batch, n_out] of the population that is read, where it is in every step.
    """

    spikes: Mapping[str, Array]
    steps: Mapping[str, Array]
    values: Array
    labels: Array | None
    membranes: Array | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenStream:
    """Tokens in order; sample b's are ``starts[b]`` up to ``starts[b + 1]``."""

    kind: Array
    address: Array
    payload: Array
    starts: Array

    def per_sample(self, worth: Array, *, delay: int = 0, serial: bool = False) -> Array:
        """[samples] what the SPIKE tokens that each hears are worth, by neuron: ``worth`` [n].

        ``serial``: once for each bit of their payloads. With a delay those of its last step are
        heard by the next one, where END keeps the state, and otherwise by none.
        """
        heard = self._heard_in(delay)
        worths = worth[self.address[heard >= 0]] * self._times(serial)[heard >= 0]
        # below 2**53 in every use: no float rounds it
        totals = np.bincount(heard[heard >= 0], worths, minlength=self.starts.size - 1)
        return totals.astype(np.int64)

    def sent(self, n: int, *, delay: int = 0, serial: bool = False) -> Array:
        """[n] SPIKE tokens of each of n neurons, those that are heard with that delay.

        ``serial``: bits of their payloads.
        """
        heard = self._heard_in(delay) >= 0
        times = self._times(serial)[heard]
        return np.bincount(self.address[heard], times, minlength=n).astype(np.int64)

    def present(self, n: int, *, by_step: bool) -> npt.NDArray[np.bool_]:
        """[samples, n] which of n neurons send SPIKE tokens at all; by step [steps, n]."""
        spike = self.kind == TokenKind.SPIKE
        if by_step:
            part = np.cumsum(self.kind == TokenKind.STEP) - (self.kind == TokenKind.STEP)
            parts = int(np.count_nonzero(self.kind == TokenKind.STEP))
        else:
            parts = self.starts.size - 1
            part = np.repeat(np.arange(parts), np.diff(self.starts))
        found = np.zeros((parts, n), dtype=np.bool_)
        found[part[spike], self.address[spike]] = True
        return found

    def recalled(self, n: int, parts: tuple[int, int]) -> "TokenStream":
        """What a connection with a delay brings in settle mode: in each sample the sums of the one
        before, if its END kept them, of n neurons; as SPIKE tokens between ``parts`` (least, most).
        """
        samples = self.starts.size - 1
        sample = np.repeat(np.arange(samples), np.diff(self.starts))
        spike = self.kind == TokenKind.SPIKE
        sums = np.zeros((samples + 1, n), dtype=np.int64)
        np.add.at(sums, (sample[spike] + 1, self.address[spike]), self.payload[spike])
        kept = self.address[self.starts[1:] - 1] == EndFlag.KEEP
        sums = np.where(np.concatenate(([False], kept))[:, None], sums, 0)[:samples]
        at, neuron = np.nonzero(sums)
        limit = np.where(sums[at, neuron] > 0, parts[1], parts[0])
        full, rest = np.divmod(sums[at, neuron], limit)  # of one sign, so are quotient and rest
        counts = full + (rest != 0)
        owner = np.repeat(np.arange(at.size), counts)
        last = np.zeros(owner.size, dtype=bool)
        last[np.cumsum(counts) - 1] = True
        payload = np.where(last & (rest[owner] != 0), rest[owner], limit[owner])
        order = at[owner]
        return TokenStream(
            kind=np.full(owner.size, TokenKind.SPIKE, dtype=np.int64),
            address=neuron[owner],
            payload=payload,
            starts=np.searchsorted(order, np.arange(samples + 1)),
        )

    def _times(self, serial: bool) -> Array:
        """How often each token is added: once, or once for each bit of its payload."""
        if not serial:
            return np.ones(self.kind.size, dtype=np.int64)
        return np.bitwise_count(np.abs(self.payload)).astype(np.int64)

    def _heard_in(self, delay: int) -> Array:
        """The sample in which each token is heard; -1 where never, and where it is no SPIKE."""
        samples = self.starts.size - 1
        sample = np.repeat(np.arange(samples), np.diff(self.starts))
        spike = self.kind == TokenKind.SPIKE
        if not delay:
            return np.where(spike, sample, -1)
        steps = np.concatenate(([0], np.cumsum(self.kind == TokenKind.STEP)))
        late = steps[self.starts[1:]][sample] - steps[:-1] <= delay
        kept = self.address[self.starts[1:] - 1] == EndFlag.KEEP
        kept[-1] = False  # nothing follows
        return np.where(spike & (~late | kept[sample]), sample + late, -1)


def expected_streams(
    network: Network,
    mode: Mode,
    golden: Golden,
    keep: Array | None = None,
    *,
    replayed: Collection[str] = (),
) -> dict[str, TokenStream]:
    """Tokens of every input, every population and the accelerator's output (key ``OUTPUT``).

    Addresses are neurons; spikes of a step are in ascending order of theirs. A readout that is read
    as membrane emits the value of every neuron at END, zero too; one that is read in every step and
    never fires does so there. Inputs that are ``replayed`` have spikes in the first step only. The
    output has the values and the label in END's address; of a readout with positions it has the
    label of each instead. ``keep`` [samples] is 1 where END keeps the state.
    """
    samples = golden.values.shape[0]
    streams = {}
    flags = np.full(samples, EndFlag.RESET, dtype=np.int64)
    if keep is not None:
        flags = np.where(keep, EndFlag.KEEP, EndFlag.RESET).astype(np.int64)
    read = network.readout.population
    silent = network.population(read).soma.fire is Fire.NONE
    for name in (*(i.name for i in network.inputs), *(p.name for p in network.populations)):
        valued = name == read and silent
        every_step = valued and network.readout.every_step
        levels = golden.spikes.get(name) if not valued else None
        if name in replayed and levels is not None:
            levels = np.concatenate([levels[:1], np.zeros_like(levels[1:])])
        streams[name] = _stream(
            name,
            golden.membranes if every_step else levels,
            _step_counts(golden, name, mode, samples),
            values=golden.values if valued and not every_step else None,
            ends=flags,
            zeros=every_step,
        )
    if network.readout.kind is ReadoutKind.STREAM:
        streams[OUTPUT] = streams[read]
        if network.readout.decision is Decision.FILTER:
            steps = _step_counts(golden, read, mode, samples)
            found = np.ascontiguousarray(golden.values.transpose(1, 0, 2))
            streams[OUTPUT] = _stream(OUTPUT, found, steps, values=None, ends=flags, zeros=True)
        return streams
    labels = golden.labels
    maps = labels is not None and labels.ndim == 2
    streams[OUTPUT] = _stream(
        OUTPUT,
        None,
        _step_counts(golden, read, mode, samples),
        values=labels if maps else golden.values,
        ends=flags if labels is None or maps else labels,
    )
    return streams


def frame_streams(
    network: Network, inputs: Mapping[str, Array], keep: Sequence[bool] | None = None
) -> dict[str, TokenStream]:
    """What encoders in hardware are sent, by ``frame_name``: every value but 0, and END."""
    found = {}
    for each in network.inputs:
        values = np.asarray(inputs[each.name], dtype=np.int64)
        if each.encoding not in (Encoding.EVENTS, Encoding.SPREAD, Encoding.CHANGE):
            flags = np.zeros(len(values), dtype=np.int64)
            if keep is not None:
                flags = np.where(np.array(keep), EndFlag.KEEP, EndFlag.RESET).astype(np.int64)
            found[frame_name(each.name)] = _stream(
                each.name, values[None], np.zeros_like(flags), values=None, ends=flags
            )
    return found


def frame_name(name: str) -> str:
    """Key of an input's frames among the streams; not a legal place for an input."""
    return f"{name} frames"


def sent_name(name: str) -> str:
    """Key of what an input with a guard is sent, before losses; not a legal place for an input."""
    return f"{name} sent"


def concatenate(streams: list[TokenStream]) -> TokenStream:
    """The streams of batches one after the other."""
    offsets = np.cumsum([0, *(s.kind.size for s in streams)])
    starts = [s.starts[:-1] + offset for s, offset in zip(streams, offsets[:-1], strict=True)]
    return TokenStream(
        kind=np.concatenate([s.kind for s in streams]),
        address=np.concatenate([s.address for s in streams]),
        payload=np.concatenate([s.payload for s in streams]),
        starts=np.concatenate([*starts, offsets[-1:]]),
    )


def _step_counts(golden: Golden, name: str, mode: Mode, samples: int) -> Array:
    if mode is Mode.COLLAPSED:
        return np.zeros(samples, dtype=np.int64)
    return golden.steps[name]


def _stream(
    name: str,
    levels: Array | None,
    steps: Array,
    *,
    values: Array | None,
    ends: Array,
    zeros: bool = False,
) -> TokenStream:
    """Place each token at its position: everything before it in its sample, then all before that.

    Parameters
    ----------
    levels : [steps, samples, n] spikes, or None where there are none.
    steps : [samples] STEP tokens.
    values : [samples, n] what is emitted between the last STEP and END, or None.
    ends : [samples] address of END.
    zeros : whether a level of 0 is sent too, in the steps there are.
    """
    samples = steps.size
    if levels is None:
        at_sample = at_step = neuron = level = np.zeros(0, dtype=np.int64)
    else:
        by_sample = np.ascontiguousarray(levels.transpose(1, 0, 2))
        sent = by_sample != 0
        if zeros:
            sent = np.arange(sent.shape[1])[None, :, None] < np.maximum(steps, 1)[:, None, None]
            sent = np.broadcast_to(sent, by_sample.shape)
        at_sample, at_step, neuron = np.nonzero(sent)
        level = by_sample[at_sample, at_step, neuron]
        late = at_step >= np.maximum(steps, 1)[at_sample]
        if late.any():
            at = int(np.argmax(late))
            raise SpikewrightError(
                "a golden trace must not hold spikes after the last step of a sample",
                found=f"one in step {at_step[at]} of {steps[at_sample[at]]}",
                where=f"source {name!r}, sample {at_sample[at]}",
            )
    per_sample = np.bincount(at_sample, minlength=samples).astype(np.int64)
    read = 0 if values is None else values.shape[1]
    lengths = per_sample + steps + read + 1
    starts = np.concatenate(([0], np.cumsum(lengths)))
    total = int(starts[-1])
    kind = np.full(total, TokenKind.STEP, dtype=np.int64)
    address = np.zeros(total, dtype=np.int64)
    payload = np.zeros(total, dtype=np.int64)

    before = np.concatenate(([0], np.cumsum(per_sample)))[at_sample]
    place = starts[at_sample] + (np.arange(at_sample.size) - before) + at_step
    kind[place], address[place], payload[place] = TokenKind.SPIKE, neuron, level
    if values is not None:
        place = (starts[1:] - 1 - read)[:, None] + np.arange(read)[None, :]
        kind[place] = TokenKind.SPIKE
        address[place] = np.arange(read)[None, :]
        payload[place] = values
    place = starts[1:] - 1
    kind[place], address[place] = TokenKind.END, ends
    return TokenStream(kind=kind, address=address, payload=payload, starts=starts)


def sum_parts(network: Network, source: str) -> tuple[int, int]:
    """The least and the largest part of a sum that one spike of a source may carry in settle mode.

    Sums go in as few spikes as the payload allows: up to its largest, or one at a time where it
    carries powers of two above 2, between which there are gaps. 0 where none of that sign is sent.
    Read from the contract alone, as a second opinion on what hardware does.
    """
    node, ranges = network.node(source), analyse(network, Mode.SETTLE)[source]
    low, high = min(ranges.emitted.low, 0), max(ranges.emitted.high, 0)
    if node.payload is Payload.SHIFT and max(high, -low) > 2:
        return max(low, -1), min(high, 1)
    return low, high
