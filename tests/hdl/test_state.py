"""Registers side by side in a word: none loses a bit or its sign."""

import itertools

import pytest
from amaranth.hdl import Const, Module, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.hdl.state import StateLayout
from support.streams import simulate

FULL = StateLayout(
    total=signed(3), v=signed(4), tracer=signed(2), pending=unsigned(1), wait=unsigned(2)
)


class RoundTrip(wiring.Component):
    """Registers joined, and the word split again."""

    def __init__(self, layout):
        self.layout = layout
        ports = {}
        for name, shape in layout.fields.items():
            ports[name] = In(shape)
            ports[f"{name}_again"] = Out(shape)
        super().__init__(ports | {"word": Out(layout.bits)})

    def elaborate(self, platform):
        m = Module()
        word = Signal(self.layout.bits)
        m.d.comb += [
            word.eq(self.layout.join({n: getattr(self, n) for n in self.layout.fields})),
            self.word.eq(word),
        ]
        for name, value in self.layout.split(word).items():
            assert value.shape() == self.layout.fields[name]
            m.d.comb += getattr(self, f"{name}_again").eq(value)
        return m


def numbers(shape):
    low = -(1 << shape.width - 1) if shape.signed else 0
    return range(low, low + (1 << shape.width))


@pytest.mark.parametrize(
    "layout",
    [
        FULL,
        StateLayout(total=signed(5)),
        StateLayout(total=signed(3), v=signed(3)),
        StateLayout(total=signed(4), wait=unsigned(2)),
        StateLayout(total=signed(2), tracer=unsigned(3), pending=signed(2)),
    ],
)
def test_every_word_comes_back(layout):
    """In the order of the fields, the first one lowest."""
    dut = RoundTrip(layout)

    async def bench(ctx):
        for values in itertools.product(*(numbers(shape) for shape in layout.fields.values())):
            word = at = 0
            for (name, shape), value in zip(layout.fields.items(), values, strict=True):
                ctx.set(getattr(dut, name), value)
                word |= (value & (1 << shape.width) - 1) << at
                at += shape.width
            assert ctx.get(dut.word) == word
            for name, value in zip(layout.fields, values, strict=True):
                assert ctx.get(getattr(dut, f"{name}_again")) == value

    simulate(dut, bench)


def test_fields_and_bits():
    assert list(FULL.fields) == ["total", "v", "tracer", "pending", "wait"]
    assert FULL.bits == 3 + 4 + 2 + 1 + 2
    some = StateLayout(total=signed(4), tracer=unsigned(2))
    assert (list(some.fields), some.bits) == (["total", "tracer"], 6)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Const(-1, signed(1)), 0b1111),  # what is narrower is extended by its sign
        (Const(1, unsigned(1)), 0b0001),
        (Const(-3, signed(3)), 0b1101),
        (Const(0b101101, unsigned(6)), 0b1101),  # what is wider is cut
        (5, 0b0101),
    ],
)
def test_values_of_other_widths(value, expected):
    layout = StateLayout(total=signed(4), v=signed(3))

    class Joined(wiring.Component):
        def __init__(self):
            super().__init__({"o": Out(7)})

        def elaborate(self, platform):
            m = Module()
            m.d.comb += self.o.eq(layout.join({"total": value}))
            return m

    dut = Joined()

    async def bench(ctx):
        assert ctx.get(dut.o) == expected

    simulate(dut, bench)
