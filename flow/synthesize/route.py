"""Place and route of one netlist, with one seed after the other."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from spikewright.golden.errors import ToolError

from .device import NAME, ROUTED, nextpnr_part
from .job import ROUTERS, Job, run_tool
from .report import CriticalPath, SeedTiming
from .results import read_holds, read_path, read_speed, read_used
from .tools import ToolStop

__all__ = ["Routed", "keep", "log_name", "route"]

# Some nets that reach hundreds of cells keep nextpnr's first router busy for ever. CPU time: on a
# busy machine a design must not get another router, and with it another speed.
_ROUTER_SECONDS = 600.0
_REPORT = "report.json"


@dataclass(frozen=True, kw_only=True)
class Routed:
    """A routed design of one seed, whose files are set aside."""

    timing: SeedTiming
    path: CriticalPath
    used: dict[str, tuple[int, int]]


def route(job: Job, seed: int, folder: Path, share: float) -> Routed:
    """Place and route with one seed; its files get the seed in front of their names."""
    family = job.board.family
    start = time.perf_counter()
    for router in list(job.routers):
        job.tell(share, f"nextpnr, seed {seed}, {router}")
        arguments = (
            *nextpnr_part(job.board),
            *("--json", f"{NAME}.json", "--report", _REPORT),
            *("--freq", f"{job.constraint_mhz:g}", "--timing-allow-fail"),
            *("--seed", str(seed), "--router", router),
            *ROUTED[family],
        )
        limit = _ROUTER_SECONDS if router != ROUTERS[-1] else None
        try:
            run_tool(job, job.nextpnr, arguments, folder, log=log_name(job, seed), limit=limit)
            break
        except ToolStop as stop:
            if not stop.late:
                raise
            job.routers.remove(router)
    report = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
    fmax, path = read_speed(report), read_path(report)
    if fmax is None or path is None:
        raise ToolError("nextpnr must report the speed of the clock", found="no such clock")
    log = (folder / log_name(job, seed)).read_text(encoding="utf-8", errors="replace")
    if holds := read_holds(log):
        raise ToolError(
            "no path must be too short for its register",
            found=f"{holds} that are, with seed {seed}",
            where=f"network {job.accelerator.network.name!r} on {job.board.name}",
            action="choose another seed",
        )
    for name in _results(family):
        (folder / name).replace(folder / f"{seed}-{name}")
    seconds = round(time.perf_counter() - start, 2)
    timing = SeedTiming(seed=seed, fmax_mhz=fmax, router=router, seconds=seconds)
    return Routed(timing=timing, path=path, used=read_used(report))


def keep(job: Job, chosen: Routed, folder: Path) -> None:
    """The files of one seed under their own names; those of the others go."""
    for name in _results(job.board.family):
        for seed in job.seeds:
            path = folder / f"{seed}-{name}"
            if seed == chosen.timing.seed:
                path.replace(folder / name)
            else:
                path.unlink()


def _results(family: str) -> tuple[str, str]:
    return _REPORT, ROUTED[family][1]


def log_name(job: Job, seed: int) -> str:
    """File of what place and route says with a seed."""
    return f"{job.nextpnr.name}-seed-{seed}.log"
