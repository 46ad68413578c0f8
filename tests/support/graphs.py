"""Accelerators in Amaranth's simulator against the golden model, every token of every stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from spikewright.golden.model import Model
from spikewright.golden.spec import Encoding, Mode, Network, TokenKind
from spikewright.hdl import Accelerator, CorePlan, HardwarePlan, Host, MembraneStore, sized
from spikewright.hdl.load import LoadResult

from .loading import send_image

__all__ = ["Seen", "check_graph", "plan_for", "simulate_graph"]

SPIKE, STEP, END = (kind.value for kind in TokenKind)
Tokens = list[tuple[int, int, int]]
Samples = list[list[list[tuple[int, int]]]]
"""By sample and step the sorted (neuron, payload) pairs; the last entry is what came before END."""


@dataclass
class Seen:
    """What a run showed: cycles, and by stream its tokens as (kind, neuron, payload)."""

    cycles: int
    streams: dict[str, Tokens]
    counters: list[dict[str, int]]


def plan_for(
    network: Network,
    mode: Mode,
    *,
    lanes: Mapping[str, int] | int = 4,
    banks: Mapping[str, tuple[int, int]] | None = None,
    membranes: MembraneStore = MembraneStore.REGISTERS,
    slices: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    shared: Sequence[Sequence[str]] = (),
) -> HardwarePlan:
    """A plan with the given lanes and banks, sliced and shared populations, and sized queues."""
    cores: list[CorePlan] = []
    names = [population.name for population in network.order()]
    together = {name: tuple(group) for group in shared for name in group}
    done: set[str] = set()
    for name in names:
        if name in done:
            continue
        group = together.get(name, (name,))
        done |= set(group)
        parts = (slices or {}).get(name, (None,))
        for part in parts:
            hosts = tuple(Host(population=each, channels=part) for each in group)
            own = lanes if isinstance(lanes, int) else lanes.get(name, 4)
            core = CorePlan(
                hosts=hosts,
                lanes=own,
                banks=(banks or {}).get(name, (1, 1)),
                membranes=membranes,
            )
            cores.append(core)
    return sized(network, HardwarePlan(mode=mode, cores=tuple(cores)))


def input_tokens(network: Network, name: str, values: np.ndarray, mode: Mode, steps: int) -> Tokens:
    """What a host sends, samples one after the other.

    ``values`` are [batch, n] of an input of encoding ``once``, [batch, steps, n] of ``events``.
    """
    source = network.input(name)
    sent: Tokens = []
    for sample in values:
        if source.encoding is Encoding.EVENTS:
            each = sample if mode is not Mode.COLLAPSED else sample.sum(axis=0, keepdims=True)
        else:
            assert source.encoding is Encoding.ONCE
            each = np.zeros((steps if mode is Mode.STEPWISE else 1, source.n), dtype=np.int64)
            each[0] = sample
        for step in each:
            sent += [(SPIKE, int(n), int(step[n])) for n in np.flatnonzero(step)]
            if mode is not Mode.COLLAPSED:
                sent.append((STEP, 0, 0))
        sent.append((END, 0, 0))
    return sent


def simulate_graph(
    dut: Accelerator,
    sent: Mapping[str, Tokens],
    *,
    samples: int,
    valid: str = "1",
    ready: str = "1",
    limit: int = 60000,
    image: Sequence[int] = (),
) -> Seen:
    """Send every input its tokens and watch the output and all probes for ``samples`` samples.

    An ``image`` is loaded before. Fails where an offer is withdrawn or changes, or nothing ends within ``limit`` cycles.
    """
    seen = Seen(cycles=0, streams={"output": []}, counters=[])
    layouts = {"output": dut.output_layout}
    layouts |= {probe.population: probe.layout for probe in dut.probes}
    words: dict[str, list[int]] = {name: [] for name in layouts}
    queues = {}
    for port in dut.inputs:
        fields = np.array(sent[port.name], dtype=np.int64).reshape(-1, 3).T
        queues[port.member] = [int(w) for w in port.layout.pack(*fields)]

    probes = {}

    async def bench(ctx):
        offers = {member: cycle(valid[k:] + valid[:k]) for k, member in enumerate(queues)}
        takes = cycle(ready)
        offering = dict.fromkeys(queues, False)
        held: dict[str, int] = {}
        ends = 0
        if image:
            assert await send_image(ctx, dut, image) == LoadResult.WELL
        for now in range(limit):
            for member, queue in queues.items():
                stream = getattr(dut, member)
                if not offering[member] and queue and next(offers[member]) == "1":
                    ctx.set(stream.payload.as_value(), queue[0])
                    offering[member] = True
                ctx.set(stream.valid, offering[member])
            ctx.set(dut.o.ready, next(takes) == "1")
            for name, (is_valid, is_ready, payload) in probes.items():
                if not ctx.get(is_valid):
                    assert name not in held, f"{name} withdrew an offer in cycle {now}"
                    continue
                word = ctx.get(payload)
                assert held.setdefault(name, word) == word, f"{name} changed in cycle {now}"
                if ctx.get(is_ready):
                    words[name].append(word)
                    del held[name]
                    ends += name == "output" and word & 3 == END
            for member, queue in queues.items():
                if offering[member] and ctx.get(getattr(dut, member).ready):
                    queue.pop(0)
                    offering[member] = False
            await ctx.tick()
            if ends == samples:
                seen.cycles = now + 1
                break
        else:
            raise AssertionError(f"{ends} of {samples} samples after {limit} cycles")
        for k in range(len(dut.cores)):
            port = getattr(dut.counters, f"core{k}")
            names = ("rows", "synops", "spikes_in", "spikes_out", "stalls", "busy")
            seen.counters.append({name: ctx.get(getattr(port, name)) for name in names})

    top = Module()
    top.domains.sync = ClockDomain()
    top.submodules.dut = dut
    probes["output"] = (dut.o.valid, dut.o.ready, dut.o.payload.as_value())
    for probe in dut.probes:
        probes[probe.population] = dut.watched[probe.population]
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    for name, layout in layouts.items():
        fields = layout.unpack(np.array(words[name], dtype=np.int64))
        seen.streams[name] = [tuple(int(v) for v in row) for row in np.stack(fields, axis=1)]
    return seen


def by_step(tokens: Tokens) -> Samples:
    """Spikes of each step, sorted: within a step their order means nothing."""
    samples: Samples = []
    steps: list[list[tuple[int, int]]] = []
    spikes: list[tuple[int, int]] = []
    for kind, neuron, payload in tokens:
        if kind == SPIKE:
            spikes.append((neuron, payload))
            continue
        steps.append(sorted(spikes))
        spikes = []
        if kind == END:
            samples.append(steps)
            steps = []
    return samples


def expected_steps(result, population: str, *, fires: bool, sample: int, mode: Mode):
    """By step the (neuron, level) pairs of a population that the golden model gives."""
    levels = result.trace.spikes[population][:, sample].numpy()
    count = int(result.trace.steps[population][sample]) if mode is not Mode.COLLAPSED else 0
    steps = [[(int(n), int(v[n])) for n in np.flatnonzero(v)] for v in levels[:count]]
    last: list[tuple[int, int]] = []
    if mode is Mode.COLLAPSED and fires:
        last = [(int(n), int(levels[0][n])) for n in np.flatnonzero(levels[0])]
    return [*steps, last]


def check_graph(
    network: Network,
    plan: HardwarePlan,
    inputs: Mapping[str, np.ndarray],
    *,
    steps: int = 3,
    valid: str = "1",
    ready: str = "1",
    limit: int = 60000,
    built: Network | None = None,
) -> Seen:
    """Run samples back to back; every population must send what the golden model says.

    The hardware is that of the network ``built``, into which this one is loaded.
    """
    mode = plan.mode
    alone = len(network.inputs) == 1
    given = inputs[network.inputs[0].name] if alone else dict(inputs)
    result = Model(network).run(
        given, mode=mode, steps=steps if mode is Mode.STEPWISE else None, trace=True
    )
    samples = len(next(iter(inputs.values())))
    sent = {name: input_tokens(network, name, x, mode, steps) for name, x in inputs.items()}
    dut = Accelerator(network=built or network, plan=plan)
    image = dut.image if built is None else Accelerator(network=network, plan=plan).image
    seen = simulate_graph(
        dut, sent, samples=samples, valid=valid, ready=ready, limit=limit, image=image
    )
    for population in network.order():
        name = population.name
        found = by_step(seen.streams[name])
        fires = population.soma.fire.value != "none"
        for sample in range(min(samples, len(found))):
            wanted = expected_steps(result, name, fires=fires, sample=sample, mode=mode)
            if not fires:
                values = result.values[sample].tolist()
                wanted[-1] = list(enumerate(values))
            assert found[sample] == wanted, (
                f"population {name}, sample {sample}: {found[sample]} {wanted}"
            )
        # What nothing at the output waits for may still be under way.
        assert len(found) == samples or name != network.readout.population
    check_output(network, result, seen, samples)
    check_counters(dut, seen, sent)
    return seen


def check_counters(dut: Accelerator, seen: Seen, sent: Mapping[str, Tokens]) -> None:
    """Rows and synops as the schedules say, spikes in and out as they were seen."""
    neurons = {
        name: np.array([neuron for kind, neuron, _ in tokens if kind == SPIKE], dtype=np.int64)
        for name, tokens in {**seen.streams, **sent}.items()
    }
    for k, (core, found) in enumerate(zip(dut.cores, seen.counters, strict=True)):
        ports = core.config.ports
        arrived = [neurons[port.connection.source] for port in ports]
        assert found["spikes_in"] == sum(map(len, arrived)), f"core {k}, spikes_in"
        leaving = 0
        for host in core.config.hosts:
            _, rows, columns = host.target.shape
            channels = neurons[host.population.name] // (rows * columns) - host.first_channel
            leaving += int(((channels >= 0) & (channels < host.axes[0].size)).sum())
        assert found["spikes_out"] == leaving, f"core {k}, spikes_out"
        if any(port.delta is not None for port in ports):
            continue  # what a delta unit sends depends on the order of the spikes
        for name in ("rows", "synops"):
            each = [getattr(port.schedule, f"{name}_per_neuron") for port in ports]
            wanted = sum(int(n[a].sum()) for n, a in zip(each, arrived, strict=True))
            assert found[name] == wanted, f"core {k}, {name}"
        assert found["rows"] <= found["busy"] <= seen.cycles, f"core {k}, busy"


def check_output(network: Network, result, seen: Seen, samples: int) -> None:
    """Values and labels at the output."""
    found = by_step(seen.streams["output"])
    labels = [neuron for kind, neuron, _ in seen.streams["output"] if kind == END]
    shape = network.population(network.readout.population).shape
    positions = int(np.prod(shape[1:]))
    for sample in range(samples):
        last = found[sample][-1]
        if network.readout.decision.value == "argmax" and positions > 1:
            wanted = list(enumerate(result.labels[sample].reshape(-1).tolist()))
        else:
            wanted = list(enumerate(result.values[sample].tolist()))
        assert last == wanted, f"output, sample {sample}"
        if network.readout.decision.value == "argmax" and positions == 1:
            assert labels[sample] == int(result.labels[sample]), f"label, sample {sample}"
