"""A network on a board, from Python: samples in, results out, over a line that may be bad."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from spikewright.flow.host.commands import Commands
from spikewright.flow.host.counters import Counters
from spikewright.flow.host.encode import SampleEncoder
from spikewright.flow.host.identity import Identity
from spikewright.flow.host.inference import Inference
from spikewright.flow.host.levels import changes, check_kept
from spikewright.flow.host.line_bytes import bytes_back, bytes_there
from spikewright.flow.host.output import OutputReader, Result
from spikewright.flow.host.samples import Given, Levels, Samples, prepare
from spikewright.flow.host.session import Session, Statistics
from spikewright.flow.host.target import Target, find_image, find_target
from spikewright.flow.host.transport import Transport, open_port
from spikewright.golden.errors import (
    ConfigurationError,
    LinkError,
    RangeError,
    UnsupportedError,
)
from spikewright.golden.link import (
    DEFAULT_BAUD,
    DEFAULT_TIMEOUT_S,
    INBOX_OVERHEAD,
    LINK_COUNTERS,
    FrameType,
    LoadResult,
)

__all__ = ["COUNTERS_ELSEWHERE", "Device", "Sent"]

COUNTERS_ELSEWHERE = "choose a larger board: spikewright boards BOARD says whether its link counts"

_FIRST, _LAST = 1, 2
_TAG_BYTES = 4
_SHOWN = 12
_ENDS = {
    LoadResult.DAMAGED: "one that is damaged",
    LoadResult.LACKING: "one that leaves rows empty",
    LoadResult.DESIGN: "one for another design",
    LoadResult.BASE: "a patch for another network",
}


def _whole(number: int | None, name: str) -> None:
    """Refuse what is no number of steps or samples."""
    if number is not None and (not isinstance(number, int | np.integer) or number < 1):
        raise ConfigurationError(f"{name} must be a whole number, at least 1", found=repr(number))


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What a load took: ``bytes`` of images, ``seconds`` until the network was there.

    ``whole``: bytes of all of the network, of which a patch leaves some out.
    """

    bytes: int
    whole: int
    seconds: float


