"""Cycles of small networks, as the generated Verilog takes them and as the model says."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.cosim.testbench import read_batch
from spikewright.flow.cycles import CycleEstimate, activity, estimate_cycles
from spikewright.golden.spec import Network
from spikewright.hdl.plan import HardwarePlan
from support.fuzz import Case, check

__all__ = ["estimated", "measured"]


def measured(
    network: Network,
    plan: HardwarePlan,
    inputs: Mapping[str, np.ndarray],
    steps: int | None,
    folder: Path,
    keep: Sequence[bool] | None = None,
) -> float:
    """Cycles from one result to the next, of a batch that is sent back to back."""
    stalls = (None,) * (len(network.inputs) + 1)
    case = Case(
        network=network,
        plan=plan,
        inputs=dict(inputs),
        steps=steps,
        keep=None if keep is None else tuple(keep),
        stalls=stalls,
    )
    check(case, folder)
    ends = read_batch(folder, read_manifest(folder)).finishes.astype(np.int64)
    return float(ends[-1] - ends[0]) / (ends.size - 1)


def estimated(
    network: Network,
    plan: HardwarePlan,
    inputs: Mapping[str, np.ndarray],
    steps: int | None,
    keep: Sequence[bool] | None = None,
) -> CycleEstimate:
    """What the model says of the same samples."""
    traces = activity(network, plan.mode, inputs, steps=steps, keep=keep)
    return estimate_cycles(network, plan, traces)
