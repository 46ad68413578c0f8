"""The pins of a link to a host, and the rate at which bytes cross them."""

from typing import Any

from amaranth.hdl import Module, Value
from amaranth.lib import io, stream

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.link import SPI_UNIT_HZ
from spikewright.hdl.link import SpiTarget, UartReceiver, UartTransmitter
from spikewright.hdl.link.uart import increment_of

from .board import Board, Spi, Uart
from .pll import Pll

__all__ = ["add_wire", "choose_wire", "clock_increment", "rate_at"]

_HZ = 1e6


def choose_wire(board: Board, kind: str | None = None) -> Uart | Spi:
    """A board's link of a kind, ``uart`` or ``spi``; by default the usual one.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    for link in board.links:
        if kind in (None, link.kind):
            return link
    there = " and ".join(link.kind for link in board.links)
    raise ConfigurationError(
        f"the board must have {'a' if kind is None else f'the {kind}'} link to a host",
        found=f"{there or 'none'} on {board.name}",
        action=f"name {there.replace(' and ', ' or ')}, or none for the usual one"
        if there
        else f"choose another board; without a link {board.name} works on a stored sample:"
        f" spikewright build DIR --board {board.name}",
    )


def rate_at(wire: Uart | Spi, pll: Pll) -> int:
    """The fastest rate that a bridge and a clock make, in bits a second.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    for rate in wire.rates:
        if _keeps_pace(wire, rate, pll.mhz * _HZ):
            return rate
    raise ConfigurationError(
        f"the clock must be fast enough for {wire.rates[-1]} bits a second",
        found=f"{pll.mhz:g} MHz",
        action="choose a faster one",
    )


def _keeps_pace(wire: Uart | Spi, rate: int, clock_hz: float) -> bool:
    if isinstance(wire, Spi):
        return rate * SpiTarget.cycles <= clock_hz
    return increment_of(rate, clock_hz) is not None


def clock_increment(wire: Uart | Spi, pll: Pll) -> int:
    """What IDENTITY tells the clock by, and a UART takes its rate from."""
    unit = SPI_UNIT_HZ if isinstance(wire, Spi) else rate_at(wire, pll)
    return increment_of(unit, pll.mhz * _HZ) or 0


def add_wire(
    m: Module, platform: Any, wire: Uart | Spi, increment: Value
) -> tuple[stream.Interface, stream.Interface]:
    """Streams of the bytes that come from the host, and of those that go to it.

    ``increment``: of a UART's rate.
    """
    return (
        _add_spi(m, platform, wire)
        if isinstance(wire, Spi)
        else _add_uart(m, platform, wire, increment)
    )


def _add_uart(
    m: Module, platform: Any, wire: Uart, increment: Value
) -> tuple[stream.Interface, stream.Interface]:
    m.submodules.receiver = receiver = UartReceiver()
    m.submodules.transmitter = transmitter = UartTransmitter()
    parts = [each.name for each in platform.lookup(wire.resource, wire.number).ios]
    pins = platform.request(wire.resource, wire.number, dir=dict.fromkeys(parts, "-"))
    m.submodules.rx = rx = io.Buffer(io.Direction.Input, pins.rx)
    m.submodules.tx = tx = io.Buffer(io.Direction.Output, pins.tx)
    m.d.comb += [
        receiver.rx.eq(rx.i),
        tx.o.eq(transmitter.tx),
        receiver.increment.eq(increment),
        transmitter.increment.eq(increment),
    ]
    return receiver.o, transmitter.i


def _add_spi(m: Module, platform: Any, wire: Spi) -> tuple[stream.Interface, stream.Interface]:
    m.submodules.spi = target = SpiTarget()
    names = ("select", "clk", "copi", "cipo")
    pins = platform.request(wire.resource, wire.number, dir=dict.fromkeys(names, "-"))
    for name in names[:-1]:
        m.submodules[f"spi_{name}"] = pad = io.Buffer(io.Direction.Input, getattr(pins, name))
        m.d.comb += getattr(target, name).eq(pad.i)
        if name == "select":
            select = pad.i
    m.submodules.spi_cipo = cipo = io.Buffer(io.Direction.Output, pins.cipo)
    # The flash answers on the same line.
    m.d.comb += [cipo.o.eq(target.cipo), cipo.oe.eq(select)]
    return target.o, target.i
