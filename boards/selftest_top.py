"""A board's design that works on a stored sample over and over."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module
from amaranth.lib import io, wiring
from amaranth.lib.cdc import FFSynchronizer

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.accelerator import Accelerator

from .board import Board
from .pll import Pll
from .selftest import SelfTest, Tokens
from .top import BoardTop

__all__ = ["SelfTestTop"]

_PAUSE_SECONDS = 0.25


class SelfTestTop(BoardTop):
    """An accelerator that shows on LEDs whether all that it answers is right.

    Parameters
    ----------
    board, pll, constraint_mhz, accelerator : as ``BoardTop``.
    tokens, expected : as ``SelfTest``. steps : T of frames.

    Raises
    ------
    ConfigurationError
        If the network is loaded, and the board has no flash that it could come from.
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
        super().__init__(
            board=board,
            pll=pll,
            constraint_mhz=constraint_mhz,
            accelerator=accelerator,
            flash=board.flash,
        )
        if accelerator.loader is not None and self.loader is None:
            raise ConfigurationError(
                "a network that is loaded must have a flash to come from, or a host",
                found=f"neither on {board.name}",
                action="build with --link, or generate with --weights block",
            )
        self.steps = steps
        self.selftest = SelfTest(
            input_layouts=[each.layout for each in accelerator.inputs],
            output_layout=accelerator.output_layout,
            tokens=tokens,
            expected=expected,
            pause=round(_PAUSE_SECONDS * board.goal_mhz * 1e6),
        )

    def work(self, m: Module, platform: Any) -> None:
        """The sample's tokens in, its answers compared."""
        m.submodules.selftest = test = self.selftest
        m.submodules.accelerator = accelerator = self.accelerator
        for sender, port in zip(test.outputs, accelerator.inputs, strict=True):
            wiring.connect(m, sender, getattr(accelerator, port.member))
        wiring.connect(m, accelerator.o, test.i)
        m.d.comb += [accelerator.clear.eq(0), accelerator.restart.eq(0)]
        if self.loader is not None:
            wiring.connect(m, self.loader.o, accelerator.load)
            m.d.comb += accelerator.reload.eq(0)
        if "steps" in accelerator.signature.members:
            m.d.comb += accelerator.steps.eq(self.steps)
        board = self.board
        if board.button is not None:
            button = platform.request(board.button.name, board.button.number, dir="-")
            m.submodules.button = pad = io.Buffer(io.Direction.Input, button)
            m.submodules.button_sync = FFSynchronizer(pad.i, test.start)
        says = ((board.match, test.match), (board.mismatch, test.mismatch), (board.beat, test.beat))
        lights = {light: value for light, value in says if light is not None}
        self.show(m, platform, lights | self.label(test.label))
