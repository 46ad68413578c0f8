"""The accelerator of a plan as processes in time, from the numbers that hardware is built of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from spikewright.flow.cosim.streams import TokenStream, frame_name, sum_parts
from spikewright.golden.errors import SpikewrightError, UnsupportedError
from spikewright.golden.spec import EndFlag, TokenKind
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.delta import DeltaUnit
from spikewright.hdl.intake import READ_DEPTH
from spikewright.hdl.port_config import PortConfig
from spikewright.hdl.queue import SHALLOW_QUEUE
from spikewright.hdl.shell import CoreShell
from spikewright.hdl.sum_delay import SumDelay

from .cores import PortCosts, TimedCore
from .delays import TimedDelay, TimedSums
from .delta import TimedDelta, changes
from .emission import Emission, of_host, of_input
from .encoders import encoded, frames
from .intake import Intake, Port
from .products import Gated, TimedProduct
from .queues import Fork, Markers, Queue, Sink
from .readouts import TimedReadout
from .recall import recall
from .routes import Batches, merged, source
from .serialise import Serialiser
from .splitter import TimedSplitter
from .timing import costs_of, timing_of, touched_of, whole_of

__all__ = ["Ran", "simulate"]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What ran: cores in the plan's order, the cycles that inputs take at least and why, in words,
    the readout, and the batches.
    """

    cores: tuple[TimedCore, ...]
    inputs: Mapping[str, int]
    readout: TimedReadout
    batches: Batches


def simulate(accelerator: Accelerator, streams: Mapping[str, TokenStream], *, batch: int) -> Ran:
    """Run the samples of ``streams``, so many back to back, through an output that is always taken.

    Raises
    ------
    UnsupportedError
        If the plan has guards, or a connection with a delay is a function of sums or a product.
    """
    return _Graph(accelerator, streams, batch).run()


