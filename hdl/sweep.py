"""Lets all neurons of a core decide, one group after the other."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import Mode

from .config import CoreConfig
from .divide import DivideLane
from .parameters import ParameterTable
from .serialiser import group_item
from .soma import SomaLane

__all__ = ["Sweep"]


def _shape(values: list[list[int]]) -> Shape:
    flat = [v for row in values for v in row]
    bits = max((v if v >= 0 else ~v).bit_length() for v in flat)
    return signed(bits + 1) if min(flat) < 0 else unsigned(max(1, bits))


class Sweep(wiring.Component):
    """Reads each group of membranes, lets the somas decide, writes them back, hands spikes on.

    Parameters
    ----------
    config : the core. Its membranes answer one cycle after ``read_group``.

    Members
    -------
    start : In, begins a pass while not ``busy``, with show : In (levels are sent, else silent),
    initialise : In (write the initial state instead of the next) and hold : In (write nothing).
    busy : Out, until the last group is written. fired : Out, some neuron fired in the pass; valid
    from the second cycle that is not busy (settle mode only).
    read_group, read_enable : Out; word : In; writes : Out, the port is the sweep's;
    write_enable, write_group, write_word : Out.
    items : Out(stream) of groups for the serialiser.

    Timing
    ------
    latency : cycles from ``start`` to the end of a pass, if the serialiser takes every group.
    interval : cycles a group takes. A stall of the serialiser stops the pass.

    Model: the step of ``golden.spec.Soma``, or its closed form in collapsed mode.
    """

    def __init__(self, *, config: CoreConfig) -> None:
        self.config = config
        soma = config.population.soma
        self.thresholds = config.by_group(soma.threshold)
        negative = soma.threshold_negative
        self.negatives = config.by_group(negative if negative is not None else soma.threshold)
        self.biases = config.by_group(soma.bias)
        self.initial = config.by_group(config.stored_initial_v)
        tracer_bits = config.tracer.width if config.tracer is not None else 0
        self.lane_bits = config.v_bits + tracer_bits
        self.item = group_item(lanes=config.lanes, groups=config.groups, layout=config.target)
        word = config.lanes * self.lane_bits
        super().__init__(
            {
                "start": In(1),
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
        soma = self.config.population.soma
        if not self.config.divides:
            return 1
        return ((soma.s_max or 0) - (soma.s_min or 0)).bit_length()

    @property
    def latency(self) -> int:
        """Cycles from ``start`` to the end of a pass, with a serialiser that takes every group."""
        return 2 + self.config.groups * self.interval

    def elaborate(self, platform: object) -> Module:
        """Ask for a group; take its word; decide and write."""
        m = Module()
        groups = self.config.groups
        show, initialise, hold = Signal(), Signal(), Signal()
        asks, takes, decides, advance = Signal(), Signal(), Signal(), Signal()
        ask_group, take_group = Signal(range(groups)), Signal(range(groups))
        group = Signal(range(groups))
        count = Signal(range(self.interval)) if self.interval > 1 else Const(0, 1)
        last_count = count == self.interval - 1

        with m.If(self.start):
            m.d.sync += [
                asks.eq(1),
                ask_group.eq(0),
                show.eq(self.show),
                initialise.eq(self.initialise),
                hold.eq(self.hold),
                self.fired.eq(0),
            ]
        done = Signal()
        m.d.comb += [
            self.busy.eq(asks | takes | decides),
            done.eq(decides & last_count & (self.items.ready | ~show)),
            advance.eq(~decides | done),
        ]
        with m.If(advance):
            m.d.sync += [
                takes.eq(asks),
                take_group.eq(ask_group),
                decides.eq(takes),
                group.eq(take_group),
            ]
            with m.If(asks):
                with m.If(ask_group == groups - 1):
                    m.d.sync += asks.eq(0)
                with m.Else():
                    m.d.sync += ask_group.eq(ask_group + 1)
        if self.interval > 1:
            with m.If(decides & ~last_count):
                m.d.sync += count.eq(count + 1)
            with m.Elif(advance):
                m.d.sync += count.eq(0)

        m.d.comb += [
            self.read_group.eq(ask_group),
            self.read_enable.eq(advance),
            self.writes.eq(decides),
            self.write_enable.eq(done & ~hold),
            self.write_group.eq(group),
            self.items.valid.eq(decides & last_count & show),
            self.items.payload.group.eq(group),
        ]
        tables = self._tables(m, take_group, advance)
        decide = self._divide if self.config.divides else self._step
        steps = decides & ~last_count
        lanes = [decide(m, lane, tables, advance, steps) for lane in range(self.config.lanes)]
        fired = Signal(self.config.lanes)
        # Lanes past the last neuron hold copies that nobody may see.
        last = self.config.n - (groups - 1) * self.config.lanes
        mask = Mux(group == groups - 1, (1 << last) - 1, (1 << self.config.lanes) - 1)
        m.d.comb += fired.eq(Cat(fires for fires, _, _ in lanes) & mask)
        if self.config.mode is Mode.SETTLE:
            # A register in front of the wide OR; nobody asks before the pass is over.
            sent = Signal(self.config.lanes)
            m.d.sync += sent.eq(Mux(done & show, fired, 0))
            with m.If(sent.any()):
                m.d.sync += self.fired.eq(1)
        tracer = Const(0, self.lane_bits - self.config.v_bits)
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

    def _tables(self, m: Module, take_group, advance) -> dict[str, ParameterTable]:
        specs = {
            "threshold": (self.thresholds, _shape(self.thresholds)),
            "negative": (self.negatives, _shape(self.negatives)),
            "bias": (self.biases, _shape(self.biases)),
            "initial": (self.initial, signed(self.config.v_bits)),
        }
        tables = {}
        for name, (values, shape) in specs.items():
            table = ParameterTable(values=values, shape=shape)
            m.submodules[name] = table
            m.d.comb += [table.group.eq(take_group), table.enable.eq(advance)]
            tables[name] = table
        return tables

    def _word(self, m: Module, lane: int, advance):
        """The state of a lane of the group that decides."""
        word = self.word.word_select(lane, self.lane_bits)
        v = Signal(signed(self.config.v_bits), name=f"v_{lane}", reset_less=True)
        with m.If(advance):
            m.d.sync += v.eq(word[: self.config.v_bits])
        if self.config.tracer is None:
            return v, None
        tracer = Signal(self.config.tracer, name=f"tracer_{lane}", reset_less=True)
        with m.If(advance):
            m.d.sync += tracer.eq(word[self.config.v_bits :])
        return v, tracer

    def _step(self, m: Module, lane: int, tables, advance, steps):
        config = self.config
        v, tracer = self._word(m, lane, advance)
        soma = SomaLane(
            soma=config.population.soma,
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
        level = Signal(config.target.payload_shape, name=f"level_{lane}")
        m.d.comb += [fires_bit.eq(fires), level.eq(sent)]
        return fires_bit, level, Cat(soma.v_next, soma.tracer_next)

    def _divide(self, m: Module, lane: int, tables, advance, steps):
        config = self.config
        soma = config.population.soma
        unit = config.target.is_unit
        divide = DivideLane(
            v_bits=config.v_bits,
            threshold_shape=tables["threshold"].shape,
            s_min=soma.s_min or 0,
            s_max=soma.s_max or 0,
            level_shape=unsigned(1) if unit else config.target.payload_shape,
        )
        m.submodules[f"divide_{lane}"] = divide
        rest = Signal(signed(divide.rest_bits), name=f"rest_{lane}", reset_less=True)
        quotient = Signal(self.interval, name=f"quotient_{lane}", reset_less=True)
        word = self.word.word_select(lane, self.lane_bits)
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
        level = Signal(config.target.payload_shape, name=f"level_{lane}")
        m.d.comb += [fires.eq(divide.level != 0), level.eq(divide.level)]
        # The charge is spent: a pass that divides always writes the initial state.
        return fires, level, None
