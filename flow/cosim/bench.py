"""The cocotb test: hands batches to the testbench and compares what comes back.

Runs inside the simulator's process, without torch. Results go to ``result.json``; a difference
also fails the test.
"""

import os
import time
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from cocotb.triggers import Timer

from spikewright.flow.files import write_json

from .compare import Difference, StreamPair, first_difference, locate
from .manifest import COUNTER_NAMES, Manifest, read_manifest
from .setup import Setup, Vectors, load_vectors
from .testbench import BatchResult, Status, read_batch, write_batch

__all__ = ["SETUP_VARIABLE", "compare_with_golden"]

SETUP_VARIABLE = "SPIKEWRIGHT_COSIM_SETUP"
_FAULTS = {
    Status.UNKNOWN: ("a stream must not be unknown (X) after reset", "X"),
    Status.WITHDRAWN: ("valid must stay until the token is taken", "valid withdrawn"),
    Status.CHANGED: ("a token must hold while it waits", "another token"),
}


@cocotb.test()
async def compare_with_golden(dut: HierarchyObject) -> None:
    """Run all batches; stop at the first difference."""
    setup = Setup.load(Path(os.environ[SETUP_VARIABLE]))
    manifest = read_manifest(Path(setup.generated))
    folder = Path(setup.folder)
    vectors = load_vectors(folder / "vectors.npz", len(manifest.probes))
    totals = _Totals(manifest)
    difference = None
    await Timer(1, "ns")
    for index, first in enumerate(range(0, vectors.samples, setup.batch)):
        last = min(first + setup.batch, vectors.samples)
        expected = [
            w[s[first] : s[last]] for w, s in zip(vectors.words, vectors.starts, strict=True)
        ]
        write_batch(
            folder,
            manifest,
            vectors.input_words[vectors.input_starts[first] : vectors.input_starts[last]],
            samples=last - first,
            limits=[words.size for words in expected],
            watchdog=setup.watchdog,
            patterns=(setup.input_pattern, setup.output_pattern),
        )
        began = time.perf_counter()
        dut.go.value = index + 1
        while not (dut.done.value.is_resolvable and int(dut.done.value) == index + 1):
            await dut.done.value_change
        seconds = time.perf_counter() - began
        result = read_batch(folder, manifest)
        pairs = [
            StreamPair(name=probe.name, layout=probe.layout, expected=words, found=seen)
            for probe, words, seen in zip(manifest.probes, expected, result.streams, strict=True)
        ]
        difference = _judge(setup, manifest, vectors, result, pairs, (first, last))
        if difference is not None:
            break
        totals.add(result, seconds, last - first)
        write_json(folder / "progress.json", {"samples": last})
    report = totals.as_dict()
    report["difference"] = None if difference is None else difference.as_dict()
    write_json(folder / "result.json", report)
    assert difference is None, difference.where()


def _judge(
    setup: Setup,
    manifest: Manifest,
    vectors: Vectors,
    result: BatchResult,
    pairs: list[StreamPair],
    samples: tuple[int, int],
) -> Difference | None:
    """What is wrong with a batch: a protocol fault, a token, or a counter; None if all is right."""
    first, last = samples
    missing = "nothing"
    if result.status is Status.HANG:
        missing = (
            f"nothing for {setup.watchdog} cycles, with {result.accepted} input tokens of the batch"
            f" accepted"
        )
    difference = first_difference(pairs, first_sample=first, missing=missing)
    if result.status in _FAULTS:
        must, found = _FAULTS[result.status]
        if result.culprit >= len(pairs):
            return Difference(
                sample=first, step=None, population="input", neuron=None,
                expected="ready 0 or 1", found=found, what=must,
            )  # fmt: skip
        pair = pairs[result.culprit]
        position = min(pair.found.size, pair.expected.size)
        sample, step = locate(pair, position, first)
        upcoming = pair.expected[position : position + 1]
        text = pair.layout.describe(int(upcoming[0])) if upcoming.size else "nothing"
        fault = Difference(
            sample=min(sample, last - 1), step=step, population=pair.name, neuron=None,
            expected=text, found=found, what=must,
        )  # fmt: skip
        cut = difference is None or difference.found == missing
        return fault if cut or _earlier(fault, difference) else difference
    if difference is not None:
        return difference
    if result.status is not Status.DONE:
        return Difference(
            sample=first, step=None, population=pairs[-1].name, neuron=None,
            expected="the end of the batch", found=result.status.name.lower(),
        )  # fmt: skip
    return _counters(manifest, vectors, result, samples)


def _earlier(fault: Difference, other: Difference | None) -> bool:
    return other is None or fault.sample < other.sample


def _counters(
    manifest: Manifest, vectors: Vectors, result: BatchResult, samples: tuple[int, int]
) -> Difference | None:
    """The first counter that is wrong: what the golden model counts, what the testbench counts."""
    first, last = samples
    golden = vectors.counters[:, :, first:last].sum(axis=2) % (1 << 32)
    found = result.counters[1:].reshape(len(manifest.cores), len(COUNTER_NAMES))
    stalls = {p.name: int(n) for p, n in zip(manifest.probes, result.stalls, strict=True)}
    checks = [(manifest.top, "cycles", result.cycles % (1 << 32), int(result.counters[0]))]
    for core, must, seen in zip(manifest.cores, golden.tolist(), found.tolist(), strict=True):
        wanted = [*must, stalls[core.population]]
        for name, want, have in zip(COUNTER_NAMES, wanted, seen, strict=False):
            checks.append((core.population, name, want, have))
        # How long a core is busy is its own affair, but each row takes a cycle of it.
        busy = seen[-1]
        bounded = min(max(busy, must[0]), result.cycles)
        checks.append((core.population, "busy", bounded, busy))
    for population, name, want, have in checks:
        if want != have:
            return Difference(
                sample=first, step=None, population=population, neuron=None,
                expected=str(want), found=str(have),
                what=f"counter {name} over samples {first} to {last - 1} must be right",
            )  # fmt: skip
    return None


class _Totals:
    """What adds up over batches."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.samples = self.cycles = self.spikes = 0
        self.seconds = 0.0
        self.counters = np.zeros(1 + len(manifest.cores) * len(COUNTER_NAMES), dtype=np.int64)
        self.gaps: list[int] = []
        self.latencies: list[int] = []

    def add(self, result: BatchResult, seconds: float, samples: int) -> None:
        self.samples += samples
        self.cycles += result.cycles
        self.seconds += seconds
        self.counters += result.counters
        # The output repeats what the readout's population sends.
        for probe, words in zip(self.manifest.probes[:-1], result.streams[:-1], strict=True):
            kind, _, _ = probe.layout.unpack(words)
            self.spikes += int(np.count_nonzero(kind == 0))
        self.gaps += np.diff(result.finishes).tolist()
        # Only the first sample of a batch finds the accelerator empty.
        self.latencies.append(int(result.finishes[0] - result.starts[0]))

    def as_dict(self) -> dict[str, Any]:
        cores = self.counters[1:].reshape(len(self.manifest.cores), len(COUNTER_NAMES))
        return {
            "samples": self.samples,
            "spikes_compared": self.spikes,
            "cycles": self.cycles,
            "seconds": self.seconds,
            "gap_cycles": sum(self.gaps),
            "gaps": len(self.gaps),
            "latency_cycles": sum(self.latencies),
            "latencies": len(self.latencies),
            "counters": {
                core.population: dict(zip(COUNTER_NAMES, row.tolist(), strict=True))
                for core, row in zip(self.manifest.cores, cores, strict=True)
            },
        }
