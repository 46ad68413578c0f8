"""A network made ready for one mode: somas and connections as torch, in the order to run them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from spikewright.golden.errors import UnsupportedError
from spikewright.golden.model.neuron import Neurons
from spikewright.golden.model.synapse import Synapses, synapses
from spikewright.golden.spec import Fire, Mode, Network, partial_sum_bound

__all__ = ["Branch", "Circuit", "Layer", "charge_of", "check_somas"]


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A connection: where it reads, ``delay`` steps ago, and what it does."""

    source: str
    delay: int
    synapses: Synapses


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A population and all connections into it."""

    name: str
    neurons: Neurons
    branches: tuple[Branch, ...]


class Circuit:
    """Layers such that each comes after all it reads without delay.

    Parameters
    ----------
    network : what to run.
    mode : how; it decides how large sums can get, and so what they are computed with.
    device : where.
    """

    def __init__(self, network: Network, mode: Mode, *, device: torch.device) -> None:
        self.layers = tuple(
            Layer(
                name=population.name,
                neurons=Neurons(population, device=device),
                branches=tuple(
                    Branch(
                        source=connection.source,
                        delay=connection.delay,
                        synapses=synapses(
                            connection,
                            partial_sum_bound(network, connection, mode),
                            population.n,
                            device=device,
                        ),
                    )
                    for connection in network.sources(population.name)
                ),
            )
            for population in network.order()
        )


def charge_of(layer: Layer, now: dict[str, Tensor], before: dict[str, Tensor]) -> Tensor | None:
    """The summed input of one step [batch, n] from the levels of this and the last step.

    None where no event came; ``before`` is empty in the first step.
    """
    charge: Tensor | None = None
    for branch in layer.branches:
        levels = (before if branch.delay else now).get(branch.source)
        if levels is None or not levels.any():
            continue
        part = branch.synapses(levels)
        charge = part if charge is None else charge + part
    return charge


def check_somas(network: Network) -> None:
    """Refuse what the golden model does not fire."""
    able = (Fire.NONE, Fire.BINARY, Fire.TERNARY)
    for population in network.populations:
        if population.soma.fire not in able:
            raise UnsupportedError(
                f"the golden model fires {', '.join(able)}",
                found=str(population.soma.fire),
                where=f"population {population.name!r}",
            )
