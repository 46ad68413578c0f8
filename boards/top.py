"""What every board's design has: a clock, a reset, an accelerator, and what fills its memories."""

from collections.abc import Mapping
from typing import Any

from amaranth.build import Subsignal
from amaranth.hdl import (
    ClockDomain,
    Const,
    Elaboratable,
    Instance,
    Module,
    Signal,
    Value,
    ValueLike,
)
from amaranth.lib import io

from spikewright.hdl.accelerator import Accelerator

from .board import Board, Flash, Light
from .flash import FlashLoader
from .pll import Pll
from .reset import PowerOnReset

__all__ = ["FLASH_CLOCK", "BoardTop"]

FLASH_CLOCK = "flash_clock"
"""The cell by which an ECP5's design clocks its flash; its input is ``USRMCLKI``."""

_RESET_SECONDS = 20e-6
_WAKE_SECONDS = 50e-6


class BoardTop(Elaboratable):
    """An accelerator on a board; what it works on is told by those that are derived from this.

    A network that is loaded comes from the flash first, behind the bitstream, where there is one.

    Parameters
    ----------
    board : where it runs. pll : its clock, one of the board's.
    constraint_mhz : what place and route shall aim at; not what the clock is.
    accelerator : what works. flash : the board's, where its lines are free.

    Members
    -------
    boots : Signal, the flash has the accelerator's ``load``.
    """

    def __init__(
        self,
        *,
        board: Board,
        pll: Pll,
        constraint_mhz: float,
        accelerator: Accelerator,
        flash: Flash | None,
    ) -> None:
        self.board = board
        self.pll = pll
        self.constraint_mhz = constraint_mhz
        self.accelerator = accelerator
        # The same counters at every clock: only the PLL's settings may differ between two builds.
        self.reset = PowerOnReset(wait=round(_RESET_SECONDS * board.plls[-1].mhz * 1e6))
        self.loader: FlashLoader | None = None
        self.boots = Signal(init=1)
        self.flash = flash
        if accelerator.loader is not None and flash is not None:
            self.loader = FlashLoader(
                offset=flash.offset,
                wake_cycles=round(_WAKE_SECONDS * board.plls[-1].mhz * 1e6),
                half=flash.half,
            )

    def elaborate(self, platform: Any) -> Module:
        """Join the parts; the platform gives the pins."""
        m = Module()
        self._clock(m, platform)
        if self.loader is not None and self.flash is not None:
            self._boot(m, platform, self.loader, self.flash)
        self.work(m, platform)
        return m

    def work(self, m: Module, platform: Any) -> None:
        """Add the accelerator, and what sends it tokens and takes its own."""
        raise NotImplementedError

    def _clock(self, m: Module, platform: Any) -> None:
        m.domains.sync = sync = ClockDomain("sync")
        clock = Signal(name="clock", attrs={"keep": 1})
        locked = Signal(name="locked")
        pin = platform.request(self.board.clock, dir="-")
        if self.pll.takes_pad:
            source = pin.io
        else:
            m.submodules.clock_pad = pad = io.Buffer(io.Direction.Input, pin)
            source = pad.i
        pll = self.pll.instance(source, clock, locked)
        if pll is None:
            m.d.comb += [clock.eq(source), locked.eq(1)]
        else:
            m.submodules.pll = pll
        m.submodules.reset = self.reset
        m.d.comb += [
            sync.clk.eq(clock),
            sync.rst.eq(self.reset.reset),
            self.reset.locked.eq(locked),
        ]
        platform.add_clock_constraint(clock, self.constraint_mhz * 1e6)

    def _boot(self, m: Module, platform: Any, loader: FlashLoader, flash: Flash) -> None:
        """The flash, which is read until what is in it has ended, well or not."""
        m.submodules.loader = loader
        m.d.comb += loader.stop.eq(~self.boots)
        with m.If(self.accelerator.load_done):
            m.d.sync += self.boots.eq(0)
        names = [each.name for each in platform.lookup(flash.resource).ios]
        pins = platform.request(flash.resource, 0, dir=dict.fromkeys(names, "-"))
        for name in names:
            direction = io.Direction.Input if name == "cipo" else io.Direction.Output
            m.submodules[f"flash_{name}"] = pad = io.Buffer(direction, getattr(pins, name))
            if name == "cipo":
                m.d.comb += loader.cipo.eq(pad.i)
            elif name in ("cs", "clk", "copi"):
                m.d.comb += pad.o.eq(getattr(loader, name))
            # Write protection and hold stay off.
        if "clk" not in names:
            m.submodules[FLASH_CLOCK] = Instance(
                "USRMCLK", i_USRMCLKI=loader.clk, i_USRMCLKTS=Const(0, 1)
            )

    def label(self, value: Value) -> dict[Light, ValueLike]:
        """The LEDs of a label, as many as there are."""
        bits = [value[k] if k < len(value) else Const(0, 1) for k in range(len(self.board.label))]
        return dict(zip(self.board.label, bits, strict=True))

    def show(self, m: Module, platform: Any, values: Mapping[Light, ValueLike]) -> None:
        """Values on LEDs; parts of one that say nothing are dark."""
        for name, number in dict.fromkeys((light.name, light.number) for light in values):
            first = platform.lookup(name, number).ios[0]
            if not isinstance(first, Subsignal):
                port = platform.request(name, number, dir="-")
                self.drive(m, f"{name}_{number}", port, values[Light(name=name, number=number)])
                continue
            parts = [each.name for each in platform.lookup(name, number).ios]
            pins = platform.request(name, number, dir=dict.fromkeys(parts, "-"))
            for part in parts:
                value = values.get(Light(name=name, number=number, part=part), Const(0, 1))
                self.drive(m, f"{name}_{number}_{part}", getattr(pins, part), value)

    @staticmethod
    def drive(m: Module, name: str, port: Any, value: Any) -> None:
        """A value on pins that are there for nothing else."""
        m.submodules[name] = pad = io.Buffer(io.Direction.Output, port)
        m.d.comb += pad.o.eq(value)
