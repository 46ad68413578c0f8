"""Models of cells in Icarus: the same random pins for many of them, and what they put out."""

import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spikewright.flow.gates import cell_models
from spikewright.flow.tools import simulator_environment

__all__ = ["Cell", "simulate"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One instance: its parameters as Verilog, inputs and outputs as (pins, stimulus or width).

    ``inputs``: expressions of the wires of the stimulus by pin; ``outputs``: pins, highest first.
    """

    kind: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Sequence[str] = ()
    width: int | None = None


def simulate(
    family: str,
    cells: Sequence[Cell],
    stimulus: Mapping[str, tuple[int, Sequence[int]]],
    folder: Path,
    *,
    clock: bool = True,
) -> list[list[str]]:
    """What each cell puts out, a string of 0, 1 and x a cycle, behind the clock's edge.

    ``stimulus``: by wire its width and values.
    """
    models = cell_models(family, {cell.kind for cell in cells})
    names = list(stimulus)
    cycles = len(stimulus[names[0]][1])
    total = sum(width for width, _ in stimulus.values())
    rows = []
    for cycle in range(cycles):
        word = 0
        for name in names:
            width, values = stimulus[name]
            word = word << width | values[cycle]
        rows.append(f"{word:x}")
    (folder / "stimulus.hex").write_text("\n".join(rows) + "\n")
    lines = [
        "module bench;",
        "    reg clk = 0;",
        f"    reg [{total - 1}:0] rows [0:{cycles - 1}];",
        f"    reg [{total - 1}:0] row;",
        "    integer cycle, file;",
        *(f"    wire [{width - 1}:0] {name};" for name, (width, _) in stimulus.items()),
        f"    assign {{{', '.join(names)}}} = row;",
    ]
    for index, cell in enumerate(cells):
        lines += _instance(index, cell)
    lines += [
        "    initial begin",
        '        $readmemh("stimulus.hex", rows);',
        '        file = $fopen("outputs.txt");',
        f"        for (cycle = 0; cycle < {cycles}; cycle = cycle + 1) begin",
        "            row = rows[cycle];",
        "            #1 clk = 1;" if clock else "            #1;",
        "            #1;",
        *(f'            $fdisplay(file, "%b", out_{index});' for index in range(len(cells))),
        "            clk = 0;",
        "        end",
        "        $finish;",
        "    end",
        "endmodule",
    ]
    (folder / "bench.v").write_text("\n".join(lines) + "\n")
    (folder / "cells.v").write_text(models.text)
    command = ("iverilog", "-g2012", "-o", "bench.vvp", "-s", "bench", "bench.v", "cells.v")
    environment = simulator_environment("icarus", optimise="-O0")
    for each in (command, ("vvp", "-N", "bench.vvp")):
        run = subprocess.run(
            each, cwd=folder, env=environment, check=False, capture_output=True, text=True
        )
        if run.returncode:
            raise AssertionError(run.stdout + run.stderr)
    found = (folder / "outputs.txt").read_text().splitlines()
    assert len(found) == cycles * len(cells)
    return [found[index :: len(cells)] for index in range(len(cells))]


def _instance(index: int, cell: Cell) -> list[str]:
    width = cell.width or len(cell.outputs)
    out = f"out_{index}"
    pins = [f".{pin}({wire})" for pin, wire in cell.inputs.items()]
    if cell.width is None:
        pins += [f".{pin}({out}[{width - 1 - k}])" for k, pin in enumerate(cell.outputs)]
    else:
        pins += [f".{pin}({out})" for pin in cell.outputs]
    says = ", ".join(f".{name}({value})" for name, value in cell.parameters.items())
    return [
        f"    wire [{width - 1}:0] {out};",
        f"    {cell.kind} #({says}) cell_{index} ({', '.join(pins)});"
        if says
        else f"    {cell.kind} cell_{index} ({', '.join(pins)});",
    ]


def random_values(width: int, count: int, rng: random.Random) -> list[int]:
    """So many values of so many bits."""
    return [rng.getrandbits(width) for _ in range(count)]
