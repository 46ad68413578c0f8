"""Rows in memories that are filled while the hardware runs."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .load import EXCLUSIVE, LOAD_BITS, load_port
from .plan import WeightStore
from .weights import check_rows, column_slices

__all__ = ["LoadedMemory"]

_PAIR = 2  # ports of a block RAM


class LoadedMemory(wiring.Component):
    """Rows that a port writes, and that others read while it does not.

    Parameters
    ----------
    rows : words; only their number makes hardware. width : bits of a word, at least 1. store :
    block RAM or large RAMs. ports : rows that are read in a cycle; a large RAM has one, a block RAM
    two, of which one writes too.

    Members
    -------
    load : In(``load_port``). address : In, row to read, a field for each port; sampled every cycle
    in which nothing is loaded. row : Out, the words, ``latency`` cycles later.

    Timing
    ------
    latency : 2 (memory, then a register). interval : 1. It never stalls.

    Storage: len(rows) x width bits for each two ports, in ``slices``; not touched by reset.
    """

    latency = 2
    interval = 1

    def __init__(
        self, *, rows: Sequence[int], width: int, store: WeightStore, ports: int = 1
    ) -> None:
        check_rows(rows, width)
        most = 1 if store is WeightStore.SPRAM else None
        if ports < 1 or (most is not None and ports > most):
            raise ConfigurationError(
                f"ports must be {'1 in large RAMs' if most else 'at least 1'}", found=str(ports)
            )
        if store is WeightStore.LOGIC:
            raise ConfigurationError(
                "what is loaded must live in block RAM or large RAMs", found=str(store)
            )
        self.rows = list(rows)
        self.width = width
        self.store = store
        self.ports = ports
        self.address_bits = (len(rows) - 1).bit_length()
        self.slices = _slices(len(rows), width, store)
        super().__init__(
            {
                "load": In(load_port(len(rows), width)),
                "address": In(ports * self.address_bits),
                "row": Out(ports * width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A memory for each slice and pair of ports."""
        m = Module()
        words: list[list[Signal]] = [[] for _ in range(self.ports)]
        for first in range(0, self.ports, _PAIR):
            for index, bits in enumerate(self.slices):
                begin = sum(self.slices[:index])
                for port, data in enumerate(self._slice(m, first, index, begin, bits)):
                    words[first + port].append(data)
        row = Signal(len(self.row), reset_less=True)
        m.d.sync += row.eq(Cat(*words))
        m.d.comb += self.row.eq(row)
        return m

    def _slice(self, m: Module, first: int, index: int, begin: int, bits: int) -> list[Signal]:
        """What a pair of ports reads of some bits.

        Two that read leave no third port to what writes; so does a large RAM, whose one port is
        not read while it is written. Yosys must see one address, and no read beside a write.
        """
        ports = range(first, min(first + _PAIR, self.ports))
        style = "huge" if self.store is WeightStore.SPRAM else "block"
        m.submodules[f"memory_{index}_{first}" if first else f"memory_{index}"] = mem = (
            memory.Memory(
                shape=bits,
                depth=len(self.rows),
                init=[],
                attrs={"ram_style": style, EXCLUSIVE: 1},
            )
        )
        load, at = self.load, begin % LOAD_BITS
        write = mem.write_port()
        m.d.comb += [
            write.addr.eq(load.row),
            write.en.eq(load.enables[begin // LOAD_BITS]),
            write.data.eq(load.data[at : at + bits]),
        ]
        shares = len(ports) == _PAIR or self.store is WeightStore.SPRAM
        found = []
        for port in ports:
            read = mem.read_port()
            address = self.address.word_select(port, self.address_bits)
            if shares and port == first:
                address = Mux(load.active, load.row, address)
                m.d.comb += [write.addr.eq(address), read.en.eq(~write.en)]
            else:
                m.d.comb += read.en.eq(1)
            m.d.comb += read.addr.eq(address)
            found.append(read.data)
        return found


def _slices(rows: int, width: int, store: WeightStore) -> tuple[int, ...]:
    """Bits of each memory: those of a word that is loaded, or less where a block RAM is deep."""
    bits = min(LOAD_BITS, column_slices(rows, width, store)[0])
    found = []
    for begin in range(0, width, LOAD_BITS):
        word = min(LOAD_BITS, width - begin)
        found += [min(bits, word - at) for at in range(0, word, bits)]
    return tuple(found)
