"""Makes a program of a board's design, pins and all, and runs it behind a pseudo-terminal."""

import hashlib
import json
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import NamedTemporaryFile

import jinja2

from spikewright.boards import FLASH_CLOCK, LinkTop
from spikewright.flow.files import atomic_folder
from spikewright.flow.host.transport import SPI_PREFIX
from spikewright.flow.tools import simulator_environment, verilator_root
from spikewright.golden.errors import ToolError

__all__ = ["SimulatedBoard", "simulate_board"]

_PROGRAM = "board"
_STAMP = "board.json"
_START_SECONDS = 10.0
_TAIL_CHARACTERS = 1500
# The pads of a board that others drive: what Amaranth calls the port of a resource's part.
_PAD = "__io"
# An ECP5 has no pad for it.
_FLASH_CLOCK = f"top.{FLASH_CLOCK}.USRMCLKI"
# What plays the bridge drives, and hears.
_WAYS = {
    "uart": {"rx": "input", "tx": "output"},
    "spi": {"select": "input", "clk": "input", "copi": "input", "cipo": "output"},
}


@dataclass(frozen=True, kw_only=True)
class SimulatedBoard:
    """A program, what its line is, its rate in bits a second, and the cycles that a bit takes.

    ``flash_offset``: where in the board's flash its design looks for a network; None where it does
    not. ``loads``: whether it has to have one from somewhere.
    """

    program: Path
    kind: str
    baud: int
    bit_cycles: float
    flash_offset: int | None
    loads: bool

    @contextmanager
    def running(
        self,
        *,
        seed: int = 0,
        flip: float = 0.0,
        drop: float = 0.0,
        repeat: float = 0.0,
        flash: bytes = b"",
    ) -> Iterator["RunningBoard"]:
        """Run it; it ends with the block.

        Parameters
        ----------
        seed : of what happens on the line. flip : how probable it is that a bit is another.
        drop, repeat : that a byte is lost, or comes twice.
        flash : what lies at ``flash_offset``; the flash is erased elsewhere.

        Raises
        ------
        ToolError
            If it does not begin.
        """
        numbers = (self.bit_cycles, seed, flip, drop, repeat)
        with ExitStack() as stack:
            image = stack.enter_context(NamedTemporaryFile(prefix="spikewright-flash-"))
            image.write(flash)
            image.flush()
            process = subprocess.Popen(
                [
                    self.program,
                    *(f"{number:.12g}" for number in numbers),
                    image.name,
                    str(self.flash_offset or 0),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(_end, process)
            assert process.stdout is not None
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
            waits = self.loads and self.flash_offset is None
            yield RunningBoard(port=port, baud=self.baud, waits=waits, process=process)


@dataclass(frozen=True, kw_only=True)
class RunningBoard:
    """``port``: of its pseudo-terminal, as a host opens it; ``baud`` : of the line behind it.

    ``waits``: whether it has no network before a host has loaded one.
    """

    port: str
    baud: int
    waits: bool
    process: "subprocess.Popen[str]"

    def reset(self) -> None:
        """As if its clock had been lost: everything that it had not in its bitstream is gone."""
        self.process.send_signal(signal.SIGUSR1)


def simulate_board(top: LinkTop, folder: Path, *, optimise: str = "-O2") -> SimulatedBoard:
    """Make the program in ``folder``, or take the one there if it is of the same design.

    ``optimise``: the C++ optimisation of the simulated model.

    Raises
    ------
    ToolError
        If a tool is missing or failed.
    FileError
        If the folder cannot be written.
    """
    files = _files(top)
    digest = hashlib.sha256("".join(files.values()).encode()).hexdigest()
    board = SimulatedBoard(
        program=folder / _PROGRAM,
        kind=top.wire.kind,
        baud=top.baud,
        bit_cycles=top.pll.mhz * 1e6 / top.baud,
        flash_offset=None if top.loader is None else top.loader.offset,
        loads=top.link.loads,
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
        board=top.board.name, pins=pins, clock=clock, line=line, flash=_flash(top)
    )
    return {
        "top.v": text,
        "bench.v": bench,
        "cells.v": package.joinpath(f"cells_{top.board.family}.v").read_text("utf-8"),
        **{
            name: package.joinpath(name).read_text("utf-8")
            for name in ("bench.cpp", "flash.h", "noise.h")
        },
        "line.h": package.joinpath(f"line_{wire.kind}.h").read_text("utf-8"),
    }


def _flash(top: LinkTop) -> dict[str, str] | None:
    """The pads of the flash that the design reads."""
    if top.loader is None or top.flash is None:
        return None
    pads = {name: f"{top.flash.resource}_0__{name}{_PAD}" for name in ("cs", "copi", "cipo")}
    parts = [each.name for each in top.board.platform().lookup(top.flash.resource).ios]
    clk = f"{top.flash.resource}_0__clk{_PAD}" if "clk" in parts else _FLASH_CLOCK
    return pads | {"clk": clk}


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
