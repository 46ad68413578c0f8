"""Builds the digits network for boards, with the most lanes that fit, and tries their links."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from spikewright.boards import BOARDS, Board, get_board, usual_link
from spikewright.flow.datasets import digits
from spikewright.flow.machine import measured
from spikewright.flow.plan import default_plan
from spikewright.flow.progress import Working
from spikewright.flow.project import Project
from spikewright.flow.recipes import DIGITS_MLP
from spikewright.flow.sequences import encode_samples, unrolled
from spikewright.flow.stages import generate_stage
from spikewright.flow.synthesize import stored_sample, synthesize
from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import HardwarePlan, MembraneStore

from .links import measure_link
from .record import Linked, Routed

__all__ = ["build_boards", "link_boards"]

_LANES = (8, 4, 2, 1)
_LINK_LANES = 4
_SEED = 1
_SHOWN = 12


def build_boards(
    out: Path, names: Sequence[str], *, working: Working
) -> Iterator[tuple[str, Routed]]:
    """Train the network in ``out / "digits"`` once, and build in ``out / BOARD``; yields each.

    Parameters
    ----------
    names : of boards; none are all of them.

    Raises
    ------
    ConfigurationError
        If there is no such board.
    ToolError, FileError
        If a tool is missing or failed, or a file cannot be written.
    """
    _check_names(names)
    project = _digits(out, working)
    for name in names or BOARDS:
        yield name, _build(project, get_board(name), out / name, working)


def link_boards(
    out: Path, names: Sequence[str], record: Mapping[str, Routed], *, working: Working
) -> Iterator[tuple[str, Linked]]:
    """Run the network of ``build_boards`` over each link of those boards of ``record`` that have a
    bitstream; yields each.

    Raises
    ------
    ConfigurationError
        If there is no such board, or another network was built for it.
    MismatchError, ToolError, FileError
        As ``measure_link``.
    """
    _check_names(names)
    project = _digits(out, working)
    own = project.summary["network"]["hash"]
    for name in names or BOARDS:
        board, found = get_board(name), record.get(name)
        if found is None or not found.routed:
            continue
        if found.network != own:
            raise ConfigurationError(
                f"the links must be of the network that was built, {found.network[:_SHOWN]}",
                found=own[:_SHOWN],
                where=name,
                action=f'build it anew: make boards BOARDS="{name}"',
            )
        # Behind a link a small device has no room for 8 lanes and a self-test.
        lanes = found.lanes if usual_link(board).counters else min(found.lanes, _LINK_LANES)
        generate_stage(project, _plan(project, board, lanes), working=working)
        for wire in board.links:
            yield name, measure_link(project, name, wire.kind, working=working)


def _check_names(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in BOARDS]
    if unknown:
        raise ConfigurationError(
            "boards must be of those that spikewright boards lists",
            found=", ".join(map(repr, unknown)),
        )


def _digits(out: Path, working: Working) -> Project:
    folder = out / "digits"
    if (folder / "summary.json").exists():
        return Project(folder)
    return DIGITS_MLP.project(folder, digits(seed=0), seed=0, working=working)


def _plan(project: Project, board: Board, lanes: int) -> HardwarePlan:
    membranes = None if board.lut_ram else MembraneStore.BLOCK
    return default_plan(project.network, Mode.COLLAPSED, lanes=lanes, membranes=membranes)


def _build(project: Project, board: Board, folder: Path, working: Working) -> Routed:
    network, samples = project.network, project.samples
    values = unrolled(network, encode_samples(network, samples.x[:1]))[0][:1]
    stored = stored_sample(network, Mode.COLLAPSED, values.numpy())
    refused = ""
    for lanes in _LANES:
        plan = _plan(project, board, lanes)
        try:
            with working(f"{board.name}, {lanes} lanes") as advance:
                report = synthesize(
                    network,
                    plan,
                    board,
                    folder,
                    sample=stored,
                    seeds=(_SEED,),
                    progress=advance,
                )
        except RangeError as error:
            refused = f"{error.must}, found {error.found}"
            continue
        return Routed(
            device=board.device,
            network=project.summary["network"]["hash"],
            lanes=lanes,
            refused="",
            fmax_mhz=report.fmax_mhz,
            clock_mhz=report.clock_mhz,
            lut=report.lut,
            ff=report.ff,
            bram=report.bram,
            spram=report.spram,
            dsp=report.dsp,
            used=report.used,
            seed=_SEED,
            measured=measured(),
            versions=report.versions,
        )
    return Routed(
        device=board.device,
        network=project.summary["network"]["hash"],
        lanes=_LANES[-1],
        refused=refused,
        fmax_mhz=0.0,
        clock_mhz=0.0,
        lut=0,
        ff=0,
        bram=0,
        spram=0,
        dsp=0,
        used={},
        seed=_SEED,
        measured=measured(),
        versions={},
    )
