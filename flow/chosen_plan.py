"""What a plan is where the user leaves something open, gives a file, or asks for what cannot be."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from spikewright.flow.files import read_json, text_hash
from spikewright.flow.generate import verilog_text
from spikewright.flow.plan import against_maps
from spikewright.flow.plan_file import load_plan, with_depths
from spikewright.flow.project import Project
from spikewright.golden.errors import ConfigurationError, FileError, RangeError, UnsupportedError
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.checks import against_overlap, against_touched
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.make_envelope import MOST_HEADROOM, with_envelope
from spikewright.hdl.plan import HardwarePlan, Sweeps

__all__ = ["check_taken", "plan_like", "plan_of_file", "usual_mode"]

_SHOWN = 3


def usual_mode(network: Network) -> Mode:
    """Collapsed, or the last that a network without collapsed has."""
    return Mode.COLLAPSED if Mode.COLLAPSED in network.modes else network.modes[-1]


def plan_of_file(network: Network, path: Path) -> HardwarePlan:
    """The plan of a file, with the queue depths that it leaves out.

    Raises
    ------
    FileError
        If it cannot be read.
    ConfigurationError
        If it does not suit the network.
    """
    plan = load_plan(path)
    try:
        return with_depths(network, plan)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"the plan must suit network {network.name!r}: {error.must}",
            found=error.found,
            where=f"{path}, {error.where}" if error.where else str(path),
            action=error.action or "make one for this network: spikewright plan",
        ) from error


def plan_like(network: Network, other: Path) -> HardwarePlan:
    """The plan of another project's hardware, into which this network shall be loaded.

    Raises
    ------
    FileError
        If there is none, or its Verilog is of another version.
    ConfigurationError
        If nothing can be loaded into it.
    UnsupportedError, RangeError
        If the network is of another shape, or does not fit.
    """
    project = Project(other)
    folders = [project.generated(project.main_mode())]
    folders += sorted(each.parent for each in (project.root / "generated").glob("*/plan.json"))
    folder = next((each for each in folders if _takes_others(each)), None)
    if folder is None:
        raise ConfigurationError(
            "the other project's hardware must take other networks",
            found="hardware of one network",
            where=str(folders[0]),
            action=f"run: spikewright generate {other} --loadable",
        )
    _check_shape(network, project)
    try:
        plan = plan_of_file(network, folder / "plan.json")
    except RangeError as error:
        enough = _headroom(network, project.network, load_plan(folder / "plan.json"))
        again = (
            f"run: spikewright generate {other} --loadable --headroom {enough}, and build it again"
        )
        raise RangeError(
            error.must,
            found=error.found,
            where=error.where,
            action="train within these bounds" + (f", or {again}" if enough is not None else ""),
        ) from error
    if (
        text_hash(verilog_text(network, plan))
        != read_json(folder / "manifest.json")["verilog_hash"]
    ):
        raise FileError(
            "the other project's Verilog must be what this version makes of its plan",
            found="another one",
            where=str(folder),
            action=f"run: spikewright generate {other} --loadable, and build it again",
        )
    return plan


def _check_shape(network: Network, other: Project) -> None:
    """Refuse a network of another shape than the other project's, with what differs."""
    unlike = network.unlike(other.network)
    if unlike:
        more = f", and {len(unlike) - _SHOWN} more" if len(unlike) > _SHOWN else ""
        raise UnsupportedError(
            f"the network must have the shape of {other.root}'s: inputs, populations, connections,"
            " somas, weight bits and fraction bits",
            found="; ".join(unlike[:_SHOWN]) + more,
            where=f"network {network.name!r}",
            action="convert this one as the other, with its --weight-bits, --levels and"
            " --fraction-bits, layer by layer as spikewright convert has shown them, or generate it"
            " with --loadable, for hardware of its own",
        )


def _headroom(network: Network, own: Network, plan: HardwarePlan) -> int | None:
    """The least with which hardware made for ``own`` takes the network, too; None where none is."""
    for headroom in range(MOST_HEADROOM + 1):
        with suppress(RangeError):
            core_configs(
                network, with_envelope(own, replace(plan, envelope=None), headroom=headroom)
            )
            return headroom
    return None


def _takes_others(folder: Path) -> bool:
    return load_plan(folder / "plan.json").envelope is not None


def check_taken(
    network: Network, plan: HardwarePlan, sweep_lanes: int | None, sweeps: Sweeps
) -> None:
    """Refuse a choice that no core can follow, with what stands against it in the first."""
    first = plan.cores[0]
    faults: list[tuple[str, tuple[str, str]]] = []
    if sweep_lanes is not None and all(core.sweep_lanes is None for core in plan.cores):
        faults += [("sweep lanes", each) for each in against_overlap(network, first, plan.mode)]
    if sweeps is Sweeps.TOUCHED and all(core.sweeps is not sweeps for core in plan.cores):
        against = against_maps(network, first) + against_touched(network, first, plan.mode)
        faults += [("sweeps of what was touched", each) for each in against]
    for what, (must, found) in faults[:1]:
        raise ConfigurationError(
            f"for {what} a core must {must}",
            found=found,
            where=first.where,
            action="leave the option out: no core can follow it",
        )
