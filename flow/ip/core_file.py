"""The description of a block for FuseSoC, in its format CAPI 2."""

from collections.abc import Iterator, Sequence

from spikewright.hdl.interfaces.register_map import MAP_VERSION

from .interface import Wrapped

__all__ = ["core_file"]

# How Yosys writes Verilog: wires of no bits, cases that a default before them covers, and widths
# that follow the operands.
_QUIET = ("-Wno-ASCRANGE", "-Wno-CASEINCOMPLETE", "-Wno-WIDTHEXPAND", "-Wno-WIDTHTRUNC")


def core_file(block: Wrapped, stimuli: Sequence[str]) -> str:
    """The text of a core with the targets default, sim and lint."""
    return "\n".join(_lines(block, stimuli)) + "\n"


def _lines(block: Wrapped, stimuli: Sequence[str]) -> Iterator[str]:
    network = block.accelerator.network
    yield "CAPI=2:"
    yield f"name: spikewright:accelerators:{network.name}-{block.top}:{MAP_VERSION}"
    yield f"description: Event-driven accelerator of network {network.name}, {block.interface}"
    yield ""
    yield "filesets:"
    yield "  rtl:"
    yield f"    files: [{', '.join(block.verilog)}]"
    yield "    file_type: verilogSource-2005"
    yield "  tb:"
    yield "    files:"
    yield "      - testbench.v: {file_type: verilogSource-2005}"
    for name in stimuli:
        yield f"      - {name}: {{file_type: user, copyto: {name}}}"
    yield ""
    yield "targets:"
    yield "  default: &default"
    yield "    filesets: [rtl]"
    yield f"    toplevel: {block.top}"
    yield ""
    yield "  sim:"
    yield "    flow: sim"
    yield "    flow_options:"
    yield "      tool: icarus  # or fusesoc run --target=sim --tool=verilator"
    yield "      iverilog_options: [-g2005]"
    yield "      mode: binary"
    yield f"      verilator_options: [--timing, -Wno-fatal, {', '.join(_QUIET)}]"
    yield "    filesets: [rtl, tb]"
    yield "    toplevel: testbench"
    yield ""
    yield "  lint:"
    yield "    <<: *default"
    yield "    flow: lint"
    yield "    flow_options:"
    yield "      tool: verilator"
    yield f"      verilator_options: [{', '.join(_QUIET)}]"
