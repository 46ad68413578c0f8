"""Cycles, latency and throughput of a build, and how near it is to what its plan allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from spikewright.golden.model import Model
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.bound import bound_cycles
from spikewright.hdl.config import core_configs
from spikewright.hdl.plan import HardwarePlan

__all__ = ["Workload", "counted", "timed", "workload"]

BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Means over samples, by population: spikes it receives, sweeps it cannot avoid."""

    spikes_in: Mapping[str, float]
    sweeps: Mapping[str, float]


def workload(
    network: Network, values: torch.Tensor, mode: Mode, steps: int | None = None
) -> Workload:
    """Count the work of integer inputs [N, n] in the golden model."""
    model = Model(network)
    emitted: dict[str, int] = {}
    sweeps = {population.name: 0 for population in network.populations}
    for start in range(0, len(values), BATCH):
        batch = values[start : start + BATCH]
        # Only settle mode has as many steps as the data ask for; they are in the trace.
        result = model.run(batch, mode=mode, steps=steps, trace=mode is Mode.SETTLE)
        for name, events in result.events.items():
            emitted[name] = emitted.get(name, 0) + int(events.sum())
        for name in sweeps:
            if result.trace is not None:
                sweeps[name] += int(result.trace.steps[name].sum())
            else:
                each = 1 if mode is Mode.COLLAPSED else (steps or network.max_steps)
                sweeps[name] += each * len(batch)
    received = dict.fromkeys(sweeps, 0.0)
    for connection in network.connections:
        received[connection.target] += emitted[connection.source] / len(values)
    return Workload(
        spikes_in=received, sweeps={name: n / len(values) for name, n in sweeps.items()}
    )


def counted(
    network: Network, plan: HardwarePlan, load: Workload, cycles_per_sample: float
) -> dict[str, Any]:
    """The figures of ``performance`` that need no clock: a co-simulation's cycles and the bound."""
    bound = bound_cycles(core_configs(network, plan), spikes_in=load.spikes_in, steps=load.sweeps)
    return {
        "mode": str(plan.mode),
        "cycles_per_sample": round(cycles_per_sample, 2),
        "bound_cycles": round(bound, 2),
        "efficiency": round(bound / cycles_per_sample, 4),
    }


def timed(
    figures: Mapping[str, Any], latency_cycles: float, build: Mapping[str, Any]
) -> dict[str, Any]:
    """The figures of ``performance`` once a build says how fast the clock may run."""
    hertz = build["fmax_mhz"] * 1e6
    per_second = hertz / figures["cycles_per_sample"]
    return {
        **figures,
        "latency_us": round(latency_cycles / hertz * 1e6, 3),
        "frames_per_s": round(per_second, 1),
        "frames_per_s_per_klut": round(per_second / (build["lut"] / 1000), 1),
    }
