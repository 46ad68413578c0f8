"""What is to be built, with what tools, and how long they took."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spikewright.boards import Board, Spi, Uart
from spikewright.boards.pll import Pll
from spikewright.flow.progress import Advance
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.link import LinkPlan

from .sample import StoredSample
from .tools import Tool, run

__all__ = ["ROUTERS", "ROUTES", "Job", "run_tool"]

ROUTERS = ("router1", "router2")
ROUTES = "Info: Routing.."
"""What nextpnr says when it begins to route."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One build. ``routers``: those of nextpnr that have not been too slow for this design."""

    accelerator: Accelerator
    board: Board
    sample: StoredSample | None
    link: LinkPlan | None
    wire: Uart | Spi | None
    requested: Pll
    constraint_mhz: float
    seeds: tuple[int, ...]
    yosys: Tool
    nextpnr: Tool
    packer: Tool
    tell: Advance
    routers: list[str] = field(default_factory=lambda: list(ROUTERS))
    seconds: dict[str, float] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)


def run_tool(
    job: Job,
    tool: Tool,
    arguments: Sequence[str],
    folder: Path,
    *,
    log: str | None = None,
    limit: float | None = None,
) -> None:
    """Run a tool; ``limit``: CPU seconds of routing."""
    log = log or f"{tool.name}.log"
    done = run(tool, arguments, folder, log=log, limit=limit, after=ROUTES)
    job.seconds[tool.name] = job.seconds.get(tool.name, 0.0) + done.seconds
    if log not in job.logs:
        job.logs.append(log)
