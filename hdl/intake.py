"""All that reaches a core, from all its ports, as one token at a time."""

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import Mode, TokenKind

from .config import CoreConfig
from .delay import DelayUnit
from .delta import DeltaUnit
from .merge import Merge
from .port_config import PortConfig
from .product_gate import ProductGate
from .product_sums import ProductSums
from .queue import SpikeQueue
from .sample_delay import SampleDelay
from .serial import BitSplitter
from .sum_delay import SumDelay
from .token import TokenLayout, axes_of, spikes_of

__all__ = ["READ_DEPTH", "Intake", "read_ports"]

READ_DEPTH = 2  # of keys and values, which are stored as they come
_MARKERS = TokenLayout(axes=axes_of((1,)), low=0, high=1)


def read_ports(config: CoreConfig) -> dict[str, TokenLayout]:
    """The streams beside those of the sources: keys and values of each product, by name."""
    found = {}
    for k, port in enumerate(config.ports):
        if port.product is not None:
            _, keys, values = port.members(k)
            found |= {keys: port.product.keys, values: port.product.values}
    return found


class Intake(wiring.Component):
    """A spike queue at each port, what its connection needs behind it, and the merge.

    A connection with a delay has a delay unit (of steps, samples or sums, by mode), one with a
    function of sums a delta unit, and one whose payloads come bit by bit a splitter. A product has
    the sums of its keys and values, and a gate at which the query's spikes wait for them. Where all
    have a delay, the markers of another stream join them, for they say how many steps there are.

    A core with one input has no merge.

    Parameters
    ----------
    config : the core in numbers.

    Members
    -------
    i_0, i_1, ... : In(stream), one a port. pace : In(stream), where there is one. valid : Out, a
    token waits: kind, host, keep : Out, as it has them; port : Out, where a spike came from, and
    spike_0, spike_1, ... : Out, the token as that port's synapses see it. take : In, the token is
    taken. again : In, with the END that is taken: the host still fires, and wants its END once more
    (only where several hosts settle).
    spikes : Out, spikes of the step that left their queues in this cycle; not of keys and values.
    keys_0, values_0, ... : In(stream), of ports that are products. stored_0, ... : Out, what their
    memory of sums is written by. rows_0, ... : In, rows of them are under way. summing : Out, sums
    are made.

    Timing
    ------
    latency : cycles from a token's acceptance to ``valid``, when empty, and of a product when its
    sums are there. interval : 1 a token.

    Storage: the queues, X of delta units, keys and values of products, one token of the merge.
    """

    interval = 1

    def __init__(self, *, config: CoreConfig) -> None:
        self.config = config
        self.queues = [
            SpikeQueue(layout=port.source, depth=port.queue_depth) for port in config.ports
        ]
        self.delays = [_delay_unit(port, config.mode) for port in config.ports]
        self.deltas = [_delta_unit(port, keeps=config.keeps) for port in config.ports]
        self.splitters = [_splitter(port) for port in config.ports]
        self.products = [_sums(port) for port in config.ports]
        self.paced = config.pace_layout is not None
        layouts = [port.layout for port in config.ports]
        hosts = [
            [k for k, port in enumerate(config.ports) if port.host == host]
            for host in range(len(config.hosts))
        ]
        if self.paced:  # a core with delays has one host
            hosts[0].append(len(layouts))
            layouts.append(_MARKERS)
        self.merge = Merge(layouts=layouts, hosts=hosts) if len(layouts) > 1 else None
        self.gates = [
            None
            if port.product is None
            else ProductGate(layout=port.source, direct=self.merge is None and splitter is None)
            for port, splitter in zip(config.ports, self.splitters, strict=True)
        ]
        members = {f"i_{k}": In(port.source.signature) for k, port in enumerate(config.ports)}
        members |= {f"spike_{k}": Out(port.layout.struct) for k, port in enumerate(config.ports)}
        if config.pace_layout is not None:
            members["pace"] = In(config.pace_layout.signature)
        members |= {name: In(layout.signature) for name, layout in read_ports(config).items()}
        for k, unit in enumerate(self.products):
            if unit is not None:
                members |= {f"stored_{k}": unit.signature.members["stored"], f"rows_{k}": In(1)}
        super().__init__(
            members
            | {
                "valid": Out(1),
                "kind": Out(2),
                "keep": Out(1),
                "host": Out(range(len(config.hosts))),
                "port": Out(range(len(config.ports))),
                "take": In(1),
                "again": In(1),
                "summing": Out(1),
                "spikes": Out(range(config.plan.spikes * len(config.ports) + 1)),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a marker's acceptance to ``valid``, the slowest port's."""
        ports = [
            queue.latency + sum(part.latency for part in parts if part is not None)
            for queue, *parts in zip(self.queues, self.deltas, self.splitters, strict=True)
        ]
        return max(ports) + (self.merge.latency if self.merge is not None else 0)

    @property
    def inputs(self) -> list[stream.Interface]:
        """The ports in order."""
        return [getattr(self, f"i_{k}") for k in range(len(self.queues))]

    def spike(self, port: int):
        """The token as the synapses of a port see it."""
        return getattr(self, f"spike_{port}")

    def elaborate(self, platform: object) -> Module:
        """Queue, delay unit, delta unit, splitter, merge."""
        m = Module()
        streams: list[stream.Interface] = []
        leaves = []
        for k, queue in enumerate(self.queues):
            m.submodules[f"queue_{k}"] = queue
            wiring.connect(m, wiring.flipped(self.inputs[k]), queue.i)
            source = queue.o
            self._gate(m, k)
            parts = {
                "gate": self.gates[k],
                "delay": self.delays[k],
                "delta": self.deltas[k],
                "split": self.splitters[k],
            }
            for name, part in parts.items():
                if part is not None:
                    m.submodules[f"{name}_{k}"] = part
                    wiring.connect(m, source, part.i)
                    source = part.o
                if name == "delay":
                    leaves.append(Mux(source.valid & source.ready, spikes_of(source.payload), 0))
            streams.append(source)
        m.d.comb += [
            self.spikes.eq(sum(leaves)),
            self.summing.eq(Cat(unit.busy for unit in self.products if unit is not None).any()),
        ]
        if self.paced:
            streams.append(self._markers(m))
        if self.merge is None:
            self._pass(m, streams[0])
        else:
            self._join(m, self.merge, streams)
        return m

    def _gate(self, m: Module, k: int) -> None:
        """The sums of a product, and whether their step may pass."""
        sums, gate, delay = self.products[k], self.gates[k], self.delays[k]
        if sums is None or gate is None:
            return
        m.submodules[f"sums_{k}"] = sums
        for name, layout, sink in (
            ("keys", sums.key_layout, sums.keys),
            ("values", sums.value_layout, sums.values),
        ):
            m.submodules[f"{name}_{k}"] = queue = SpikeQueue(layout=layout, depth=READ_DEPTH)
            wiring.connect(m, wiring.flipped(getattr(self, f"{name}_{k}")), queue.i)
            wiring.connect(m, queue.o, sink)
        wiring.connect(m, sums.stored, wiring.flipped(getattr(self, f"stored_{k}")))
        m.d.comb += [
            gate.ready.eq(sums.ready),
            gate.taken.eq(self.take & (self.kind == TokenKind.STEP.value)),
            gate.busy.eq(getattr(self, f"rows_{k}")),
            sums.release.eq(gate.release),
        ]
        if isinstance(delay, DelayUnit):
            m.d.comb += gate.dropped.eq(delay.drops)

    def _pass(self, m: Module, source: stream.Interface) -> None:
        m.d.comb += [
            self.valid.eq(source.valid),
            self.kind.eq(source.payload.kind),
            self.keep.eq(source.payload.address[0]),
            self.spike(0).eq(source.payload),
            source.ready.eq(self.take),
        ]

    def _join(self, m: Module, merge: Merge, streams: list[stream.Interface]) -> None:
        m.submodules.merge = merge
        self._pace(m, streams)
        for source, sink in zip(streams, merge.inputs, strict=True):
            wiring.connect(m, source, sink)
        token = merge.o.payload
        m.d.comb += [
            self.valid.eq(merge.o.valid),
            self.kind.eq(token.kind),
            self.keep.eq(token.body[0]),
            self.host.eq(token.host),
            self.port.eq(token.port),
            merge.o.ready.eq(self.take),
        ]
        for k, port in enumerate(self.config.ports):
            fields = token.body[: port.layout.width - len(token.kind)]
            m.d.comb += self.spike(k).as_value().eq(Cat(token.kind, fields))
        if len(self.config.hosts) > 1:
            m.d.comb += merge.again.eq(self.again)

    def _markers(self, m: Module) -> stream.Interface:
        """What is left of a stream without its spikes, which nobody here hears."""
        m.submodules.markers = queue = SpikeQueue(layout=_MARKERS, depth=2)
        token = self.pace.payload
        is_spike = token.kind == TokenKind.SPIKE.value
        m.d.comb += [
            queue.i.valid.eq(self.pace.valid & ~is_spike),
            queue.i.payload.kind.eq(token.kind),
            queue.i.payload.address.eq(token.address[0]),
            self.pace.ready.eq(is_spike | queue.i.ready),
        ]
        return queue.o

    def _pace(self, m: Module, streams: list[stream.Interface]) -> None:
        """What the inputs without delay wait at; a core with delays has one host."""
        delays = [*self.delays, *[None] * self.paced]
        heads = [source for source, delay in zip(streams, delays, strict=True) if delay is None]
        step, end = TokenKind.STEP.value, TokenKind.END.value
        at_step = Cat(head.valid & (head.payload.kind == step) for head in heads)
        at_end = Cat(head.valid & (head.payload.kind == end) for head in heads)
        for source, delay in zip(streams, delays, strict=True):
            if delay is not None:
                is_marker = source.payload.kind != TokenKind.SPIKE.value
                m.d.comb += [
                    delay.passed.eq(source.valid & source.ready & is_marker),
                    delay.steps.eq(at_step.any() & (at_step | at_end).all()),
                    delay.ends.eq(at_end.all()),
                    delay.keep.eq(heads[0].payload.address[0]),
                ]


def _delay_unit(port: PortConfig, mode: Mode) -> DelayUnit | SampleDelay | SumDelay | None:
    if not port.connection.delay:
        return None
    if mode is Mode.STEPWISE:
        return DelayUnit(layout=port.source)
    if mode is Mode.COLLAPSED:
        return SampleDelay(layout=port.source)
    return SumDelay(layout=port.source, sums=port.sums)


def _sums(port: PortConfig) -> ProductSums | None:
    product = port.product
    if product is None:
        return None
    return ProductSums(keys=product.keys, values=product.values, rows=product.rows)


def _splitter(port: PortConfig) -> BitSplitter | None:
    if not port.serial:
        return None
    layout = port.layout
    return BitSplitter(layout=TokenLayout(axes=layout.axes, low=layout.low, high=layout.high))


def _delta_unit(port: PortConfig, *, keeps: bool) -> DeltaUnit | None:
    if port.delta is None:
        return None
    return DeltaUnit(
        source=port.source,
        target=port.layout,
        delta=port.delta,
        x_low=port.x.low,
        x_high=port.x.high,
        channels=port.channels,
        keeps=keeps,
    )
