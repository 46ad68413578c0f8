"""Biquads over the steps of a stream: what a readout makes of values that come in every step."""

import numpy as np
from amaranth.hdl import Array, Module, Mux, Signal, Value, ValueLike, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import EndFlag, Interval, Readout, TokenKind, filter_bounds

from .token import TokenLayout

__all__ = ["FilterReadout", "filter_memories"]


class FilterReadout(wiring.Component):
    """Sends the filtered values of all neurons in every step.

    One multiplier does all, a coefficient a cycle. Who sends nothing in a step has the value 0
    there. In blocks the steps wait until their block is whole, or the sample ends.

    Parameters
    ----------
    layout : tokens of the population. readout : the biquads. value : what a token carries.

    Members
    -------
    i : In(stream). o : Out(stream): SPIKE(n, y) of every n, also 0, then STEP; END passes.

    Timing
    ------
    latency : cycles from a STEP's acceptance to the first value. interval : cycles of a step; in a
    block each step takes as many, and ``pass_cycles`` more for the way back. As many cycles as
    ``values`` has words pass after reset before the first token is taken. No token is taken while
    values are worked out and sent.

    Model: ``golden.model``'s filter. Storage: neurons x biquads x (4 values and an error), and
    neurons x steps of a block values.
    """

    def __init__(self, *, layout: TokenLayout, readout: Readout, value: Interval) -> None:
        self.layout = layout
        self.readout = readout
        bounds = filter_bounds(readout, value)
        self.shape = signed(max(bounds).bit_length() + 1)
        last = bounds[-1]
        self.target = TokenLayout(axes=layout.axes, low=-last, high=last, valued=True)
        self.codes = [int(code) for code in layout.encode(np.arange(layout.neurons))]
        self.rows = max(self.codes) + 1
        self.block = readout.block or 1
        self.values = self.block * self.rows
        super().__init__({"i": In(layout.signature), "o": Out(self.target.signature)})

    @property
    def memories(self) -> tuple[tuple[str, int, int], ...]:
        """(what it holds, words, bits of a word) of each memory."""
        biquads = self.readout.biquads
        state = 4 * self.shape.width + max(b.shift for b in biquads)
        return (
            ("values to filter", self.values, self.shape.width),
            ("states of biquads", self.rows * len(biquads), state),
        )

    @property
    def pass_cycles(self) -> int:
        """Cycles of one way through a step: a read, three products and a write a biquad."""
        return len(self.codes) * 5 * len(self.readout.biquads)

    @property
    def interval(self) -> int:
        """Cycles of a step: its token, the way through, two for each value to send, and the marker.

        In blocks there are two ways, there and back, and a block takes as many times the cycles as
        it has steps.
        """
        ways = 1 if self.readout.block is None else 2
        return 1 + ways * self.pass_cycles + 2 * len(self.codes) + 1

    @property
    def latency(self) -> int:
        """Cycles from a STEP's acceptance to the first value, without blocks."""
        return 1 + self.pass_cycles + 1

    def elaborate(self, platform: object) -> Module:
        """Take a step's values; work them out; send them."""
        m = Module()
        work = _Work(m, self)
        with m.FSM():
            with m.State("CLEAR"):
                work.write_value(work.at, 0)
                m.d.sync += work.at.eq(work.at + 1)
                with m.If(work.at == self.values - 1):
                    m.next = "TAKE"
            with m.State("TAKE"):
                self._take(m, work)
            self._compute(m, work)
            self._send(m, work)
        return m

    def _take(self, m: Module, work: "_Work") -> None:
        token = self.i.payload
        payload: ValueLike = 1 if self.layout.is_unit else token.payload
        value = Signal(self.shape)
        m.d.comb += value.eq(payload << self.readout.fraction)
        begin = [work.step.eq(0), work.back.eq(0), work.begins.eq(1)]
        with m.If(token.kind == TokenKind.SPIKE.value):
            m.d.comb += self.i.ready.eq(1)
            with m.If(self.i.valid):
                work.write_value(work.place(work.step, token.address), value)
        with m.Elif(token.kind == TokenKind.STEP.value):
            m.d.comb += self.i.ready.eq(1)
            with m.If(self.i.valid):
                m.d.sync += [work.step.eq(work.step + 1), work.last.eq(work.step)]
                with m.If(work.step == self.block - 1):
                    m.d.sync += begin
                    m.next = "READ"
        with m.Elif(work.step != 0):  # the sample ends within a block
            with m.If(self.i.valid):
                m.d.sync += begin
                m.next = "READ"
        with m.Else():
            m.d.comb += [
                self.o.valid.eq(self.i.valid),
                self.i.ready.eq(self.o.ready),
                self.o.payload.kind.eq(token.kind),
                self.o.payload.address.eq(token.address),
            ]
            resets = token.address[0] == EndFlag.RESET.value
            with m.If(self.i.valid & self.o.ready & resets):
                m.d.sync += work.fresh.eq(1)

    def _compute(self, m: Module, work: "_Work") -> None:
        """A neuron after the other, each through all biquads; in blocks there and back."""
        biquads = self.readout.biquads
        with m.State("READ"):
            m.d.comb += [work.value.en.eq(work.biquad == 0), work.state.en.eq(1)]
            m.d.comb += work.value.addr.eq(work.place(work.step, work.code))
            m.next = "FEED"
        past = {
            name: Mux(work.begins if self.readout.block else work.fresh, 0, field)
            for name, field in work.fields.items()
        }
        x = Mux(work.biquad == 0, work.value.data.as_signed(), work.y)
        total = (x + past["x1"] + past["x1"] + past["x2"]).as_signed()
        for state, coefficients, value, added, following in (
            ("FEED", [b.b0 for b in biquads], total, past["e"], "FIRST"),
            ("FIRST", [-b.a1 for b in biquads], past["y1"], work.sum, "SECOND"),
            ("SECOND", [-b.a2 for b in biquads], past["y2"], work.sum, "WRITE"),
        ):
            with m.State(state):
                m.d.comb += [
                    work.coefficient.eq(_pick(coefficients, work.biquad)),
                    work.factor.eq(value),
                ]
                m.d.sync += work.sum.eq(added + work.coefficient * work.factor)
                m.next = following
        with m.State("WRITE"):
            shifts = [b.shift for b in biquads]
            y = Signal(self.shape)
            rest = Signal(max(shifts))
            parts = [(work.sum >> shift, work.sum[:shift]) for shift in shifts]
            m.d.comb += [
                y.eq(_pick([part for part, _ in parts], work.biquad)),
                rest.eq(_pick([part for _, part in parts], work.biquad)),
            ]
            fields = {"x1": x, "x2": past["x1"], "y1": y, "y2": past["y1"], "e": rest}
            work.write_state(fields)
            m.d.sync += work.y.eq(y)
            with m.If(work.biquad != len(biquads) - 1):
                m.d.sync += work.biquad.eq(work.biquad + 1)
                m.next = "READ"
            with m.Else():
                m.d.sync += work.biquad.eq(0)
                work.write_value(work.place(work.step, work.code), y)
                self._next_neuron(m, work)

    def _next_neuron(self, m: Module, work: "_Work") -> None:
        m.next = "READ"
        with m.If(work.neuron != len(self.codes) - 1):
            m.d.sync += work.neuron.eq(work.neuron + 1)
        with m.Else():
            m.d.sync += [work.neuron.eq(0), work.begins.eq(0), work.fresh.eq(0)]
            if self.readout.block is None:
                m.d.sync += work.step.eq(0)
                m.next = "LOAD"
            else:
                ends = Mux(work.back, work.step == 0, work.step == work.last)
                with m.If(ends):
                    m.d.sync += [work.back.eq(1), work.begins.eq(1)]
                    with m.If(work.back):
                        m.next = "LOAD"
                with m.Else():
                    m.d.sync += work.step.eq(Mux(work.back, work.step - 1, work.step + 1))

    def _send(self, m: Module, work: "_Work") -> None:
        """Every value, which is then 0 for whom the next step brings none; STEP behind them."""
        out = self.o.payload
        with m.State("LOAD"):
            place = work.place(work.step, work.code)
            m.d.comb += [work.value.en.eq(1), work.value.addr.eq(place)]
            m.next = "SPIKE"
        with m.State("SPIKE"):
            m.d.comb += [
                self.o.valid.eq(1),
                out.kind.eq(TokenKind.SPIKE.value),
                out.address.eq(work.code),
                out.payload.eq(work.value.data.as_signed()),
            ]
            with m.If(self.o.ready):
                work.write_value(work.place(work.step, work.code), 0)
                m.d.sync += work.neuron.eq(work.neuron + 1)
                m.next = "LOAD"
                with m.If(work.neuron == len(self.codes) - 1):
                    m.d.sync += work.neuron.eq(0)
                    m.next = "STEP"
        with m.State("STEP"):
            m.d.comb += [self.o.valid.eq(1), out.kind.eq(TokenKind.STEP.value)]
            with m.If(self.o.ready):
                m.d.sync += work.step.eq(work.step + 1)
                m.next = "LOAD"
                with m.If(work.step == work.last):
                    m.d.sync += work.step.eq(0)
                    m.next = "TAKE"


