"""From which density on sparse rows are cheaper than dense ones, for the cores of a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikewright.flow.convert.prune import balanced_mask
from spikewright.flow.memories import core_name
from spikewright.flow.performance import Workload
from spikewright.flow.row_costs import RowCost, row_costs
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Connection, Dense, IntArray, Network
from spikewright.hdl.geometry import dense_matrix
from spikewright.hdl.make_configs import node_layouts
from spikewright.hdl.plan import CorePlan, HardwarePlan, Rows
from spikewright.hdl.row_checks import check_rows
from spikewright.hdl.token import TokenLayout

__all__ = ["BREAK_EVEN_SHARES", "Cost", "CoreBreakEven", "Point", "break_even"]

BREAK_EVEN_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a core takes: rows and cycles a sample, bits of rows and pointers."""

    rows: float
    cycles: float
    bits: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """Costs at one density: of weights that are balanced over the lanes, and that lie anywhere."""

    density: float
    balanced: Cost
    scattered: Cost


@dataclass(frozen=True, kw_only=True)
class CoreBreakEven:
    """One core. ``now`` are the sparse rows of the network's own weights, at ``density``.

    ``dense`` is the same at every density. ``points`` by falling density.
    """

    name: str
    lanes: int
    groups: int
    dense: Cost
    density: float
    now: Cost
    points: tuple[Point, ...]

    def even(self, measure: str, layout: str) -> float | None:
        """The density below which sparse rows take less, between two points on a straight line.

        ``measure``: rows, cycles or bits. ``layout``: balanced or scattered. 1 where they always
        do, None where they never do.
        """
        dense = float(getattr(self.dense, measure))
        above: tuple[float, float] | None = None
        for point in self.points:
            found = float(getattr(getattr(point, layout), measure))
            if found < dense:
                if above is None:
                    return 1.0
                density, cost = above
                share = (dense - found) / (cost - found)
                return point.density + (density - point.density) * share
            above = (point.density, found)
        return None


def break_even(
    network: Network,
    plan: HardwarePlan,
    load: Workload,
    *,
    shares: Sequence[float] = BREAK_EVEN_SHARES,
) -> tuple[CoreBreakEven, ...]:
    """Costs of the plan's cores that could have sparse rows, as if their weights were fewer.

    The weights that stay are the largest, the others' places are drawn; the spikes are those of
    ``load``, the network's own, whatever the weights. Cycles are rows and sweeps, as the bound has
    them.

    Raises
    ------
    ConfigurationError
        If no core can have sparse rows; it says what stands against the first.
    """
    layouts = node_layouts(network, plan)
    found, against = [], []
    for core in plan.cores:
        try:
            check_rows(network, replace(core, rows=Rows.SPARSE))
        except ConfigurationError as error:
            against.append(error)
            continue
        (connection,) = network.sources(core.hosts[0].population)
        found.append(_core(core, connection, layouts, load, shares))
    if not found:
        raise against[0]
    return tuple(found)


def _core(
    core: CorePlan,
    connection: Connection,
    layouts: Mapping[str, TokenLayout],
    load: Workload,
    shares: Sequence[float],
) -> CoreBreakEven:
    (host,) = core.hosts
    dense = connection.operator
    assert isinstance(dense, Dense)  # the check passed it
    target = layouts[host.population].axes
    channels = host.channels or (0, target[0].size)
    groups = -(-(channels[1] - channels[0]) // target[0].banks) * target[1].blocks
    groups *= target[2].blocks
    spikes = load.spikes[connection.source, 0, False]
    sweeps = load.sweeps[host.population] * groups

    def costs(weights: IntArray) -> dict[Rows, Cost]:
        made = row_costs(
            replace(dense, weights=weights),
            source=layouts[connection.source],
            target=target,
            channels=channels,
        )
        return {rows: _cost(cost, spikes, sweeps) for rows, cost in made.items()}

    matrix = dense_matrix(dense)
    size = _sizes(matrix)
    lanes = target[0].banks * target[1].banks * target[2].banks
    points = []
    for share in sorted(shares, reverse=True):
        # Lanes are those of flat populations; banks of maps share a lane as little.
        balanced = balanced_mask(size.T, share=1 - share, lanes=lanes).T
        keep = max(1, round(share * size.size))
        scattered = np.zeros(size.size, np.bool_)
        scattered[np.argsort(-size, axis=None)[:keep]] = True
        points.append(
            Point(
                density=share,
                balanced=costs(balanced.astype(np.int64))[Rows.SPARSE],
                scattered=costs(scattered.reshape(size.shape).astype(np.int64))[Rows.SPARSE],
            )
        )
    own = costs(dense.weights)
    return CoreBreakEven(
        name=core_name(core),
        lanes=lanes,
        groups=groups,
        dense=own[Rows.DENSE],
        density=float(np.count_nonzero(matrix)) / matrix.size,
        now=own[Rows.SPARSE],
        points=tuple(points),
    )


def _cost(cost: RowCost, spikes: npt.NDArray[np.float64], sweeps: float) -> Cost:
    rows = float(spikes @ cost.rows_per_neuron)
    return Cost(rows=rows, cycles=rows + sweeps, bits=cost.bits)


def _sizes(matrix: IntArray) -> npt.NDArray[np.float64]:
    """Magnitudes, of which no two are the same, so that any number of weights can be the largest.

    Those that are equal are ranked by chance, the same every time.
    """
    drawn: npt.NDArray[np.float64] = np.random.default_rng(0).random(matrix.shape)
    return np.abs(matrix) + drawn / 2
