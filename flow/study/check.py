"""The hardware of a network against the golden model, without a project."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

import torch

from spikewright.flow.cosim import cosimulate
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.flow.sequences import encode_samples, frames_of, unrolled
from spikewright.golden.spec import Encoding, Mode, Network

__all__ = ["Equal", "equal_in_hardware"]

SAMPLES = 50


class Equal(TypedDict):
    """Fields of a finding: samples and spikes that were compared, spikes that differ."""

    compared: int
    spikes: int
    mismatches: int


def equal_in_hardware(
    network: Network,
    x: torch.Tensor,
    mode: Mode,
    *,
    steps: int | None = None,
    samples: int = SAMPLES,
    lanes: int | None = None,
) -> Equal:
    """Co-simulate ``samples`` of x, evenly spread; raises MismatchError at the first difference.

    ``steps`` : T of a stepwise run; ``lanes`` of every core, as ``default_plan`` has them.
    """
    count = min(samples, len(x))
    chosen = x[torch.arange(count) * len(x) // count]
    values = encode_samples(network, chosen)
    frames = frames_of(network, values)
    flat, _ = unrolled(network, values)
    events = network.inputs[0].encoding is Encoding.EVENTS
    with TemporaryDirectory() as folder:
        plan = default_plan(network, mode, lanes=lanes)
        generate(network, plan, Path(folder) / "hardware")
        report = cosimulate(
            network,
            Path(folder) / "hardware",
            flat.numpy(),
            steps=None if events or mode is not Mode.STEPWISE else steps,
            reset_every=frames,
        )
    return Equal(compared=count, spikes=report.spikes_compared, mismatches=report.mismatches)