def filter_memories(
    layout: TokenLayout, readout: Readout, value: Interval
) -> tuple[tuple[str, int, int], ...]:
    """``FilterReadout.memories`` of a readout that is not built."""
    return FilterReadout(layout=layout, readout=readout, value=value).memories


class _Work:
    """Counters, memories and the multiplier's registers."""

    def __init__(self, m: Module, unit: FilterReadout) -> None:
        self.m = m
        self.unit = unit
        biquads = unit.readout.biquads
        shape, shift = unit.shape, max(b.shift for b in biquads)
        self.at = Signal(range(unit.values))
        self.step = Signal(range(unit.block + 1))
        self.last = Signal(range(unit.block))
        self.back, self.begins, self.fresh = Signal(), Signal(), Signal(init=1)
        self.neuron = Signal(range(len(unit.codes)))
        self.biquad = Signal(range(len(biquads)))
        # of magnitude at most 2, so at most 2 bits more than the shift, and a sum of four values
        self.coefficient = Signal(signed(shift + 3))
        self.factor = Signal(signed(shape.width + 2))
        self.sum = Signal(signed(shift + shape.width + 4))
        self.y = Signal(shape)
        self.code = Signal(range(unit.rows))
        codes: ValueLike = self.neuron
        if unit.codes != list(range(len(unit.codes))):
            codes = Array(unit.codes)[self.neuron]
        m.d.comb += self.code.eq(codes)
        m.submodules.values = values = memory.Memory(
            shape=shape.width, depth=max(2, unit.values), init=[]
        )
        self.value, self._write_value = values.read_port(), values.write_port()
        self.layout = data.StructLayout(
            dict.fromkeys(("x1", "x2", "y1", "y2"), shape) | {"e": shift}
        )
        depth = max(2, unit.rows * len(biquads))
        m.submodules.states = states = memory.Memory(shape=self.layout, depth=depth, init=[])
        self.state, self._write_state = states.read_port(), states.write_port()
        m.d.comb += [
            self.value.en.eq(0),
            self.state.en.eq(0),
            self.state.addr.eq(self.code * len(biquads) + self.biquad),
            self._write_state.addr.eq(self.state.addr),
        ]

    @property
    def fields(self) -> dict[str, Value]:
        """What a biquad of a neuron remembers."""
        return {name: getattr(self.state.data, name) for name, _ in self.layout}

    def place(self, step: Value, code: Value) -> Value:
        """Where a value lies."""
        return step * self.unit.rows + code if self.unit.block > 1 else code

    def write_value(self, place: ValueLike, value: ValueLike) -> None:
        """A value takes its place with the next cycle."""
        port = self._write_value
        self.m.d.comb += [port.en.eq(1), port.addr.eq(place), port.data.eq(value)]

    def write_state(self, fields: dict[str, ValueLike]) -> None:
        """The biquad and the neuron of this cycle remember that."""
        port = self._write_state
        self.m.d.comb += [port.en.eq(1), *(getattr(port.data, k).eq(v) for k, v in fields.items())]


def _pick(values: list, index: Value) -> ValueLike:
    return values[0] if len(values) == 1 else Array(values)[index]
