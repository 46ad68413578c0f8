"""The plan that a user's choices ask for."""

from pathlib import Path

from spikewright.flow.lanes import Banks
from spikewright.flow.plan import default_plan
from spikewright.flow.plan_file import load_plan, with_depths
from spikewright.flow.project import Project
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.checks import against_overlap, against_touched
from spikewright.hdl.plan import (
    HardwarePlan,
    MembraneStore,
    ParameterStore,
    Products,
    Rows,
    Sweeps,
    WeightStore,
)

__all__ = ["choose_plan"]


def choose_plan(
    project: Project,
    mode: Mode | None,
    lanes: tuple[int, ...] | None,
    *,
    banks: tuple[Banks, ...] | None = None,
    sweep_lanes: int | None = None,
    spikes: int = 1,
    sweeps: Sweeps = Sweeps.ALL,
    queue_depth: int | None = None,
    fanout: int | None = None,
    membranes: MembraneStore | None = None,
    weights: WeightStore | None = None,
    parameters: ParameterStore | None = None,
    rows: Rows = Rows.DENSE,
    products: Products = Products.MULTIPLIER,
    encoders: bool = False,
    guard: int | None = None,
    path: Path | None = None,
) -> HardwarePlan:
    """The plan of a file, or the one that suits mode and lanes.

    Without a mode it is collapsed, or the last that a network without collapsed has.
    """
    network = project.network
    if path is not None:
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
    if mode is None:
        mode = Mode.COLLAPSED if Mode.COLLAPSED in network.modes else network.modes[-1]
    plan = default_plan(
        network,
        mode,
        lanes=lanes,
        banks=banks,
        sweep_lanes=sweep_lanes,
        spikes=spikes,
        sweeps=sweeps,
        queue_depth=queue_depth,
        fanout=fanout,
        membranes=membranes,
        weights=weights,
        parameters=parameters,
        rows=rows,
        products=products,
        encoders=encoders,
        guard=guard,
    )
    _check_taken(network, plan, sweep_lanes, sweeps)
    return plan


def _check_taken(
    network: Network, plan: HardwarePlan, sweep_lanes: int | None, sweeps: Sweeps
) -> None:
    """Refuse a choice that no core can follow, with what stands against it in the first."""
    first = plan.cores[0]
    against: list[tuple[str, str]] = []
    if sweep_lanes is not None and all(core.sweep_lanes is None for core in plan.cores):
        what, against = "sweep lanes", against_overlap(network, first, plan.mode)
    elif sweeps is Sweeps.TOUCHED and all(core.sweeps is not sweeps for core in plan.cores):
        what, against = "sweeps of what was touched", against_touched(network, first, plan.mode)
        against = against or [("have maps of several groups", "one group of columns")]
    for must, found in against[:1]:
        raise ConfigurationError(
            f"for {what} a core must {must}",
            found=found,
            where=first.where,
            action="leave the option out: no core can follow it",
        )
