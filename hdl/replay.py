"""Inputs whose spikes come once though they are meant for every step of a sample."""

from spikewright.golden.spec import Delta, Encoding, Fire, Mode, Network, Population, Product

__all__ = ["replayed_inputs", "replays"]


def replayed_inputs(network: Network, mode: Mode) -> frozenset[str]:
    """Inputs that send their spikes in the first step of a sample only; the others are empty.

    An input that is the same in every step adds up to the same charge in every step. A population
    that reads nothing else keeps the charge, and adds it once a step: rows are fetched once. So
    every population that reads such an input must read only such inputs; it must be stepped in
    every step, and have no current, which would be the charge's place.
    """
    names = {
        each.name
        for each in network.inputs
        if each.encoding is Encoding.CONSTANT and mode is Mode.STEPWISE
    }
    while True:
        kept = {
            name
            for name in names
            if all(
                _may_replay(network, network.population(connection.target), names)
                for connection in network.targets(name)
            )
        }
        if kept == names:
            return frozenset(names)
        names = kept


def replays(network: Network, population: Population, mode: Mode) -> bool:
    """Whether a population keeps its charge and adds it in every step."""
    names = replayed_inputs(network, mode)
    return any(each.source in names for each in network.sources(population.name))


def _may_replay(network: Network, population: Population, names: set[str]) -> bool:
    read = network.readout.population == population.name and network.readout.every_step
    steps = population.soma.fire is not Fire.NONE or read
    return (
        steps
        and not population.soma.current
        and all(
            each.source in names
            and not each.delay
            and not isinstance(each.operator, (Delta, Product))
            for each in network.sources(population.name)
        )
    )
