"""Cycles a sample of a plan, worked out from golden traces without simulating hardware."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.cosim.streams import OUTPUT, TokenStream, frame_streams
from spikewright.flow.performance import Workload, workload
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.bound import bound_cycles
from spikewright.hdl.plan import HardwarePlan

from .graph import Ran, simulate

if TYPE_CHECKING:
    import torch

    Values = torch.Tensor | npt.NDArray[Any]

__all__ = ["Activity", "CoreCycles", "CycleEstimate", "activity", "estimate_cycles"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Activity:
    """What a few samples make every population send in a mode.

    ``samples`` : how many. ``streams`` : all tokens, as the golden model says them, by source.
    ``batch`` : samples that are sent back to back; None is all of them.
    ``loads`` : what no plan can avoid, once that was asked for.
    """

    mode: Mode
    samples: int
    streams: Mapping[str, TokenStream]
    batch: int | None = None
    loads: dict[Mode, Workload] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class CoreCycles:
    """A core's cycles a sample: in which it takes spikes (``rows``), in which it makes passes
    (``sweeps``), and those in which it does either (``busy``), or sums a product's keys if longer.
    """

    name: str
    rows: float
    sweeps: float
    busy: float


@dataclass(frozen=True, kw_only=True)
class CycleEstimate:
    """Cycles of a plan, as means over samples.

    ``cycles`` : between two results of samples that are sent back to back. ``latency`` : from the
    first token of a sample that finds the accelerator empty to its result: of the first sample of
    each batch, and where all samples are one batch, of each of them as if it came alone.
    ``bound`` : the fewest that the plan's memory ports allow; ``efficiency`` : bound / cycles.
    ``limit`` : what takes the most of them, in words.
    """

    cycles: float
    latency: float
    bound: float
    efficiency: float
    cores: tuple[CoreCycles, ...]
    limit: str


def activity(
    network: Network,
    mode: Mode,
    inputs: "Values | Mapping[str, Values]",
    *,
    steps: int | None = None,
    keep: Sequence[bool] | None = None,
    batch: int | None = None,
) -> Activity:
    """Run the golden model on some samples, at least 2.

    Parameters
    ----------
    inputs, steps : as for ``cosim.cosimulate``. keep : of each sample, whether its END keeps the
        state; none by default. batch : samples that are sent back to back, at least 2, before what
        follows waits until the accelerator is empty; by default all.
    """
    mode = Mode(mode)
    if batch is not None and batch < 2:
        raise ConfigurationError("a batch must have at least 2 samples", found=str(batch))
    streams = golden_streams(network, mode, inputs, steps, keep=keep)
    given = inputs if isinstance(inputs, Mapping) else {network.inputs[0].name: inputs}
    values = {name: np.asarray(each) for name, each in given.items()}
    streams |= frame_streams(network, values, keep)
    samples = len(streams[OUTPUT].starts) - 1
    if samples < 2:
        raise ConfigurationError(
            "there must be at least 2 samples, to see how they follow each other",
            found=str(samples),
            where="inputs",
        )
    return Activity(mode=mode, samples=samples, streams=streams, batch=batch)


def estimate_cycles(network: Network, plan: HardwarePlan, activity: Activity) -> CycleEstimate:
    """How many cycles a sample takes, from one result to the next.

    Every token of every stream goes through a model in time of queues, cores, serialisers and
    routers, with the latencies that the hardware's own modules state.

    Raises
    ------
    ConfigurationError
        If the plan is of another mode, or not legal.
    UnsupportedError
        If the plan has what the model does not know, as guards.
    """
    if activity.mode is not plan.mode:
        raise ConfigurationError(
            f"the plan must be of the traces' mode, {activity.mode}", found=str(plan.mode)
        )
    accelerator = Accelerator(network=network, plan=plan)
    batch = activity.batch or activity.samples
    ran = alone = simulate(accelerator, activity.streams, batch=batch)
    cycles = ran.batches.cycles
    if activity.batch is None:
        alone = simulate(accelerator, activity.streams, batch=1)
    configs = tuple(core.config for core in accelerator.cores)
    load = activity.loads.get(plan.mode)
    if load is None or any(config.skips for config in configs):
        load = workload(network, plan, activity.streams)
    if not any(config.skips for config in configs):
        # The same for every plan that sweeps whole populations.
        activity.loads[plan.mode] = load
    least = bound_cycles(configs, spikes=load.spikes, steps=load.sweeps)
    return CycleEstimate(
        cycles=cycles,
        latency=alone.batches.latency,
        bound=least,
        efficiency=least / cycles,
        cores=tuple(_of_core(core, activity.samples) for core in ran.cores),
        limit=_limit(ran),
    )


def _of_core(core: Any, samples: int) -> CoreCycles:
    overlaps = core.timing.close is not None
    busy = max(core.added, core.swept) if overlaps else core.added + core.swept
    busy = max(busy, core.summed)
    return CoreCycles(
        name=core.name,
        rows=core.added / samples,
        sweeps=core.swept / samples,
        busy=busy / samples,
    )


def _limit(ran: Ran) -> str:
    """What is busy for the most cycles."""
    found: list[tuple[int, str]] = []
    for why, cycles in ran.inputs.items():
        found.append((cycles, why))
    for core in ran.cores:
        overlaps = core.timing.close is not None
        together = core.added if overlaps else core.added + core.swept
        if core.added >= core.swept:
            found.append((together, f"rows of {core.name!r}"))
        else:
            found.append((max(together, core.swept), f"sweep of {core.name!r}"))
        found.append((core.summed, f"keys of {core.name!r}"))
        found.append((core.serialiser.sent, f"serialiser of {core.name!r}"))
    found.append((ran.readout.busy * len(ran.readout.ends), "the readout"))
    return max(found)[1]
