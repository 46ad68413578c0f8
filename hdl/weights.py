"""Weights by rows: what one spike adds to one word of membranes is one word."""

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import IntArray

from .load import LOAD_BITS
from .plan import WeightStore

__all__ = ["WeightMemory", "check_rows", "column_slices", "pack_rows"]

# Past these rows a block RAM of 16 kb is so many bits wide; more need two and a multiplexer.
_SLICES = ((2048, 4), (4096, 2), (8192, 1))


def pack_rows(weights: IntArray, *, weight_bits: int) -> list[int]:
    """Words of the weight memory, one a row; the first weight of a row is in the lowest bits.

    Parameters
    ----------
    weights : [rows, ...], each within ``weight_bits`` of two's complement.
    weight_bits : bits of a weight.

    Raises
    ------
    RangeError
        If a weight does not fit its bits.
    """
    limit = 1 << (weight_bits - 1)
    if weights.size and (weights.min() < -limit or weights.max() >= limit):
        raise RangeError(
            f"a weight must lie in {-limit}..{limit - 1}",
            found=f"{int(weights.min())}..{int(weights.max())}",
        )
    fields = weights.reshape(weights.shape[0], -1) & ((1 << weight_bits) - 1)
    bits = ((fields[:, :, None] >> np.arange(weight_bits)) & 1).astype(np.uint8)
    packed = np.packbits(bits.reshape(len(fields), -1), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def column_slices(rows: int, width: int, store: WeightStore) -> tuple[int, ...]:
    """Bits of each memory that a word is cut into, lowest bits first.

    A block RAM deeper than its widest shape would be several behind a multiplexer, which costs a
    third of the clock; narrow slices, each one block deep, cost none and hold as much. A large RAM
    has ``LOAD_BITS``.
    """
    bits = LOAD_BITS if store is WeightStore.SPRAM else width
    if store is WeightStore.BLOCK:
        bits = next((bits for deep, bits in reversed(_SLICES) if rows > deep), width)
    whole, rest = divmod(width, bits)
    return (bits,) * whole + (rest,) * (rest > 0)


def check_rows(rows: Sequence[int], width: int) -> None:
    """Refuse a memory without rows or bits, and rows that do not fit it."""
    if not rows:
        raise ConfigurationError("a weight memory must have at least one row", found="none")
    if width < 1:
        raise ConfigurationError("a row must have at least one bit", found=str(width))
    if any(not 0 <= row < (1 << width) for row in rows):
        raise ConfigurationError(f"every row must fit {width} bits", found="a wider one")


class WeightMemory(wiring.Component):
    """Initialised read-only rows of weights.

    Parameters
    ----------
    rows : words, as ``pack_rows`` gives them.
    width : bits of a word, at least 1.
    store : block RAM or logic. ports : rows that are read in a cycle; a block RAM has two ports.
    slices : bits of each memory that a word is cut into; by default ``column_slices``.

    Members
    -------
    address : In, row to read, a field for each port; sampled every cycle. row : Out, the words,
    ``latency`` cycles later.

    Timing
    ------
    latency : 2 (memory, then a register). interval : 1. It never stalls.

    Storage: len(rows) x width bits in the ``slices``, not touched by reset.
    """

    latency = 2
    interval = 1

    def __init__(
        self,
        *,
        rows: list[int],
        width: int,
        store: WeightStore,
        ports: int = 1,
        slices: tuple[int, ...] | None = None,
    ) -> None:
        check_rows(rows, width)
        if ports < 1:
            raise ConfigurationError("ports must be at least 1", found=str(ports))
        if store is WeightStore.SPRAM:
            raise ConfigurationError(
                "an initialised memory must be in block RAM or logic", found=str(store)
            )
        self.rows = list(rows)
        self.width = width
        self.store = store
        self.ports = ports
        self.address_bits = (len(rows) - 1).bit_length()
        self.slices = slices or column_slices(len(rows), width, store)
        if sum(self.slices) != width:
            raise ConfigurationError(
                f"the slices must be the {width} bits of a row", found=str(sum(self.slices))
            )
        super().__init__({"address": In(ports * self.address_bits), "row": Out(ports * width)})

    def elaborate(self, platform: object) -> Module:
        """Read every cycle; a row that nobody asked for is never used.

        A reset of the register, or a gate in front of it, would cost a seventh of the clock: block
        RAM is slow to answer.
        """
        m = Module()
        style = "block" if self.store is WeightStore.BLOCK else "logic"
        words: list[list[Signal]] = [[] for _ in range(self.ports)]
        first = 0
        for index, bits in enumerate(self.slices):
            mask = (1 << bits) - 1
            m.submodules[f"memory_{index}"] = mem = memory.Memory(
                shape=bits,
                depth=len(self.rows),
                init=[row >> first & mask for row in self.rows],
                attrs={"ram_style": style},
            )
            for port, parts in enumerate(words):
                read = mem.read_port()
                address = self.address.word_select(port, self.address_bits)
                m.d.comb += [read.addr.eq(address), read.en.eq(1)]
                parts.append(read.data)
            first += bits
        row = Signal(len(self.row), reset_less=True)
        m.d.sync += row.eq(Cat(*words))
        m.d.comb += self.row.eq(row)
        return m
