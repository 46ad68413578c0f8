"""The stages of the whole way, each of which works in a project folder and records its figures."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from spikewright.flow.accuracy import evaluate
from spikewright.flow.convert import (
    ConvertConfig,
    Epoch,
    Reference,
    TrainConfig,
    convert,
    encode_input,
    prepare,
    train,
)
from spikewright.flow.cosim import cosimulate
from spikewright.flow.generate import generate
from spikewright.flow.importers import import_module
from spikewright.flow.original import Original
from spikewright.flow.performance import counted, timed, workload
from spikewright.flow.plan import default_plan, load_plan
from spikewright.flow.progress import Advance, Working, silent
from spikewright.flow.project import Project, check_output
from spikewright.flow.samples import Samples
from spikewright.flow.synthesize import synthesize
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import HardwarePlan

__all__ = [
    "build_stage",
    "choose_plan",
    "convert_stage",
    "cosim_stage",
    "epochs",
    "evaluate_stage",
    "generate_stage",
]

KEPT_SAMPLES = 4096


def epochs(
    advance: Advance, *, before: dict[str, int] | None = None, total: int | None = None
) -> Callable[[Epoch], None]:
    """Tell the epochs of training as progress; ``before``: those done when a phase begins."""

    def tell(epoch: Epoch) -> None:
        done = (before or {}).get(epoch.phase, 0) + epoch.epoch
        advance(
            done / (total or epoch.epochs),
            f"{epoch.phase}, epoch {epoch.epoch} of {epoch.epochs}: {epoch.accuracy:.1%}",
        )

    return tell


def convert_stage(
    out: Path,
    module: torch.nn.Module,
    data: Samples,
    config: ConvertConfig,
    *,
    training: TrainConfig | None = None,
    seed: int = 0,
    working: Working = silent,
) -> Project:
    """Convert ``module``, after training it quantised if asked, into a new project."""
    check_output(out)
    original = Original(import_module(module, tuple(data.x.shape[1:])))
    seconds = {}
    if training is not None:
        start = time.perf_counter()
        with working("train quantised") as advance:
            module = prepare(module, data.x, config)
            labels = data.labels("calibration data")
            train(module, data.x, labels, training, epochs(advance), seed=seed)
        seconds["train"] = time.perf_counter() - start
    start = time.perf_counter()
    with working("convert"):
        conversion = convert(module, data.x, config)
        project = Project.create(out, conversion.network, original, data.first(KEPT_SAMPLES))
    seconds["convert"] = time.perf_counter() - start
    for stage, each in seconds.items():
        project.record(stage, each, {})
    return project


def evaluate_stage(
    project: Project,
    samples: Samples,
    *,
    steps: tuple[int, ...],
    batch: int = 1000,
    working: Working = silent,
) -> None:
    """Measure the accuracy of the original and of every mode."""
    start = time.perf_counter()
    with working("evaluate"):
        network = project.network
        figures = evaluate(
            network,
            Reference(network),
            project.original,
            samples.x,
            samples.labels("evaluation data"),
            steps=steps,
            batch=batch,
        )
    project.record("evaluate", time.perf_counter() - start, {"accuracy": figures})
