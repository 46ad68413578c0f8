"""What a network does for a sample, by the names that NeuroBench gives its metrics.

NeuroBench (Yik et al., Nature Communications 2025): Footprint, Connection Sparsity, Activation
Sparsity, Synaptic Operations (effective MACs, effective ACs, dense) and Classification Accuracy.
Here an operation is counted where a payload other than 0 meets a weight other than 0: an AC where
the payload is 1 or -1, else a MAC. Dense operations are those of all weights in every step of
their source. Of a maximum, each window that hears a spike counts one. Activations are the hidden
levels of all steps. Where a sample settles, each population has its own steps.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from spikewright.flow.convert.reference import charge_of
from spikewright.golden.model import Model
from spikewright.golden.spec import (
    Connection,
    Delta,
    Dense,
    Fire,
    Identity,
    Input,
    Mode,
    Network,
    Population,
    Window,
    analyse,
)

__all__ = ["Operations", "bit_budget", "operations", "static_metrics"]

BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Means per sample: effective MACs and ACs, dense operations, and activation sparsity.

    ``bit_operations``: of every effective one its payload's bits times its weight's bits, after the
    S-ACE of Shen et al. (CVPR 2024), whose exact definition could not be read.
    """

    macs: float
    acs: float
    dense: float
    activation_sparsity: float
    bit_operations: float


def static_metrics(network: Network) -> dict[str, float]:
    """``footprint`` in bytes, ``parameter_count`` of weights, ``connection_sparsity`` of them.

    The footprint is that of weights in their bits, and of membranes, thresholds, biases and initial
    membranes in the bits of the widest membrane of their population in any mode.
    """
    weights = [
        operator.weights
        for connection in network.connections
        if isinstance(operator := connection.operator, Dense | Window)
        and operator.weights is not None
    ]
    total = sum(each.size for each in weights)
    zeros = total - sum(int(np.count_nonzero(each)) for each in weights)
    return {
        "footprint": _bits(network) / 8,
        "parameter_count": total,
        "connection_sparsity": zeros / total if total else 0.0,
    }


def _bits(network: Network) -> int:
    """Of all parameters and membranes."""
    total = 0
    for connection in network.connections:
        operator = connection.operator
        if isinstance(operator, Dense | Window) and operator.weights is not None:
            total += operator.weights.size * operator.weight_bits
    for each in network.populations:
        ranges = [analyse(network, mode)[each.name].v for mode in network.modes]
        width = max(found.bits for found in ranges if found is not None)
        soma = each.soma
        vectors = [soma.bias, soma.initial_v]
        if soma.fire is not Fire.NONE:
            vectors.append(soma.threshold)
        total += width * (each.n + sum(vector.size for vector in vectors))
    return total


def operations(
    network: Network, values: torch.Tensor, mode: Mode, *, steps: int | None
) -> Operations:
    """Count what samples ``values`` [N, n] do, from the golden model's spikes."""
    model = Model(network)
    counts = [
        (each, _reach(network, each), _reach(network, each, zeros=True))
        for each in network.connections
    ]
    macs = acs = bits = dense = 0.0
    silent = activations = 0
    hidden = [each for each in network.populations if each.soma.fire is not Fire.NONE]
    for part in torch.split(values, BATCH):
        trace = model.run(part, mode=mode, steps=steps, trace=True).trace
        assert trace is not None  # it was asked for
        lasted = {name: each.clamp_min(1) for name, each in trace.steps.items()}  # [N]
        for connection, reach, reach_all in counts:
            size = trace.spikes[connection.source].abs()
            one = reach((size == 1).sum(0))
            more = reach((size > 1).sum(0))
            acs += float(one.sum())
            macs += float(more.sum())
            bits += float((one + more).sum()) * _payload_bits(network, connection, mode)
            dense += float(reach_all(torch.ones_like(size[0])).sum(1) @ lasted[connection.source])
        for each in hidden:
            fired = int(torch.count_nonzero(trace.spikes[each.name]))
            possible = each.n * int(lasted[each.name].sum())
            silent, activations = silent + possible - fired, activations + possible
    n = len(values)
    return Operations(
        macs=macs / n,
        acs=acs / n,
        dense=dense / n,
        activation_sparsity=silent / activations if activations else 0.0,
        bit_operations=bits / n,
    )


def bit_budget(network: Network, mode: Mode, *, steps: int | None) -> int | None:
    """Steps times bits of a hidden spike times bits of a weight, the largest of all layers.

    A sign is a bit. Collapsed runs have one step, of spikes that carry the whole level; those that
    settle have as many steps as they need: None.
    """
    if mode is Mode.SETTLE:
        return None
    largest = 0
    for each in network.populations:
        if each.soma.fire is Fire.NONE:
            continue
        spike_bits = _spike_bits(each, mode)
        weight_bits = max(
            (
                operator.weight_bits
                for connection in network.targets(each.name)
                if isinstance(operator := connection.operator, Dense | Window)
            ),
            default=1,
        )
        largest = max(largest, spike_bits * weight_bits)
    return largest * (1 if mode is Mode.COLLAPSED else steps or 1)


def _spike_bits(population: Population, mode: Mode) -> int:
    """Of a spike, a sign among them; collapsed it carries the whole level."""
    low, high = population.soma.levels
    if mode is Mode.COLLAPSED:
        low, high = population.soma.s_min or 0, population.soma.s_max or 1
    return max(high, -low).bit_length() + (low < 0)


def _payload_bits(network: Network, connection: Connection, mode: Mode) -> int:
    """Bits of a payload times bits of a weight."""
    node = network.node(connection.source)
    if isinstance(node, Input):
        low, high = (node.low, node.high) if mode is Mode.COLLAPSED else node.payloads
        payload = max(1, max(high, -low).bit_length() + (low < 0))
    else:
        payload = _spike_bits(node, mode)
    operator = connection.operator
    return payload * (operator.weight_bits if isinstance(operator, Dense | Window) else 1)


def _reach(
    network: Network, connection: Connection, *, zeros: bool = False
) -> Callable[[torch.Tensor], torch.Tensor]:
    """How many weights spikes [N, n] meet, [N, n target]; those that are 0 count with ``zeros``."""
    operator = connection.operator
    match operator:
        case Dense():
            met = np.abs(operator.weights) >= (0 if zeros else 1)
            operator = replace(operator, weights=met.astype(np.int64), weight_bits=2, shift=0)
        case Window() if operator.weights is not None:
            met = np.abs(operator.weights) >= (0 if zeros else 1)
            operator = replace(operator, weights=met.astype(np.int64), weight_bits=2, shift=0)
        case Window():
            operator = replace(operator, shift=0)
        case Identity():
            operator = replace(operator, shift=0, negative=False)
        case Delta() if operator.window is not None:
            operator = operator.window
    return charge_of(network, replace(connection, operator=operator))
