"""Temporal patterns: the quantised network, whose neurons send the bits of their levels.

The phase code of Rueckauer's thesis (University of Zurich 2021; ``temporal_pattern`` in the code
of snn_toolbox), in integers: see ``golden.spec.Phases``. A level of b bits is at most b spikes in
the b steps of a phase, the highest bit first, each worth its power of two; a layer fires when all
that it hears has fired.

snn_toolbox's code, which was read, splits real values in [0, 1] at once, batch by batch, and by >,
so that 2**-k itself becomes 0111..; here the bits are those of the integer level, and so exact.
"""

from spikewright.flow.convert.timed import begin_with, check_collapsed, stepwise
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import (
    BiasWhen,
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

__all__ = ["as_pattern"]


def as_pattern(network: Network) -> Network:
    """The network whose readout, in stepwise mode, equals that of ``collapsed``, on every input.

    Skips and maxima are allowed: a sum of bits does not depend on when they come.

    Parameters
    ----------
    network : one that runs collapsed, of neurons with levels 0 to 2**b - 1.

    Raises
    ------
    UnsupportedError
        If it is another one, or is recurrent: what it must have, by population.
    """
    check_collapsed(network, "patterns")
    late = [each for each in network.connections if each.delay]
    if late:
        raise UnsupportedError(
            "patterns must go forward, without a delay",
            found=f"a delay from {late[0].source!r} to {late[0].target!r}",
            where=f"network {network.name!r}",
        )
    inputs = [_input(each) for each in network.inputs]
    ends = {each.name: each.bits for each in inputs}  # the step in which all of it has come
    made = {}
    for population in network.order():
        receive = max(ends[each.source] for each in network.sources(population.name))
        soma = _soma(network, population, receive)
        unit = soma.max_level == 1
        made[population.name] = Population(
            name=population.name,
            shape=population.shape,
            soma=soma,
            payload=Payload.UNIT if unit else Payload.SHIFT,
        )
        ends[population.name] = receive if soma.phases is None else soma.phases.last
    return stepwise(network, inputs, made, max(ends.values()))


def _input(source: Input) -> Input:
    if source.low != 0 or source.encoding is Encoding.EVENTS:
        raise UnsupportedError(
            "an input of patterns must have levels from 0",
            found=f"{source.low} to {source.high}, encoding {source.encoding}",
            where=f"input {source.name!r}",
        )
    return Input(
        name=source.name,
        shape=source.shape,
        payload=Payload.UNIT if source.high == 1 else Payload.SHIFT,
        low=0,
        high=source.high,
        encoding=Encoding.PHASE,
        step=source.step,
    )


def _soma(network: Network, population: Population, receive: int) -> Soma:
    soma = population.soma
    initial = begin_with(population)
    if population.name == network.readout.population:
        return Soma(fire=Fire.NONE, initial_v=initial, bias_when=BiasWhen.FIRST, reset=Reset.NONE)
    assert soma.s_max is not None  # collapsed networks have bounds
    if soma.s_min != 0 or soma.s_max & (soma.s_max + 1):
        raise UnsupportedError(
            "levels of a pattern must be 0 to 2**b - 1",
            found=f"{soma.s_min} to {soma.s_max}",
            where=f"population {population.name!r}",
            action="convert with levels 1, 3, 7, 15 ..",
        )
    bits = soma.s_max.bit_length()
    return Soma(
        fire=Fire.PATTERN,
        threshold=soma.threshold,
        initial_v=initial,
        bias_when=BiasWhen.FIRST,
        max_level=1 << (bits - 1),
        phases=Phases(receive=receive, fire=bits),
    )
