"""Take a network through methods one after the other; what is known already is not done again."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from spikewright.boards import get_board
from spikewright.flow.apply_method import apply_method
from spikewright.flow.area import estimate_area, fits
from spikewright.flow.conversions import counted
from spikewright.flow.convert import (
    METHODS,
    Code,
    ConvertConfig,
    Epoch,
    Method,
    TrainConfig,
)
from spikewright.flow.cycles import activity, estimate_cycles
from spikewright.flow.files import atomic_files, read_json, write_json
from spikewright.flow.importers import Graph
from spikewright.flow.original import Original
from spikewright.flow.plan import default_plan
from spikewright.flow.progress import Advance, Working, silent
from spikewright.flow.samples import Samples
from spikewright.flow.sequences import encode_samples
from spikewright.flow.tools import package_versions
from spikewright.golden.errors import (
    ConfigurationError,
    RangeError,
    SpikewrightError,
    UnsupportedError,
)
from spikewright.golden.model import Model
from spikewright.golden.spec import Fire, Mode, Network
from spikewright.golden.spec.file import load, save

from .metrics import bit_budget, operations, static_metrics
from .result import Compared, Run

__all__ = ["Comparison", "Effort", "compare"]

SCHEMA = 1
COUNTED = 128  # samples whose operations are counted
TRACED = 8  # samples whose cycles are worked out
BATCH = 1000
FILE = "comparison.json"
NETWORK = "network.safetensors"
ANSWERING = ("spikewright", "torch", "snntorch")


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What training each method gets that has one.

    ``training`` of the quantised network, ``tuning`` of what spikes; None is none.
    """

    training: TrainConfig | None = None
    tuning: TrainConfig | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """What is compared, and on what.

    Parameters
    ----------
    graph : the network, in floating point.
    train, held_out : samples with labels: calibration and training, and accuracy.
    config : of every conversion; each method replaces ``method`` and takes its own levels, unless
        ``levels`` says others.
    steps : each T of stepwise runs. levels : of hidden neurons, by method.
    board, lanes : of whose hardware cycles and memory are told, every core of so many lanes.
    tolerance : how far below its best accuracy a method's run may lie that is chosen for that: the
        one with the fewest operations.
    """

    graph: Graph
    train: Samples
    held_out: Samples
    config: ConvertConfig
    effort: Effort
    steps: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    levels: dict[str, int] = field(default_factory=dict)
    board: str = "ulx3s-85f"
    lanes: int = 16
    tolerance: float = 0.005

    def __post_init__(self) -> None:
        get_board(self.board)
        unknown = sorted(set(self.levels) - set(METHODS))
        if unknown:
            raise ConfigurationError(
                f"levels must be of methods, {', '.join(METHODS)}", found=repr(unknown[0])
            )
        if not self.steps or min(self.steps) < 1:
            raise ConfigurationError("steps must be at least 1", found=str(self.steps))
        if self.classes < 2:
            raise ConfigurationError(
                "a network that chooses a class must have at least 2 outputs",
                found=str(self.classes),
            )
        for name in self.levels:  # what the user chose is checked before anything is kept
            self.config_of(METHODS[name])

    @property
    def classes(self) -> int:
        """Of the readout."""
        return self.graph.readout.shape[0]

    def config_of(self, method: Method) -> ConvertConfig:
        """That of a method."""
        levels = self.levels.get(method.name)
        most = None if method.own_steps else max(*self.steps, _made_for(method, levels))
        return replace(
            self.config, method=method.name, levels=levels, percentile=None, max_steps=most
        )

    def identity(self) -> dict[str, Any]:
        """What must be the same for results to stand side by side."""
        return {
            "schema": SCHEMA,
            "network": _hash_of(self.graph),
            "train": _hash(self.train),
            "held_out": _hash(self.held_out),
            "config": _plain(self.config),
            "training": None if self.effort.training is None else _plain(self.effort.training),
            "tuning": None if self.effort.tuning is None else _plain(self.effort.tuning),
            "seed": self.effort.seed,
            "steps": list(self.steps),
            "levels": dict(self.levels),
            "board": self.board,
            "lanes": self.lanes,
            "tolerance": self.tolerance,
            "versions": {name: package_versions(name)[name] for name in ANSWERING},
        }


