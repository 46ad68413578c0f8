"""Weights by rows in large RAMs that have no initial contents: they are filled after reset."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .load import LOAD_SIGNATURE, image_words
from .plan import WeightStore
from .weights import check_rows, column_slices

__all__ = ["LoadedWeights"]


class LoadedWeights(wiring.Component):
    """Rows of weights that a stream of words writes once, and that are read from then on.

    Parameters
    ----------
    rows : words, as ``pack_rows`` gives them; only their number makes hardware. width : bits of a
    word, at least 1.

    Members
    -------
    load : In(stream) of ``LOAD_BITS``, the ``words`` in their order; ready while not ``loaded``.
    loaded : Out, all rows are written.
    address : In, row to read, sampled every cycle once it is loaded. row : Out, its word,
    ``latency`` cycles later; anything before it is loaded.

    Timing
    ------
    latency : 2 (memory, then a register). interval : 1, a row; and 1, a word. It never stalls.

    Storage: len(rows) x width bits in the ``slices``, a RAM of one port each. Reset asks for all
    words again.
    """

    latency = 2
    interval = 1

    def __init__(self, *, rows: list[int], width: int) -> None:
        check_rows(rows, width)
        self.rows = list(rows)
        self.width = width
        self.address_bits = (len(rows) - 1).bit_length()
        self.slices = column_slices(len(rows), width, WeightStore.SPRAM)
        super().__init__(
            {
                "load": In(LOAD_SIGNATURE),
                "loaded": Out(1),
                "address": In(self.address_bits),
                "row": Out(width),
            }
        )

    @property
    def words(self) -> list[int]:
        """What has to be loaded."""
        return image_words(self.rows, self.width)

    def elaborate(self, platform: object) -> Module:
        """Until it is loaded the address counts rows; slices of a row are written in turn.

        A RAM of one port has one address, and is not read while it is written; Yosys must see both
        to make it of a memory.
        """
        m = Module()
        n_slices = len(self.slices)
        place = Signal(range(len(self.rows)))
        turn = Signal(n_slices, init=1)
        address = Signal(self.address_bits)
        writes, full = Signal(), Signal()
        m.d.comb += [
            self.load.ready.eq(~self.loaded),
            writes.eq(self.load.valid & ~self.loaded),
            address.eq(Mux(self.loaded, self.address, place)),
            full.eq(place == len(self.rows) - 1),
        ]
        with m.If(writes):
            m.d.sync += turn.eq(turn.rotate_left(1))
            with m.If(turn[-1]):
                m.d.sync += [place.eq(place + 1), self.loaded.eq(full)]
        parts = []
        for index, bits in enumerate(self.slices):
            m.submodules[f"memory_{index}"] = mem = memory.Memory(
                shape=bits, depth=len(self.rows), init=[], attrs={"ram_style": "huge"}
            )
            write, read = mem.write_port(), mem.read_port()
            m.d.comb += [
                write.addr.eq(address),
                write.en.eq(writes & turn[index]),
                write.data.eq(self.load.payload[:bits]),
                read.addr.eq(address),
                read.en.eq(~write.en),
            ]
            parts.append(read.data)
        row = Signal(self.width, reset_less=True)
        m.d.sync += row.eq(Cat(parts))
        m.d.comb += self.row.eq(row)
        return m
