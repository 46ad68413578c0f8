"""Compares generated Verilog with the golden model: every spike of every population, ``==``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikewright.flow.tools import SIMULATORS
from spikewright.golden.errors import ConfigurationError, MismatchError
from spikewright.golden.spec import Fire, Network, TokenKind

from .kept import kept_values, load_recorded
from .launch import Progress, launch
from .manifest import Manifest, read_manifest
from .setup import Setup, build_vectors
from .shares import choose_cuts, shares, usual_batch, usual_jobs
from .streams import TokenStream, frame_streams, sent_name
from .testbench import PATTERN_LIMIT

if TYPE_CHECKING:
    import torch

    from spikewright.flow.gates import Gates

    Values = torch.Tensor | npt.NDArray[Any]
    Inputs = Values | Mapping[str, Values]

__all__ = ["CosimReport", "cosimulate"]

_LONG_ROWS = 20_000


@dataclass(frozen=True, kw_only=True)
class CosimReport:
    """What a co-simulation without a difference has shown.

    ``spikes_compared``: spikes of all populations that were found equal; the values of a readout
    are compared too, but are not spikes. ``mismatches``: spikes of the golden model that no equal
    one was found for; a run that has any raises an error. ``cycles``: simulated cycles;
    ``cycles_per_second``: of wall time, from a batch's begin until its spikes are compared, of the
    longest of ``jobs`` processes side by side; ``processor_seconds``: that all of them took.
    ``cycles_per_sample``: between the ENDs of samples sent back to back; ``bound_cycles``: the
    fewest that the plan's memory ports allow for these samples. ``latency_cycles``: from the first
    input token of a sample that finds the accelerator empty to its END on the output. ``counters``:
    by core, which goes by its populations, a mean over samples. ``build_seconds``: of the
    simulator's compilation. ``guards``: by input that has one, spikes ``sent``, ``kept`` and lost
    (``losses``), and cycles in which a STEP or END had to wait (``waits``). ``gates``: what was
    simulated in place of the generated Verilog, None where nothing was.
    """

    simulator: str
    mode: str
    samples: int
    spikes_compared: int
    mismatches: int
    cycles: int
    cycles_per_second: float
    processor_seconds: float
    jobs: int
    cycles_per_sample: float
    bound_cycles: float
    latency_cycles: float
    counters: Mapping[str, Mapping[str, float]]
    build_seconds: float
    guards: Mapping[str, Mapping[str, int]]
    gates: "Gates | None"


def cosimulate(
    network: Network,
    generated_dir: Path,
    inputs: "Inputs",
    *,
    steps: int | None = None,
    simulator: str = "verilator",
    samples: int | None = None,
    reset_every: int | None = None,
    stall_input: str | None = None,
    stall_output: str | None = None,
    batch: int | None = None,
    jobs: int | None = None,
    watchdog_cycles: int | None = None,
    gates: "Gates | None" = None,
    progress: Progress | None = None,
) -> CosimReport:
    """Simulate a generated accelerator on ``inputs`` and compare all it does.

    Kind, address, payload and step of every token of every population and of the output, and the
    counters rows, synops, spikes in and out, must equal the golden model's; only the order of
    spikes within a step is free. Streams must hold their token while it waits and must not be X
    after reset. The simulation is built in ``generated_dir/sim/SIMULATOR``, that of gates in
    ``generated_dir/sim/SIMULATOR-BOARD``.

    Where inputs have guards, a first run records what these keep: it must be what was sent, less
    as many spikes as the counters say. The golden model runs on that, and a second run, which keeps
    the same, is compared with it.

    Parameters
    ----------
    inputs : integers [samples, n], or [samples, steps, n] for events; by name where the network has
        several inputs.
    steps : T of a stepwise run; in other modes the steps over which ``spread`` inputs come.
    samples : how many of the inputs; all by default.
    reset_every : so many samples go on where the one before ended, END(keep), until one ends with
        END(reset); every sample by default.
    stall_input, stall_output : cycles in which the input pauses, in which the output is not taken:
        1 waits, 0 goes; repeated for ever. Several inputs may each have their own, separated by
        commas.
    batch : samples sent back to back; by default a sixteenth of all, 2 to 256.
    jobs : processes that simulate side by side, each a share of the samples from a reset on; by
        default one for each core, where there is work for them. Only times depend on it, and how
        long cores are busy, for each process begins with clearing memories.
    watchdog_cycles : cycles without any token after which the hardware counts as stuck.
    gates : a netlist of the same network and plan, to be simulated in place of the Verilog. What
        has no initial contents in the device begins with anything.
    progress : called with (samples done, samples in all).

    Raises
    ------
    MismatchError
        At the first difference: sample, step, population, neuron, expected and found.
    ToolError
        If a tool is missing or failed.
    ConfigurationError, FileError
        If an option is not legal, or the folder does not hold this network's hardware.
    """
    # These take seconds to load; the simulation's own process imports this package without them.
    from spikewright.flow.performance import bound, workload
    from spikewright.flow.plan_file import load_plan

    from .golden import golden_streams
    from .schedule import core_work

    generated_dir = Path(generated_dir).absolute()
    manifest = read_manifest(generated_dir)
    _check(network, manifest, simulator)
    input_patterns = _input_patterns(stall_input, len(manifest.inputs))
    output_pattern = _go_pattern(stall_output, "stall_output")
    given = _first(inputs, samples)
    count = len(next(iter(given.values())) if isinstance(given, Mapping) else given)
    keep = None
    if reset_every is not None:
        if reset_every < 1:
            raise ConfigurationError("reset_every must be at least 1", found=str(reset_every))
        keep = [k % reset_every > 0 for k in range(1, count + 1)]
    by_name = {
        name: np.asarray(x)
        for name, x in (
            given if isinstance(given, Mapping) else {network.inputs[0].name: given}
        ).items()
    }
    plan = load_plan(generated_dir / "plan.json")
    work = core_work(network, manifest, plan)

    first_step_only = [each.name for each in manifest.inputs if each.first_step_only]

    def expected(values: Mapping[str, npt.NDArray[Any]]) -> dict[str, TokenStream]:
        found = golden_streams(
            network, manifest.mode, values, steps, keep=keep, replayed=first_step_only
        )
        return found | frame_streams(network, values, keep)

    streams = expected(by_name)
    sent = {sent_name(guard.input): streams[guard.input] for guard in manifest.guards}
    vectors = build_vectors(network, manifest, streams | sent, work)
    total = vectors.samples
    size = usual_batch(total) if batch is None else batch
    if size < 1:
        raise ConfigurationError("batch must be at least 1", found=str(size))
    if jobs is not None and jobs < 1:
        raise ConfigurationError("jobs must be at least 1", found=str(jobs))
    rows = int(vectors.counters[:, 0].sum())
    setup = Setup(
        generated=str(generated_dir),
        simulator=simulator,
        folder=str(generated_dir / "sim" / _folder(simulator, gates)),
        batch=size,
        samples=total,
        watchdog=watchdog_cycles or _watchdog(network, [*input_patterns, output_pattern]),
        input_patterns=input_patterns,
        output_pattern=output_pattern,
        steps=steps or network.max_steps,
        # A short run is over sooner than the C++ compiler has optimised.
        optimise="-O3" if rows >= _LONG_ROWS else "-O0",
        cuts=choose_cuts(jobs or usual_jobs(rows), size, keep, total),
        cells=[] if gates is None else [str(source) for source in gates.sources],
    )
    if manifest.guards:
        launch(replace(setup, record=True), vectors)
        parts = [each.folder(setup.folder) for each in shares(setup.cuts, total)]
        recorded = load_recorded([part / "recorded.npz" for part in parts], manifest)
        streams = expected(kept_values(manifest, recorded, streams, by_name))
        vectors = build_vectors(network, manifest, streams | sent, work)
    result = launch(setup, vectors, progress)
    least = bound(network, plan, workload(network, plan, streams))
    return _report(network, manifest, simulator, gates, result, streams | sent, least)


def _folder(simulator: str, gates: "Gates | None") -> str:
    return simulator if gates is None else f"{simulator}-{gates.board}"


def _check(network: Network, manifest: Manifest, simulator: str) -> None:
    if simulator not in SIMULATORS:
        raise ConfigurationError(
            f"the simulator must be one of {', '.join(SIMULATORS)}", found=repr(simulator)
        )
    if manifest.network_hash != network.content_hash:
        raise MismatchError(
            f"the hardware must be generated from network {network.name!r},"
            f" {network.content_hash[:12]}",
            found=f"{manifest.network_name!r}, {manifest.network_hash[:12]}",
            where=os.fspath(manifest.verilog.parent),
            action="generate the accelerator again",
        )


def _first(inputs: "Inputs", samples: int | None) -> "Mapping[str, Values] | Values":
    """The first so many samples; raises ConfigurationError where there are none."""
    by_name = inputs if isinstance(inputs, Mapping) else {"inputs": inputs}
    wanted = {name: values[:samples] for name, values in by_name.items()}
    if not all(map(len, wanted.values())):
        raise ConfigurationError("there must be at least one sample", found="none", where="inputs")
    return wanted if isinstance(inputs, Mapping) else wanted["inputs"]


def _input_patterns(stalls: str | None, n_inputs: int) -> list[str]:
    parts = [None] if stalls is None else stalls.split(",")
    if len(parts) not in (1, n_inputs):
        raise ConfigurationError(
            f"stalls must be one pattern, or one for each of {n_inputs} inputs",
            found=f"{len(parts)} patterns",
            where="stall_input",
        )
    patterns = [_go_pattern(part, "stall_input") for part in parts]
    return patterns if len(patterns) == n_inputs else patterns * n_inputs


def _go_pattern(stalls: str | None, where: str) -> str:
    """The testbench's pattern has 1 where a token may move."""
    if stalls is None:
        return "1"
    if not stalls or set(stalls) - {"0", "1"} or "0" not in stalls or len(stalls) > PATTERN_LIMIT:
        raise ConfigurationError(
            f"stalls must be 1 to {PATTERN_LIMIT} characters 0 (go) and 1 (wait), with one 0",
            found=repr(stalls[:40]),
            where=where,
        )
    return stalls.translate(str.maketrans("01", "10"))


