"""A network in hardware: a graph of cores that work on different steps at once."""

from dataclasses import dataclass

from amaranth.hdl import Elaboratable, Module, ResetInserter, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, Signature

from spikewright.golden.spec import Decision, Input, Interval, Network

from .counters import COUNTER_BITS, COUNTERS, CoreCounters
from .design import design_hash
from .encoder import Encoder, encoded, frame_layout
from .filter import FilterReadout
from .fork import Fork
from .guard import GUARD_COUNTERS, InputGuard
from .load import Segment, image_of, words_of_row
from .loaded_memory import LoadedMemory
from .loader import LOADER_MEMBERS, Loader
from .make_configs import core_configs, node_layouts, ranges_of
from .make_core import make_core
from .map_argmax import MapArgmaxReadout
from .merge import Merge
from .parameters import LoadedTable
from .plan import HardwarePlan
from .readout import ArgmaxReadout, TallyReadout, tally_range
from .replay import replayed_inputs
from .restart import Restart
from .shell import CoreShell
from .token import TokenLayout

__all__ = ["Accelerator", "InputPort", "Probe"]


@dataclass(frozen=True, kw_only=True)
class InputPort:
    """An input of the network and the stream that takes its tokens: spikes, or with an ``encoder``
    frames of values. With a ``guard`` it never waits.
    """

    name: str
    member: str
    layout: TokenLayout
    encoder: Encoder | None
    guard: InputGuard | None


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Where the tokens of a population, or of an input behind its encoder or guard, can be watched:
    wires probe_<index>_{valid,ready,payload}.
    """

    population: str
    index: int
    layout: TokenLayout


class Accelerator(wiring.Component):
    """A graph of cores, the routers between them, and the readout.

    Every population has one stream: of its core, or merged from those of the cores that share it.
    A fork gives it to each core that has a connection from it, and to the readout.

    Parameters
    ----------
    network : what it computes. plan : how it is built.

    Members
    -------
    i : In(stream), the input's tokens, or i_<name> of each input where there are several. o :
    Out(stream), STEPs as the population that is read takes them, then SPIKE(n, value) of every
    output neuron, then END with the address of the largest one as its own (its flag where the
    decision is raw); with an argmax at each position SPIKE(position, channel) of all positions.
    steps : In, T of the samples that begin, where inputs are encoded.
    load, reload, loaded, tag, load_done, load_result, network_hash (its done, result, network) : as
    of ``Loader``, where memories are loaded: with the ``image``, word by word. Until it is there,
    all else is in reset.
    restart : In, resets all but what was loaded, as if nothing had been sent; no token is taken for
    ``RESTART_CYCLES`` behind it, and behind a reset.
    clear : In, zeroes the counters. counters : Out, cycles, and for each core rows, synops,
    spikes_in, spikes_out, stalls, busy; modulo 2**32. For each guard, guard0, guard1, ...: losses
    and waits, which stop at 2**32 - 1.

    Timing
    ------
    Cores work on different steps and samples at once; the result equals ``golden.model``'s in the
    plan's mode. A stall of the consumer stops the graph from the back; nothing is lost, and nothing
    deadlocks: see ``Merge``.
    """

    def __init__(self, *, network: Network, plan: HardwarePlan) -> None:
        self.network = network
        self.plan = plan
        configs = core_configs(network, plan)
        layouts = node_layouts(network, plan)
        self.cores = tuple(make_core(config) for config in configs)
        alone = len(network.inputs) == 1
        self.inputs = tuple(
            self._input_port(each, "i" if alone else f"i_{each.name}", layouts[each.name])
            for each in network.inputs
        )
        framed = [each.name for each in self.inputs if each.encoder is not None]
        self.guarded = [each for each in self.inputs if each.guard is not None]
        behind = [*framed, *(each.name for each in self.guarded)]
        watched = [*behind, *(population.name for population in network.order())]
        self.probes = tuple(
            Probe(population=name, index=k, layout=layouts[name]) for k, name in enumerate(watched)
        )
        self.watched = {probe.population: _wires(probe) for probe in self.probes}
        read = layouts[network.readout.population]
        self.tally: TallyReadout | None = None
        held = tally_range(network, ranges_of(network, plan))
        if held is not None:
            kind = network.readout.kind
            self.tally = TallyReadout(layout=read, kind=kind, low=held.low, high=held.high)
            read = self.tally.target
        self.filter: FilterReadout | None = None
        if network.readout.decision is Decision.FILTER:
            value = Interval(read.low, read.high)
            self.filter = FilterReadout(layout=read, readout=network.readout, value=value)
            read = self.filter.target
        self.argmax: ArgmaxReadout | MapArgmaxReadout | None = None
        self.output_layout = read
        if network.readout.decision is Decision.ARGMAX:
            if read.shape[1:] == (1, 1):
                self.argmax = ArgmaxReadout(layout=read)
            else:
                self.argmax = MapArgmaxReadout(layout=read)
                self.output_layout = self.argmax.target
        self.restarting = Restart()
        memories = [memory for _, _, memory in self.loading]
        self.loader: Loader | None = None
        if memories:
            design = bytes.fromhex(design_hash(network, plan))
            shapes = [(len(memory.rows), memory.width) for memory in memories]
            own = None if plan.envelope is not None else bytes.fromhex(network.content_hash)
            self.loader = Loader(design=design, shapes=shapes, own=own)
        counters = Signature({name: Out(COUNTER_BITS) for name in COUNTERS})
        cores = {f"core{k}": Out(counters) for k in range(len(configs))}
        lost = Signature({name: Out(COUNTER_BITS) for name in GUARD_COUNTERS})
        guards = {f"guard{k}": Out(lost) for k in range(len(self.guarded))}
        super().__init__(
            {each.member: In(each.layout.signature) for each in self.inputs}
            | {
                "o": Out(self.output_layout.signature),
                **({"steps": In(range(network.max_steps + 1))} if framed else {}),
                **(LOADER_MEMBERS if self.loader is not None else {}),
                "restart": In(1),
                "clear": In(1),
                "counters": Out(Signature({"cycles": Out(COUNTER_BITS)} | cores | guards)),
            }
        )

    @property
    def loading(self) -> list[tuple[int, str, LoadedMemory | LoadedTable]]:
        """Each memory that is loaded, in their order: its core, what is in it, and the memory."""
        return [(k, what, each) for k, core in enumerate(self.cores) for what, each in core.loads]

    @property
    def image(self) -> list[int]:
        """The words that have to be loaded; none where nothing is."""
        if self.loader is None:
            return []
        segments = []
        for number, (_, _, memory) in enumerate(self.loading):
            rows = tuple(words_of_row(row, memory.width) for row in memory.rows)
            segments.append(Segment(memory=number, first=0, rows=rows))
        network = bytes.fromhex(self.network.content_hash)
        return image_of(segments, design=self.loader.design, network=network)

    def elaborate(self, platform: object) -> Module:
        """Sources one after the other, each to its consumers; then the readout."""
        m = Module()
        m.submodules.restarting = self.restarting
        restart: Value = self.restart
        if self.loader is not None:
            self._load(m, self.loader)
            # What begins with a parameter begins once it is there.
            restart |= ~self.loader.loaded
        m.d.comb += self.restarting.restart.eq(restart)
        for k, core in enumerate(self.cores):
            self._add(m, f"core_{k}", core)
            self._count(m, k, core)
        behind: dict[str, stream.Interface] = {}
        for each in self.inputs:
            outside = wiring.flipped(getattr(self, each.member))
            if each.encoder is not None:
                self._add(m, f"encoder_{each.name}", each.encoder)
                _join(m, self._opened(m, each, outside), each.encoder.i)
                m.d.comb += each.encoder.steps.eq(self.steps)
                behind[each.name] = each.encoder.o
            elif each.guard is not None:
                self._add(m, f"guard_{each.name}", each.guard)
                _join(m, self._opened(m, each, outside), each.guard.i)
                self._count_losses(m, self.guarded.index(each), each.guard)
                behind[each.name] = each.guard.o
            else:
                self._send(m, each.name, each.layout, self._opened(m, each, outside))
        for probe in self.probes:
            source = behind.get(probe.population)
            if source is None:
                source = self._emitted(m, probe)
            self._watch(m, probe, source)
            self._send(m, probe.population, probe.layout, source)
        with m.If(self.clear):
            m.d.sync += self.counters.cycles.eq(0)
        with m.Else():
            m.d.sync += self.counters.cycles.eq(self.counters.cycles + 1)
        return m

    def _add(self, m: Module, name: str, part: Elaboratable) -> None:
        """A part that begins anew with ``restart``."""
        m.submodules[name] = ResetInserter(self.restarting.active)(part)

    def _load(self, m: Module, loader: Loader) -> None:
        """What is loaded stays; whoever restarts does not restart the loader."""
        m.submodules.loader = loader
        _join(m, wiring.flipped(self.load), loader.load)
        m.d.comb += [
            loader.reload.eq(self.reload),
            self.loaded.eq(loader.loaded),
            self.load_done.eq(loader.done),
            self.load_result.eq(loader.result),
            self.tag.eq(loader.tag),
        ]
        wiring.connect(m, loader.network, wiring.flipped(self.network_hash))
        ports = [getattr(core, f"load_{k}") for core in self.cores for k in range(len(core.loads))]
        for number, port in enumerate(ports):
            wiring.connect(m, getattr(loader, f"port_{number}"), port)

    def _input_port(self, source: Input, member: str, layout: TokenLayout) -> InputPort:
        encoder = None
        if source in encoded(self.network, self.plan):
            encoder = Encoder(
                source=source,
                frame=frame_layout(source, layout),
                layout=layout,
                max_steps=self.network.max_steps,
                replayed=source.name in replayed_inputs(self.network, self.plan.mode),
            )
            layout = encoder.frame
        guard = None
        for each in self.plan.guards:
            if each.input == source.name:
                guard = InputGuard(layout=layout, plan=each)
        return InputPort(
            name=source.name, member=member, layout=layout, encoder=encoder, guard=guard
        )

    def _opened(self, m: Module, port: InputPort, source: stream.Interface) -> stream.Interface:
        """The tokens of an input, none during a restart."""
        runs = ~self.restarting.active
        after: stream.Interface = source.signature.create(path=(f"opened_{port.name}",))
        m.d.comb += [
            after.payload.eq(source.payload),
            after.valid.eq(source.valid & runs),
            source.ready.eq(after.ready & runs),
        ]
        return after

    def _emitted(self, m: Module, probe: Probe) -> stream.Interface:
        """The stream of a population, merged where several cores share it."""
        parts = [
            output
            for core in self.cores
            for host, output in zip(core.config.hosts, core.outputs, strict=True)
            if host.population.name == probe.population
        ]
        if len(parts) == 1:
            return parts[0]
        merge = Merge(layouts=[probe.layout] * len(parts), hosts=[range(len(parts))])
        self._add(m, f"merge_{probe.population}", merge)
        for part, sink in zip(parts, merge.inputs, strict=True):
            wiring.connect(m, part, sink)
        whole = probe.layout.signature.create(path=(f"merged_{probe.population}",))
        token = merge.o.payload
        m.d.comb += [
            whole.valid.eq(merge.o.valid),
            whole.payload.kind.eq(token.kind),
            whole.payload.as_value()[len(token.kind) :].eq(token.body),
            merge.o.ready.eq(whole.ready),
        ]
        return whole

    def _send(self, m: Module, name: str, layout: TokenLayout, source: stream.Interface) -> None:
        """To every port of a core that takes the tokens of ``name``, and to the readout."""
        sinks = [sink for core in self.cores for sink in core.heard(name)]
        sinks += [core.pace for core in self.cores if core.config.pace == name]
        if name == self.network.readout.population:
            sinks.append(self._readout(m))
        if len(sinks) == 1:
            _join(m, source, sinks[0])
            return
        fork = Fork(layout=layout, branches=len(sinks))
        self._add(m, f"fork_{name}", fork)
        _join(m, source, fork.i)
        for branch, sink in zip(fork.outputs, sinks, strict=True):
            _join(m, branch, sink)

    def _readout(self, m: Module) -> stream.Interface:
        """The sink of the population that is read; during a restart nothing comes of it."""
        runs = ~self.restarting.active
        sink: stream.Interface = self.output_layout.signature.create(path=("read",))
        m.d.comb += [
            self.o.payload.eq(sink.payload),
            self.o.valid.eq(sink.valid & runs),
            sink.ready.eq(self.o.ready & runs),
        ]
        for name, part in (("argmax", self.argmax), ("tally", self.tally), ("filter", self.filter)):
            if part is not None:
                self._add(m, name, part)
                _join(m, part.o, sink)
                sink = part.i
        return sink

    def _watch(self, m: Module, probe: Probe, source: stream.Interface) -> None:
        valid, ready, payload = self.watched[probe.population]
        m.d.comb += [
            valid.eq(source.valid),
            ready.eq(source.ready),
            payload.eq(source.payload.as_value()),
        ]

    def _count(self, m: Module, k: int, core: CoreShell) -> None:
        counters = CoreCounters(
            lanes=core.config.lanes, rows=core.most_rows, taken=core.most_taken, sent=core.most_sent
        )
        self._add(m, f"counters_{k}", counters)
        m.d.comb += [
            counters.clear.eq(self.clear),
            counters.row.eq(core.row),
            counters.updates.eq(core.synops),
            counters.spikes.eq(core.spikes_in),
            counters.spike_out.eq(core.spike_out),
            counters.stall.eq(core.stall),
            counters.works.eq(core.busy),
        ]
        port = getattr(self.counters, f"core{k}")
        for name in COUNTERS:
            m.d.comb += getattr(port, name).eq(getattr(counters, name))

    def _count_losses(self, m: Module, k: int, guard: InputGuard) -> None:
        m.d.comb += guard.clear.eq(self.clear)
        port = getattr(self.counters, f"guard{k}")
        for name in GUARD_COUNTERS:
            m.d.comb += getattr(port, name).eq(getattr(guard, name))


def _wires(probe: Probe) -> tuple[Signal, Signal, Signal]:
    """Valid, ready and payload of a probe."""
    return (
        Signal(name=f"probe_{probe.index}_valid"),
        Signal(name=f"probe_{probe.index}_ready"),
        Signal(probe.layout.width, name=f"probe_{probe.index}_payload"),
    )


def _join(m: Module, source: stream.Interface, sink: stream.Interface) -> None:
    """What ``wiring.connect`` does, for streams of either side."""
    m.d.comb += [
        sink.payload.eq(source.payload),
        sink.valid.eq(source.valid),
        source.ready.eq(sink.ready),
    ]
