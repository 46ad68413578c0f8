"""Samples under way and their results, in order; what a reset loses goes again."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from spikewright.flow.host.commands import Commands
from spikewright.flow.host.output import OutputReader, Result, split_result
from spikewright.flow.host.session import Received
from spikewright.golden.errors import LinkError
from spikewright.golden.link import FrameType

__all__ = ["Inference"]


@dataclass
class _Flight:
    """A sample until its result is there: the commands of each frame, and what came of them."""

    index: int
    frames: list[list[bytes]]
    start: float
    part: bytes = b""
    results: list[Result] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return len(self.results) == len(self.frames)

    def forget(self) -> None:
        self.part = b""
        self.results.clear()

    def joined(self) -> Result:
        """The last frame's, with the tokens of all."""
        last = self.results[-1]
        return Result(
            label=last.label,
            values=last.values,
            tokens=np.concatenate([each.tokens for each in self.results]),
            end_cycle=last.end_cycle,
            latency_cycles=last.latency_cycles,
            seconds=last.seconds,
        )


class Inference:
    """The results of some samples.

    Parameters
    ----------
    commands : the line. reader : of the output. samples : the commands of each frame of each.
    depth : most samples under way, if any. stateful : whether a sample goes on from the one before.
    """

    def __init__(
        self,
        commands: Commands,
        reader: OutputReader,
        samples: Iterable[list[list[bytes]]],
        *,
        depth: int | None,
        stateful: bool,
    ) -> None:
        self._commands = commands
        self._session = commands.session
        self._reader = reader
        self._coming = enumerate(samples)
        self._depth = depth
        self._stateful = stateful
        self._flying: deque[_Flight] = deque()
        self._more = True

    def results(self) -> Iterator[Result]:
        """One after the other; raises LinkError where the device cannot give them."""
        commands, session = self._commands, self._session
        commands.begin()
        commands.busy = commands.stale = True
        epoch, attempts = session.epoch, 0
        try:
            while self._fill():
                session.pump(session.timeout)
                while session.received:
                    self._take(session.received.popleft())
                    while self._flying and self._flying[0].done:
                        attempts = 0
                        yield self._flying.popleft().joined()
                if session.epoch != epoch:
                    attempts += 1
                    self._again(attempts)
                    epoch = session.epoch
            commands.stale = False
        finally:
            commands.busy = False

    def _fill(self) -> bool:
        """Send samples while the line has nothing to wait for; whether any is under way."""
        while self._more and self._session.hungry:
            if self._depth is not None and len(self._flying) >= self._depth:
                break
            index, frames = next(self._coming, (0, None))
            if frames is None:
                self._more = False
            else:
                flight = _Flight(index, frames, self._session.transport.now())
                self._flying.append(flight)
                self._send(flight)
        return bool(self._flying)

    def _send(self, flight: _Flight) -> None:
        for frame in flight.frames:
            for command in frame[:-1]:
                self._session.send(FrameType.TOKENS, command, answers=0)
            self._session.send(FrameType.TOKENS, frame[-1])

    def _again(self, attempts: int) -> None:
        """After a new connection: the same device, and all that has no result."""
        commands = self._commands
        if self._stateful and self._flying:
            raise LinkError(
                "the device must not be reset while samples keep their state",
                found="a reset, or a break of the line: the state is lost",
                where=f"{commands.where}, sample {self._flying[0].index}",
                action="begin the stream again",
            )
        commands.check_attempts(attempts)
        commands.busy = commands.stale = False
        commands.verify()
        commands.busy = commands.stale = True
        for flight in self._flying:
            flight.forget()
            self._send(flight)

    def _take(self, received: Received) -> None:
        commands = self._commands
        if received.type == FrameType.ERROR:
            raise commands.refused(received.payload)
        ours = received.type in (FrameType.PART, FrameType.RESULT)
        if not ours or not self._flying or received.tag != self._session.tag:
            raise LinkError(
                "the device must answer with results of its network for samples that it got",
                found=f"a frame of type {received.type}, tag {received.tag.hex()}",
                where=commands.where,
                action="build the bitstream again from this project",
            )
        flight = self._flying[0]
        if received.type == FrameType.PART:
            flight.part += received.payload
            return
        words, end_cycle, latency = split_result(received.payload, where=commands.where)
        tokens = self._reader.tokens(flight.part + words)
        flight.part = b""
        label, values = self._reader.read(tokens)
        flight.results.append(
            Result(
                label=label,
                values=values,
                tokens=tokens,
                end_cycle=end_cycle,
                latency_cycles=latency,
                seconds=received.at - flight.start,
            )
        )
