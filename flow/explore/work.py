"""What workers do: quantise, measure, cost. Plain functions, the same on any machine."""

import io
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar

from spikewright.boards import get_board
from spikewright.flow.accuracy import mode_accuracy
from spikewright.flow.convert import convert, prepare, train
from spikewright.flow.cycles import Activity, activity
from spikewright.flow.original import Original
from spikewright.flow.plan_file import plan_as_dict
from spikewright.flow.planner import Objective, Pins, plan_hardware
from spikewright.flow.samples import Samples, load_samples, save_samples
from spikewright.flow.sequences import encode_samples
from spikewright.golden.errors import FileError, SpikewrightError, ToolError
from spikewright.golden.spec import Mode, Network
from spikewright.golden.spec.file import load, save

from .front import Cost
from .space import Point
from .task import Failed, Payload, Refused

__all__ = ["Measured", "cost", "measure", "packed", "quantise"]

# Of which traces give the cycles: they vary little from one to the next.
_TRACED = 8
_BATCH = 500
_OBJECTIVES = {
    Cost.TIME: Objective.THROUGHPUT,
    Cost.LATENCY: Objective.LATENCY,
    Cost.AREA: Objective.AREA,
    Cost.MEMORY: Objective.MEMORY,
}

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """A network in a mode: ``accuracy`` of the golden model, and what its neurons send."""

    accuracy: float
    activity: Activity


def _answering(
    function: Callable[Arguments, Answer],
) -> Callable[Arguments, Answer | Refused | Failed]:
    """Give errors of point and machine as answers, and pass on those of an earlier task."""

    def answer(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer | Refused | Failed:
        for each in args:
            if isinstance(each, (Refused, Failed)):
                return each
        try:
            return function(*args, **kwargs)
        except (FileError, ToolError, OSError, MemoryError) as error:
            return Failed(reason=f"{platform.node()}: {str(error) or type(error).__name__}")
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
        labels = calibration.labels(classes)
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
def cost(network: bytes, measured: Measured, point: Point, first: Cost) -> dict[str, Any]:
    """All figures of a point, and its plan: the one that the planner chooses for its first cost.

    Refused where none fits the board.
    """
    read, board = _network(network), get_board(point.board)
    lanes = {each.name: min(point.lanes, each.n) for each in read.populations}
    planned = plan_hardware(
        read,
        board,
        measured.activity,
        objective=_OBJECTIVES[first],
        # More cores would be more lanes than the point says.
        pins=Pins(mode=point.mode, lanes=lanes, partition={}, share=()),
    )
    chosen = planned.chosen
    cycles, area = chosen.cycles, chosen.area
    return {
        "accuracy": measured.accuracy,
        "cycles": round(cycles.cycles, 2),
        "bound_cycles": round(cycles.bound, 2),
        "efficiency": round(cycles.efficiency, 4),
        "limit": planned.limit,
        "luts": area.luts,
        "flip_flops": area.flip_flops,
        "block_rams": area.block_rams,
        "sprams": area.sprams,
        "dsps": area.dsps,
        "fmax_mhz": round(area.fmax_hz / 1e6, 1),
        "latency_us": round(chosen.latency_s * 1e6, 3),
        "sample_us": round(1e6 / chosen.frames_per_s, 4),
        "frames_per_s": round(chosen.frames_per_s, 1),
        "network": read.content_hash,
        "plan": plan_as_dict(chosen.plan),
    }


@lru_cache(maxsize=2)
def _read(payload: Payload) -> tuple[Original, Samples, Samples]:
    with TemporaryDirectory() as folder:
        (Path(folder) / "original.safetensors").write_bytes(payload.original)
        original = Original.load(Path(folder))
    return (
        original,
        _samples(payload.calibration, "calibration data"),
        _samples(payload.held_out, "held-out data"),
    )


def _samples(data: bytes, source: str) -> Samples:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "samples.npz"
        path.write_bytes(data)
        return load_samples(path, source=source)


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