class _Graph:
    def __init__(
        self, accelerator: Accelerator, streams: Mapping[str, TokenStream], batch: int
    ) -> None:
        _check(accelerator)
        self.accelerator = accelerator
        self.streams = streams
        self.network = accelerator.network
        self.readout = TimedReadout(accelerator)
        self.keeps = _keeps(streams[self.network.inputs[0].name])
        self.batches = Batches(size=batch, readout=self.readout)
        self.sinks: dict[str, list[Sink]] = {}
        self.sinks[self.network.readout.population] = [self.readout]
        self.runs: list[Iterator[bool]] = []
        self.intakes: list[Intake] = []
        self.products: list[tuple[PortConfig, TimedProduct]] = []

    def run(self) -> Ran:
        queues = [self._queues(core) for core in self.accelerator.cores]
        emitted: dict[str, list[Emission]] = {}
        inputs = {}
        for each in self.accelerator.inputs:
            stream, fork = self.streams[each.name], Fork(self.sinks.get(each.name, []))
            emission = of_input(stream, each.layout.slots)
            emitted[each.name] = [emission]
            if each.encoder is None:
                inputs[f"the one token a cycle of input {each.name!r}"] = len(emission.tokens)
                self.runs.append(source(emission, fork, self.batches))
                continue
            found = frames(self.streams[frame_name(each.name)], stream)
            busy = each.encoder.busy_steps
            inputs[f"the encoder of input {each.name!r}"] = sum(
                frame.values * (1 + min(busy, len(frame.steps))) for frame in found
            )
            self.runs.append(encoded(found, busy, fork, self.batches))
        made: list[tuple[CoreShell, list[Emission], list[Fork]]] = []
        parts: dict[str, list[Queue]] = {}
        for core in self.accelerator.cores:
            own, forks = [], []
            for host in core.config.hosts:
                name = host.population.name
                emission = of_host(self.streams[name], core.config, host)
                emitted.setdefault(name, []).append(emission)
                own.append(emission)
                sinks = self.sinks.get(name, [])
                if host.n != host.population.n:
                    parts.setdefault(name, []).append(Queue(1, 0))
                    sinks = [parts[name][-1]]
                forks.append(Fork(sinks))
            made.append((core, own, forks))
        for name, streams in parts.items():
            self._merge(streams, emitted[name], Fork(self.sinks[name]))
        cores = tuple(
            self._core(core, own, forks, into, emitted)
            for (core, own, forks), into in zip(made, queues, strict=True)
        )
        for port, product in self.products:
            heard = [whole_of(emitted[name]).neurons.tolist() for name in port.connection.reads[1:]]
            product.hear(*heard)
            self.runs.append(product.run())
        self._advance()
        return Ran(cores=cores, inputs=inputs, readout=self.readout, batches=self.batches)

    def _queues(self, core: CoreShell) -> list[Queue]:
        """Those of a core's ports, and the one of markers where it has one."""
        found = []
        for port, unit in zip(core.config.ports, core.intake.products, strict=True):
            own: list[Queue] = [_queue(port.queue_depth)]
            if unit is not None:
                product = TimedProduct(unit, READ_DEPTH)
                self.products.append((port, product))
                depth, latency, stored = own[0].depth, own[0].latency, own[0].stored
                gated = Gated(product, depth, latency, stored)
                own = [gated, product.key_map.queue, product.value_map.queue]
            for name, queue in zip(port.connection.reads, own, strict=True):
                self.sinks.setdefault(name, []).append(queue)
            found.append(own[0])
        if core.config.pace is not None:
            found.append(Markers(2, 1, 2))
            self.sinks.setdefault(core.config.pace, []).append(found[-1])
        return found

    def _merge(self, queues: list[Queue], parts: list[Emission], fork: Fork) -> None:
        """The slices of a population become one stream."""
        intake = Intake([Port(queue=queue) for queue in queues])
        offsets = np.cumsum([0, *(part.firsts.size for part in parts)]).tolist()
        self.intakes.append(intake)
        self.runs.append(merged(intake, offsets, fork))

    def _core(
        self,
        core: CoreShell,
        own: list[Emission],
        forks: list[Fork],
        queues: list[Queue],
        emitted: Mapping[str, list[Emission]],
    ) -> TimedCore:
        config = core.config
        ports, costs = [], []
        alone = len(config.ports) == 1 and config.pace is None
        for k, (port, queue) in enumerate(zip(config.ports, queues, strict=False)):
            delay: TimedDelay | TimedSums | None = None
            whole = whole_of(emitted[port.connection.source])
            unit = core.intake.deltas[k]
            if unit is not None:
                resets = self._resets(unit)
                made = changes(port, whole, self._ends(port.connection.source, resets))
                timed = TimedDelta(queue, unit, made, resets)
                self.runs.append(timed.run())
                queue, whole = timed.out, made.emission
            late = core.intake.delays[k]
            if isinstance(late, SumDelay):
                parts = sum_parts(self.network, port.connection.source)
                stream = self.streams[port.connection.source]
                places, whole = recall(stream, port.source, parts)
                delay = TimedSums(queue, late, places, self.keeps)
                self.runs.append(delay.run())
            elif late is not None:
                delay = TimedDelay(queue, config.mode, self.keeps)
            elif port.serial and not alone:
                bits = np.bitwise_count(np.abs(whole.payloads)).astype(np.int64)
                splitter = TimedSplitter(queue, bits.tolist())
                self.runs.append(splitter.run())
                queue, whole = splitter.out, whole.times(bits)
            costs.append(
                costs_of(config, port, whole, bits=port.serial and (alone or late is not None))
            )
            ports.append(Port(queue=queue, host=port.host, delay=delay))
        if config.pace is not None:
            ports.append(Port(queue=queues[-1]))
            costs.append(PortCosts(cycles=[], rows=[]))
        registered = alone and config.ports[0].serial
        intake = Intake(ports, hosts=len(config.hosts), registered=registered)
        serialiser = Serialiser(forks)
        works = [emission.work for emission in own]
        timed_core = TimedCore(
            name="+".join(host.population.name for host in config.hosts),
            timing=timing_of(core),
            intake=intake,
            costs=costs,
            hosts=[work for work in works if work is not None],
            serialiser=serialiser,
            keeps=[keep and config.keeps for keep in self.keeps],
            touched=touched_of(core),
        )
        self.intakes.append(intake)
        self.runs += [timed_core.run(), serialiser.run()]
        return timed_core

    def _resets(self, unit: DeltaUnit) -> list[bool]:
        """Of each sample, whether its END lets a unit forget."""
        return [not (unit.keeps and keep) for keep in self.keeps]

    def _ends(self, source: str, resets: list[bool]) -> list[int]:
        """Spikes of a source in front of each END that resets."""
        stream = self.streams[source]
        spikes = np.cumsum(stream.kind == TokenKind.SPIKE)
        found: list[int] = spikes[stream.kind == TokenKind.END][resets].tolist()
        return found

    def _advance(self) -> None:
        """Let everything run ahead; where all wait, what is known first is taken first."""
        samples = len(next(iter(self.streams.values())).starts) - 1
        while len(self.readout.ends) < samples:
            moved = [next(each) for each in self.runs]
            if any(moved):
                continue
            # What is not known yet hangs on what is, so it comes later.
            known = [each for each in self.intakes if each.candidate is not None]
            if not known:
                raise SpikewrightError(
                    f"the model of cycles must see all of {samples} samples through",
                    found=str(len(self.readout.ends)),
                )
            min(known, key=lambda each: each.candidate or 0).forced = True


def _keeps(stream: TokenStream) -> list[bool]:
    """Of each sample, whether its END keeps the state."""
    found: list[bool] = (stream.address[stream.starts[1:] - 1] == EndFlag.KEEP).tolist()
    return found


def _queue(depth: int) -> Queue:
    """A spike queue; behind its block RAM there are two registers more."""
    return Queue(depth, 1, 2 if depth <= SHALLOW_QUEUE else 4)


def _check(accelerator: Accelerator) -> None:
    plan = accelerator.plan
    late = [
        port for core in accelerator.cores for port in core.config.ports if port.connection.delay
    ]
    for what, found in (
        ("guards", [guard.input for guard in plan.guards]),
        ("a function of sums behind a delay", _names([p for p in late if p.delta is not None])),
        ("a product behind a delay", _names([p for p in late if p.product is not None])),
    ):
        if found:
            raise UnsupportedError(
                f"the model of cycles does not know {what}",
                found=", ".join(found),
                action="co-simulate such a plan to count its cycles",
            )


def _names(ports: list[PortConfig]) -> list[str]:
    """Connections, for messages."""
    return [f"{port.connection.source!r} to {port.connection.target!r}" for port in ports]
