"""Time to the first spike: the quantised network with at most one spike a neuron.

Stanojevic et al., Nature Communications 2024 (an exact mapping of ReLU networks), in integers: see
``golden.spec.Phases``. A level x is a spike x steps before the end of a phase; each layer receives
in the phase in which the one before fires.
"""

import numpy as np

from spikewright.flow.convert.timed import begin_with, check_collapsed, stepwise
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import (
    BiasWhen,
    Delta,
    Encoding,
    Fire,
    Input,
    Network,
    Payload,
    Phases,
    Population,
    Reset,
    Soma,
)

__all__ = ["as_latency"]


def as_latency(network: Network) -> Network:
    """The network whose readout, in stepwise mode, equals that of ``collapsed``, on every input.

    Parameters
    ----------
    network : one that runs collapsed, of neurons that do not fall below 0; each population reads
        sources of one depth.

    Raises
    ------
    UnsupportedError
        If it is another one: what it must have, by population.
    """
    check_collapsed(network, "first spikes")
    ends: dict[str, int] = {}  # the step in which the phase of a source has ended
    inputs = []
    for each in network.inputs:
        if each.low != 0 or each.encoding is Encoding.EVENTS:
            raise UnsupportedError(
                "an input of first spikes must have levels from 0",
                found=f"{each.low} to {each.high}, encoding {each.encoding}",
                where=f"input {each.name!r}",
            )
        ends[each.name] = each.high
        inputs.append(
            Input(
                name=each.name,
                shape=each.shape,
                payload=Payload.UNIT,
                low=0,
                high=each.high,
                encoding=Encoding.LATENCY,
                step=each.step,
            )
        )
    made = {}
    for population in network.order():
        receive = _receive(network, population, ends)
        soma = _soma(network, population, receive)
        made[population.name] = Population(
            name=population.name, shape=population.shape, soma=soma, payload=Payload.UNIT
        )
        ends[population.name] = receive + (population.soma.s_max or 0)
    return stepwise(network, inputs, made, max(ends.values()))


def _receive(network: Network, population: Population, ends: dict[str, int]) -> int:
    """The end of the phase in which a population receives."""
    where = f"population {population.name!r}"
    incoming = network.sources(population.name)
    for connection in incoming:
        if isinstance(connection.operator, Delta):
            raise UnsupportedError(
                "first spikes have no functions of sums",
                found=f"delta from {connection.source!r}",
                where=where,
                action="use means instead of maxima",
            )
    phases = {connection.source: ends[connection.source] for connection in incoming}
    if len(set(phases.values())) > 1:
        raise UnsupportedError(
            "all sources of a population must fire in one phase",
            found=", ".join(f"{name!r} to step {end}" for name, end in phases.items()),
            where=where,
            action="leave out the skip, or give its layers the same levels and depth",
        )
    return next(iter(phases.values()))


def _soma(network: Network, population: Population, receive: int) -> Soma:
    soma = population.soma
    initial = begin_with(population)
    if population.name == network.readout.population:
        return Soma(
            fire=Fire.NONE,
            current=True,
            initial_v=initial,
            bias_when=BiasWhen.FIRST,
            phases=Phases(receive=receive, slope=np.zeros(1, np.int64)),
        )
    if soma.s_min != 0 or soma.s_max is None:  # collapsed networks have bounds
        raise UnsupportedError(
            "a neuron of first spikes must not fall below 0",
            found=f"s_min {soma.s_min}",
            where=f"population {population.name!r}",
        )
    return Soma(
        fire=Fire.BINARY,
        threshold=soma.threshold * (soma.s_max + 1),
        s_max=1,
        reset=Reset.NONE,
        current=True,
        initial_v=initial,
        bias_when=BiasWhen.FIRST,
        phases=Phases(receive=receive, fire=soma.s_max, slope=soma.threshold),
    )
