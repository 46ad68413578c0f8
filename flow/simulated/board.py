"""Makes a program of a board's design, pins and all, and runs it behind a pseudo-terminal."""

import hashlib
import json
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2

from spikewright.boards import LinkTop
from spikewright.flow.files import atomic_folder
from spikewright.flow.host.transport import SPI_PREFIX
from spikewright.flow.tools import simulator_environment, verilator_root
from spikewright.golden.errors import ToolError, UnsupportedError

__all__ = ["SimulatedBoard", "simulate_board"]

_PROGRAM = "board"
_STAMP = "board.json"
_START_SECONDS = 10.0
_TAIL_CHARACTERS = 1500
# The pads of a board that others drive: what Amaranth calls the port of a resource's part.
_PAD = "__io"
# What plays the bridge drives, and hears.
_WAYS = {
    "uart": {"rx": "input", "tx": "output"},
    "spi": {"select": "input", "clk": "input", "copi": "input", "cipo": "output"},
}


@dataclass(frozen=True, kw_only=True)
class SimulatedBoard:
    """A program, what its line is, its rate in bits a second, and the cycles that a bit takes."""

    program: Path
    kind: str
    baud: int
    bit_cycles: float

    @contextmanager
    def running(
        self, *, seed: int = 0, flip: float = 0.0, drop: float = 0.0, repeat: float = 0.0
    ) -> Iterator["RunningBoard"]:
        """Run it; it ends with the block.

        Parameters
        ----------
        seed : of what happens on the line. flip : how probable it is that a bit is another.
        drop, repeat : that a byte is lost, or comes twice.

        Raises
        ------
        ToolError
            If it does not begin.
        """
        numbers = (self.bit_cycles, seed, flip, drop, repeat)
        process = subprocess.Popen(
            [self.program, *(f"{number:.12g}" for number in numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
            port = process.stdout.readline().strip() if ready else ""
            if not port:
                raise ToolError(
                    "the simulated board must say where its port is",
                    found=f"nothing, exit status {process.poll()}",
                    where=str(self.program),
                )
            if self.kind == "spi":
                port = f"{SPI_PREFIX}{port}"
            yield RunningBoard(port=port, baud=self.baud, process=process)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


@dataclass(frozen=True, kw_only=True)
class RunningBoard:
    """``port``: of its pseudo-terminal, as a host opens it; ``baud`` : of the line behind it."""

    port: str
    baud: int
    process: "subprocess.Popen[str]"

    def reset(self) -> None:
        """As if its clock had been lost: everything that it had not in its bitstream is gone."""
        self.process.send_signal(signal.SIGUSR1)


def simulate_board(top: LinkTop, folder: Path, *, optimise: str = "-O2") -> SimulatedBoard:
    """Make the program in ``folder``, or take the one there if it is of the same design.

    ``optimise``: the C++ optimisation of the simulated model.

    Raises
    ------
    UnsupportedError
        If the design loads its weights from a flash memory, which is not simulated.
    ToolError
        If a tool is missing or failed.
    FileError
        If the folder cannot be written.
    """
    if top.loader is not None:
        raise UnsupportedError(
            "a simulated board must have its weights in its bitstream",
            found="weights that a flash memory holds",
            where=top.board.name,
        )
    files = _files(top)
    digest = hashlib.sha256("".join(files.values()).encode()).hexdigest()
    board = SimulatedBoard(
        program=folder / _PROGRAM,
        kind=top.wire.kind,
        baud=top.baud,
        bit_cycles=top.pll.mhz * 1e6 / top.baud,
    )
    stamp = {"design": digest, "board": top.board.name}
    if _read(folder / _STAMP) == stamp and board.program.is_file():
        return board
    environment = simulator_environment("verilator", optimise=optimise)
    with atomic_folder(folder) as scratch:
        for name, text in files.items():
            (scratch / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [
                verilator_root() / "bin" / "verilator", "--cc", "--exe", "--build",
                "--top-module", "bench", "--Mdir", "build", "-o", f"../{_PROGRAM}", "-LDFLAGS",
                "-lutil", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert",
                "-Wno-fatal", "-Wno-lint", "bench.v", "top.v", "cells.v", "bench.cpp",
            ],
            env=environment, cwd=scratch, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ToolError(
                "verilator must build the simulated board",
                found=f"a failure, whose output ends with:\n"
                f"{(done.stdout + done.stderr)[-_TAIL_CHARACTERS:]}\n",
            )
        (scratch / _STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    return board


def _files(top: LinkTop) -> dict[str, str]:
    """The design in Verilog, its pins, its cells, and what plays the bridge."""
    design = top.board.platform().prepare(top, "top", debug_verilog=True).files["top.debug.v"]
    text = design if isinstance(design, str) else design.decode()
    header = re.search(r"^module top\((.*?)\);", text, re.MULTILINE | re.DOTALL)
    pins = [name.strip() for name in header.group(1).split(",")] if header else []
    wire = top.wire
    resource = f"{wire.resource}_{wire.number}"
    line = {name: (way, f"{resource}__{name}{_PAD}") for name, way in _WAYS[wire.kind].items()}
    # Of a pair of pins the design uses the positive one.
    clocks = [f"{top.board.clock}_0{pad}" for pad in (_PAD, "__p")]
    clock = next(pin for pin in pins if pin in clocks)
    package = resources.files(__package__)
    template = package.joinpath("bench.v.j2").read_text("utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    bench = environment.from_string(template).render(
        board=top.board.name, pins=pins, clock=clock, line=line
    )
    return {
        "top.v": text,
        "bench.v": bench,
        "cells.v": package.joinpath(f"cells_{top.board.family}.v").read_text("utf-8"),
        "bench.cpp": package.joinpath("bench.cpp").read_text("utf-8"),
        "noise.h": package.joinpath("noise.h").read_text("utf-8"),
        "line.h": package.joinpath(f"line_{wire.kind}.h").read_text("utf-8"),
    }


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
