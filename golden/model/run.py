"""The three executions of one circuit: step by step, until it is quiet, and in closed form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from spikewright.golden.model.arithmetic import payload_type
from spikewright.golden.model.circuit import Circuit, Layer, charge_of
from spikewright.golden.model.neuron import State
from spikewright.golden.model.readout import Reading
from spikewright.golden.model.record import Record
from spikewright.golden.spec import Mode

__all__ = ["EXECUTIONS", "Memory", "collapsed", "settle", "stepwise"]


@dataclass
class Going:
    """A circuit between two steps: connections, states, and what is read."""

    layers: tuple[Layer, ...]
    state: dict[str, State]
    reading: Reading

    @classmethod
    def of(cls, circuit: Circuit, batch: int) -> "Going":
        """That of samples which begin."""
        layers = circuit.begin()
        state = {layer.name: layer.neurons.reset(batch) for layer in layers}
        return cls(layers, state, reading(circuit))


@dataclass
class Memory:
    """What END(keep) keeps, nothing at first.

    ``levels`` [batch, n] is what delays bring into the next step, or sample, by source; None where
    it is 0. ``inputs`` [batch, n] are what changes are told against. ``going`` is the rest, of
    steps, or of a network that keeps its state from sample to sample.
    """

    levels: dict[str, Tensor | None] = field(default_factory=dict)
    inputs: dict[str, Tensor] = field(default_factory=dict)
    going: Going | None = None


def begun(circuit: Circuit, batch: int, memory: Memory | None) -> Going:
    """Where a sample of ``settle`` or ``collapsed`` begins: anew, or where the one before ended."""
    if memory is None or not circuit.network.keeps_state:
        return Going.of(circuit, batch)
    if memory.going is None:
        memory.going = Going.of(circuit, batch)
    return memory.going


def reading(circuit: Circuit) -> Reading:
    """The readout at a sample's start."""
    readout = circuit.network.readout
    return Reading(readout, circuit.network.population(readout.population))


def stepwise(
    circuit: Circuit, inputs: dict[str, Tensor], record: Record, memory: Memory | None = None
) -> Tensor:
    """Every population steps once in each step of the input; ``inputs``: [steps, batch, n].

    Those that hear nothing of the past go ahead, one after the other: each gets the charge of all
    steps at once. The others go on together, step by step. It begins from ``memory``, and leaves
    there where it ends. What is read: [batch, n], or [batch, steps, n] of a stream.
    """
    steps, batch = next(iter(inputs.values())).shape[:2]
    if memory is None:
        memory = Memory()
    if memory.going is None:
        memory.going = Going.of(circuit, batch)
    state, going = memory.going.state, memory.going.reading
    now = memory.levels
    read = circuit.network.readout.population
    going.begin()
    sent = {name: heard(record, name, payloads) for name, payloads in inputs.items()}
    together = []
    for layer in memory.going.layers:
        if not layer.goes_ahead(sent):
            together.append(layer)
            continue
        charges = charge_of_all(layer, sent)
        mine = state[layer.name]
        held = payload_type(layer.emitted.low, layer.emitted.high, circuit.device)
        levels = torch.empty(steps, batch, layer.neurons.n, dtype=held, device=circuit.device)
        for step in range(steps):
            layer.neurons.step(mine, None if charges is None else charges[step])
            levels[step] = mine.level
            record.step(layer.name, mine)
            if layer.name == read:
                going.step(mine)
        sent[layer.name] = heard(record, layer.name, levels)
    for step in range(steps):
        before, now = now, {name: None if x is None else x[step] for name, x in sent.items()}
        for layer in together:
            mine = state[layer.name]
            layer.neurons.step(mine, charge_of(layer, now, before))
            now[layer.name] = heard(record, layer.name, mine.level)
            record.step(layer.name, mine)
            if layer.name == read:
                going.step(mine)
    memory.levels = now
    for name in now:
        record.ended(name, torch.full((batch,), steps, device=circuit.device))
    return going.values(state[read])


