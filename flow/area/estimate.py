"""What a plan takes of a board: block RAMs exactly, lookup tables and flip-flops about."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from spikewright.boards import Board, Resources
from spikewright.flow.synthesize.fit import check_stores, memory_use
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Network, Product
from spikewright.hdl.checks import connection_name
from spikewright.hdl.make_configs import core_configs, node_layouts
from spikewright.hdl.plan import HardwarePlan

from .features import design_features, dsps, makes_multipliers
from .grades import grade_of
from .model import predict
from .records import package_records
from .speed import estimate_fmax
from .stages import stages

__all__ = ["Area", "estimate_area", "fits"]


@dataclass(frozen=True, kw_only=True)
class Area:
    """Counts as of ``BuildReport``.

    ``block_rams``, ``sprams`` and ``dsps`` are exact; ``luts``, ``flip_flops`` and ``logic_cells``
    (iCE40's; None elsewhere) are of a model, and so is ``fmax_hz``, which is rough: small designs
    that it had not seen were off by nearly always less than the share ``fmax_spread``; those that
    fill a device are slower. ``slowest`` : the kind of stage that is held to limit it.
    """

    luts: int
    flip_flops: int
    logic_cells: int | None
    block_rams: int
    sprams: int
    dsps: int
    fmax_hz: float
    fmax_spread: float
    slowest: str

    def as_dict(self) -> dict[str, float]:
        """What ``BuildReport.as_dict`` says too, by the same names."""
        return {
            "lut": self.luts,
            "ff": self.flip_flops,
            "bram": self.block_rams,
            "spram": self.sprams,
            "dsp": self.dsps,
            "fmax_mhz": round(self.fmax_hz / 1e6, 2),
        }

    @property
    def most_hz(self) -> float:
        """A clock that it may just reach."""
        return self.fmax_hz * (1 + self.fmax_spread)


def estimate_area(
    network: Network,
    plan: HardwarePlan,
    board: Board,
    *,
    stored: Sequence[tuple[int, int]] | None = None,
) -> Area:
    """Estimate an accelerator on a board of a calibrated family, with its self-test.

    Parameters
    ----------
    stored : (rows, bits) of the tokens that the self-test keeps for each input; by default those
        of one block RAM each, as they are where few neurons spike.

    Raises
    ------
    ConfigurationError
        If a memory is to live in LUT RAM or large RAMs where the board has none.
        Or if the board's family was not calibrated.
    UnsupportedError
        If the network has products, which no design of the sweeps has.
    """
    _check(network)
    records = package_records(board.family)
    configs = core_configs(network, plan)
    uses = memory_use(network, plan, board)
    check_stores(uses, board)
    if stored is None:
        layouts = node_layouts(network, plan)
        rows = board.block_ram.bits // max(wide for _, wide in board.block_ram.shapes)
        stored = [(rows, layouts[each.name].width) for each in network.inputs]
    features = design_features(network, plan, configs, uses, board, stored)
    luts = round(predict(features, records.luts))
    flip_flops = round(predict(features, records.flip_flops))
    blocks = sum(use.blocks for use in uses)
    blocks += sum(board.block_ram.blocks(*each) for each in stored)
    deep = stages(configs, multipliers=makes_multipliers(board))
    speed = estimate_fmax(deep, records.delays, records.spread)
    grade = grade_of(board)
    return Area(
        luts=luts,
        flip_flops=flip_flops,
        logic_cells=None if records.alone is None else luts + round(records.alone * flip_flops),
        block_rams=blocks,
        sprams=sum(use.large for use in uses),
        dsps=dsps(configs, board),
        fmax_hz=speed.hz * grade.ratio,
        fmax_spread=hypot(speed.spread, grade.spread),
        slowest=speed.slowest,
    )


def _check(network: Network) -> None:
    for connection in network.connections:
        if isinstance(connection.operator, Product):
            raise UnsupportedError(
                "the area model knows all connections but products",
                found=connection_name(connection),
                action="choose lanes yourself, and build: place and route tells what they take",
            )


def fits(area: Area, resources: Resources) -> list[str]:
    """What a board is short of, in words; nothing where all of it fits."""
    cells = area.luts if area.logic_cells is None else area.logic_cells
    wanted = (
        ("LUTs" if area.logic_cells is None else "logic cells", cells, resources.luts),
        ("flip-flops", area.flip_flops, resources.flip_flops),
        ("block RAMs", area.block_rams, resources.block_rams),
        ("SPRAMs", area.sprams, resources.sprams),
        ("DSP blocks", area.dsps, resources.dsps),
    )
    return [
        f"{need:,} {what} where {resources.name} has {there:,}"
        for what, need, there in wanted
        if need > there
    ]
