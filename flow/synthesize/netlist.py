"""From a board's top to the netlist that place and route takes."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from spikewright.boards import Board, BoardTop
from spikewright.flow.generate import uninitialised_rtlil
from spikewright.golden.errors import ConfigurationError

from .device import NAME, synthesis_options
from .fanout import limit_fanout
from .gowin import make_timed
from .output_registers import use_output_registers

__all__ = ["elaborate", "synthesise"]


def elaborate(top: BoardTop, board: Board, folder: Path) -> None:
    """Write RTLIL, constraints and scripts into ``folder``.

    Raises
    ------
    ConfigurationError
        If the board, by a file, has another device than its pins are of.
    """
    platform = board.platform()
    if platform.device != board.device:
        raise ConfigurationError(
            f"a board that is built for must have the device of its pins, {platform.device}",
            found=board.device,
            where=f"board {board.name!r}",
            action="plan for a board of a file, and build for one of the list",
        )
    prepared = platform.prepare(top, NAME, debug_verilog=False, **synthesis_options(board))
    for name, content in prepared.files.items():
        if not name.startswith("build_"):
            data = content if isinstance(content, bytes) else content.encode()
            if name == f"{NAME}.il":
                data = uninitialised_rtlil(data.decode()).encode()
            (folder / name).write_bytes(data)


def synthesise(
    board: Board,
    folder: Path,
    yosys: Callable[[Sequence[str]], None],
    fanouts: Mapping[int, int],
) -> None:
    """Make ``top.json`` of what ``elaborate`` wrote; ``yosys`` runs it on arguments.

    ``fanouts``: as ``limit_fanout`` takes them.
    """
    yosys((f"{NAME}.ys",))
    if board.family == "ice40" and not fanouts:
        return
    netlist = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    if board.family == "ecp5":
        use_output_registers(netlist, NAME)
    limit_fanout(netlist, NAME, fanouts)
    if board.family == "gowin":
        make_timed(netlist, NAME)
    (folder / f"{NAME}.json").write_text(json.dumps(netlist), encoding="utf-8")