def charge_of_all(layer: Layer, sent: Mapping[str, Tensor | None]) -> Tensor | None:
    """The summed input of all steps [steps, batch, n] from the levels that were sent in them."""
    flat = {}
    shape: tuple[int, ...] = ()
    for name in {name for branch in layer.branches for name in branch.reads}:
        levels = sent[name]
        if levels is not None:
            shape = levels.shape[:2]
            flat[name] = levels.flatten(0, 1)
    charge = charge_of(layer, flat, {})
    return None if charge is None else charge.reshape(*shape, -1)


def heard(record: Record, name: str, levels: Tensor) -> Tensor | None:
    """The levels [batch, n], or of all steps, that were sent, None where all are 0; counted."""
    return levels if record.fired(name, levels).any() else None


def settle(
    circuit: Circuit, inputs: dict[str, Tensor], record: Record, memory: Memory | None = None
) -> Tensor:
    """Every population steps with its sources, then on its own while it fires.

    It steps while any of those does that it goes with, without those that have ended. A sample that
    is quiet in a step without input stays so: stepping it on while others of the batch still fire
    changes nothing, and its own count of steps ends where it fell quiet. Of ``memory`` it hears,
    through delays, the sums of the sample before, in its first step; its own it leaves there.
    """
    before = {} if memory is None else memory.levels
    batch = next(iter(inputs.values())).shape[1]
    spikes = {
        name: [heard(record, name, levels) for levels in payloads]
        for name, payloads in inputs.items()
    }
    steps = {
        name: torch.full((batch,), len(each), device=circuit.device)
        for name, each in inputs.items()
    }
    going = begun(circuit, batch, memory)
    state, net = going.state, {}
    for layer in going.layers:
        fed = torch.stack([steps[name] for name in layer.paces]).amax(dim=0)
        last = int(fed.max())
        mine = state[layer.name]
        count, tracer = fed.clone(), mine.s
        sent: list[Tensor | None] = []
        while True:
            step = len(sent)
            now = {name: each[step] for name, each in spikes.items() if step < len(each)}
            layer.neurons.step(mine, charge_of(layer, now, before if step == 0 else {}))
            fired = record.fired(layer.name, mine.level) > 0
            active = bool(fired.any())
            if step >= last and not active:
                break
            count += fired & (step >= fed)
            sent.append(mine.level if active else None)
            record.step(layer.name, mine)
        spikes[layer.name], steps[layer.name], net[layer.name] = sent, count, mine.s - tracer
    for name, each in steps.items():
        record.ended(name, each)
    if memory is not None:
        # A sum may need more than the float32 of its payloads.
        memory.levels = {
            name: payloads.sum(dim=0, dtype=torch.float64) for name, payloads in inputs.items()
        }
        memory.levels |= net
    return going.reading.values(state[circuit.network.readout.population])


def collapsed(
    circuit: Circuit, inputs: dict[str, Tensor], record: Record, memory: Memory | None = None
) -> Tensor:
    """Every population sums its whole input and fires once, by the closed form.

    ``inputs``: [1, batch, n], the net payload of a sample. Of ``memory`` it hears, through delays,
    what the sample before fired; its own it leaves there.
    """
    before = {} if memory is None else memory.levels
    batch = next(iter(inputs.values())).shape[1]
    now = {name: heard(record, name, payloads[0]) for name, payloads in inputs.items()}
    going = begun(circuit, batch, memory)
    for layer in going.layers:
        mine = going.state[layer.name]
        layer.neurons.collapse(mine, charge_of(layer, now, before))
        now[layer.name] = heard(record, layer.name, mine.level)
        record.step(layer.name, mine)
    for name in now:
        record.ended(name, torch.zeros(batch, dtype=torch.int64, device=circuit.device))
    if memory is not None:
        memory.levels = now
    return going.reading.values(going.state[circuit.network.readout.population])


EXECUTIONS: dict[Mode, Callable[[Circuit, dict[str, Tensor], Record, Memory | None], Tensor]] = {
    Mode.STEPWISE: stepwise,
    Mode.SETTLE: settle,
    Mode.COLLAPSED: collapsed,
}
