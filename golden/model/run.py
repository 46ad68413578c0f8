"""The three executions of one circuit: step by step, until it is quiet, and in closed form."""

from collections.abc import Callable

import torch
from torch import Tensor

from spikewright.golden.model.circuit import Circuit, charge_of
from spikewright.golden.model.neuron import State
from spikewright.golden.model.record import Record
from spikewright.golden.spec import Mode

__all__ = ["EXECUTIONS", "collapsed", "settle", "stepwise"]


def stepwise(circuit: Circuit, inputs: dict[str, Tensor], record: Record) -> dict[str, State]:
    """Every population steps once in each step of the input; ``inputs``: [steps, batch, n]."""
    steps, batch = next(iter(inputs.values())).shape[:2]
    state = {layer.name: layer.neurons.reset(batch) for layer in circuit.layers}
    now: dict[str, Tensor] = {}
    for step in range(steps):
        before, now = now, {name: payloads[step] for name, payloads in inputs.items()}
        for layer in circuit.layers:
            charge = charge_of(layer, now, before)
            state[layer.name] = layer.neurons.step(state[layer.name], charge)
            now[layer.name] = state[layer.name].level
            record.step(layer.name, state[layer.name])
    for name, levels in now.items():
        record.ended(name, levels.new_full((batch,), steps))
    return state


def settle(circuit: Circuit, inputs: dict[str, Tensor], record: Record) -> dict[str, State]:
    """Every population steps with its sources, then on its own while it fires.

    A sample that is quiet in a step without input stays so: stepping it on while others of the
    batch still fire changes nothing, and its own count of steps ends where it fell quiet.
    """
    batch = next(iter(inputs.values())).shape[1]
    spikes = {name: list(payloads) for name, payloads in inputs.items()}
    steps = {name: each.new_full((batch,), len(each)) for name, each in inputs.items()}
    state: dict[str, State] = {}
    for layer in circuit.layers:
        fed = torch.stack([steps[branch.source] for branch in layer.branches]).amax(dim=0)
        last = int(fed.max())
        neurons = layer.neurons.reset(batch)
        count = fed.clone()
        levels: list[Tensor] = []
        while True:
            step = len(levels)
            now = {name: each[step] for name, each in spikes.items() if step < len(each)}
            neurons = layer.neurons.step(neurons, charge_of(layer, now, {}))
            fired = neurons.level.any(dim=1)
            if step >= last and not fired.any():
                break
            count += fired & (step >= fed)
            levels.append(neurons.level)
            record.step(layer.name, neurons)
        spikes[layer.name], steps[layer.name], state[layer.name] = levels, count, neurons
    for name, count in steps.items():
        record.ended(name, count)
    return state


def collapsed(circuit: Circuit, inputs: dict[str, Tensor], record: Record) -> dict[str, State]:
    """Every population sums its whole input and fires once, by the closed form.

    ``inputs``: [1, batch, n], the net payload of a sample.
    """
    batch = next(iter(inputs.values())).shape[1]
    now = {name: payloads[0] for name, payloads in inputs.items()}
    state: dict[str, State] = {}
    for layer in circuit.layers:
        state[layer.name] = layer.neurons.collapse(charge_of(layer, now, {}), batch)
        now[layer.name] = state[layer.name].level
        record.step(layer.name, state[layer.name])
    for name, levels in now.items():
        record.ended(name, levels.new_zeros(batch))
    return state


EXECUTIONS: dict[Mode, Callable[[Circuit, dict[str, Tensor], Record], dict[str, State]]] = {
    Mode.STEPWISE: stepwise,
    Mode.SETTLE: settle,
    Mode.COLLAPSED: collapsed,
}
