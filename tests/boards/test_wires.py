"""The links of boards: which there are, their rates, and their pins."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In

from spikewright.boards import BOARDS, choose_wire, get_board, rate_at
from spikewright.boards.pll import Direct
from spikewright.boards.wires import add_wire, clock_increment
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.link import FLAG
from spikewright.hdl.link import SpiTarget
from support.streams import simulate

WITH_SPI = [name for name, board in BOARDS.items() if board.spi is not None]


def test_the_usual_link_is_that_of_the_boards_own_bridge():
    kinds = {name: [link.kind for link in board.links] for name, board in BOARDS.items()}
    assert kinds["icebreaker"] == kinds["icestick"] == kinds["hx8k-b-evn"] == ["uart", "spi"]
    assert kinds["upduino3"] == ["spi", "uart"]  # its UART needs an adapter
    assert kinds["fomu"] == [] and kinds["ulx3s-85f"] == ["uart"]
    assert choose_wire(BOARDS["icebreaker"]) is BOARDS["icebreaker"].uart
    assert choose_wire(BOARDS["icebreaker"], "spi") is BOARDS["icebreaker"].spi
    with pytest.raises(
        ConfigurationError,
        match="^the board must have the spi link to a host, found uart on ulx3s-85f; name "
        "uart, or none for the usual one$",
    ):
        choose_wire(BOARDS["ulx3s-85f"], "spi")
    with pytest.raises(
        ConfigurationError,
        match="^the board must have a link to a host, found none on fomu; choose another board; w",
    ):
        choose_wire(BOARDS["fomu"])


def test_spi_is_by_the_lines_of_the_flash():
    for board in map(get_board, WITH_SPI):
        platform = board.platform()
        flash, ours = (
            {each.name: each.ios[0].names for each in platform.lookup(name).ios}
            for name in ("spi_flash_1x", board.spi.resource)
        )
        both = {name: flash[name] for name in ("clk", "copi", "cipo")}
        assert ours == {"select": flash["cs"], **both}


@pytest.mark.parametrize(
    ("name", "kind", "mhz", "rate"),
    [
        ("icebreaker", "uart", 24, 6_000_000),
        ("icebreaker", "spi", 24, 6_000_000),
        ("icebreaker", "spi", 30, 7_500_000),
        ("icebreaker", "spi", 48, 10_000_000),
        ("ulx3s-85f", "uart", 100, 3_000_000),
    ],
)
def test_rates_follow_the_clock(name, kind, mhz, rate):
    board = get_board(name)
    assert rate_at(choose_wire(board, kind), board.pll_below(mhz)) == rate


def test_a_clock_that_is_too_slow_for_a_link():
    slow = Direct(input_mhz=3.9)
    spi = replace(BOARDS["icebreaker"].spi, rates=(1_000_000,))
    with pytest.raises(
        ConfigurationError,
        match="^the clock must be fast enough for 1000000 bits a second, found 3.9 MHz; choose a f",
    ):
        rate_at(spi, slow)


class Joined(wiring.Component):
    """A board's link whose bytes go back as they come, and pins that a bench drives."""

    def __init__(self, board, wire, increment):
        self.board, self.wire, self.increment = board, wire, increment
        self.ports = SimpleNamespace()
        super().__init__({"ready": In(1)})

    def lookup(self, name, number=0):
        return self.board.platform().lookup(name, number)

    def request(self, name, number=0, *, dir):
        for each in self.lookup(name, number).ios:
            setattr(self.ports, each.name, io.SimulationPort(each.ios[0].dir, 1))
        assert set(dir) <= set(vars(self.ports)) and set(dir.values()) == {"-"}
        return self.ports

    def elaborate(self, platform):
        m = Module()
        received, sent = add_wire(m, self, self.wire, Signal(20, init=self.increment))
        wiring.connect(m, received, sent)
        return m


def test_nobody_drives_what_the_flash_answers_on():
    board = get_board("icebreaker")
    dut = Joined(board, board.spi, 0)

    async def bench(ctx):
        ports, read = dut.ports, []
        for selected in (0, 1):
            ctx.set(ports.select.i, selected)
            await ctx.delay(1e-7)
            assert ctx.get(ports.cipo.oe) == selected
        await ctx.tick().repeat(4)
        for byte in (0x51, FLAG, FLAG):
            read.append(0)
            for k in range(8):
                ctx.set(ports.copi.i, byte >> 7 - k & 1)
                await ctx.tick().repeat(SpiTarget.cycles // 2)
                read[-1] = read[-1] << 1 | ctx.get(ports.cipo.o)
                ctx.set(ports.clk.i, 1)
                await ctx.tick().repeat(SpiTarget.cycles // 2)
                ctx.set(ports.clk.i, 0)
        assert read == [FLAG, FLAG, 0x51]

    simulate(dut, bench)


def test_a_uart():
    """A byte comes back, a bit of it in 4 cycles."""
    board = get_board("ulx3s-85f")
    pll = Direct(input_mhz=12)
    dut = Joined(board, board.uart, clock_increment(board.uart, pll))
    assert rate_at(board.uart, pll) == 3_000_000

    async def bench(ctx):
        ports, seen = dut.ports, []
        ctx.set(ports.rx.i, 1)
        await ctx.tick().repeat(8)
        line = [bit for bit in (0, 1, 0, 1, 0, 0, 1, 1, 1, 1) for _ in range(4)] + [1] * 60
        for level in line:
            ctx.set(ports.rx.i, level)
            assert ctx.get(ports.tx.oe) == 1
            await ctx.tick()
            seen.append(ctx.get(ports.tx.o))
        start = seen.index(0)
        assert seen[start + 2 : start + 42 : 4] == line[2:42:4]

    simulate(dut, bench)


@pytest.mark.parametrize(("kind", "unit"), [("uart", 6e6), ("spi", 1e6)])
def test_the_clock_is_told_by_a_rate(kind, unit):
    board = get_board("icebreaker")
    pll = board.pll_below(24)
    found = clock_increment(choose_wire(board, kind), pll)
    assert unit * (1 << 20) / found == pytest.approx(pll.mhz * 1e6, rel=1e-5)
