"""From a board's top, or an accelerator alone, to the netlist that place and route takes."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from amaranth.back import rtlil  # type: ignore[attr-defined]  # not in the stubs
from amaranth.hdl import Elaboratable, Module

from spikewright.boards import Board, BoardTop
from spikewright.flow.generate import exclusive_rtlil, uninitialised_rtlil
from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.accelerator import Accelerator

from .device import NAME, synthesis_options
from .fanout import limit_fanout
from .gowin import make_timed
from .output_registers import use_output_registers

__all__ = ["elaborate", "elaborate_alone", "synthesise"]

_KEEP_PROBES = "setattr -set keep 1 w:probe_*"


def elaborate(top: BoardTop, board: Board, folder: Path) -> None:
    """Write RTLIL, constraints and scripts into ``folder``.

    Raises
    ------
    ConfigurationError
        If the board, by a file, has another device than its pins are of.
    """
    for name, data in _files(top, board, NAME).items():
        if name == f"{NAME}.il":
            data = exclusive_rtlil(uninitialised_rtlil(data.decode())).encode()
        (folder / name).write_bytes(data)


def elaborate_alone(accelerator: Accelerator, board: Board, folder: Path, name: str) -> None:
    """Write RTLIL and script of an accelerator that is its own top, the module ``name``.

    The script is the one of bitstreams, but that it keeps the wires of the probes.

    Raises
    ------
    ConfigurationError
        As ``elaborate``.
    """
    script = _files(Module(), board, name, script_after_read=_KEEP_PROBES)[f"{name}.ys"]
    (folder / f"{name}.ys").write_bytes(script)
    text = exclusive_rtlil(uninitialised_rtlil(rtlil.convert(accelerator, name=name)))
    (folder / f"{name}.il").write_text(text, encoding="utf-8")


def _files(top: Elaboratable, board: Board, name: str, **overrides: str) -> dict[str, bytes]:
    """What the board's platform makes of a design, by name; raises ConfigurationError."""
    platform = board.platform()
    if platform.device != board.device:
        raise ConfigurationError(
            f"a board that is built for must have the device of its pins, {platform.device}",
            found=board.device,
            where=f"board {board.name!r}",
            action="plan for a board of a file, and build for one of the list",
        )
    options = synthesis_options(board) | overrides
    prepared = platform.prepare(top, name, debug_verilog=False, **options)
    return {
        file: content if isinstance(content, bytes) else content.encode()
        for file, content in prepared.files.items()
        if not file.startswith("build_")
    }


def synthesise(
    board: Board,
    folder: Path,
    yosys: Callable[[Sequence[str]], None],
    fanouts: Mapping[int, int],
    *,
    name: str = NAME,
) -> None:
    """Make ``NAME.json`` of what was elaborated as ``name``; ``yosys`` runs it on arguments.

    ``fanouts``: as ``limit_fanout`` takes them.
    """
    yosys((f"{name}.ys",))
    if board.family == "ice40" and not fanouts:
        return
    path = folder / f"{name}.json"
    netlist = json.loads(path.read_text(encoding="utf-8"))
    if board.family == "ecp5":
        use_output_registers(netlist, name)
    limit_fanout(netlist, name, fanouts)
    if board.family == "gowin":
        make_timed(netlist, name)
    path.write_text(json.dumps(netlist), encoding="utf-8")
