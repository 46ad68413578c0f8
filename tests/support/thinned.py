"""Networks whose dense weights are mostly 0."""

from dataclasses import replace

import numpy as np

from spikewright.golden.spec import Dense, Network

__all__ = ["thinned"]


def thinned(network: Network, density: float, *, seed: int = 0) -> Network:
    """The network with so many of its weights; the others are 0."""
    rng = np.random.default_rng(seed)
    connections = []
    for connection in network.connections:
        dense = connection.operator
        assert isinstance(dense, Dense)
        weights = dense.weights * (rng.random(dense.weights.shape) < density)
        connections.append(replace(connection, operator=replace(dense, weights=weights)))
    return replace(network, connections=tuple(connections))
