"""First spikes that are taken back: a neuron tells when its membrane crosses the threshold.

``ttfs_corrective`` of snn_toolbox (Rueckauer's thesis, University of Zurich 2021), whose code was
read: a neuron sends +1 where its membrane comes up to the threshold, and -1 where it falls below
it again; it is never reset. In between it is *on*, and adds its weight to its targets' currents in
every step, which is here a current without leak that both spikes change. An input is on with its
whole value, from the first step. The larger a value, the earlier its neuron is on, and the longer:
that is its value. It is not exact: a value a, from 0 to 1 of the layer's range, counts as
1 - 1 / (8 a), and nothing below 1/8; accuracy is measured.

What differs from snn_toolbox: weights, thresholds and biases are those of the quantised network,
so a layer's range is its highest level; a bias enters from the first step on, where snn_toolbox
waits for any spike of the batch; and of the outputs their membranes are read, the sums of weights
times how long their sources have been on, where snn_toolbox counts the steps in which an output
that crosses a threshold of its own is on, of which many are equal.
"""

from dataclasses import replace

import numpy as np

from spikewright.flow.convert.code import LEAST_STEPS
from spikewright.flow.convert.timed import check_collapsed, stepwise
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Delta,
    Encoding,
    Fire,
    IntArray,
    Network,
    Payload,
    Population,
    Product,
    Reset,
    Soma,
)

__all__ = ["as_corrective", "is_corrective"]


def as_corrective(network: Network, steps: int) -> Network:
    """The network whose neurons tell of crossings, for stepwise runs of ``steps``.

    With S_max the highest level of a population and L that of its sources (1 of an input), its
    threshold becomes th * S_max / L * steps / 8 and its bias b / L, in units of 2**-k more, where k
    are the bits of L.

    Raises
    ------
    ConfigurationError
        If there are fewer steps than 8.
    UnsupportedError
        If the network does not run collapsed, has neurons that fall below 0, maxima, or sums of
        sources with different levels.
    """
    if steps < LEAST_STEPS:
        raise ConfigurationError(
            f"corrective spikes need at least {LEAST_STEPS} steps", found=str(steps)
        )
    check_collapsed(network, "corrective spikes")
    inputs = []
    for each in network.inputs:
        if each.encoding is Encoding.EVENTS:
            raise UnsupportedError(
                "an input of corrective spikes must have levels",
                found=f"encoding {each.encoding}",
                where=f"input {each.name!r}",
            )
        inputs.append(replace(each, encoding=Encoding.ONCE))
    levels = {each.name: _source_levels(network, each) for each in network.populations}
    made = {
        each.name: _population(network, each, levels[each.name], steps)
        for each in network.populations
    }
    connections = [_shifted(each, levels[each.target]) for each in network.connections]
    return stepwise(network, inputs, made, steps, connections)


def is_corrective(network: Network) -> bool:
    """Whether all that fires tells of crossings."""
    somas = [each.soma for each in network.populations if each.soma.fire is not Fire.NONE]
    return bool(somas) and all(
        soma.fire is Fire.TERNARY and soma.reset is Reset.NONE and soma.current for soma in somas
    )


def _source_levels(network: Network, population: Population) -> int:
    """How many levels stand for a source that is on: 1 of an input, which comes as it is."""
    where = f"population {population.name!r}"
    levels = {}
    for connection in network.sources(population.name):
        if isinstance(connection.operator, Delta | Product) or connection.delay:
            kind = type(connection.operator).__name__.lower()
            raise UnsupportedError(
                "corrective spikes must be weighted and added, without a delay",
                found=f"{kind} from {connection.source!r}, delay {connection.delay}",
                where=where,
                action="use means instead of maxima",
            )
        source = network.node(connection.source)
        levels[connection.source] = _highest(source) if isinstance(source, Population) else 1
    if len(set(levels.values())) > 1:
        raise UnsupportedError(
            "all sources of a population must have the same levels, and inputs targets of their"
            " own",
            found=", ".join(f"{name!r} with {most}" for name, most in levels.items()),
            where=where,
            action="leave out the skip, or give its layers the same levels",
        )
    return next(iter(levels.values()))


def _highest(population: Population) -> int:
    soma = population.soma
    assert soma.s_max is not None  # collapsed networks have bounds
    if soma.s_min != 0:
        raise UnsupportedError(
            "a neuron of corrective spikes must not fall below 0",
            found=f"s_min {soma.s_min}",
            where=f"population {population.name!r}",
        )
    return soma.s_max


def _bits(levels: int) -> int:
    """Fraction bits of what is divided by so many levels."""
    return levels.bit_length() if levels > 1 else 0


def _shifted(connection: Connection, levels: int) -> Connection:
    operator = connection.operator
    assert not isinstance(operator, Delta | Product)  # refused
    return replace(connection, operator=replace(operator, shift=operator.shift + _bits(levels)))


def _population(network: Network, population: Population, levels: int, steps: int) -> Population:
    soma, bits = population.soma, _bits(levels)
    bias = _nearest(soma.bias << bits, levels)
    if population.name == network.readout.population:
        read = Soma(
            fire=Fire.NONE, current=True, bias=bias, bias_when=BiasWhen.FIRST, reset=Reset.NONE
        )
        return replace(population, soma=read)
    whole = soma.threshold * _highest(population) * steps << bits
    threshold = np.maximum(1, _nearest(whole, LEAST_STEPS * levels))
    crossing = Soma(
        fire=Fire.TERNARY,
        threshold=threshold,
        threshold_negative=1 - threshold,
        s_min=0,
        s_max=1,
        reset=Reset.NONE,
        current=True,
        bias=bias,
        bias_when=BiasWhen.FIRST,
    )
    return replace(population, soma=crossing, payload=Payload.SIGN)


def _nearest(values: IntArray, divisor: int) -> IntArray:
    """Quotients, rounded half up."""
    return (2 * values + divisor) // (2 * divisor)
