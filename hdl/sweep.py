"""Lets all neurons of a host decide, one group after the other."""

from collections.abc import Callable

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, ValueLike, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import IntArray, Mode

from .config import CoreConfig, HostConfig
from .divide import DivideLane
from .parameters import ParameterTable
from .places import Places
from .serialiser import group_item
from .soma import SomaLane

__all__ = ["Sweep"]


class Sweep(wiring.Component):
    """Reads each group of membranes, lets the somas decide, writes them back, hands spikes on.

    Parameters
    ----------
    config : the core. read_latency : cycles from ``read_group`` to ``word``, 1 or 2.

    Members
    -------
    start : In, begins a pass while not ``busy``, with host : In, show : In (levels are sent, else
    silent), initialise : In (write the initial state instead of the next) and hold : In (write
    nothing). busy : Out, until the last group is written. fired : Out, some neuron fired in the
    pass; valid from the second cycle that is not busy (settle mode only).
    read_group, read_enable : Out; word : In; writes : Out, the port is the sweep's;
    write_enable, write_group, write_word : Out.
    items : Out(stream) of groups for the serialiser.

    Timing
    ------
    latency : cycles from ``start`` to the end of a pass of the largest host, if the serialiser
    takes every group. interval : cycles a group takes. A stall of the serialiser stops the pass.

    Model: the step of ``golden.spec.Soma``, or its closed form in collapsed mode.
    """

    def __init__(self, *, config: CoreConfig, read_latency: int) -> None:
        self.config = config
        self.read_latency = read_latency
        layouts = [host.target for host in config.hosts]
        self.payload_bits = max(layout.payload_shape.width for layout in layouts)
        self.item = group_item(lanes=config.lanes, layouts=layouts)
        word = config.lanes * config.lane_bits
        super().__init__(
            {
                "start": In(1),
                "host": In(range(len(config.hosts))),
                "show": In(1),
                "initialise": In(1),
                "hold": In(1),
                "busy": Out(1),
                "fired": Out(1),
                "read_group": Out(range(config.groups)),
                "read_enable": Out(1),
                "word": In(word),
                "writes": Out(1),
                "write_enable": Out(1),
                "write_group": Out(range(config.groups)),
                "write_word": Out(word),
                "items": Out(stream.Signature(self.item)),
            }
        )

    @property
    def interval(self) -> int:
        """Cycles a group takes: one a bit of the quotient where it divides."""
        soma = self.config.soma
        if not self.config.divides:
            return 1
        return ((soma.s_max or 0) - (soma.s_min or 0)).bit_length()

    @property
    def latency(self) -> int:
        """Cycles from ``start`` to the end of a pass, with a serialiser that takes every group."""
        groups = max(host.groups for host in self.config.hosts)
        return 1 + self.read_latency + groups * self.interval

    def elaborate(self, platform: object) -> Module:
        """Ask for a group; take its word; decide and write."""
        m = Module()
        config = self.config
        show, initialise, hold = Signal(), Signal(), Signal()
        decides, stores, advance, done = Signal(), Signal(), Signal(), Signal()
        m.submodules.places = places = Places(hosts=config.hosts)
        with m.If(self.start):
            m.d.sync += [
                show.eq(self.show),
                initialise.eq(self.initialise),
                hold.eq(self.hold),
                self.fired.eq(0),
            ]
        last = self._last_count(m, decides, advance)
        goes_on = last & (self.items.ready | ~show)
        m.d.comb += [
            places.start.eq(self.start),
            places.host.eq(self.host),
            places.advance.eq(advance),
            # Of four registers each: what they enable is far away, so it must not be deep as well.
            done.eq(decides & goes_on),
            advance.eq(~decides | goes_on),
        ]
        deciding = Signal(places.place.shape())
        takes, taken, waits = places.asks, places.place, [places.asks]
        for stage in range(self.read_latency):
            following, place = Signal(name=f"takes_{stage}"), Signal.like(deciding)
            with m.If(advance):
                m.d.sync += [following.eq(takes), place.eq(taken)]
            takes, taken = following, place
            waits.append(takes)
        with m.If(advance):
            m.d.sync += [decides.eq(takes), stores.eq(takes & ~hold), deciding.eq(taken)]
        m.d.comb += [
            self.busy.eq(Cat(waits).any() | decides),
            self.read_group.eq(places.place.group),
            self.read_enable.eq(advance),
            self.writes.eq(decides),
            self.write_enable.eq(stores & goes_on),
            self.write_group.eq(deciding.group),
            self.items.valid.eq(decides & last & show),
            self.items.payload.host.eq(places.host_held),
            self.items.payload.base.eq(places.base(deciding)),
        ]
        tables = self._tables(m, taken, advance)
        decide = self._divide if config.divides else self._step
        steps = decides & ~last
        lanes = [decide(m, lane, tables, advance, steps) for lane in range(config.lanes)]
        fired = Signal(config.lanes)
        m.d.comb += fired.eq(Cat(fires for fires, _, _ in lanes) & places.mask(deciding))
        if config.mode is Mode.SETTLE:
            # A register in front of the wide OR; nobody asks before the pass is over.
            sent = Signal(config.lanes)
            m.d.sync += sent.eq(Mux(done & show, fired, 0))
            with m.If(sent.any()):
                m.d.sync += self.fired.eq(1)
        tracer = Const(0, config.lane_bits - config.v_bits)
        words = []
        for lane, (_, _, following) in enumerate(lanes):
            initial = Cat(tables["initial"].lane(lane), tracer)
            words.append(initial if following is None else Mux(initialise, initial, following))
        m.d.comb += [
            self.items.payload.mask.eq(fired),
            self.items.payload.levels.eq(Cat(level for _, level, _ in lanes)),
            self.write_word.eq(Cat(words)),
        ]
        return m

    def _last_count(self, m: Module, decides: Signal, advance: Signal) -> ValueLike:
        """Whether the group that decides is at the last bit of its quotient."""
        if self.interval == 1:
            return Const(1, 1)
        count, last = Signal(range(self.interval)), Signal()
        with m.If(decides & ~last):
            m.d.sync += [count.eq(count + 1), last.eq(count == self.interval - 2)]
        with m.Elif(advance):
            m.d.sync += [count.eq(0), last.eq(0)]
        return last

    def _tables(self, m: Module, taken, advance: Signal) -> dict[str, ParameterTable]:
        def negative(host: HostConfig) -> IntArray:
            soma = host.population.soma
            given = soma.threshold_negative
            return given if given is not None else soma.threshold

        wanted: dict[str, Callable[[HostConfig], IntArray]] = {
            "threshold": lambda host: host.population.soma.threshold,
            "negative": negative,
            "bias": lambda host: host.population.soma.bias,
            "initial": lambda host: host.stored_initial_v,
        }
        tables = {}
        for name, values in wanted.items():
            rows, by_group = self.config.rows(values)
            shape = signed(self.config.v_bits) if name == "initial" else _shape(rows)
            table = ParameterTable(values=rows, shape=shape)
            m.submodules[name] = table
            m.d.comb += [
                table.index.eq(taken.group if by_group else taken.block),
                table.enable.eq(advance),
            ]
            tables[name] = table
        return tables

    def _word(self, m: Module, lane: int, advance: Signal):
        """The state of a lane of the group that decides."""
        config = self.config
        word = self.word.word_select(lane, config.lane_bits)
        v = Signal(signed(config.v_bits), name=f"v_{lane}", reset_less=True)
        with m.If(advance):
            m.d.sync += v.eq(word[: config.v_bits])
        if config.tracer is None:
            return v, None
        tracer = Signal(config.tracer, name=f"tracer_{lane}", reset_less=True)
        with m.If(advance):
            m.d.sync += tracer.eq(word[config.v_bits :])
        return v, tracer

    def _step(self, m: Module, lane: int, tables, advance: Signal, steps: ValueLike):
        config = self.config
        v, tracer = self._word(m, lane, advance)
        soma = SomaLane(
            soma=config.soma,
            v_bits=config.v_bits,
            tracer=config.tracer,
            threshold_shape=tables["threshold"].shape,
            threshold_negative_shape=tables["negative"].shape,
            bias_shape=tables["bias"].shape,
        )
        m.submodules[f"soma_{lane}"] = soma
        m.d.comb += [
            soma.v.eq(v),
            soma.threshold.eq(tables["threshold"].lane(lane)),
            soma.threshold_negative.eq(tables["negative"].lane(lane)),
            soma.bias.eq(tables["bias"].lane(lane)),
        ]
        if tracer is not None:
            m.d.comb += soma.tracer.eq(tracer)
        # A population that never fires is read out whole.
        fires, sent = (soma.level != 0, soma.level) if config.fires else (1, soma.membrane)
        fires_bit = Signal(name=f"fires_{lane}")
        level = Signal(self.payload_bits, name=f"level_{lane}")
        m.d.comb += [fires_bit.eq(fires), level.eq(sent)]
        return fires_bit, level, Cat(soma.v_next, soma.tracer_next)

    def _divide(self, m: Module, lane: int, tables, advance: Signal, steps: ValueLike):
        config = self.config
        soma = config.soma
        layout = config.hosts[0].target
        divide = DivideLane(
            v_bits=config.v_bits,
            threshold_shape=tables["threshold"].shape,
            s_min=soma.s_min or 0,
            s_max=soma.s_max or 0,
            level_shape=unsigned(1) if layout.is_unit else layout.payload_shape,
        )
        m.submodules[f"divide_{lane}"] = divide
        rest = Signal(signed(divide.rest_bits), name=f"rest_{lane}", reset_less=True)
        quotient = Signal(self.interval, name=f"quotient_{lane}", reset_less=True)
        word = self.word.word_select(lane, config.lane_bits)
        m.d.comb += [
            divide.rest.eq(rest),
            divide.quotient.eq(quotient),
            divide.threshold.eq(tables["threshold"].lane(lane)),
        ]
        with m.If(advance):
            m.d.sync += [rest.eq(word.as_signed()), quotient.eq(0)]
        with m.Elif(steps):
            m.d.sync += [rest.eq(divide.rest_next), quotient.eq(divide.quotient_next)]
        fires = Signal(name=f"fires_{lane}")
        level = Signal(self.payload_bits, name=f"level_{lane}")
        m.d.comb += [fires.eq(divide.level != 0), level.eq(divide.level)]
        # The charge is spent: a pass that divides always writes the initial state.
        return fires, level, None


def _shape(values: list[list[int]]) -> Shape:
    flat = [v for row in values for v in row]
    bits = max((v if v >= 0 else ~v).bit_length() for v in flat)
    return signed(bits + 1) if min(flat) < 0 else unsigned(max(1, bits))
