"""Cycles, latency and throughput of a build, and how near it is to what its plan allows."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from spikewright.golden.model import Model
from spikewright.golden.spec import Fire, Mode, Network
from spikewright.hdl.bound import bound_cycles
from spikewright.hdl.config import core_configs
from spikewright.hdl.plan import HardwarePlan

__all__ = ["Workload", "bound", "golden_speed", "performance", "workload"]

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
    for population in network.populations:
        # Who never fires and has nothing to do between steps is swept once, when it is read.
        if population.soma.fire is Fire.NONE and not population.soma.changes_alone:
            sweeps[population.name] = len(values)
    received = dict.fromkeys(sweeps, 0.0)
    for connection in network.connections:
        received[connection.target] += emitted[connection.source] / len(values)
    return Workload(
        spikes_in=received, sweeps={name: n / len(values) for name, n in sweeps.items()}
    )


def golden_speed(network: Network, values: torch.Tensor, steps: int) -> dict[str, Any]:
    """Samples a second of the golden model, stepwise, over all of ``values`` after one warm-up."""
    model = Model(network)
    model.run(values[:BATCH], mode=Mode.STEPWISE, steps=steps)
    start = time.perf_counter()
    model.run(values, mode=Mode.STEPWISE, steps=steps)
    seconds = time.perf_counter() - start
    return {
        "mode": str(Mode.STEPWISE),
        "steps": steps,
        "samples": len(values),
        "threads": torch.get_num_threads(),
        "samples_per_second": round(len(values) / seconds),
    }


def bound(network: Network, plan: HardwarePlan, load: Workload) -> float:
    """The fewest cycles a sample that the plan's cores can take for that work, in the mean."""
    return bound_cycles(core_configs(network, plan), spikes_in=load.spikes_in, steps=load.sweeps)


def performance(cosim: Mapping[str, Any], build: Mapping[str, Any] | None) -> dict[str, Any]:
    """Cycles as co-simulated beside their bound; with a build's clock also time and throughput."""
    cycles = cosim["cycles_per_sample"]
    figures: dict[str, Any] = {
        "mode": cosim["mode"],
        "cycles_per_sample": round(cycles, 2),
        "bound_cycles": round(cosim["bound_cycles"], 2),
        "efficiency": round(cosim["bound_cycles"] / cycles, 4),
    }
    if build is not None:
        # At Fmax, as others quote it; the bitstream's PLL may be set lower.
        hertz = build["fmax_mhz"] * 1e6
        figures |= {
            "at_mhz": build["fmax_mhz"],
            "bitstream_mhz": build["clock_mhz"],
            "bitstream_frames_per_s": round(build["clock_mhz"] * 1e6 / cycles, 1),
            "latency_us": round(cosim["latency_cycles"] / hertz * 1e6, 3),
            "frames_per_s": round(hertz / cycles, 1),
            "frames_per_s_per_klut": round(hertz / cycles / (build["lut"] / 1000), 1),
        }
    return figures
