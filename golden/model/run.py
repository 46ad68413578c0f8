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
    before: dict[str, Tensor] = {}
    for step in range(steps):
        now = {name: payloads[step] for name, payloads in inputs.items()}
        for layer in circuit.layers:
            charge = charge_of(layer, now, before)
            state[layer.name] = layer.neurons.step(state[layer.name], charge)
            now[layer.name] = state[layer.name].level
            record.step(layer.name, state[layer.name])
        before = now
    for name in (*inputs, *state):
        record.ended(name, torch.full((batch,), steps))
    return state


def settle(circuit: Circuit, inputs: dict[str, Tensor], record: Record) -> dict[str, State]:
    """Every population steps with its sources, then on its own while it fires.

    A sample that is quiet in a step without input stays so: stepping it on while others of the
    batch still fire changes nothing, and its own count of steps ends where it fell quiet.
    """
    batch = next(iter(inputs.values())).shape[1]
    spikes = {name: list(payloads) for name, payloads in inputs.items()}
    steps = {name: torch.full((batch,), len(each)) for name, each in spikes.items()}
    state: dict[str, State] = {}
    for layer in circuit.layers:
        fed = torch.stack([steps[branch.source] for branch in layer.branches]).amax(dim=0)
        count, levels = fed.clone(), []
        now_state = layer.neurons.reset(batch)
        step = 0
        while True:
            now = {name: each[step] for name, each in spikes.items() if step < len(each)}
            now_state = layer.neurons.step(now_state, charge_of(layer, now, {}))
            fired = now_state.level.any(dim=1).cpu()
            if step >= int(fed.max()) and not fired.any():
                break
            count += fired & (step >= fed)
            levels.append(now_state.level)
            record.step(layer.name, now_state)
            step += 1
        spikes[layer.name], steps[layer.name], state[layer.name] = levels, count, now_state
    for name, count in steps.items():
        record.ended(name, count)
    return state


def collapsed(circuit: Circuit, inputs: dict[str, Tensor], record: Record) -> dict[str, State]:
    """Every population sums its whole input and fires once, by the closed form."""
    batch = next(iter(inputs.values())).shape[1]
    now = {name: payloads.sum(dim=0) for name, payloads in inputs.items()}
    state: dict[str, State] = {}
    for layer in circuit.layers:
        state[layer.name] = layer.neurons.collapse(charge_of(layer, now, {}), batch)
        now[layer.name] = state[layer.name].level
        record.step(layer.name, state[layer.name])
    for name in now:
        record.ended(name, torch.zeros(batch, dtype=torch.int64))
    return state


EXECUTIONS: dict[Mode, Callable[[Circuit, dict[str, Tensor], Record], dict[str, State]]] = {
    Mode.STEPWISE: stepwise,
    Mode.SETTLE: settle,
    Mode.COLLAPSED: collapsed,
}