def compare(
    comparison: Comparison,
    out: Path,
    methods: Sequence[str] = tuple(METHODS),
    *,
    working: Working = silent,
) -> list[Compared]:
    """Results of ``methods`` in the folder ``out``, in their order; what is there is kept.

    OUT/NAME/result.json and OUT/NAME/network.safetensors of each method.

    Raises
    ------
    ConfigurationError
        If a method does not exist, the data have no labels, or the folder is of another comparison.
    """
    for name in methods:
        if name not in METHODS:
            raise ConfigurationError(
                f"methods must be among {', '.join(METHODS)}", found=repr(name), where="methods"
            )
    for each in (comparison.train, comparison.held_out):
        each.labels(comparison.classes)
    _begin(out, comparison.identity())
    found = []
    for name in methods:
        known = _known(out / name)
        if known is None:
            with working(name) as advance:
                known = _compared(comparison, METHODS[name], out / name, advance)
        found.append(known)
    return found


def _begin(out: Path, identity: dict[str, Any]) -> None:
    """Begin a folder, or go on in one of the same comparison."""
    path = out / FILE
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_json(path, identity)
        return
    before = read_json(path)
    for key, value in identity.items():
        if before.get(key) != value:
            raise ConfigurationError(
                f"the folder must be of this comparison: its {key} is another",
                found=_short(before.get(key)),
                where=str(out),
                action="take another folder with --out",
            )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known(folder: Path) -> Compared | None:
    """What was found before; None where nothing was, or not all of it can be read."""
    path = folder / "result.json"
    if not path.is_file():
        return None
    try:
        known = Compared.from_dict(read_json(path))
        if known.refused is None:
            same = load(folder / NETWORK).content_hash == known.network_hash
            return known if same and known.chosen < len(known.runs) else None
    except (TypeError, KeyError, SpikewrightError):
        return None
    return known


def _compared(comparison: Comparison, method: Method, folder: Path, advance: Advance) -> Compared:
    start = time.perf_counter()
    effort = comparison.effort
    training = effort.training if method.trains else None
    tuning = effort.tuning if method.tuning is not None else None
    try:
        config = comparison.config_of(method)
        conversion = apply_method(
            comparison.graph,
            comparison.train.x,
            config,
            y=comparison.train.labels(comparison.classes),
            training=training,
            tuning=tuning,
            seed=effort.seed,
            progress=_told(advance, training, tuning),
        )
    except (UnsupportedError, RangeError, ConfigurationError) as error:  # of this method alone
        result = Compared(method=method.name, refused=str(error))
        network = None
    else:
        network = conversion.network
        runs = _runs(comparison, network, method, advance)
        chosen = _chosen(runs, comparison.tolerance)
        levels = config.levels
        bits = config.weight_bits
        result = Compared(
            method=method.name,
            levels=levels if isinstance(levels, int) else None,
            weight_bits=bits if isinstance(bits, int) else None,
            epochs=0 if training is None else training.epochs,
            tune_epochs=0 if tuning is None else tuning.epochs,
            seconds=round(time.perf_counter() - start, 1),
            float_accuracy=_float_accuracy(comparison),
            static=static_metrics(network),
            runs=runs,
            chosen=chosen,
            hardware=_hardware(comparison, network, runs[chosen]),
            network_hash=network.content_hash,
        )
    with atomic_files(folder) as scratch:
        if network is not None:
            save(network, scratch / NETWORK)
        write_json(scratch / "result.json", result.as_dict())
    return result


def _told(
    advance: Advance, training: TrainConfig | None, tuning: TrainConfig | None
) -> Callable[[Epoch], None]:
    """Epochs as progress: two thirds of a method's way."""
    total = sum(each.epochs for each in (training, tuning) if each is not None) or 1

    def part(share: float, note: str = "") -> None:
        advance(2 / 3 * share, note)

    return counted(part, total)


def _made_for(method: Method, levels: int | None) -> int:
    """The T that a method's network is made for, or the most that its neurons send."""
    return levels or method.levels


