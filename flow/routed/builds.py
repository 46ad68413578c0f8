"""Builds the digits network for boards: with the most lanes that fit each."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from spikewright.boards import BOARDS, Board, get_board
from spikewright.flow.datasets import digits
from spikewright.flow.machine import measured
from spikewright.flow.plan import default_plan
from spikewright.flow.progress import Working
from spikewright.flow.project import Project
from spikewright.flow.recipes import DIGITS_MLP
from spikewright.flow.sequences import encode_samples, unrolled
from spikewright.flow.synthesize import stored_sample, synthesize
from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import MembraneStore

from .record import Routed

__all__ = ["build_boards"]

_LANES = (8, 4, 2, 1)
_SEED = 1


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
    unknown = [name for name in names if name not in BOARDS]
    if unknown:
        raise ConfigurationError(
            "boards must be of those that spikewright boards lists",
            found=", ".join(map(repr, unknown)),
        )
    folder = out / "digits"
    if (folder / "summary.json").exists():
        project = Project(folder)
    else:
        project = DIGITS_MLP.project(folder, digits(seed=0), seed=0, working=working)
    for name in names or BOARDS:
        yield name, _build(project, get_board(name), out / name, working)


def _build(project: Project, board: Board, folder: Path, working: Working) -> Routed:
    network, samples = project.network, project.samples
    values = unrolled(network, encode_samples(network, samples.x[:1]))[0][:1]
    stored = stored_sample(network, Mode.COLLAPSED, values.numpy())
    refused = ""
    for lanes in _LANES:
        plan = default_plan(
            network,
            Mode.COLLAPSED,
            lanes=lanes,
            membranes=None if board.lut_ram else MembraneStore.BLOCK,
        )
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
