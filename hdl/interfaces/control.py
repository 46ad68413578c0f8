"""What stands behind the registers that every bus offers."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, Signature

from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.counters import COUNTERS
from spikewright.hdl.guard import GUARD_COUNTERS
from spikewright.hdl.loader import LOADER_MEMBERS

from .register_file import REGISTER, REGISTER_BUS, RegisterFile
from .register_map import DATA_BITS, RESET_CYCLES, RegisterMap

__all__ = ["Control", "counters_of"]

_CLEAR, _SNAPSHOT, _RESET, _RELOAD = range(4)
_BYTES = DATA_BITS // 8


def counters_of(accelerator: Any) -> list[Value]:
    """The counters of an accelerator's ports, in the order of ``RegisterMap.counters``."""
    counters = accelerator.counters
    cores = [name for name in counters.signature.members if name.startswith("core")]
    guards = [name for name in counters.signature.members if name.startswith("guard")]
    return [
        counters.cycles,
        *(getattr(getattr(counters, core), name) for core in cores for name in COUNTERS),
        *(getattr(getattr(counters, guard), name) for guard in guards for name in GUARD_COUNTERS),
    ]


class Control(wiring.Component):
    """The registers of an accelerator: identification, control, weights, counters.

    Parameters
    ----------
    accelerator : what is controlled. registers : its table.

    Members
    -------
    bus : In(``REGISTER_BUS``). clear : Out, zeroes the counters. restart : Out, for a cycle; reset :
    Out, 1 for ``RESET_CYCLES`` behind it, and behind a reset; accesses wait meanwhile. counters :
    In, those of ``counters_of``, the first lowest. steps : Out, T, where inputs are frames. Those
    of the accelerator's ``Loader``, where weights are loaded: see ``join_loader``. result, framing : In, for STATUS: an output
    waits; a transfer was framed otherwise than its token. irq : Out, a result waits and the host
    wants to know. data : Out, what a host writes. of : the registers of tokens, as ``RegisterFile``
    has them.

    Timing
    ------
    latency, interval : cycles of an access, as of ``RegisterFile``. What it asks for shows a cycle
    after it. A snapshot is of the cycle in which it is asked for, and so is a clear.

    Storage: 32 bits a counter for the snapshot, STEPS, INTERRUPT, REFUSED, FRAMING; cleared by
    reset, STEPS to the network's most.
    """

    latency = RegisterFile.latency
    interval = RegisterFile.interval

    def __init__(self, *, accelerator: Accelerator, registers: RegisterMap) -> None:
        self.accelerator = accelerator
        self.registers = registers
        self.file = RegisterFile(registers=registers)
        self.most_steps = accelerator.network.max_steps
        self.tokens = tuple(
            each.name
            for each in registers.registers
            if each.name.endswith(("_DATA", "_FREE", "_LEVEL"))
        )
        loads = {name: member.flip() for name, member in LOADER_MEMBERS.items()}
        super().__init__(
            {
                "bus": In(REGISTER_BUS),
                "clear": Out(1),
                "restart": Out(1),
                "reset": Out(1),
                "counters": In(DATA_BITS * len(registers.counters)),
                **({"steps": Out(range(self.most_steps + 1))} if self._has("STEPS") else {}),
                **(loads if self._has("LOAD") else {}),
                "result": In(1),
                "framing": In(1),
                "irq": Out(1),
                "data": Out(DATA_BITS),
                "of": Out(Signature({name.lower(): Out(REGISTER) for name in self.tokens})),
            }
        )

    def _has(self, name: str) -> bool:
        return self.registers.has(name)

    def elaborate(self, platform: object) -> Module:
        """Each register's owner, in the order of the table."""
        m = Module()
        m.submodules.file = file = self.file
        wiring.connect(m, wiring.flipped(self.bus), file.bus)
        ports = file.ports
        m.d.comb += self.data.eq(file.data)
        for register in self.registers.registers:
            if register.constant is not None:
                m.d.comb += ports[register.name].value.eq(register.constant)
        for name in self.tokens:
            wiring.connect(m, ports[name], wiring.flipped(getattr(self.of, name.lower())))
        snapshot = Signal()
        written = ports["CONTROL"].written
        m.d.comb += [
            self.clear.eq(written & file.data[_CLEAR]),
            snapshot.eq(written & file.data[_SNAPSHOT]),
        ]
        left = Signal(range(RESET_CYCLES + 1), init=RESET_CYCLES)
        m.d.comb += [
            self.reset.eq(left != 0),
            file.hold.eq(self.reset),
            self.restart.eq(written & file.data[_RESET]),
        ]
        again: Value = self.restart
        if self._has("LOAD"):
            # The accelerator begins anew with what was loaded.
            before = Signal()
            m.d.sync += before.eq(self.loaded)
            again |= self.loaded & ~before
        with m.If(again):
            m.d.sync += left.eq(RESET_CYCLES)
        with m.Elif(self.reset):
            m.d.sync += left.eq(left - 1)
        self._status(m, ports)
        if self._has("STEPS"):
            self._steps(m, ports["STEPS"])
        if self._has("LOAD"):
            self._load(m, ports)
        for k, name in enumerate(self.registers.counters):
            kept = Signal(DATA_BITS, name=f"kept_{name.lower()}")
            with m.If(snapshot):
                m.d.sync += kept.eq(self.counters.word_select(k, DATA_BITS))
            m.d.comb += ports[name].value.eq(kept)
        return m

    def _status(self, m: Module, ports: Any) -> None:
        """STATUS, INTERRUPT and REFUSED."""
        framing = Signal()
        refused = Signal(DATA_BITS)
        loaded, done, how = Const(1, 1), Const(0, 1), Const(0, 3)
        if self._has("LOAD"):
            loaded, done, how = self.loaded, self.load_done, self.load_result
        m.d.comb += [
            ports["STATUS"].value.eq(Cat(loaded, self.result, framing, Const(0, 1), done, how)),
            ports["REFUSED"].value.eq(refused),
        ]
        with m.If(self.clear):
            m.d.sync += [framing.eq(0), refused.eq(0)]
        with m.Else():
            m.d.sync += [
                framing.eq(framing | self.framing),
                refused.eq(refused + (self.file.refused & ~refused.all())),
            ]
        if self._has("INTERRUPT"):
            enabled = Signal()
            with m.If(ports["INTERRUPT"].written):
                m.d.sync += enabled.eq(self.file.data[0])
            m.d.comb += [
                ports["INTERRUPT"].value.eq(enabled),
                self.irq.eq(enabled & self.result),
            ]

    def _load(self, m: Module, ports: Any) -> None:
        """A word of an image waits here until it is taken; the hash is kept as it goes by."""
        word, passing = self.load, self.network_hash
        m.d.comb += [
            ports["LOAD"].refuse.eq(word.valid),
            self.reload.eq(ports["CONTROL"].written & self.file.data[_RELOAD]),
        ]
        with m.If(ports["LOAD"].written):
            m.d.sync += [word.payload.eq(self.file.data), word.valid.eq(1)]
        with m.Elif(word.ready):
            m.d.sync += word.valid.eq(0)
        hashes = [name for name in ports if name.startswith("NETWORK_HASH")]
        for k, name in enumerate(hashes):
            kept = Signal(DATA_BITS, name=f"kept_{name.lower()}")
            m.d.comb += ports[name].value.eq(kept)
            for byte in range(_BYTES):
                # The first digits are the upper ones.
                at = DATA_BITS - 8 * (byte + 1)
                with m.If(passing.write & (passing.place == _BYTES * k + byte)):
                    m.d.sync += kept[at : at + 8].eq(passing.byte)

    def join_loader(self, m: Module, accelerator: Any) -> None:
        """To the accelerator's members of the same names."""
        wiring.connect(m, self.load, accelerator.load)
        wiring.connect(m, accelerator.network_hash, self.network_hash)
        m.d.comb += [
            accelerator.reload.eq(self.reload),
            self.loaded.eq(accelerator.loaded),
            self.load_done.eq(accelerator.load_done),
            self.load_result.eq(accelerator.load_result),
            self.tag.eq(accelerator.tag),
        ]

    def _steps(self, m: Module, port: Any) -> None:
        """T, which must be one that the network goes as far as."""
        steps = Signal(range(self.most_steps + 1), init=self.most_steps)
        data = self.file.data
        m.d.comb += [
            port.value.eq(steps),
            port.refuse.eq(self.file.bus.write & ((data == 0) | (data > self.most_steps))),
            self.steps.eq(steps),
        ]
        with m.If(port.written):
            m.d.sync += steps.eq(data)
