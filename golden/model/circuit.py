"""A network made ready for one mode: somas and connections as torch, in the order to run them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spikewright.golden.model.neuron import Neurons, number_type
from spikewright.golden.model.synapse import Synapses, synapses
from spikewright.golden.spec import Connection, Interval, Mode, Network, Population, analyse

__all__ = ["Branch", "Circuit", "Layer", "charge_of"]

Levels = Mapping[str, Tensor | None]


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A connection: what it ``reads``, ``delay`` steps ago, and what it does."""

    reads: tuple[str, ...]
    delay: int
    synapses: Synapses


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A population, all connections into it, and the names of those whose steps it goes with.

    ``emitted``: the payloads that it can send.
    """

    name: str
    emitted: Interval
    paces: tuple[str, ...]
    neurons: Neurons
    branches: tuple[Branch, ...]

    def begin(self) -> "Layer":
        """The same for a new batch of samples, with nothing remembered."""
        branches = tuple(replace(each, synapses=each.synapses.begin()) for each in self.branches)
        return replace(self, branches=branches)

    def goes_ahead(self, known: Collection[str]) -> bool:
        """Whether its charge of all steps follows from all that the ``known`` sent in them."""
        return all(
            not each.delay
            and set(each.reads) <= set(known)
            and each.synapses.begin() is each.synapses
            for each in self.branches
        )


class Circuit:
    """Layers such that each comes after all it reads without delay.

    Parameters
    ----------
    network : what to run.
    mode : how; it decides how large sums can get, and so what they are computed with.
    device : where.
    """

    def __init__(self, network: Network, mode: Mode, *, device: torch.device) -> None:
        self.network = network
        self.mode = mode
        self.device = device
        self.layers = tuple(self._layer(population) for population in network.order())

    def _layer(self, population: Population) -> Layer:
        ranges = analyse(self.network, self.mode)[population.name]
        dtype = number_type(population, ranges)
        return Layer(
            name=population.name,
            emitted=ranges.emitted,
            paces=self.network.paces(population.name),
            neurons=Neurons(population, dtype=dtype, device=self.device),
            branches=tuple(
                self._branch(connection, dtype)
                for connection in self.network.sources(population.name)
            ),
        )

    def _branch(self, connection: Connection, dtype: torch.dtype) -> Branch:
        return Branch(
            reads=connection.reads,
            delay=connection.delay,
            synapses=synapses(self.network, connection, self.mode, dtype=dtype, device=self.device),
        )

    def begin(self) -> tuple[Layer, ...]:
        """The layers for a new batch of samples."""
        return tuple(layer.begin() for layer in self.layers)


def charge_of(layer: Layer, now: Levels, before: Levels) -> Tensor | None:
    """The summed input of one step [batch, n] from the levels of this and the last step.

    None where no event came; so are levels that are all 0. Delays read ``before``, the others
    ``now``.
    """
    charge: Tensor | None = None
    for branch in layer.branches:
        heard = [(before if branch.delay else now).get(name) for name in branch.reads]
        levels = [each for each in heard if each is not None]
        if len(levels) < len(heard):  # a product with what is 0
            continue
        part = branch.synapses(levels[0] if len(levels) == 1 else torch.cat(levels, dim=1))
        charge = part if charge is None else charge + part
    return charge
