"""Cycles, latency and throughput of a build, and how near it is to what its plan allows."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikewright.flow.cosim.streams import TokenStream, sum_parts
from spikewright.flow.sequences import frames_of, run_samples
from spikewright.golden.model import Model
from spikewright.golden.spec import Encoding, Fire, Mode, Network, TokenKind
from spikewright.hdl.bound import bound_cycles, reached_groups
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.plan import HardwarePlan

__all__ = ["Workload", "bound", "golden_speed", "performance", "workload"]

_BATCH = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class Workload:
    """Means over samples: spikes [neurons] of each input and population that are heard with a delay
    of 0 or 1, or bits of their payloads, and the sweeps that each population cannot avoid.
    """

    spikes: Mapping[tuple[str, int, bool], npt.NDArray[np.float64]]
    sweeps: Mapping[str, float]


def workload(network: Network, plan: HardwarePlan, streams: Mapping[str, TokenStream]) -> Workload:
    """Count the work in the tokens that the golden model says each stream carries."""
    mode = plan.mode
    samples = len(next(iter(streams.values())).starts) - 1
    spikes = {}
    for name in (*(i.name for i in network.inputs), *(p.name for p in network.populations)):
        n = network.node(name).n
        for delay, serial in product((0, 1), (False, True)):
            if delay and mode is Mode.SETTLE:
                if name == network.readout.population:
                    continue  # it never fires in this mode, so nobody hears it
                sums = streams[name].recalled(n, sum_parts(network, name))
                sent = sums.sent(n, serial=serial)
            else:
                sent = streams[name].sent(n, delay=delay, serial=serial)
            spikes[name, delay, serial] = sent / samples
    sweeps: dict[str, float] = {}
    for config in core_configs(network, plan):
        if config.skips:
            sweeps[config.hosts[0].population.name] = _visits(config, streams, mode) / samples
    for population in network.populations:
        if population.name in sweeps:
            continue
        steps = np.count_nonzero(streams[population.name].kind == TokenKind.STEP) / samples
        # Who never fires and has nothing to do between steps is swept once, when it is read.
        once = population.soma.fire is Fire.NONE and not population.soma.changes_alone
        once &= not network.readout.every_step
        sweeps[population.name] = 1.0 if once or mode is Mode.COLLAPSED else float(steps)
    return Workload(spikes=spikes, sweeps=sweeps)


def _visits(config: CoreConfig, streams: Mapping[str, TokenStream], mode: Mode) -> float:
    """Sweeps of the whole population that visit as many groups as spikes touch: those of a step, or
    of a sample where it decides once, or until nothing fires.
    """
    touched: npt.NDArray[np.bool_] | None = None
    for port in config.ports:
        if port.delta is not None:
            continue  # what it sends depends on the order of the spikes
        stream = streams[port.connection.source]
        sent = stream.present(port.layout.neurons, by_step=mode is Mode.STEPWISE)
        reach = reached_groups(config, port).astype(np.float32)
        seen = sent.astype(np.float32) @ reach > 0
        touched = seen if touched is None else touched | seen
    return 0.0 if touched is None else float(np.count_nonzero(touched)) / config.groups


def golden_speed(network: Network, values: torch.Tensor, steps: int) -> dict[str, Any]:
    """Samples a second of the golden model over all of ``values`` after one warm-up.

    It runs stepwise, or collapsed where the network has no steps. Events [N, steps, n] have their
    own; each frame of sequences [N, frames, n] is a sample.
    """
    model = Model(network)
    mode = Mode.STEPWISE if Mode.STEPWISE in network.modes else Mode.COLLAPSED
    if network.inputs[0].encoding is Encoding.EVENTS:
        steps = values.shape[1]
    taken = steps if mode is Mode.STEPWISE else None
    run_samples(model, values[:_BATCH], mode=mode, steps=taken)
    start = time.perf_counter()
    run_samples(model, values, mode=mode, steps=taken)
    seconds = time.perf_counter() - start
    samples = len(values) * (frames_of(network, values) or 1)
    return {
        "mode": str(mode),
        "steps": taken,
        "samples": samples,
        "threads": torch.get_num_threads(),
        "samples_per_second": round(samples / seconds),
    }


def bound(network: Network, plan: HardwarePlan, load: Workload) -> float:
    """The fewest cycles a sample that the plan's cores can take for that work, in the mean."""
    return bound_cycles(core_configs(network, plan), spikes=load.spikes, steps=load.sweeps)


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
