"""What workers do: quantise, measure, cost. Plain functions, the same on any machine."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar

from spikewright.boards import Board, get_board
from spikewright.flow.accuracy import mode_accuracy
from spikewright.flow.area import Area, estimate_area, fits
from spikewright.flow.convert import convert, prepare, train
from spikewright.flow.cycles import Activity, activity, estimate_cycles
from spikewright.flow.original import Original
from spikewright.flow.plan import default_plan, plan_as_dict
from spikewright.flow.samples import Samples, load_samples, save_samples
from spikewright.flow.sequences import encode_samples
from spikewright.golden.errors import ConfigurationError, RangeError, SpikewrightError
from spikewright.golden.spec import Mode, Network
from spikewright.golden.spec.file import load, save
from spikewright.hdl.plan import HardwarePlan, MembraneStore

from .space import Point
from .task import Payload, Refused

__all__ = ["Measured", "cost", "measure", "packed", "quantise"]

# Of which traces give the cycles: they vary little from one to the next.
_TRACED = 8
_BATCH = 500
# Neurons that decide in a cycle, and spikes that a core takes in one.
_OVERLAPPED = ((None, 1), (16, 1), (16, 2), (16, 4))

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """A network in a mode: ``accuracy`` of the golden model, and what its neurons send."""

    accuracy: float
    activity: Activity


def _answering(
    function: Callable[Arguments, Answer],
) -> Callable[Arguments, Answer | Refused]:
    """Give errors of the project as answers, and pass on those of an earlier task."""

    def answer(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer | Refused:
        for each in args:
            if isinstance(each, Refused):
                return each
        try:
            return function(*args, **kwargs)
        except SpikewrightError as error:
            return Refused(reason=str(error))

    answer.__name__ = answer.__qualname__ = function.__name__
    answer.__doc__ = function.__doc__
    answer.__module__ = function.__module__
    return answer


@_answering
def quantise(payload: Payload, weight_bits: int, levels: int) -> bytes:
    """The integer network, as a file."""
    original, calibration, _ = _read(payload)
    config = replace(payload.config, weight_bits=weight_bits, levels=levels)
    module = prepare(original.graph, calibration.x, config)
    if payload.training is not None:
        classes = original.graph.readout.shape[0]
        labels = calibration.labels("calibration data", classes)
        train(module, calibration.x, labels, payload.training, None, seed=payload.seed)
    return _written(lambda path: save(convert(module, calibration.x, config).network, path))


@_answering
def measure(payload: Payload, network: bytes, mode: Mode, steps: int | None) -> Measured:
    """Accuracy on all held-out samples, and the traces of some."""
    held_out = _read(payload)[2]
    read = _network(network)
    values = encode_samples(read, held_out.spread(_TRACED).x)
    return Measured(
        accuracy=mode_accuracy(read, held_out, mode, steps=steps, batch=_BATCH),
        activity=activity(read, mode, values, steps=steps),
    )


@_answering
def cost(network: bytes, measured: Measured, point: Point, least: str) -> dict[str, Any]:
    """All figures of a point and its plan: of those that fit the board, the one of least ``least``.

    Refused where none fits.
    """
    read, board = _network(network), get_board(point.board)
    found, short = [], []
    for plan in _plans(read, point, board):
        area = estimate_area(read, plan, board)
        lacking = fits(area, board.resources)
        if lacking:
            short.append("; ".join(lacking))
        else:
            found.append(_figures(read, plan, measured, area))
    if not found:
        raise RangeError(f"the plan must fit {board.name}", found=short[0])
    return min(found, key=lambda figures: float(figures[least]))


def _plans(network: Network, point: Point, board: Board) -> list[HardwarePlan]:
    """The usual plan, and those whose neurons decide while rows go on, with one or more spikes."""
    plans: list[HardwarePlan] = []
    for decide, spikes in _OVERLAPPED:
        try:
            plan = default_plan(
                network,
                point.mode,
                lanes=point.lanes,
                sweep_lanes=decide,
                spikes=spikes,
                membranes=None if board.lut_ram else MembraneStore.BLOCK,
            )
        except ConfigurationError:
            if not plans:
                raise
            continue  # what cannot take several spikes
        if plan not in plans:
            plans.append(plan)
    return plans


def _figures(
    network: Network, plan: HardwarePlan, measured: Measured, area: Area
) -> dict[str, Any]:
    cycles = estimate_cycles(network, plan, measured.activity)
    return {
        "accuracy": measured.accuracy,
        "cycles": round(cycles.cycles, 2),
        "bound_cycles": round(cycles.bound, 2),
        "efficiency": round(cycles.efficiency, 4),
        "limit": cycles.limit,
        "luts": area.luts,
        "flip_flops": area.flip_flops,
        "block_rams": area.block_rams,
        "sprams": area.sprams,
        "dsps": area.dsps,
        "fmax_mhz": round(area.fmax_hz / 1e6, 1),
        "latency_us": round(cycles.latency / area.fmax_hz * 1e6, 3),
        "sample_us": round(cycles.cycles / area.fmax_hz * 1e6, 4),
        "frames_per_s": round(area.fmax_hz / cycles.cycles, 1),
        "network": network.content_hash,
        "plan": plan_as_dict(plan),
    }


@lru_cache(maxsize=2)
def _read(payload: Payload) -> tuple[Original, Samples, Samples]:
    with TemporaryDirectory() as folder:
        (Path(folder) / "original.safetensors").write_bytes(payload.original)
        original = Original.load(Path(folder))
    return original, _samples(payload.calibration), _samples(payload.held_out)


def _samples(data: bytes) -> Samples:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "samples.npz"
        path.write_bytes(data)
        return load_samples(path)


def _network(data: bytes) -> Network:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        path.write_bytes(data)
        return load(path)


def _written(write: Callable[[Path], None]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        write(path)
        return path.read_bytes()


def packed(samples: Samples) -> bytes:
    """Samples as an npz in memory."""
    stream = io.BytesIO()
    save_samples(samples, stream)
    return stream.getvalue()
