"""The words that fill memories after reset: 16 bits each, in one stream, memory by memory."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Const, Module, Value
from amaranth.lib import stream

__all__ = ["LOAD_BITS", "LOAD_SIGNATURE", "image_words", "load_in_turn"]

LOAD_BITS = 16  # a word of the large RAMs of an iCE40UP5K

LOAD_SIGNATURE = stream.Signature(LOAD_BITS)


def image_words(rows: Sequence[int], width: int) -> list[int]:
    """What fills a memory: row by row, each in words of ``LOAD_BITS``, its lowest bits first."""
    mask = (1 << LOAD_BITS) - 1
    return [row >> first & mask for row in rows for first in range(0, width, LOAD_BITS)]


def load_in_turn(m: Module, source: Any, parts: Sequence[Any]) -> Value:
    """The words of ``source`` go to one part after the other; returns whether all are full.

    Parameters
    ----------
    source : the stream of words. parts : with ``load`` : In(stream) and ``loaded`` : Out; a part
    whose ``loaded`` is 1 takes no more.
    """
    before: Value = Const(1, 1)
    for part in parts:
        m.d.comb += [
            part.load.payload.eq(source.payload),
            part.load.valid.eq(source.valid & before),
        ]
        before = part.loaded
    m.d.comb += source.ready.eq(~before)
    return before
