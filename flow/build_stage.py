"""The stages that put a project on a board: its bitstream, and its simulation pin by pin."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from spikewright.boards import Board, LinkTop, Pll, choose_wire, usual_link
from spikewright.flow.area import calibrated, estimate_area
from spikewright.flow.generate import image_bytes
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.simulated import RunningBoard, simulate_board
from spikewright.flow.stages import (
    built_for,
    check_verilog,
    hardware_plan,
    record_performance,
    sample_of,
)
from spikewright.flow.synthesize import (
    StoredSample,
    check_fits,
    make_top,
    memories_of,
    synthesize,
)
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Mode
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.plan import HardwarePlan

__all__ = ["USUAL", "build_stage", "link_pll", "simulated_board"]

_ROUNDED_MHZ = 1e-3

USUAL = "usual"
"""Of a board's links, the one that it is reached by without more."""


def build_stage(
    project: Project,
    mode: Mode,
    board: str,
    *,
    link: str | None = None,
    clock_mhz: float | None = None,
    seeds: tuple[int, ...] = (1,),
    sample: int = 0,
    steps: int = 8,
    working: Working = silent,
) -> None:
    """Make a bitstream that works on one of the project's samples, or on its first frame; or one
    behind a ``link`` (uart, spi, or usual), which does what a host says.
    """
    chosen = built_for(board, "--board")
    start = time.perf_counter()
    wire = None if link is None else choose_wire(chosen, _kind(link))
    network, plan = project.network, hardware_plan(project, mode)
    check_fits(network, plan, chosen)
    check_verilog(project, mode)
    if plan.guards and wire is None:
        raise UnsupportedError(
            "a bitstream that tests itself must have inputs that wait: what a guard drops, no"
            " stored answer knows",
            found=", ".join(f"a guard of {guard.input!r}" for guard in plan.guards),
            action="build it with --link, generate without --guard, or put the Verilog in a design"
            " of your own",
        )
    name = board if wire is None else f"{board}-link"
    folder = project.build(name)
    with working(f"build {name}") as advance:
        stored = _stored(project, plan, sample, steps)
        report = synthesize(
            network,
            plan,
            chosen,
            folder,
            sample=stored,
            link=None if wire is None else usual_link(chosen),
            wire=wire,
            clock_mhz=clock_mhz,
            seeds=seeds,
            progress=advance,
        )
    figures = {"mode": str(mode), **report.as_dict()}
    for name in ("bitstream", "flash"):
        if figures[name] is not None:
            figures[name] = str((folder / figures[name]).relative_to(project.root))
    seconds = time.perf_counter() - start
    if wire is not None:
        project.record({"link": figures}, {"link": seconds})
        return
    assert stored is not None  # there is no guard
    if calibrated(chosen.family):
        memories = memories_of(stored, network, plan)
        try:
            area = estimate_area(network, plan, chosen, stored=memories)
        except UnsupportedError:
            pass  # that there is no estimate is told
        else:
            figures["estimated"] = area.as_dict() | {
                "lut_error": area.luts / figures["lut"] - 1,
                "bram_error": area.block_rams - figures["bram"],
            }
    project.record({"build": figures}, {"build": seconds})
    record_performance(project)


@contextmanager
def simulated_board(
    project: Project,
    mode: Mode,
    board: str,
    *,
    link: str = USUAL,
    sample: int = 0,
    steps: int = 8,
    working: Working = silent,
    seed: int = 0,
    flip: float = 0.0,
    drop: float = 0.0,
    repeat: float = 0.0,
    boots: bool = True,
) -> Iterator[RunningBoard]:
    """Run what ``build_stage`` with a link would put on a board, its port a pseudo-terminal.

    Parameters
    ----------
    link : which of the board's, as ``build_stage``.
    seed, flip, drop, repeat : what happens on the line, as ``SimulatedBoard.running``.
    boots : whether the project's network lies in its flash, where it looks for one there.

    Raises
    ------
    ConfigurationError, RangeError
        If the board lacks the link, or the memories that the design needs.
    ToolError
        If the simulator is missing or failed.
    """
    chosen = built_for(board, "--port")
    wire = choose_wire(chosen, _kind(link))
    network, plan = project.network, hardware_plan(project, mode)
    check_fits(network, plan, chosen)  # as where it is built
    check_verilog(project, mode)
    with working(f"simulate {board}"):
        stored = _stored(project, plan, sample, steps)
        top = make_top(
            board=chosen,
            pll=link_pll(project, chosen),
            constraint_mhz=chosen.goal_mhz,
            accelerator=Accelerator(network=network, plan=plan),
            sample=stored,
            link=usual_link(chosen),
            wire=wire,
        )
        assert isinstance(top, LinkTop)
        program = simulate_board(top, project.build(f"{board}-{wire.kind}-simulated"))
    flash = image_bytes(top.accelerator.image) if boots and top.loader is not None else b""
    with program.running(seed=seed, flip=flip, drop=drop, repeat=repeat, flash=flash) as running:
        yield running


def link_pll(project: Project, board: Board) -> Pll:
    """What makes the clock of the project's last build behind a link, or the board's default."""
    built = project.summary.get("link", {})
    wanted = built.get("clock_mhz") if built.get("board") == board.name else None
    return (board.pll_below(wanted + _ROUNDED_MHZ) if wanted else None) or board.default_pll


def _kind(link: str) -> str | None:
    return None if link == USUAL else link


def _stored(project: Project, plan: HardwarePlan, sample: int, steps: int) -> StoredSample | None:
    """One of the project's samples and its answer; None where a guard may drop some of it."""
    return None if plan.guards else sample_of(project, plan, sample, steps=steps)
