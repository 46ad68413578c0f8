"""The stages of the whole way, each of which works in a project folder and records its figures."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

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
from spikewright.flow.performance import performance, workload
from spikewright.flow.plan import default_plan, load_plan
from spikewright.flow.project import Project, check_output
from spikewright.flow.samples import Samples
from spikewright.flow.synthesize import synthesize
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import HardwarePlan

__all__ = [
    "Advance",
    "Working",
    "build_stage",
    "convert_stage",
    "cosim_stage",
    "evaluate_stage",
    "generate_stage",
    "silent",
]

KEPT_SAMPLES = 4096


class Advance(Protocol):
    """Tells how far a stage is: the share done, 0 to 1, and a few words."""

    def __call__(self, share: float, note: str = "") -> None: ...


Working = Callable[[str], AbstractContextManager[Advance]]


def silent(_title: str) -> AbstractContextManager[Advance]:
    """Work without telling anybody."""
    return nullcontext(lambda share, note="": None)


def epochs(advance: Advance, done: int = 0, total: int | None = None) -> Callable[[Epoch], None]:
    """Tell the epochs of a training run as progress; ``done`` of ``total`` went before."""

    def tell(epoch: Epoch) -> None:
        share = (done + epoch.epoch) / (total or epoch.epochs)
        advance(share, f"{epoch.phase} {epoch.epoch}/{epoch.epochs}, {epoch.accuracy:.1%}")

    return tell
