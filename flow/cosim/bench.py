"""The cocotb test: hands batches to the testbench and compares what comes back.

Runs inside the simulator's process, without torch, on one share of the samples. Results go to
``result.json``; a difference also fails the test.
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

from .judge import judge, judge_handshakes
from .kept import save_recorded
from .layout import Words
from .manifest import COUNTER_NAMES, GUARD_NAMES, Manifest, read_manifest
from .setup import Setup, Vectors, load_vectors
from .shares import shares
from .testbench import BatchResult, read_batch, write_batch

__all__ = ["SETUP_VARIABLE", "SHARE_VARIABLE", "compare_with_golden"]

SETUP_VARIABLE = "SPIKEWRIGHT_COSIM_SETUP"
SHARE_VARIABLE = "SPIKEWRIGHT_COSIM_SHARE"


@cocotb.test()
async def compare_with_golden(dut: HierarchyObject) -> None:
    """Run all batches of the share; stop at the first difference."""
    setup = Setup.load(Path(os.environ[SETUP_VARIABLE]))
    manifest = read_manifest(Path(setup.generated))
    vectors = load_vectors(
        Path(setup.folder) / "vectors.npz",
        inputs=len(manifest.inputs),
        streams=len(manifest.probes),
    )
    share = shares(setup.cuts, vectors.samples)[int(os.environ[SHARE_VARIABLE])]
    folder = share.folder(setup.folder)
    totals = _Totals(manifest)
    recorded: list[list[Words]] = []
    difference = None
    await Timer(1, "ns")
    start = time.perf_counter()
    for index, first in enumerate(range(share.first, share.last, setup.batch)):
        last = min(first + setup.batch, share.last)
        write_batch(
            folder,
            manifest,
            [
                w[s[first] : s[last]]
                for w, s in zip(vectors.input_words, vectors.input_starts, strict=True)
            ],
            samples=last - first,
            limits=_limits(setup, manifest, vectors, first, last),
            calm=setup.watchdog // 2 if setup.record else 0,
            watchdog=setup.watchdog,
            input_patterns=setup.input_patterns,
            output_pattern=setup.output_pattern,
            steps=setup.steps,
        )
        began, worked = time.perf_counter(), time.process_time()
        dut.go.value = index + 1
        while not (dut.done.value.is_resolvable and int(dut.done.value) == index + 1):
            await dut.done.value_change
        result = read_batch(folder, manifest)
        if setup.record:
            difference = judge_handshakes(setup, manifest, result, first=first)
            recorded.append([result.streams[place] for place in manifest.guarded])
        else:
            difference = judge(setup, manifest, vectors, result, first=first)
        seconds = (time.perf_counter() - began, time.process_time() - worked)
        if difference is not None:
            break
        totals.add(result, seconds, last - first)
        write_json(folder / "progress.json", {"samples": last - share.first})
    if setup.record:
        save_recorded(folder / "recorded.npz", recorded)
    report = totals.as_dict() | {"elapsed": time.perf_counter() - start}
    report["difference"] = None if difference is None else difference.as_dict()
    write_json(folder / "result.json", report)
    assert difference is None, difference.where()


def _limits(setup: Setup, manifest: Manifest, vectors: Vectors, first: int, last: int) -> list[int]:
    """The most tokens of each stream in the samples from ``first`` to before ``last``.

    Where guards drop spikes it is not known which others follow: at most one a neuron in front of
    each STEP and END.
    """
    limits = []
    for probe, words, starts in zip(manifest.probes, vectors.words, vectors.starts, strict=True):
        expected = words[starts[first] : starts[last]]
        if setup.record:
            kind, _, _ = probe.layout.unpack(expected)
            limits.append(int(np.count_nonzero(kind)) * (probe.layout.neurons + 1))
        else:
            limits.append(expected.size)
    return limits


class _Totals:
    """What adds up over batches."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.samples = self.cycles = self.spikes = 0
        self.seconds = self.processor_seconds = 0.0
        self.counters = np.zeros(len(manifest.counter_ports), dtype=np.int64)
        self.gaps: list[int] = []
        self.latencies: list[int] = []

    def add(self, result: BatchResult, seconds: tuple[float, float], samples: int) -> None:
        self.samples += samples
        self.cycles += result.cycles
        self.seconds += seconds[0]
        self.processor_seconds += seconds[1]
        self.counters += result.counters
        # The output repeats what the readout's population sends.
        guarded = {guard.input for guard in self.manifest.guards}
        for probe, words in zip(self.manifest.probes[:-1], result.streams[:-1], strict=True):
            if probe.name in guarded:
                continue  # what was kept is the hardware's own word
            kind, _, _ = probe.layout.unpack(words)
            self.spikes += int(np.count_nonzero(kind == 0))
        self.gaps += np.diff(result.finishes).tolist()
        # Only the first sample of a batch finds the accelerator empty.
        self.latencies.append(int(result.finishes[0]) - result.start)

    def as_dict(self) -> dict[str, Any]:
        of_cores = len(self.manifest.cores) * len(COUNTER_NAMES)
        cores = self.counters[1 : 1 + of_cores].reshape(-1, len(COUNTER_NAMES))
        guards = self.counters[1 + of_cores :].reshape(-1, len(GUARD_NAMES))
        return {
            "samples": self.samples,
            "spikes_compared": self.spikes,
            "cycles": self.cycles,
            "seconds": self.seconds,
            "processor_seconds": self.processor_seconds,
            "gap_cycles": sum(self.gaps),
            "gaps": len(self.gaps),
            "latency_cycles": sum(self.latencies),
            "latencies": len(self.latencies),
            "counters": {
                core.name: dict(zip(COUNTER_NAMES, row.tolist(), strict=True))
                for core, row in zip(self.manifest.cores, cores, strict=True)
            },
            "guards": {
                guard.input: dict(zip(GUARD_NAMES, row.tolist(), strict=True))
                for guard, row in zip(self.manifest.guards, guards, strict=True)
            },
        }