def _watchdog(network: Network, patterns: list[str]) -> int:
    """No core is silent longer than a few passes over its neurons; stalls stretch that."""
    largest = max(*(i.n for i in network.inputs), *(p.n for p in network.populations))
    return (10_000 + 64 * largest) * max(len(p) for p in patterns)


def _report(
    network: Network,
    manifest: Manifest,
    simulator: str,
    gates: "Gates | None",
    result: Mapping[str, Any],
    streams: Mapping[str, TokenStream],
    bound_cycles: float,
) -> CosimReport:
    samples, cycles = result["samples"], result["cycles"]
    spikes_of = {
        name: int((stream.kind == TokenKind.SPIKE).sum()) for name, stream in streams.items()
    }
    # Of populations, and of inputs that are encoded in hardware.
    guarded = {guard.input for guard in manifest.guards}
    sent = {
        probe.name: spikes_of[probe.name]
        for probe in manifest.probes[:-1]
        if probe.name not in guarded
    }
    # Who never fires sends its values.
    values = sum(sent[p.name] for p in network.populations if p.soma.fire is Fire.NONE)
    compared = result["spikes_compared"] - values
    spikes = sum(sent.values()) - values
    if compared != spikes:
        raise MismatchError(
            f"all {spikes} spikes of the golden model must have been compared",
            found=str(compared),
            where=os.fspath(manifest.verilog.parent),
        )
    gaps = result["gaps"]
    return CosimReport(
        simulator=simulator,
        mode=str(manifest.mode),
        samples=samples,
        spikes_compared=compared,
        mismatches=spikes - compared,
        cycles=cycles,
        cycles_per_second=cycles / result["seconds"],
        processor_seconds=result["processor_seconds"],
        jobs=result["jobs"],
        cycles_per_sample=result["gap_cycles"] / gaps if gaps else cycles / samples,
        bound_cycles=bound_cycles,
        latency_cycles=result["latency_cycles"] / result["latencies"],
        counters={
            name: {counter: count / samples for counter, count in counts.items()}
            for name, counts in result["counters"].items()
        },
        build_seconds=result["build_seconds"],
        guards={
            name: {"sent": spikes_of[sent_name(name)], "kept": spikes_of[name], **counts}
            for name, counts in result["guards"].items()
        },
        gates=gates,
    )
