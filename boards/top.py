"""What runs on a board: clock, reset, self-test, accelerator, LEDs."""

from collections.abc import Sequence
from typing import Any

from amaranth.build import Subsignal
from amaranth.hdl import ClockDomain, Const, Elaboratable, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import FFSynchronizer

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.accelerator import Accelerator

from .board import Board, Flash, Light
from .flash import FlashLoader
from .pll import Pll
from .reset import PowerOnReset
from .selftest import SelfTest, Tokens

__all__ = ["BoardTop"]

_RESET_SECONDS = 20e-6
_PAUSE_SECONDS = 0.25
_WAKE_SECONDS = 50e-6


class BoardTop(Elaboratable):
    """An accelerator that works on a stored sample over and over on a board.

    Weights that have to be loaded come from the board's flash, behind the bitstream; the sample
    waits for them.

    Parameters
    ----------
    board : where it runs. pll : its clock, one of the board's.
    constraint_mhz : what place and route shall aim at; not what the clock is.
    accelerator : what is tested. tokens, expected : as ``SelfTest``. steps : T of frames.
    """

    def __init__(
        self,
        *,
        board: Board,
        pll: Pll,
        constraint_mhz: float,
        accelerator: Accelerator,
        tokens: Sequence[Tokens],
        expected: Tokens,
        steps: int = 1,
    ) -> None:
        self.board = board
        self.pll = pll
        self.constraint_mhz = constraint_mhz
        self.accelerator = accelerator
        self.steps = steps
        # The same counters at every clock: only the PLL's settings may differ between two builds.
        self.selftest = SelfTest(
            input_layouts=[each.layout for each in accelerator.inputs],
            output_layout=accelerator.output_layout,
            tokens=tokens,
            expected=expected,
            pause=round(_PAUSE_SECONDS * board.goal_mhz * 1e6),
        )
        self.reset = PowerOnReset(wait=round(_RESET_SECONDS * board.plls[-1].mhz * 1e6))
        self.loader: FlashLoader | None = None
        if accelerator.loading:
            if board.flash is None:
                raise ConfigurationError(
                    "weights that are loaded must have a flash to come from",
                    found=f"none on {board.name}",
                    action="generate with --weights block, or choose another board",
                )
            self.loader = FlashLoader(
                offset=board.flash.offset,
                wake_cycles=round(_WAKE_SECONDS * board.plls[-1].mhz * 1e6),
            )

    def elaborate(self, platform: Any) -> Module:
        """Join the parts; the platform gives the pins."""
        m = Module()
        self._clock(m, platform)
        m.submodules.selftest = test = self.selftest
        m.submodules.accelerator = accelerator = self.accelerator
        for sender, port in zip(test.outputs, accelerator.inputs, strict=True):
            wiring.connect(m, sender, getattr(accelerator, port.member))
        wiring.connect(m, accelerator.o, test.i)
        m.d.comb += accelerator.clear.eq(0)
        if "steps" in accelerator.signature.members:
            m.d.comb += accelerator.steps.eq(self.steps)
        if self.loader is not None and self.board.flash is not None:
            self._load(m, platform, self.loader, self.board.flash)

        if self.board.button is not None:
            button = platform.request(self.board.button.name, self.board.button.number, dir="-")
            m.submodules.button = pad = io.Buffer(io.Direction.Input, button)
            m.submodules.button_sync = FFSynchronizer(pad.i, test.start)
        self._show(m, platform)
        return m

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

    def _load(self, m: Module, platform: Any, loader: FlashLoader, flash: Flash) -> None:
        """The flash, which is read until all is loaded."""
        m.submodules.loader = loader
        wiring.connect(m, loader.o, self.accelerator.load)
        m.d.comb += loader.stop.eq(self.accelerator.loaded)
        names = ("cs", "clk", "copi", "cipo", "wp", "hold")
        pins = platform.request(flash.resource, 0, dir=dict.fromkeys(names, "-"))
        for name in names:
            direction = io.Direction.Input if name == "cipo" else io.Direction.Output
            m.submodules[f"flash_{name}"] = pad = io.Buffer(direction, getattr(pins, name))
            if name == "cipo":
                m.d.comb += loader.cipo.eq(pad.i)
            elif name in ("cs", "clk", "copi"):
                m.d.comb += pad.o.eq(getattr(loader, name))
            # Write protection and hold stay off.

    def _show(self, m: Module, platform: Any) -> None:
        """What the self-test says, on the LEDs that there are; parts of one that say nothing are
        dark.
        """
        test = self.selftest
        wanted = [
            (self.board.match, test.match),
            (self.board.mismatch, test.mismatch),
            (self.board.beat, test.beat),
        ]
        bits = [test.label[k] if k < len(test.label) else Const(0, 1) for k in range(64)]
        wanted += zip(self.board.label, bits, strict=False)
        values = {light: value for light, value in wanted if light is not None}
        for name, number in dict.fromkeys((light.name, light.number) for light in values):
            first = platform.lookup(name, number).ios[0]
            if not isinstance(first, Subsignal):
                port = platform.request(name, number, dir="-")
                self._drive(m, f"{name}_{number}", port, values[Light(name=name, number=number)])
                continue
            parts = [each.name for each in platform.lookup(name, number).ios]
            pins = platform.request(name, number, dir=dict.fromkeys(parts, "-"))
            for part in parts:
                value = values.get(Light(name=name, number=number, part=part), Const(0, 1))
                self._drive(m, f"{name}_{number}_{part}", getattr(pins, part), value)

    @staticmethod
    def _drive(m: Module, name: str, port: Any, value: Any) -> None:
        m.submodules[name] = pad = io.Buffer(io.Direction.Output, port)
        m.d.comb += pad.o.eq(value)
