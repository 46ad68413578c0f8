"""Adds one row of weights, times a payload, to one group of membranes a cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .membranes import Membranes
from .plan import MembraneStore
from .token import TokenLayout

__all__ = ["AccumulatorLanes"]


class AccumulatorLanes(wiring.Component):
    """P lanes of v += (weight << shift) * payload, wrapping, so that order cannot matter.

    Parameters
    ----------
    layout : tokens whose payload multiplies the weights. lanes : P. groups : words of state.
    weight_bits : bits of a weight, two's complement. shift : fraction bits below a weight.
    v_bits : bits of a membrane. tracer_bits : bits of a tracer, 0 for none. store : where they
    live.

    Members
    -------
    valid, group, payload, row : In, one row to add. busy : Out, rows are under way.
    sweep : In, the sweep reads: sweep_group, sweep_enable : In; word : Out, ``read_latency`` cycles
    later. sweep_writes : In, the sweep writes: write_enable, write_group, write_word : In. A lane's
    bits are v, then the tracer.

    Timing
    ------
    latency : cycles from ``valid`` to the updated word. interval : 1. It never stalls.

    Model: ``golden.model``'s dense connection. Storage: groups x lanes x (v_bits + tracer_bits).
    """

    interval = 1

    def __init__(
        self,
        *,
        layout: TokenLayout,
        lanes: int,
        groups: int,
        weight_bits: int,
        shift: int,
        v_bits: int,
        tracer_bits: int,
        store: MembraneStore,
    ) -> None:
        if v_bits <= shift:
            raise ConfigurationError(
                "a membrane must be wider than its fraction", found=f"{v_bits} bits, shift {shift}"
            )
        self.layout = layout
        self.lanes = lanes
        self.groups = groups
        self.weight_bits = weight_bits
        self.shift = shift
        self.v_bits = v_bits
        self.tracer_bits = tracer_bits
        self.lane_bits = v_bits + tracer_bits
        self.membranes = Membranes(groups=groups, width=lanes * self.lane_bits, store=store)
        super().__init__(
            {
                "valid": In(1),
                "group": In(range(groups)),
                "payload": In(layout.payload_shape),
                "row": In(lanes * weight_bits),
                "busy": Out(1),
                "sweep": In(1),
                "sweep_writes": In(1),
                "sweep_group": In(range(groups)),
                "sweep_enable": In(1),
                "word": Out(lanes * self.lane_bits),
                "write_enable": In(1),
                "write_group": In(range(groups)),
                "write_word": In(lanes * self.lane_bits),
            }
        )

    @property
    def read_latency(self) -> int:
        """Cycles from ``sweep_group`` to ``word``."""
        return self.membranes.latency

    @property
    def latency(self) -> int:
        """Cycles from ``valid`` to the updated word."""
        return 1 + (not self.layout.is_unit) + self.read_latency

    def elaborate(self, platform: object) -> Module:
        """Multiply, wait for the word where it takes a cycle, add."""
        m = Module()
        m.submodules.membranes = membranes = self.membranes

        valid, group = self.valid, self.group
        operands = [
            self._operand(self.row.word_select(i, self.weight_bits)) for i in range(self.lanes)
        ]
        busy = []
        if not self.layout.is_unit:
            valid, group, operands = self._register(m, "product", valid, group, operands)
            busy.append(valid)
        read_group = group
        for stage in range(self.read_latency):
            valid, group, operands = self._register(m, f"read_{stage}", valid, group, operands)
            busy.append(valid)
        m.d.comb += self.busy.eq(Cat(*busy).any())

        added = [self._add(lane, operand) for lane, operand in enumerate(operands)]
        m.d.comb += [
            membranes.read_group.eq(Mux(self.sweep, self.sweep_group, read_group)),
            membranes.read_enable.eq(~self.sweep | self.sweep_enable),
            self.word.eq(membranes.word),
            membranes.write_enable.eq(Mux(self.sweep_writes, self.write_enable, valid)),
            membranes.write_group.eq(Mux(self.sweep_writes, self.write_group, group)),
            membranes.write_word.eq(Mux(self.sweep_writes, self.write_word, Cat(*added))),
        ]
        return m

    def _operand(self, weight):
        weight = weight.as_signed()
        if self.layout.is_unit:
            return weight
        if self.layout.low >= -1 and self.layout.high <= 1:
            return Mux(self.payload < 0, -weight, weight)
        return weight * self.payload

    def _register(self, m, stage, valid, group, operands):
        next_valid = Signal(name=f"valid_{stage}")
        next_group = Signal(range(self.groups), name=f"group_{stage}", reset_less=True)
        m.d.sync += [next_valid.eq(valid), next_group.eq(group)]
        registered = []
        for lane, operand in enumerate(operands):
            register = Signal(operand.shape(), name=f"operand_{stage}_{lane}", reset_less=True)
            m.d.sync += register.eq(operand)
            registered.append(register)
        return next_valid, next_group, registered

    def _add(self, lane, operand):
        word = self.membranes.word.word_select(lane, self.lane_bits)
        v, tracer = word[: self.v_bits], word[self.v_bits :]
        # The fraction below a weight is never changed by one.
        total = (v[self.shift :].as_signed() + operand)[: self.v_bits - self.shift]
        return Cat(v[: self.shift], total, tracer)
