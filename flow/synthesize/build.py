"""From a network, a plan and a board to a bitstream that meets its own timing."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikewright.boards import (
    Board,
    BoardTop,
    Flash,
    Spi,
    Uart,
    choose_wire,
    get_board,
    rate_at,
)
from spikewright.boards.pll import Pll
from spikewright.flow.files import atomic_files, write_json
from spikewright.flow.generate import image_bytes
from spikewright.flow.progress import Advance
from spikewright.flow.tools import package_versions
from spikewright.golden.errors import ConfigurationError, RangeError, ToolError
from spikewright.golden.spec import Network
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.design import design_hash
from spikewright.hdl.link import LinkPlan
from spikewright.hdl.plan import HardwarePlan

from .device import BITSTREAM, BUILD, NAME, ROUTED, packing
from .fit import check_fits
from .job import Job, run_tool
from .netlist import elaborate, synthesise
from .report import BuildReport
from .results import crowded, overflow, sizes
from .retime import set_clock
from .route import keep, log_name, route
from .sample import StoredSample, memories_of
from .tools import ToolStop, nextpnr_tool, packer_tool, yosys_tool
from .top import make_top

__all__ = ["synthesize"]

_ATTEMPTS = 4
_FLASH = "flash.bin"
# Large, and made again by the same command.
_NOT_KEPT = (f"{NAME}.json", f"{NAME}.debug.v", *(name for _, name in ROUTED.values()))
# Of the clock asked for; the rest is what the median's seed takes again at a slower one.
_FROM, _TO = 0.25, 0.9


def synthesize(
    network: Network,
    plan: HardwarePlan,
    board: Board | str,
    folder: Path,
    *,
    sample: StoredSample | None,
    link: LinkPlan | None = None,
    wire: Uart | Spi | None = None,
    clock_mhz: float | None = None,
    seeds: Sequence[int] = (1,),
    progress: Advance | None = None,
) -> BuildReport:
    """Build a bitstream that works on a stored sample on a board and judges every output token, or
    one that does what a host says.

    Where the slowest path is too slow for the clock asked for, the bitstream gets the fastest clock
    that its PLL can make below it: a bitstream is written only if it works.

    Place and route depends on chance. With several seeds the bitstream, and every figure of the
    report, is that of the median Fmax; of an even number, that of the lower of the middle two.

    Parameters
    ----------
    board : a board or its name. folder : where bitstream, ``build.json`` (the report),
        ``timing.txt``, nextpnr's ``report.json`` and logs go; all of them or none.
    sample : as ``stored_sample`` gives it. link : the buffers of a link to a host; with one the
        sample is worked on when the host asks for it, and may be None. wire : one of the board's
        links, by default the usual one.
    clock_mhz : the clock asked for; by default the board's. seeds : of place and route.
    progress : is told the share that is done.

    Raises
    ------
    RangeError
        If the network is too large for the board.
    ConfigurationError
        If the board is not known, its PLL cannot make such a clock, or it has nothing to load
        weights from.
    ToolError
        If a tool is missing or failed; its log is kept in ``folder``.
    FileError
        If ``folder`` cannot be written.
    """
    if isinstance(board, str):
        board = get_board(board)
    seeds = tuple(seeds)
    numbers = all(type(seed) is int and seed > 0 for seed in seeds)
    if not seeds or not numbers or len(set(seeds)) < len(seeds):
        raise ConfigurationError(
            "seeds must be different integers of at least 1",
            found=", ".join(map(repr, seeds)) or "none",
        )
    requested = _requested(board, clock_mhz)
    stored = [] if sample is None else memories_of(sample, network, plan)
    check_fits(network, plan, board, stored=[*stored, *(link.memories if link else ())])
    job = Job(
        accelerator=Accelerator(network=network, plan=plan),
        board=board,
        sample=sample,
        link=link,
        wire=wire,
        requested=requested,
        constraint_mhz=max(board.goal_mhz, requested.mhz),
        seeds=seeds,
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
                report = _build(job, scratch)
            except ToolStop as stop:
                raise _Failed(stop) from stop
        if report.flash is None:
            (folder / _FLASH).unlink(missing_ok=True)
        return report
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


def _build(job: Job, folder: Path) -> BuildReport:
    """Route with every seed, and the median's again at a slower clock until its timing is met."""
    pll = job.requested
    job.tell(0.0, "elaborate")
    _elaborate(job, pll, folder)
    _synthesize(job, folder)
    share = (_TO - _FROM) / len(job.seeds)
    runs = [route(job, seed, folder, _FROM + k * share) for k, seed in enumerate(job.seeds)]
    by_speed = sorted(runs, key=lambda run: run.timing.fmax_mhz)
    chosen = by_speed[(len(runs) - 1) // 2]
    attempts = 1
    while (fmax := chosen.timing.fmax_mhz) < pll.mhz:
        slower = job.board.pll_below(fmax)
        if slower is None:
            raise RangeError(
                f"the network must run at {job.board.plls[0].mhz:g} MHz or more on "
                f"{job.board.name}",
                found=f"{fmax:.2f} MHz; the slowest path ends at {chosen.path.sink}",
                action="use fewer lanes, or another board",
            )
        if attempts == _ATTEMPTS:
            raise ToolError(
                "place and route must reach the clock that its last result allowed",
                found=f"{fmax:.2f} of {pll.mhz:.2f} MHz after {_ATTEMPTS} runs",
                action="choose another seed or a lower clock",
            )
        job.tell(_TO, f"again, at {slower.mhz:.2f} MHz")
        _slow_down(job, pll, slower, folder)
        pll = slower
        chosen = route(job, chosen.timing.seed, folder, _TO)
        attempts += 1
    keep(job, chosen, folder)
    job.tell(0.95, "pack")
    run_tool(job, job.packer, packing(job.board), folder)
    flash = _flash_image(job, _top(job, pll).flash, folder)
    log = (folder / log_name(job, chosen.timing.seed)).read_text(encoding="utf-8", errors="replace")
    names = sizes(job.board.family, chosen.used, log)
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
        used=chosen.used,
        fmax_mhz=round(chosen.timing.fmax_mhz, 2),
        requested_mhz=round(job.requested.mhz, 4),
        met=pll == job.requested,
        clock_mhz=round(pll.mhz, 4),
        constraint_mhz=job.constraint_mhz,
        seed=chosen.timing.seed,
        seeds=tuple(run.timing for run in runs),
        router=chosen.timing.router,
        bitstream=BITSTREAM[job.board.family],
        flash=flash,
        link=_link(job, pll),
        critical_path=chosen.path,
        versions=versions,
        seconds={name: round(value, 2) for name, value in job.seconds.items()},
        logs=tuple(job.logs),
    )
    (folder / "timing.txt").write_text(_timing(result), encoding="utf-8")
    plan, network = job.accelerator.plan, job.accelerator.network
    of = {
        "plan": design_hash(network, plan),
        "network": network.content_hash,
        "mode": str(plan.mode),
    }
    write_json(folder / BUILD, of | result.as_dict())
    for name in _NOT_KEPT:
        (folder / name).unlink(missing_ok=True)
    job.tell(1.0, "done")
    return result


