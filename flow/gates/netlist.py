"""An accelerator as cells of a device, in Verilog that simulates in place of the generated one."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikewright.boards import Board
from spikewright.flow.files import atomic_files
from spikewright.flow.generate.manifest import TOP
from spikewright.flow.synthesize.netlist import elaborate_alone, synthesise
from spikewright.flow.synthesize.tools import ToolStop, run, yosys_tool
from spikewright.flow.tools import package_versions
from spikewright.golden.errors import ToolError
from spikewright.golden.spec import Network
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.plan import HardwarePlan

from .models import cell_models

__all__ = ["Gates", "map_gates"]

NETLIST = "gates.v"
MODELS = "cells.v"


@dataclass(frozen=True, kw_only=True)
class Gates:
    """A netlist in Verilog and what simulates its cells.

    ``board``: its name. ``sources``: both files. ``cells``: how many there are of each kind;
    ``shipped`` and ``own``: whose models are Yosys', and whose are ours. ``seconds``: of synthesis.
    """

    board: str
    sources: tuple[Path, ...]
    cells: Mapping[str, int]
    shipped: tuple[str, ...]
    own: tuple[str, ...]
    versions: Mapping[str, str]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """All but the files, as JSON."""
        return {
            "board": self.board,
            "cells": dict(self.cells),
            "models": {"yosys": list(self.shipped), "spikewright": list(self.own)},
            "versions": dict(self.versions),
            "seconds": round(self.seconds, 2),
        }


def map_gates(network: Network, plan: HardwarePlan, board: Board, folder: Path) -> Gates:
    """Synthesise the accelerator alone as bitstreams are, and write its cells into ``folder``.

    The module has the ports and probes of the generated Verilog.

    Raises
    ------
    ConfigurationError
        If the board, by a file, has another device than its pins are of.
    UnsupportedError
        If a cell has no simulation model.
    ToolError
        If Yosys is missing or failed.
    FileError
        If ``folder`` cannot be written.
    """
    began = time.perf_counter()
    accelerator = Accelerator(network=network, plan=plan)
    tool = yosys_tool()
    folder = Path(folder).absolute()  # simulators work elsewhere
    logs = iter(("synthesis.log", "verilog.log"))
    with atomic_files(folder) as scratch:

        def yosys(arguments: Sequence[str]) -> None:
            log = next(logs)
            try:
                run(tool, arguments, scratch, log=log)
            except ToolStop as stop:
                raise ToolError(
                    "yosys must end well",
                    found=f"{stop.outcome}, after\n{stop.tail()}\n",
                    where=f"network {network.name!r} on {board.name}",
                ) from stop

        elaborate_alone(accelerator, board, scratch, TOP)
        synthesise(board, scratch, yosys, plan.fanouts, name=TOP)
        path = scratch / f"{TOP}.json"
        netlist = json.loads(path.read_text(encoding="utf-8"))
        kinds = (cell["type"] for cell in netlist["modules"][TOP]["cells"].values())
        # What Yosys keeps beside cells (scopes of names) begins with a dollar.
        cells = Counter(kind for kind in kinds if not kind.startswith("$scopeinfo"))
        models = cell_models(board.family, cells)
        (scratch / MODELS).write_text(models.text, encoding="utf-8")
        yosys(("-q", "-p", f"read_json {path.name}; write_verilog -noattr {NETLIST}"))
        path.unlink()  # large, and in the Verilog
    return Gates(
        board=board.name,
        sources=(folder / NETLIST, folder / MODELS),
        cells=dict(sorted(cells.items())),
        shipped=models.shipped,
        own=models.own,
        versions=package_versions(tool.package),
        seconds=time.perf_counter() - began,
    )
