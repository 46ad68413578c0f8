"""Whether the order and timing of spikes cannot change what a network settles to.

The neuron that settles is the bipolar integrate-and-fire neuron of Su et al. (CRNN-Morph, arXiv
2408.09403): a quantised convolutional network in mode ``settle`` is what they call QCNN -> BIFSNN,
a quantised recurrent one QRNN -> RBIFSNN. Their equations could not be read; those here are of the
ST-BIF neuron in code that one of the authors published (SpikeZIP-TF), and are proven in
``settled``. Their s-analog input, an analog value in the first micro-step and then nothing, is an
input encoded ``once``, with a bias in the first step.
"""

from typing import TYPE_CHECKING

import numpy as np

from spikewright.golden.spec.operators import Product
from spikewright.golden.spec.parts import Encoding, Population, ReadoutKind
from spikewright.golden.spec.soma import BiasWhen, Fire, Reset

if TYPE_CHECKING:
    from spikewright.golden.spec.network import Network

__all__ = ["settle_obstacle"]


def settle_obstacle(network: "Network") -> str | None:
    """What keeps a network from the modes ``settle`` and ``collapsed``; None where nothing does.

    Both modes rest on one invariant, v = v0 + sum I - threshold * S, so whatever breaks it (a
    leak, a clip, another reset, a bias that counts the steps) is an obstacle. A delay is none: it
    brings what is settled, that of the sample before.
    """
    for source in network.inputs:
        if source.encoding in (Encoding.CONSTANT, Encoding.RATE):
            return f"input {source.name!r} is constant, its total grows with the steps"
    for connection in network.connections:
        ends = f"connection {connection.source!r} -> {connection.target!r}"
        if isinstance(connection.operator, Product):
            return f"{ends} is a product, which depends on the timing of spikes"
    for population in network.populations:
        obstacle = _population_obstacle(
            population, is_readout=population.name == network.readout.population
        )
        if obstacle is not None:
            return f"population {population.name!r} {obstacle}"
    if network.readout.kind is not ReadoutKind.MEMBRANE:
        return f"the readout is {network.readout.kind}, not membrane"
    return None


def _population_obstacle(population: Population, *, is_readout: bool) -> str | None:
    soma = population.soma
    wanted = Fire.NONE if is_readout else Fire.TERNARY
    bias_repeats = soma.bias_when is BiasWhen.EVERY and bool(np.any(soma.bias))
    reasons = [
        (soma.fire is not wanted, f"has fire {soma.fire}, not {wanted}"),
        (soma.leak_v is not None, "leaks"),
        (soma.current, "has a current"),
        (soma.refractory > 0, "is refractory"),
        (soma.v_min is not None or soma.v_max is not None, "clips its membrane"),
        (bias_repeats, "adds its bias on every step"),
    ]
    if not is_readout:
        same = np.array_equal(
            population.per_neuron(soma.amount), population.per_neuron(soma.threshold)
        )
        negative = soma.threshold_negative
        reasons += [
            (soma.reset is not Reset.SUBTRACT, f"has reset {soma.reset}, not subtract"),
            (not same, "resets by another amount than its threshold"),
            (soma.reset_delay, "delays its reset"),
            (
                negative is None or bool(np.any(negative != 1)),
                "has threshold_negative other than 1",
            ),
            (soma.s_min is None or soma.s_max is None, "lacks s_min or s_max"),
        ]
    return next((reason for holds, reason in reasons if holds), None)
