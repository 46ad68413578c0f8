"""What a design takes of a board, from synthesis and packing; and, where asked for, its clock."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikewright.boards import Board
from spikewright.golden.errors import ToolError
from spikewright.golden.spec import Network
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.plan import HardwarePlan

from .device import NAME, nextpnr_part
from .job import ROUTERS
from .netlist import elaborate, synthesise
from .report import CriticalPath
from .results import read_packed, read_path, read_speed, sizes
from .sample import StoredSample
from .tools import ToolStop, nextpnr_tool, run, yosys_tool
from .top import make_top

__all__ = ["PackedDesign", "pack"]

_REPORT = "report.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class PackedDesign:
    """What place and route would have to place; names as of ``BuildReport``.

    ``netlist``: Yosys' own, flat, of module ``top``, as place and route gets it. ``fmax_mhz``,
    ``path``: of one seed of place and route, if that was asked for.
    """

    lut: int
    ff: int
    bram: int
    spram: int
    dsp: int
    logic_cells: int | None
    netlist: Mapping[str, Any] = field(repr=False)
    fmax_mhz: float | None = None
    path: CriticalPath | None = None


def pack(
    network: Network,
    plan: HardwarePlan,
    board: Board,
    *,
    sample: StoredSample,
    routes: bool = False,
) -> PackedDesign:
    """Synthesise and pack a design with its self-test, for the counts that a bitstream would have.

    Parameters
    ----------
    routes : whether it is placed and routed too, for its clock.

    Raises
    ------
    ToolError
        If a tool is missing or failed.
    """
    yosys, nextpnr = yosys_tool(), nextpnr_tool(board.family)
    top = make_top(
        board=board,
        pll=board.default_pll,
        constraint_mhz=board.goal_mhz,
        accelerator=Accelerator(network=network, plan=plan),
        sample=sample,
        link=None,
    )
    with tempfile.TemporaryDirectory(prefix="spikewright-pack-") as name:
        folder = Path(name)

        def run_yosys(arguments: Sequence[str]) -> None:
            run(yosys, arguments, folder, log="yosys.log")

        arguments = (*nextpnr_part(board), "--json", f"{NAME}.json", "--pack-only")
        try:
            elaborate(top, board, folder)
            synthesise(board, folder, run_yosys, plan.fanouts)
            packed = run(nextpnr, arguments, folder, log="nextpnr.log")
            if routes:
                arguments = (
                    *nextpnr_part(board),
                    *("--json", f"{NAME}.json", "--report", _REPORT, "--seed", "1"),
                    *("--freq", f"{board.goal_mhz:g}", "--timing-allow-fail"),
                    *("--router", ROUTERS[0]),
                )
                run(nextpnr, arguments, folder, log="route.log")
        except ToolStop as stop:
            raise ToolError(
                f"{stop.tool.name} must end well",
                found=f"{stop.outcome}, after\n{stop.tail()}\n",
                where=f"network {network.name!r} on {board.name}",
            ) from stop
        log = packed.log.read_text(encoding="utf-8", errors="replace")
        netlist = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
        report = json.loads((folder / _REPORT).read_text(encoding="utf-8")) if routes else None
    counts = sizes(board.family, read_packed(log), log)
    return PackedDesign(
        lut=counts["lut"] or 0,
        ff=counts["ff"] or 0,
        bram=counts["bram"] or 0,
        spram=counts["spram"] or 0,
        dsp=counts["dsp"] or 0,
        logic_cells=counts["logic_cells"],
        netlist=netlist,
        fmax_mhz=None if report is None else read_speed(report),
        path=None if report is None else read_path(report),
    )
