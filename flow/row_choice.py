"""Which cores of a plan get compressed rows: those where that is possible, and cheaper."""

from dataclasses import replace

from spikewright.flow.row_costs import RowCost, row_costs
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense, Network
from spikewright.hdl.checks import against_overlap
from spikewright.hdl.make_configs import node_layouts
from spikewright.hdl.plan import (
    CorePlan,
    HardwarePlan,
    MembraneStore,
    ParameterStore,
    Rows,
)
from spikewright.hdl.row_checks import check_rows

__all__ = ["core_costs", "sparse_core", "with_rows"]


def with_rows(
    network: Network, plan: HardwarePlan, rows: Rows, sweep_lanes: int | None
) -> HardwarePlan:
    """The plan with sparse rows wherever they are fewer, or as many and of fewer bits.

    There so many neurons decide in a cycle while rows go on, if that is asked for and possible,
    with their sums in LUT RAM where they would be in block RAM.

    Raises
    ------
    ConfigurationError
        If there is no such core; it says what stands against the first.
    """
    if rows is Rows.DENSE:
        return plan
    against: list[ConfigurationError] = []
    cores = []
    for core in plan.cores:
        try:
            sparse = sparse_core(network, plan, core)
            cores.append(_overlapped(network, plan, sparse, sweep_lanes))
        except ConfigurationError as error:
            against.append(error)
            cores.append(core)
    if len(against) == len(cores):
        raise against[0]
    return replace(plan, cores=tuple(cores))


def sparse_core(network: Network, plan: HardwarePlan, core: CorePlan) -> CorePlan:
    """A core of ``plan`` with sparse rows.

    Raises
    ------
    ConfigurationError
        If it cannot have them, or they are not fewer, or as many and of fewer bits.
    """
    sparse = replace(core, rows=Rows.SPARSE)
    check_rows(network, sparse)
    _check_cheaper(core, core_costs(network, plan, core))
    return sparse


def _overlapped(
    network: Network, plan: HardwarePlan, core: CorePlan, sweep_lanes: int | None
) -> CorePlan:
    if sweep_lanes is None or against_overlap(network, core, plan.mode):
        return core
    store = MembraneStore.LUTRAM if core.membranes is MembraneStore.BLOCK else core.membranes
    return replace(
        core, sweep_lanes=sweep_lanes, membranes=store, parameters=ParameterStore.REGISTERS
    )


def core_costs(network: Network, plan: HardwarePlan, core: CorePlan) -> dict[Rows, RowCost]:
    """Costs of the one dense connection of a core of ``plan``, which ``check_rows`` passed."""
    layouts = node_layouts(network, plan)
    (host,) = core.hosts
    (connection,) = network.sources(host.population)
    assert isinstance(connection.operator, Dense)
    return row_costs(
        connection.operator,
        source=layouts[connection.source],
        target=layouts[host.population].axes,
        channels=host.channels,
    )


def _check_cheaper(core: CorePlan, costs: dict[Rows, RowCost]) -> None:
    sparse, dense = costs[Rows.SPARSE], costs[Rows.DENSE]
    if not sparse.is_less(dense):
        raise ConfigurationError(
            "sparse rows must be fewer than dense ones, or as many and of fewer bits",
            found=f"{sparse.rows} of {sparse.bits} bits in all, dense {dense.rows} of {dense.bits}",
            where=core.where,
            action="leave them dense, give the core fewer lanes, or prune more for its lanes: "
            "spikewright convert --prune",
        )
