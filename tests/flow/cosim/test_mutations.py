"""Small wrongs in the generated Verilog: co-simulation must catch each."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.flow.plan_file import with_depths
from spikewright.golden.spec import Encoding, Mode, Network
from spikewright.hdl.loops import minimum_depths
from spikewright.hdl.plan import HardwarePlan, Host
from support.branching import branching, convolution, dense, inputs_of, max_pool
from support.chains import bounded_chain, inputs_for
from support.fuzz import Bench, Case
from support.mutate import mutants

MODE = Mode.SETTLE


@dataclass(frozen=True)
class Subject:
    """A network, its plan, and inputs."""

    network: Network
    plan: HardwarePlan
    inputs: object

    def benches(self, folder):
        """With both kinds of flow control: a wrong handshake only shows while something waits."""
        generate(self.network, self.plan, folder)
        for stalls in (None, "0110100"):
            case = Case(
                network=self.network,
                plan=self.plan,
                inputs={"x": self.inputs},
                steps=None,
                keep=None,
                stalls=(None, stalls),
            )
            yield Bench(case, folder, watchdog=2000)


def chain():
    # A spread input makes membranes fall again, so that negative spikes happen.
    network = bounded_chain((12, 9, 5), seed=1, encoding=Encoding.SPREAD, high=7)
    return Subject(network, default_plan(network, MODE, lanes=4), inputs_for(network, 40))


def graph():
    """Windows in banks, a maximum over windows, branches that meet, a readout in two slices."""
    rng = np.random.default_rng(22)
    wires = [
        ("x", "a", convolution(rng, 3, 1, (3, 3), padding=1)),
        ("a", "peak", max_pool((2, 2), stride=2)),
        ("peak", "out", dense(rng, 36, 5, bits=2)),
        ("a", "out", dense(rng, 162, 5, bits=2)),
    ]
    # Whole blocks of 3 x 3, so that every wrong place is some neuron's.
    shapes = {"a": (3, 6, 9), "peak": (3, 3, 4), "out": (5,)}
    network = branching({"x": (1, 6, 9)}, shapes, wires, seed=3, relays=("peak",), signed=True)
    lanes, banks = {"a": 27, "peak": 27, "out": 1}, {"a": (3, 3), "peak": (3, 3)}
    plan = default_plan(network, MODE, lanes=lanes, banks=banks, partition={"out": 2})
    # The first of two slices is the slower one, so that values do not come in ascending order.
    slices = [(Host(population="out", channels=part),) for part in ((0, 3), (3, 5))]
    out = [
        replace(core, hosts=hosts, queue_depths=())
        for core, hosts in zip(plan.cores[-2:], slices, strict=True)
    ]
    plan = with_depths(network, replace(plan, cores=(*plan.cores[:-2], *out)))
    inputs = inputs_of(network, 12, seed=1)["x"]
    # Where few spikes come, the last one is not lost in the crowd.
    inputs[3:] *= rng.random(inputs[3:].shape) < 0.1
    return Subject(network, plan, inputs)


def crowd():
    """The graph with the least that queues may hold, so that everybody waits for everybody."""
    subject = graph()
    least = zip(subject.plan.cores, minimum_depths(subject.network, subject.plan), strict=True)
    cores = tuple(replace(core, queue_depths=depths) for core, depths in least)
    return replace(subject, plan=replace(subject.plan, cores=cores))


# What is changed, and one of how many wrongs is tried: comparison, sums and bounds of a neuron; row
# addresses; what is counted; windows and branches of a graph; the argmax. (Most wrongs of a merge
# only change the order in which it serves its inputs, which is free.)
PARTS = {
    "soma": (chain, r"core_0\.sweep(?:\$\d+)?\.soma_1", 1),
    "address": (chain, r"core_0\.synapses_0\.address(?:\$\d+)?", 1),
    "counters": (chain, "counters_1", 1),
    "windows": (graph, r"core_0\.synapses_0(?:\.address(?:\$\d+)?)?", 4),
    "fork": (crowd, "fork_a", 2),
    "argmax": (graph, "argmax", 3),
}
EQUIVALENT = (
    # v < 0 is v <= -threshold_negative where that is 1.
    r"assign \S+ +(= (v|word)\[\d+\] & )",
    # No neuron comes twice, so no address equals that of the best so far.
    r"< label;",
    r"[+-] (\$signed\()?1'h0",
    # Rows of one spike follow each other, so that the stages around this one say the same.
    r"assign busy = \| \{ row_1_valid_1, row_0_valid_1 \};",
)


@pytest.mark.parametrize("subject", [chain, crowd])
def test_the_unchanged_hardware_passes(tmp_path, subject):
    for bench in subject().benches(tmp_path):
        bench.build([bench.manifest.verilog])
        assert bench.difference() is None


@pytest.mark.parametrize("part", PARTS)
def test_mutants_are_caught(tmp_path, part):
    subject, module, every = PARTS[part]
    benches = list(subject().benches(tmp_path))
    candidates = mutants(benches[0].manifest.verilog.read_text(), module)
    candidates = [m for m in candidates if not re.search("|".join(EQUIVALENT), m.before)][::every]
    assert len(candidates) >= 5
    changed = tmp_path / "mutant.v"
    survivors = []
    for mutant in candidates:
        changed.write_text(mutant.verilog)
        benches[0].build([changed])
        if not any(bench.difference() for bench in benches):
            survivors.append(str(mutant))
    assert survivors == []