class Device:
    """A device that was found to have the network of a project, or any.

    ::

        with Device.open("/dev/ttyUSB1", "p") as device:
            for result in device.infer(x):
                use(result.label)

    Parameters
    ----------
    transport : the line. folder : the project; a device of none does all but samples.
    timeout : seconds in which a device that lives must have gone on.

    Members
    -------
    target : the hardware of the project that the device has, None without a folder.

    Raises
    ------
    LinkError
        If nobody answers, or the device has another network, bitstream or board than the project.
    """

    def __init__(
        self,
        transport: Transport,
        folder: Path | str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        if not timeout > 0:  # nor NaN
            raise ConfigurationError("timeout must be above 0", found=f"{timeout} s")
        self._transport = transport
        self._commands = Commands(Session(transport, timeout=timeout))
        self.target: Target | None = None
        if folder is not None:
            self.target = find_target(Path(folder), self.identity, where=transport.name)
            self._agree(self.target)

    @classmethod
    def open(
        cls,
        port: Path | str,
        folder: Path | str | None = None,
        *,
        baud: int = DEFAULT_BAUD,
        timeout: float = DEFAULT_TIMEOUT_S,
    ) -> Self:
        """The device at a port: a path such as ``/dev/ttyUSB1``, ``spi:ftdi://ftdi:2232h/1``, or
        ``socket://host:port``.

        Raises
        ------
        LinkError, ConfigurationError, FileError
            As the constructor; if there is no such port; if the folder is no project.
        """
        transport = open_port(str(port), baud)
        try:
            return cls(transport, folder, timeout=timeout)
        except BaseException:
            transport.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the line go; what is under way is lost."""
        self._transport.close()

    @property
    def identity(self) -> Identity:
        """What the device said of itself."""
        return self._commands.identity

    @property
    def statistics(self) -> Statistics:
        """What the line did so far."""
        return self._commands.session.statistics

    @property
    def clock_hz(self) -> float | None:
        """The accelerator's clock; None where the link does not say it."""
        return self.identity.clock_hz(self._transport.unit_hz)

    @property
    def byte_hz(self) -> float | None:
        """Bytes a second that the line takes each way; None where that is not known."""
        line = self._transport
        return None if line.baud is None else line.baud / line.byte_bits

    def now(self) -> float:
        """Seconds of the line's clock, since any moment."""
        return self._transport.now()

    def identify(self) -> Identity:
        """Ask the device who it is."""
        return self._commands.identify()

    def infer(
        self, samples: Given, *, steps: int | None = None, depth: int | None = None
    ) -> Iterator[Result]:
        """Results of samples, in order; those that a reset of the device loses are sent again.

        Parameters
        ----------
        samples : raw data [N, ...] as the network was converted with, of one that hears its past
            also [N, frames, ...]; or integer levels [N, n] (events [N, steps, n]) by input.
        steps : T of a stepwise run; by default the most that widths are proven for.
        depth : most samples under way at once; by default as many as the line takes.

        Raises
        ------
        ConfigurationError, RangeError
            If the samples do not fit the network.
        LinkError
            If the device stops answering, or is another one all at once.
        """
        return self.infer_levels(self.levels(samples), steps=steps, depth=depth)

    def levels(self, samples: Given) -> Samples:
        """Samples as ``infer`` takes them, made ready once; raises as it does."""
        return prepare(self._project().network, samples)

    def infer_levels(
        self, samples: Samples, *, steps: int | None = None, depth: int | None = None
    ) -> Iterator[Result]:
        """As ``infer``, of samples that are ready."""
        _whole(depth, "depth")
        return self._results(samples, steps, depth, stateful=False)

    def stream(self, samples: Given, *, steps: int | None = None) -> Iterator[Result]:
        """As ``infer``, but each sample goes on where the one before ended, up to the last.

        Raises
        ------
        LinkError
            Also if the device is reset in between, with the sample: its state is lost.
        """
        return self._results(self.levels(samples), steps, None, stateful=True)

    def sample_bytes(
        self, samples: Samples, results: Sequence[Result], *, steps: int | None = None
    ) -> tuple[float, float]:
        """Bytes on the line of a sample's frames, there and back, on average over these.

        What is only acknowledged, asked for and sent again comes on top.
        """
        manifest, tag = self._project().manifest, self._commands.session.tag
        commands = chain.from_iterable(self._encoded(samples, steps, stateful=False))
        there = bytes_there(chain.from_iterable(commands), tag)
        back = bytes_back(results, manifest.output.layout, self._longest, tag)
        return there / len(samples), back / len(results)

    def counters(self, *, clear: bool = False) -> Counters:
        """What was counted; ``clear`` begins anew. Raises UnsupportedError where nothing counts."""
        manifest = self._project().manifest
        if self.identity.counters <= len(LINK_COUNTERS):  # there are always those of the link
            raise self._without("counters", COUNTERS_ELSEWHERE)
        found = self._commands.ask(FrameType.COUNTERS, [bytes([clear])], FrameType.COUNTED)
        wanted = len(manifest.counter_ports) + len(LINK_COUNTERS)
        if len(found) != 4 * wanted:
            raise LinkError(
                f"the device must have {wanted} counters",
                found=f"{len(found)} bytes",
                where=self._transport.name,
                action="build the bitstream again from this project",
            )
        return Counters.named(np.frombuffer(found, dtype="<u4").tolist(), manifest)

    def reset(self) -> None:
        """Reset the accelerator, not what was loaded."""
        self._commands.ask(FrameType.RESET, [b""], FrameType.DONE)

    def echo(self, payload: bytes) -> bytes:
        """What comes back of a payload; raises RangeError where the device takes less."""
        if len(payload) > self._longest:
            raise RangeError(
                f"a payload must have at most {self._longest} bytes",
                found=str(len(payload)),
                where=self._transport.name,
            )
        return self._commands.ask(FrameType.ECHO, [payload], FrameType.ECHOED)

    def selftest(self) -> bool:
        """Whether each token of the sample that the bitstream carries came out right."""
        if not self.identity.tests:
            raise self._without("a self-test", "generate without --guard, and build again")
        return self._commands.ask(FrameType.SELFTEST, [b""], FrameType.TESTED) == b"\1"

    def load(self, folder: Path | str, *, base: Path | str | None = None) -> Sent:
        """Put the network of another project into the memories of the same bitstream.

        The device is one of that project from then on::

            device.load("q")
            device.load("r", base="q")  # other thresholds, say: only what differs from q is sent

        Parameters
        ----------
        folder : the project, generated for the design that the device has.
        base : the project whose network the device has; None to send all.

        Raises
        ------
        UnsupportedError
            If the bitstream, or the project, has its weights in it.
        FileError
            If a folder is no project, or its image is damaged.
        LinkError
            If the project is not for the device's design, the device has not the network of
            ``base``, or it does not get there whole.
        """
        if not self.identity.loads:
            raise self._without(
                "memories that are loaded", "generate its project with --loadable, and build again"
            )
        where = self._transport.name
        image = find_image(Path(folder), self.identity, where=where)
        data = whole = image.whole()
        if base is not None:
            old = find_image(Path(base), self.identity, where=where)
            self._check_base(self.identify(), old.network)
            data = image.since(old)
        self._commands.begin()
        self.target = None
        start, size = self.now(), len(data)
        found = self._send(data)
        if base is not None and found is LoadResult.BASE:
            # The line broke in the middle, and the device began to be another one before.
            size += len(whole)
            found = self._send(whole)
        seconds = self.now() - start
        self.identify()
        if found is not LoadResult.WELL:
            raise LinkError(
                "the device must find the image right",
                found=_ENDS[found],
                where=where,
                action="load it again, or put the bitstream on it that it is for",
            )
        self.target = find_target(Path(folder), self.identity, where=where)
        self._agree(self.target)
        return Sent(bytes=size, whole=len(whole), seconds=seconds)

    def _send(self, image: bytes) -> LoadResult:
        """How the device found an image."""
        size = self._longest - 1
        parts = [image[at : at + size] for at in range(0, len(image), size)]
        last = len(parts) - 1
        ends = [_FIRST * (k == 0) | _LAST * (k == last) for k in range(len(parts))]
        commands = [bytes([end]) + part for end, part in zip(ends, parts, strict=True)]
        return LoadResult(self._commands.ask(FrameType.LOAD, commands, FrameType.LOADED)[0])

    def _check_base(self, identity: Identity, network: str) -> None:
        if identity.ready and identity.network_hash == network:
            return
        has = f"network {identity.network_hash[:_SHOWN]}" if identity.ready else "none"
        raise LinkError(
            f"the device must have the network that the new one is held against, "
            f"{network[:_SHOWN]}",
            found=has,
            where=self._transport.name,
            action="load all of it: without a base (--from)",
        )

    @property
    def _longest(self) -> int:
        """Bytes of a command that the device takes."""
        return min(self.identity.longest, self.identity.inbox - INBOX_OVERHEAD)

    def _results(
        self, samples: Samples, steps: int | None, depth: int | None, *, stateful: bool
    ) -> Iterator[Result]:
        target = self._project()
        _whole(steps, "steps")
        kept = len(samples) * samples.frames if stateful else samples.frames
        given = samples.most_steps(target.network)
        check_kept(target.network, target.manifest.mode, kept, given, steps)
        made = self._encoded(samples, steps, stateful=stateful)
        run = Inference(self._commands, self._reader, made, depth=depth, stateful=stateful)
        return run.results()

    def _encoded(
        self, samples: Samples, steps: int | None, *, stateful: bool
    ) -> Iterator[list[list[bytes]]]:
        last = len(samples) - 1
        network = self._project().network
        before: Levels | None = None
        for k, frames in enumerate(samples):
            keep = [True] * (len(frames) - 1) + [stateful and k < last]
            made = []
            for levels, kept in zip(frames, keep, strict=True):
                sent = changes(network, levels, before)
                made.append(self._encoder.commands(sent, steps=steps, keep=kept))
                before = levels if kept else None
            yield made

    def _agree(self, target: Target) -> None:
        """From now on it is this network that samples are for."""
        manifest = target.manifest
        if self.identity.inputs != len(manifest.inputs):
            raise LinkError(
                f"the device must have {len(manifest.inputs)} inputs",
                found=str(self.identity.inputs),
                where=self._transport.name,
                action="build the bitstream again from this project",
            )
        self._commands.session.tag = bytes.fromhex(target.network.content_hash)[:_TAG_BYTES]
        self._encoder = SampleEncoder(target.network, manifest, self._longest)
        self._reader = OutputReader(
            target.network, manifest.output.layout, where=self._transport.name
        )

    def _project(self) -> Target:
        if self.target is None:
            raise ConfigurationError(
                "samples and counters must have a project",
                found="none",
                where=self._transport.name,
                action="open the device with the project's folder"
                if self.identity.ready
                else "load one first: load(folder)",
            )
        return self.target

    def _without(self, what: str, action: str) -> UnsupportedError:
        return UnsupportedError(
            f"the bitstream must have {what}",
            found="none",
            where=self._transport.name,
            action=action,
        )
