"""What codes of time have in common: they are made of the network that runs collapsed."""

from collections.abc import Mapping, Sequence

import numpy as np

from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Connection, Input, IntArray, Mode, Network, Population

__all__ = ["begin_with", "check_collapsed", "stepwise"]


def check_collapsed(network: Network, what: str) -> None:
    """Refuse a network that may not run collapsed, for spikes called ``what``."""
    if Mode.COLLAPSED not in network.modes:
        raise UnsupportedError(
            f"{what} need a network that may run collapsed", found=", ".join(network.modes)
        )


def begin_with(population: Population) -> IntArray:
    """Initial membrane and bias together, [1] where all neurons have the same, else [neurons]."""
    start = population.per_neuron(population.soma.initial_v)
    start = start + population.per_neuron(population.soma.bias)
    same: IntArray = start[:1] if np.all(start == start[0]) else start
    return same


def stepwise(
    network: Network,
    inputs: Sequence[Input],
    populations: Mapping[str, Population],
    max_steps: int,
    connections: Sequence[Connection] | None = None,
) -> Network:
    """The network with other inputs and populations, by name, that runs step by step only."""
    return Network(
        name=network.name,
        inputs=tuple(inputs),
        populations=tuple(populations[each.name] for each in network.populations),
        connections=network.connections if connections is None else tuple(connections),
        readout=network.readout,
        modes=(Mode.STEPWISE,),
        max_steps=max_steps,
        provenance=network.provenance,
    )
