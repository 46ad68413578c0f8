"""Rows that are summed anew in each step, read as weights are."""

from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out, Signature

from .load import EXCLUSIVE
from .plan import WeightStore
from .weights import column_slices

__all__ = ["ProductMemory", "product_slices", "stored_port"]


def stored_port(rows: int, width: int) -> Signature:
    """What a step's sums are written by, and which of two banks is read: see ``ProductMemory``."""
    return Signature(
        {
            "write": Out(1),
            "bank": Out(1),
            "row": Out(range(rows)),
            "word": Out(width),
            "read_bank": Out(1),
        }
    )


def product_slices(rows: int, width: int) -> tuple[int, tuple[int, ...]]:
    """Rows of both banks, and bits of each memory that a word is cut into."""
    depth = (1 << (rows - 1).bit_length()) + rows
    return depth, column_slices(depth, width, WeightStore.BLOCK)


class ProductMemory(wiring.Component):
    """Two banks of rows in block RAM: one is read while the other is written.

    Parameters
    ----------
    rows : of a bank. fields : of a row. shape : of a field as it is stored. bits : of a field as
    it is read, in two's complement.

    Members
    -------
    stored : In(``stored_port``), ``write`` puts ``word`` into ``row`` of ``bank``, which nobody
    reads meanwhile. address : In, row of ``read_bank``. row : Out, ``latency`` cycles later.

    Timing
    ------
    latency : 2 (memory, then a register), as that of ``WeightMemory``. interval : 1.

    Storage: 2 x rows x fields, not touched by reset: a bank is written whole before it is read.
    """

    latency = 2
    interval = 1

    def __init__(self, *, rows: int, fields: int, shape: Shape, bits: int) -> None:
        self.fields = fields
        self.shape = shape
        self.bits = bits
        self.address_bits = (rows - 1).bit_length()
        self.depth, self.slices = product_slices(rows, fields * shape.width)
        super().__init__(
            {
                "stored": In(stored_port(rows, fields * shape.width)),
                "address": In(self.address_bits),
                "row": Out(fields * bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A memory for each slice; fields are extended on their way out, which costs nothing."""
        m = Module()
        stored, words, first = self.stored, [], 0
        for index, bits in enumerate(self.slices):
            m.submodules[f"memory_{index}"] = mem = memory.Memory(
                shape=bits,
                depth=self.depth,
                init=[],
                attrs={"ram_style": "block", EXCLUSIVE: "1"},
            )
            write, read = mem.write_port(), mem.read_port()
            m.d.comb += [
                write.en.eq(stored.write),
                write.addr.eq(Cat(stored.row, stored.bank)),
                write.data.eq(stored.word[first : first + bits]),
                read.en.eq(1),
                read.addr.eq(Cat(self.address, stored.read_bank)),
            ]
            words.append(read.data)
            first += bits
        word = Signal(self.fields * self.shape.width, reset_less=True)
        m.d.sync += word.eq(Cat(words))
        m.d.comb += self.row.eq(
            Cat(self._read(word.word_select(k, self.shape.width)) for k in range(self.fields))
        )
        return m

    def _read(self, field: Value) -> Value:
        """A field in two's complement; the bits on top cost nothing."""
        sign = field[-1] if self.shape.signed else Const(0, 1)
        return Cat(field, sign.replicate(self.bits - self.shape.width))
