"""The same network in the frameworks that people train with, in floating point."""

from collections.abc import Callable
from importlib import import_module

import torch
from torch import Tensor

from spikewright.golden.spec import Dense, Network

__all__ = ["PEERS", "Peer"]

# Of a float membrane on a grid of 2**-steps: what reaches an integer threshold exceeds this.
_BELOW = 2.0**-12

Peer = Callable[[Tensor], Tensor]
"""From events [steps, batch, n], float32, to the spikes [steps, batch, n_out] of the output."""


def snntorch_peer(network: Network) -> Peer:
    """Leaky layers of snnTorch, stepped as its tutorials do; raises ImportError."""
    snntorch = import_module("snntorch")
    layers = [
        (linear, snntorch.Leaky(beta=0.5, threshold=threshold, reset_mechanism="zero"))
        for linear, threshold in _layers(network)
    ]

    def run(events: Tensor) -> Tensor:
        membranes = [neurons.reset_mem() for _, neurons in layers]
        sent = []
        for spikes in events:
            for k, (linear, neurons) in enumerate(layers):
                spikes, membranes[k] = neurons(linear(spikes), membranes[k])
            sent.append(spikes)
        return torch.stack(sent)

    return run


def spikingjelly_peer(network: Network) -> Peer:
    """LIF layers of SpikingJelly in its multi-step mode; raises ImportError."""
    functional, layer, neuron = (
        import_module(f"spikingjelly.activation_based.{name}")
        for name in ("functional", "layer", "neuron")
    )
    modules: list[torch.nn.Module] = []
    for linear, threshold in _layers(network):
        wrapped = layer.Linear(linear.in_features, linear.out_features, bias=False, step_mode="m")
        wrapped.weight = linear.weight
        modules += [
            wrapped,
            neuron.LIFNode(
                tau=2.0, decay_input=False, v_threshold=threshold, v_reset=0.0, step_mode="m"
            ),
        ]
    net = torch.nn.Sequential(*modules).eval()

    def run(events: Tensor) -> Tensor:
        functional.reset_net(net)
        found: Tensor = net(events)
        return found

    return run


PEERS: dict[str, Callable[[Network], Peer]] = {
    "snntorch": snntorch_peer,
    "spikingjelly": spikingjelly_peer,
}


def _layers(network: Network) -> list[tuple[torch.nn.Linear, float]]:
    """Each layer's weights as a module, and its threshold."""
    found = []
    for population in network.order():
        (connection,) = network.sources(population.name)
        operator = connection.operator
        assert isinstance(operator, Dense)  # subjects have no others
        pre, post = operator.weights.shape
        linear = torch.nn.Linear(pre, post, bias=False)
        linear.weight = torch.nn.Parameter(
            torch.tensor(operator.weights.T, dtype=torch.float32), requires_grad=False
        )
        found.append((linear, float(population.soma.threshold[0]) - _BELOW))
    return found
