"""Runs Yosys, nextpnr and the packers, each in a process of its own, and keeps what they say."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spikewright.golden.errors import ToolError

__all__ = ["Tool", "ToolRun", "ToolStop", "nextpnr_tool", "packer_tool", "run", "yosys_tool"]

_TAIL_LINES = 15
_TAIL_CHARACTERS = 1500
_POLL_SECONDS = 0.1

_YOWASP = "import sys; from {package} import run_{name} as run; sys.exit(run(sys.argv[1:]))"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program in a Python package.

    Parameters
    ----------
    name : what it is called in messages and log files. package : the one to install.
    module : the one to import. code : what Python is to run; it finds its arguments in sys.argv.
    """

    name: str
    package: str
    module: str
    code: str

    def require(self) -> None:
        """Raise ToolError where it is not installed."""
        if importlib.util.find_spec(self.module) is None:
            raise ToolError(
                f"the Python package {self.package} must be installed",
                found="none",
                action=f"pip install {self.package}",
            )


def yosys_tool() -> Tool:
    """Synthesis."""
    return _yowasp("yosys", "yosys")


def nextpnr_tool(family: str) -> Tool:
    """Place and route of a device family."""
    kind = "himbaechel-gowin" if family == "gowin" else family
    return _yowasp(f"nextpnr_{kind.replace('-', '_')}", f"nextpnr-{kind}")


def packer_tool(family: str) -> Tool:
    """The program that writes the bitstream of a device family."""
    if family == "gowin":
        code = "import sys; from apycula.gowin_pack import main; sys.exit(main())"
        return Tool(name="gowin_pack", package="Apycula", module="apycula", code=code)
    name = {"ecp5": "ecppack", "ice40": "icepack"}[family]
    return _yowasp(name, f"nextpnr-{family}")


def _yowasp(name: str, package: str) -> Tool:
    module = f"yowasp_{package.replace('-', '_')}"
    return Tool(
        name=name.replace("_", "-"),
        package=f"yowasp-{package}",
        module=module,
        code=_YOWASP.format(package=module, name=name),
    )


class ToolStop(Exception):  # noqa: N818 - becomes a ToolError or a RangeError, once it is read
    """A tool ended badly, or took too long."""

    def __init__(self, tool: Tool, log: Path, outcome: str, *, late: bool = False) -> None:
        self.tool = tool
        self.log = log
        self.outcome = outcome
        self.late = late
        super().__init__(outcome)

    def text(self) -> str:
        """Everything that it said."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def tail(self) -> str:
        """The last lines that it said."""
        lines = [line for line in self.text().splitlines() if line.strip()]
        return "\n".join(lines[-_TAIL_LINES:])[-_TAIL_CHARACTERS:]


@dataclass(frozen=True, kw_only=True)
class ToolRun:
    """A tool that ended well: its log, and how long it took."""

    log: Path
    seconds: float


def run(
    tool: Tool,
    arguments: Sequence[str],
    folder: Path,
    *,
    log: str,
    limit: float | None = None,
    after: str = "",
) -> ToolRun:
    """Run a tool in ``folder`` and keep what it says in ``folder / log``.

    Parameters
    ----------
    limit : the most seconds of CPU time that it may take once it has said ``after``, whatever else
        keeps the machine busy; None is no limit.

    Raises
    ------
    ToolError
        If it is not installed.
    ToolStop
        If it failed, or took too long.
    """
    tool.require()
    path = folder / log
    start = time.perf_counter()
    with path.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", tool.code, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            status = process.wait() if limit is None else _wait(process, path, limit, after)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if status is None:
        raise ToolStop(tool, path, f"no end after {limit:g} s of CPU time", late=True)
    if status != 0:
        raise ToolStop(tool, path, f"exit status {status}")
    return ToolRun(log=path, seconds=time.perf_counter() - start)


def _wait(process: "subprocess.Popen[bytes]", log: Path, limit: float, after: str) -> int | None:
    """The exit status; None where there is none in time."""
    began = None
    while process.poll() is None:
        if began is None and after.encode() in log.read_bytes():
            began = _cpu_seconds(process.pid)
        if began is not None and _cpu_seconds(process.pid) - began > limit:
            return None
        time.sleep(_POLL_SECONDS)
    return process.returncode


def _cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process that nobody has waited for yet, by Linux' proc(5)."""
    # The name in parentheses may hold anything; utime and stime are fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    user, system = fields.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