def _link(job: Job, pll: Pll) -> dict[str, int | str] | None:
    """Kind, rate and buffers of the link to a host."""
    if job.link is None:
        return None
    wire = job.wire or choose_wire(job.board)
    return {
        "kind": wire.kind,
        "baud": rate_at(wire, pll),
        "inbox": job.link.inbox,
        "outbox": job.link.outbox,
    }


def _flash_image(job: Job, flash: Flash | None, folder: Path) -> str | None:
    """Bitstream and network as they lie in the flash; None where nothing is loaded from there."""
    if not job.accelerator.loading or flash is None:
        return None
    bitstream = (folder / BITSTREAM[job.board.family]).read_bytes()
    weights = image_bytes(job.accelerator.image)
    if len(bitstream) > flash.offset or flash.offset + len(weights) > flash.size:
        raise RangeError(
            f"the bitstream must end before byte {flash.offset} of the flash of {job.board.name},"
            f" and the weights before {flash.size}",
            found=f"{len(bitstream)} bytes, and {len(weights)} of weights",
        )
    # An erased flash reads as ones.
    (folder / _FLASH).write_bytes(bitstream.ljust(flash.offset, b"\xff") + weights)
    return _FLASH


def _elaborate(job: Job, pll: Pll, folder: Path) -> None:
    """RTLIL, constraints and scripts."""
    elaborate(_top(job, pll), job.board, folder)


def _top(job: Job, pll: Pll) -> BoardTop:
    return make_top(
        board=job.board,
        pll=pll,
        constraint_mhz=job.constraint_mhz,
        accelerator=job.accelerator,
        sample=job.sample,
        link=job.link,
        wire=job.wire,
    )


def _synthesize(job: Job, folder: Path) -> None:
    """The netlist."""
    job.tell(0.05, "yosys")
    fanouts = job.accelerator.plan.fanouts

    def yosys(arguments: Sequence[str]) -> None:
        run_tool(job, job.yosys, arguments, folder)

    synthesise(job.board, folder, yosys, fanouts)


def _slow_down(job: Job, old: Pll, new: Pll, folder: Path) -> None:
    """Another clock in the netlist, and in the RTLIL that is kept beside the bitstream."""
    _elaborate(job, new, folder)
    netlist = _read_netlist(folder)
    if set_clock(netlist, NAME, _top(job, old), _top(job, new)):
        _write_netlist(netlist, folder)
    else:
        _synthesize(job, folder)


def _read_netlist(folder: Path) -> dict[str, Any]:
    netlist: dict[str, Any] = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    return netlist


def _write_netlist(netlist: dict[str, Any], folder: Path) -> None:
    (folder / f"{NAME}.json").write_text(json.dumps(netlist), encoding="utf-8")


def _timing(report: BuildReport) -> str:
    words = "met" if report.met else "not met, so the clock was lowered"
    each = ", ".join(f"{run.fmax_mhz:.2f} ({run.seed}, {run.router})" for run in report.seeds)
    lines = [
        f"{report.board} ({report.device}), seed {report.seed}, {report.router}",
        f"clock asked for  {report.requested_mhz:8.2f} MHz, {words}",
        f"clock of the PLL {report.clock_mhz:8.2f} MHz",
        f"fmax             {report.fmax_mhz:8.2f} MHz (aimed at {report.constraint_mhz:g})",
        f"fmax by seed     {each}",
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

    def error(self, job: Job, network: Network, folder: Path) -> RangeError | ToolError:
        """Too large for the board, or a failure whose log is kept."""
        where = f"network {network.name!r} on {job.board.name}"
        too_much = overflow(self.text) if self.tool is job.nextpnr else {}
        full = self.tool is job.nextpnr and crowded(self.text)
        if too_much or full:
            found = [
                f"{used} of {all_} {name}, {used - all_} too many"
                for name, (used, all_) in too_much.items()
            ]
            return RangeError(
                "the design must fit the board",
                found="; ".join(found) or "no place for some of its cells",
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
