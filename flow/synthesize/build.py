"""From a network, a plan and a board to a bitstream that meets its own timing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spikewright.boards import Board, BoardTop, get_board
from spikewright.boards.pll import Pll
from spikewright.flow.files import atomic_files
from spikewright.flow.progress import Advance
from spikewright.flow.tools import package_versions
from spikewright.golden.errors import ConfigurationError, RangeError, ToolError
from spikewright.golden.spec import Network
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.config import node_layouts
from spikewright.hdl.plan import HardwarePlan

from .fit import check_fits
from .netlist import DEVICE, NAME, write_netlist
from .report import BuildReport
from .results import overflow, read_path, read_speed, read_used, sizes
from .sample import StoredSample
from .tools import Tool, ToolStop, nextpnr_tool, packer_tool, run, yosys_tool

__all__ = ["synthesize"]

_ATTEMPTS = 4
# Some nets that reach hundreds of cells keep nextpnr's first router busy for ever.
_ROUTER_SECONDS = 600.0
_ROUTES = "Info: Routing.."
_ROUTERS = ("router1", "router2")

_ROUTED = {"ecp5": ("--textcfg", f"{NAME}.config"), "ice40": ("--asc", f"{NAME}.asc")}
_BITSTREAM = {"ecp5": f"{NAME}.bit", "ice40": f"{NAME}.bin"}
_PACK = {
    "ecp5": ("--compress", "--input", f"{NAME}.config", "--bit", f"{NAME}.bit"),
    "ice40": (f"{NAME}.asc", f"{NAME}.bin"),
}
# Large, and made again by the same command.
_NOT_KEPT = (f"{NAME}.json", f"{NAME}.config", f"{NAME}.asc", f"{NAME}.debug.v")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    """What is to be built."""

    accelerator: Accelerator
    board: Board
    sample: StoredSample
    requested: Pll
    constraint_mhz: float
    seed: int
    yosys: Tool
    nextpnr: Tool
    packer: Tool
    tell: Advance
    seconds: dict[str, float] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)


def synthesize(
    network: Network,
    plan: HardwarePlan,
    board: Board | str,
    folder: Path,
    *,
    sample: StoredSample,
    clock_mhz: float | None = None,
    seed: int = 1,
    progress: Advance | None = None,
) -> BuildReport:
    """Build a bitstream that works on a stored sample on a board and judges every output token.

    Where the slowest path is too slow for the clock asked for, the bitstream gets the fastest clock
    that its PLL can make below it: a bitstream is written only if it works.

    Parameters
    ----------
    board : a board or its name. folder : where bitstream, ``timing.txt``, ``report.json`` and logs
        go; all of them or none.
    sample : as ``stored_sample`` gives it.
    clock_mhz : the clock asked for; by default the board's. seed : of place and route.
    progress : is told the share that is done.

    Raises
    ------
    RangeError
        If the network is too large for the board.
    ConfigurationError
        If the board is not known, or its PLL cannot make such a clock.
    ToolError
        If a tool is missing or failed; its log is kept in ``folder``.
    FileError
        If ``folder`` cannot be written.
    """
    if isinstance(board, str):
        board = get_board(board)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigurationError("seed must be an integer of at least 0", found=repr(seed))
    requested = _requested(board, clock_mhz)
    layouts = node_layouts(network, plan)
    stored = [
        (len(tokens[0]), layouts[each.name].width)
        for each, tokens in zip(network.inputs, sample.inputs, strict=True)
    ]
    check_fits(network, plan, board, stored=stored)
    job = _Job(
        accelerator=Accelerator(network=network, plan=plan),
        board=board,
        sample=sample,
        requested=requested,
        constraint_mhz=max(board.goal_mhz, requested.mhz),
        seed=seed,
        yosys=yosys_tool(),
        nextpnr=nextpnr_tool(board.family),
        packer=packer_tool(board.family),
        tell=progress or _silent,
    )
    for tool in (job.yosys, job.nextpnr, job.packer):
        tool.require()
    folder = Path(folder)
    try:
        with atomic_files(folder) as scratch:
            try:
                return _build(job, scratch)
            except ToolStop as stop:
                raise _Failed(stop) from stop
    except _Failed as failed:
        raise failed.error(job, network, folder) from failed.__cause__


def _requested(board: Board, clock_mhz: float | None) -> Pll:
    wanted = board.default_mhz if clock_mhz is None else clock_mhz
    pll = board.pll_below(wanted)
    if pll is None or not wanted <= board.plls[-1].mhz:
        raise ConfigurationError(
            f"the clock of {board.name} must lie in "
            f"{board.plls[0].mhz:g}..{board.plls[-1].mhz:g} MHz",
            found=f"{wanted:g} MHz",
        )
    return pll


def _build(job: _Job, folder: Path) -> BuildReport:
    """Route at the clock asked for, and again at a slower one until the timing is met."""
    pll = job.requested
    for attempt in range(_ATTEMPTS):
        job.tell(0.0, "elaborate" if attempt == 0 else f"again, at {pll.mhz:.2f} MHz")
        router = _route(job, pll, folder)
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        fmax, path = read_speed(report), read_path(report)
        if fmax is None or path is None:
            raise ToolError("nextpnr must report the speed of the clock", found="no such clock")
        if fmax >= pll.mhz:
            break
        slower = job.board.pll_below(fmax)
        if slower is None:
            raise RangeError(
                f"the network must run at {job.board.plls[0].mhz:g} MHz or more on "
                f"{job.board.name}",
                found=f"{fmax:.2f} MHz; the slowest path ends at {path.sink}",
                action="use fewer lanes, or another board",
            )
        pll = slower
    else:
        raise ToolError(
            "place and route must reach the clock that its last result allowed",
            found=f"{fmax:.2f} of {pll.mhz:.2f} MHz after {_ATTEMPTS} runs",
            action="choose another seed or a lower clock",
        )
    job.tell(0.95, "pack")
    _run(job, job.packer, _PACK[job.board.family], folder)
    used = read_used(report)
    log = (folder / f"{job.nextpnr.name}.log").read_text(encoding="utf-8", errors="replace")
    names = sizes(job.board.family, used, log)
    versions = package_versions(
        "spikewright", "amaranth", "amaranth-boards", job.yosys.package, job.nextpnr.package
    )
    result = BuildReport(
        board=job.board.name,
        device=job.board.device,
        lut=names["lut"] or 0,
        ff=names["ff"] or 0,
        bram=names["bram"] or 0,
        spram=names["spram"] or 0,
        dsp=names["dsp"] or 0,
        logic_cells=names["logic_cells"],
        used=used,
        fmax_mhz=round(fmax, 2),
        requested_mhz=round(job.requested.mhz, 4),
        met=pll == job.requested,
        clock_mhz=round(pll.mhz, 4),
        constraint_mhz=job.constraint_mhz,
        seed=job.seed,
        router=router,
        bitstream=_BITSTREAM[job.board.family],
        critical_path=path,
        versions=versions,
        seconds={name: round(value, 2) for name, value in job.seconds.items()},
        logs=tuple(job.logs),
    )
    (folder / "timing.txt").write_text(_timing(result), encoding="utf-8")
    for name in _NOT_KEPT:
        (folder / name).unlink(missing_ok=True)
    job.tell(1.0, "done")
    return result


def _route(job: _Job, pll: Pll, folder: Path) -> str:
    """RTLIL, netlist, placed and routed design; returns the router that did it."""
    top = BoardTop(
        board=job.board,
        pll=pll,
        constraint_mhz=job.constraint_mhz,
        accelerator=job.accelerator,
        tokens=job.sample.inputs,
        expected=job.sample.output,
        steps=job.sample.steps,
    )
    job.tell(0.05, "yosys")
    write_netlist(top, job.board, folder, lambda arguments: _run(job, job.yosys, arguments, folder))
    family = job.board.family
    for router in _ROUTERS:
        job.tell(0.25, f"nextpnr, {router}")
        arguments = (
            *DEVICE[family],
            *("--json", f"{NAME}.json", "--report", "report.json"),
            *("--freq", f"{job.constraint_mhz:g}", "--timing-allow-fail"),
            *("--seed", str(job.seed), "--router", router),
            *_ROUTED[family],
        )
        try:
            limit = _ROUTER_SECONDS if router != _ROUTERS[-1] else None
            _run(job, job.nextpnr, arguments, folder, limit=limit)
        except ToolStop as stop:
            if not stop.late:
                raise
        else:
            return router
    raise AssertionError("the last router returned or raised")


def _run(
    job: _Job, tool: Tool, arguments: Sequence[str], folder: Path, *, limit: float | None = None
) -> None:
    log = f"{tool.name}.log"
    done = run(tool, arguments, folder, log=log, limit=limit, after=_ROUTES)
    job.seconds[tool.name] = job.seconds.get(tool.name, 0.0) + done.seconds
    if log not in job.logs:
        job.logs.append(log)


def _timing(report: BuildReport) -> str:
    words = "met" if report.met else "not met, so the clock was lowered"
    lines = [
        f"{report.board} ({report.device}), seed {report.seed}, {report.router}",
        f"clock asked for  {report.requested_mhz:8.2f} MHz, {words}",
        f"clock of the PLL {report.clock_mhz:8.2f} MHz",
        f"fmax             {report.fmax_mhz:8.2f} MHz (aimed at {report.constraint_mhz:g})",
        "",
        *(f"{name:20s} {used:7d} of {all_:7d}" for name, (used, all_) in report.used.items()),
        "",
        "slowest path: " + report.critical_path.text(),
    ]
    return "\n".join(lines) + "\n"


class _Failed(Exception):  # noqa: N818 - becomes one of the project's errors
    """A tool's end, read before its folder vanishes."""

    def __init__(self, stop: ToolStop) -> None:
        self.tool = stop.tool
        self.outcome = stop.outcome
        self.text = stop.text()
        self.tail = stop.tail()
        super().__init__(stop.outcome)

    def error(self, job: _Job, network: Network, folder: Path) -> RangeError | ToolError:
        """Too large for the board, or a failure whose log is kept."""
        where = f"network {network.name!r} on {job.board.name}"
        too_much = overflow(self.text) if self.tool is job.nextpnr else {}
        if too_much:
            found = (
                f"{used} of {all_} {name}, {used - all_} too many"
                for name, (used, all_) in too_much.items()
            )
            return RangeError(
                "the design must fit the board",
                found="; ".join(found),
                where=where,
                action="use fewer lanes, weights of fewer bits, or a larger board",
            )
        log = folder / f"failed-{self.tool.name}.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            log.write_text(self.text, encoding="utf-8")
            kept = f"see {log}"
        except OSError:
            kept = "its log could not be kept"
        return ToolError(
            f"{self.tool.name} must end well",
            found=f"{self.outcome}, after\n{self.tail}\n",
            where=where,
            action=kept,
        )


def _silent(share: float, note: str = "") -> None:
    pass