def _runs(
    comparison: Comparison, network: Network, method: Method, advance: Advance
) -> tuple[Run, ...]:
    wanted: list[tuple[Mode, int | None]] = []
    if Mode.STEPWISE in network.modes:
        only = method.own_steps or method.code is Code.CORRECTIVE
        steps = (network.max_steps,) if only else comparison.steps
        wanted += [(Mode.STEPWISE, each) for each in steps if each <= network.max_steps]
    wanted += [(mode, None) for mode in (Mode.SETTLE, Mode.COLLAPSED) if mode in network.modes]
    runs = []
    for place, (mode, steps_) in enumerate(wanted):
        advance(2 / 3 + place / len(wanted) / 3, f"{mode} {'' if steps_ is None else steps_}")
        runs.append(_run(comparison, network, mode, steps_))
    return tuple(runs)


def _run(comparison: Comparison, network: Network, mode: Mode, steps: int | None) -> Run:
    held_out = comparison.held_out
    labels = held_out.labels(comparison.classes).reshape(len(held_out), -1)
    values = encode_samples(network, held_out.x)
    model = Model(network)
    right = spikes = 0
    hidden = [each for each in network.populations if each.soma.fire is not Fire.NONE]
    for part, wanted in zip(torch.split(values, BATCH), torch.split(labels, BATCH), strict=True):
        result = model.run(part, mode=mode, steps=steps)
        assert result.labels is not None  # a converted network decides
        right += int((result.labels.reshape(len(part), -1) == wanted).sum())
        spikes += sum(int(result.events[each.name].sum()) for each in hidden)
    counted = operations(
        network, encode_samples(network, held_out.spread(COUNTED).x), mode, steps=steps
    )
    return Run(
        mode=str(mode),
        steps=steps,
        classification_accuracy=right / labels.numel(),
        spikes_per_neuron=spikes / len(held_out) / max(1, sum(each.n for each in hidden)),
        effective_macs=counted.macs,
        effective_acs=counted.acs,
        dense=counted.dense,
        activation_sparsity=counted.activation_sparsity,
        bit_operations=counted.bit_operations,
        bit_budget=bit_budget(network, mode, steps=steps),
    )


def _chosen(runs: Sequence[Run], tolerance: float) -> int:
    """The run of the fewest operations among those that are nearly as good as the best."""
    best = max(each.classification_accuracy for each in runs)
    good = [k for k, each in enumerate(runs) if each.classification_accuracy >= best - tolerance]
    return min(good, key=lambda k: (runs[k].synops, -runs[k].classification_accuracy))


def _hardware(comparison: Comparison, network: Network, run: Run) -> dict[str, Any]:
    """Cycles, memory and an estimated clock of hardware of so many lanes."""
    board, mode = get_board(comparison.board), Mode(run.mode)
    values = encode_samples(network, comparison.held_out.spread(TRACED).x)
    try:
        plan = default_plan(network, mode, lanes=comparison.lanes)
        cycles = estimate_cycles(
            network, plan, activity(network, mode, values.numpy(), steps=run.steps)
        )
        area = estimate_area(network, plan, board)
    except SpikewrightError as error:
        return {"board": board.name, "refused": str(error)}
    return {
        "board": board.name,
        "lanes": comparison.lanes,
        "cycles": round(cycles.cycles, 2),
        "latency_cycles": round(cycles.latency, 2),
        "bound_cycles": round(cycles.bound, 2),
        "efficiency": round(cycles.efficiency, 4),
        "limit": cycles.limit,
        "luts": area.luts,
        "flip_flops": area.flip_flops,
        "block_rams": area.block_rams,
        "fmax_mhz": round(area.fmax_hz / 1e6, 1),
        "short_of": fits(area, board.resources),
    }


def _float_accuracy(comparison: Comparison) -> float:
    held_out = comparison.held_out
    labels = held_out.labels(comparison.classes).reshape(len(held_out), -1)
    logits = Original(comparison.graph)(held_out.x)
    found = logits.reshape(*logits.shape[:2], -1).argmax(1)
    return int((found == labels).sum()) / labels.numel()


def _hash(samples: Samples) -> str:
    digest = hashlib.sha256(samples.x.numpy().tobytes())
    digest.update(b"" if samples.y is None else samples.y.numpy().tobytes())
    return digest.hexdigest()


def _hash_of(graph: Graph) -> str:
    """Of a network in floating point, as a project keeps it."""
    with TemporaryDirectory() as folder:
        Original(graph).save(Path(folder))
        return hashlib.sha256(next(Path(folder).iterdir()).read_bytes()).hexdigest()


def _plain(config: Any) -> dict[str, Any]:
    """A dataclass as JSON has it."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(config).items()
    }
