"""What is put on a board: a design that tests itself, or one that does what a host says."""

from spikewright.boards import Board, BoardTop, LinkTop, SelfTestTop, Spi, Uart
from spikewright.boards.pll import Pll
from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.design import design_hash
from spikewright.hdl.link import LinkPlan

from .sample import StoredSample

__all__ = ["make_top"]


def make_top(
    *,
    board: Board,
    pll: Pll,
    constraint_mhz: float,
    accelerator: Accelerator,
    sample: StoredSample | None,
    link: LinkPlan | None,
    wire: Uart | Spi | None = None,
) -> BoardTop:
    """The board's design; one without a ``link`` needs a ``sample`` to work on.

    ``wire``: one of the board's links, by default the usual one.
    """
    if link is None:
        if sample is None:
            raise ConfigurationError("a design without a link must have a sample", found="none")
        return SelfTestTop(
            board=board,
            pll=pll,
            constraint_mhz=constraint_mhz,
            accelerator=accelerator,
            tokens=sample.inputs,
            expected=sample.output,
            steps=sample.steps,
        )
    return LinkTop(
        board=board,
        pll=pll,
        constraint_mhz=constraint_mhz,
        accelerator=accelerator,
        design=bytes.fromhex(design_hash(accelerator.network, accelerator.plan)),
        sizes=link,
        wire=wire,
        tokens=None if sample is None else sample.inputs,
        expected=None if sample is None else sample.output,
        steps=1 if sample is None else sample.steps,
    )
