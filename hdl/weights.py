"""Weights by rows: what one spike adds to one group of neurons is one word."""

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import IntArray

from .plan import WeightStore

__all__ = ["WeightMemory", "pack_rows"]


def pack_rows(weights: IntArray, *, weight_bits: int, lanes: int) -> list[int]:
    """Words of the weight memory: row group * pre + address holds weights[address, group * lanes:].

    Parameters
    ----------
    weights : [pre, post], each within ``weight_bits`` of two's complement.
    weight_bits : bits of a weight.
    lanes : weights in a word; lane l is in bits l * weight_bits and up. Lanes past the last
        neuron hold 0.

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
    pre, post = weights.shape
    groups = -(-post // lanes)
    fields = np.zeros((groups, pre, lanes), dtype=np.int64)
    for group in range(groups):
        part = weights[:, group * lanes : (group + 1) * lanes]
        fields[group, :, : part.shape[1]] = part
    fields = fields.reshape(groups * pre, lanes) & ((1 << weight_bits) - 1)
    bits = ((fields[:, :, None] >> np.arange(weight_bits)) & 1).astype(np.uint8)
    packed = np.packbits(bits.reshape(groups * pre, -1), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


class WeightMemory(wiring.Component):
    """Initialised read-only rows of weights.

    Parameters
    ----------
    rows : words, as ``pack_rows`` gives them.
    width : bits of a word.
    store : block RAM or logic.

    Members
    -------
    address : In, row to read; sampled every cycle. row : Out, the word, ``latency`` cycles later.

    Timing
    ------
    latency : 2 (memory, then a register that block RAM can absorb). interval : 1. It never stalls.

    Storage: len(rows) x width bits, not touched by reset.
    """

    latency = 2
    interval = 1

    def __init__(self, *, rows: list[int], width: int, store: WeightStore) -> None:
        if not rows:
            raise ConfigurationError("a weight memory must have at least one row", found="none")
        if any(not 0 <= row < (1 << width) for row in rows):
            raise ConfigurationError(f"every row must fit {width} bits", found="a wider one")
        self.rows = list(rows)
        self.width = width
        self.store = store
        super().__init__({"address": In(range(len(rows))), "row": Out(width)})

    def elaborate(self, platform: object) -> Module:
        """Read every cycle; a row that nobody asked for is never used."""
        m = Module()
        style = "block" if self.store is WeightStore.BLOCK else "logic"
        m.submodules.memory = mem = memory.Memory(
            shape=self.width, depth=len(self.rows), init=self.rows, attrs={"ram_style": style}
        )
        read = mem.read_port()
        row = Signal(self.width, reset_less=True)
        m.d.comb += [read.addr.eq(self.address), read.en.eq(1), self.row.eq(row)]
        m.d.sync += row.eq(read.data)
        return m
