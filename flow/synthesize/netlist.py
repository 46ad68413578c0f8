"""From a board's top to the netlist that place and route takes."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from spikewright.boards import Board, BoardTop
from spikewright.flow.generate import uninitialised_rtlil
from spikewright.golden.errors import ConfigurationError

from .fanout import limit_fanout
from .output_registers import use_output_registers

__all__ = ["DEVICE", "NAME", "elaborate", "synthesise"]

NAME = "top"
"""Of the top module, and of the files."""

DEVICE = {
    "ecp5": ("--85k", "--package", "CABGA381", "--speed", "6", "--lpf", f"{NAME}.lpf"),
    "ice40": ("--up5k", "--package", "sg48", "--pcf", f"{NAME}.pcf"),
}
"""Arguments of nextpnr that say the part and its pins, by family."""

# Yosys takes an iCE40 for the faster HX, whose delays are others.
_SYNTHESIS = {"ice40": {"synth_opts": "-device u"}}


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
    options = _SYNTHESIS.get(board.family, {})
    prepared = platform.prepare(top, NAME, debug_verilog=False, **options)
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
    if board.family != "ecp5" and not fanouts:
        return
    netlist = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    if board.family == "ecp5":
        use_output_registers(netlist, NAME)
    limit_fanout(netlist, NAME, fanouts)
    (folder / f"{NAME}.json").write_text(json.dumps(netlist), encoding="utf-8")
