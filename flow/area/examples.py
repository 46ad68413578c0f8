"""Networks of usual sizes and a plan for each, to see what fits a board without building."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spikewright.boards import Board
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.plan import HardwarePlan, MembraneStore, WeightStore

from .estimate import Area, estimate_area, fits
from .networks import chain, maps

__all__ = ["EXAMPLES", "Example", "Fit", "fit_of"]


@dataclass(frozen=True, kw_only=True)
class Example:
    """A network with random weights of 4 bits, collapsed, and the lanes of its cores.

    ``large`` : whether it is worth a try to have weights in large RAMs.
    """

    name: str
    network: Callable[[], Network]
    lanes: tuple[int, ...]
    sweep_lanes: int | None = None
    large: bool = False


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What an example takes of a board, and what the board is short of; nothing where it fits.

    ``cells`` : lookup tables, or an iCE40's logic cells. ``large`` : whether its weights are in
    large RAMs. ``close`` : whether it fills the board so far that the model's error decides.
    """

    area: Area
    cells: int
    short: tuple[str, ...]
    large: bool
    close: bool


_ERROR = 0.15  # of lookup tables, at the most, in all designs that were recorded

EXAMPLES = (
    Example(name="digits 64-32-10, 8 lanes", network=chain((64, 32, 10)), lanes=(8, 8)),
    Example(name="digits 64-32-10, 1 lane", network=chain((64, 32, 10)), lanes=(1, 1)),
    Example(name="maps 14x14, 8 and 16 channels", network=maps(14, (8, 16)), lanes=(9, 9, 10)),
    Example(
        name="MNIST 784-128-10, 16 lanes",
        network=chain((784, 128, 10)),
        lanes=(16, 5),
        large=True,
    ),
    Example(
        name="MNIST 784-128-10, 128 lanes",
        network=chain((784, 128, 10)),
        lanes=(128, 10),
        sweep_lanes=8,
    ),
)


def fit_of(example: Example, board: Board) -> Fit:
    """Estimate an example on a board; weights go to its large RAMs where they fit nothing else.

    Raises
    ------
    ConfigurationError
        If the area model was not calibrated on the family of the board.
    """
    network = example.network()
    stores: Sequence[WeightStore | None] = (None,)
    if board.large_ram is not None and example.large:
        stores = (None, WeightStore.SPRAM)
    found = [_fit(network, _plan(example, network, board, store), board) for store in stores]
    return next((each for each in found if not each.short), found[0])


def _plan(
    example: Example, network: Network, board: Board, weights: WeightStore | None
) -> HardwarePlan:
    return default_plan(
        network,
        Mode.COLLAPSED,
        lanes=example.lanes,
        sweep_lanes=example.sweep_lanes,
        membranes=None if board.lut_ram else MembraneStore.BLOCK,
        weights=weights,
    )


def _fit(network: Network, plan: HardwarePlan, board: Board) -> Fit:
    area = estimate_area(network, plan, board)
    large = any(core.weights is WeightStore.SPRAM for core in plan.cores)
    cells = area.luts if area.logic_cells is None else area.logic_cells
    return Fit(
        area=area,
        cells=cells,
        short=tuple(fits(area, board.resources)),
        large=large,
        close=(1 - _ERROR) * board.luts < cells <= board.luts,
    )
