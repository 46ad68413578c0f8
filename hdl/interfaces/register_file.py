"""Answers reads and writes of registers: one at a time, a word each."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, Signature

from .register_map import ADDRESS_BITS, DATA_BITS, RegisterMap

__all__ = ["REGISTER", "REGISTER_BUS", "RegisterFile"]

REGISTER_BUS = Signature(
    {
        "valid": Out(1),
        "write": Out(1),
        "address": Out(ADDRESS_BITS - 2),
        "whole": Out(1),
        "data": Out(DATA_BITS),
        "done": In(1),
        "error": In(1),
        "value": In(DATA_BITS),
    }
)
"""An access, seen from who asks: held with ``valid`` until ``done``, which goes with ``error`` and
``value`` for one cycle. ``address`` counts words; ``whole``: all four bytes are meant.
"""

REGISTER = Signature({"value": In(DATA_BITS), "refuse": In(1), "read": Out(1), "written": Out(1)})


class RegisterFile(wiring.Component):
    """Finds the register of an access and tells its owner, or answers with an error.

    Parameters
    ----------
    registers : the table.

    Members
    -------
    bus : In(``REGISTER_BUS``). data : Out, what is written. of : for each register, by its name in
    lower letters: value : In, what a read gets; refuse : In, any access to it in this cycle is an
    error; read, written : Out, 1 in the cycle in which it is accessed without one. refused : Out, 1
    in the cycle in which an access is found to be an error. hold : In, accesses wait.

    Timing
    ------
    latency : cycles from an access to its answer. interval : 2, since the answer has a cycle in
    which no access is seen.

    What is no whole word, has no register, or is not what the register offers, is an error and does
    nothing. An error reads 0. Storage: the answer, cleared by reset.
    """

    latency = 1
    interval = 2

    def __init__(self, *, registers: RegisterMap) -> None:
        self.registers = registers
        super().__init__(
            {
                "bus": In(REGISTER_BUS),
                "data": Out(DATA_BITS),
                "refused": Out(1),
                "hold": In(1),
                "of": Out(Signature({each.key: Out(REGISTER) for each in registers.registers})),
            }
        )

    @property
    def ports(self) -> Mapping[str, Any]:
        """The port of each register, by the register's name."""
        return {each.name: getattr(self.of, each.key) for each in self.registers.registers}

    def elaborate(self, platform: object) -> Module:
        """Look the register up; answer a cycle later."""
        m = Module()
        looks, accept, good = Signal(), Signal(), Signal()
        value = Signal(DATA_BITS)
        m.d.comb += [
            looks.eq(self.bus.valid & ~self.bus.done & ~self.hold),
            accept.eq(looks & self.bus.whole),
            self.data.eq(self.bus.data),
            self.refused.eq(looks & ~good),
        ]
        with m.Switch(self.bus.address):
            for register in self.registers.registers:
                port = self.ports[register.name]
                with m.Case(register.address // 4):
                    if register.readable:
                        with m.If(~self.bus.write):
                            m.d.comb += [
                                good.eq(accept & ~port.refuse),
                                port.read.eq(accept & ~port.refuse),
                                value.eq(port.value),
                            ]
                    if register.writable:
                        with m.If(self.bus.write):
                            m.d.comb += [
                                good.eq(accept & ~port.refuse),
                                port.written.eq(accept & ~port.refuse),
                            ]
        m.d.sync += self.bus.done.eq(looks)
        with m.If(good):
            m.d.sync += self.bus.value.eq(value)
        with m.Else():
            m.d.sync += self.bus.value.eq(0)
        m.d.sync += self.bus.error.eq(self.refused)
        return m
