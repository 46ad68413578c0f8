"""Networks that send changes, beside those that send the same anew."""

from dataclasses import replace

from spikewright.golden.spec import Encoding, Mode, Network, Payload
from support.random_networks import Seeded, settling_network

__all__ = ["changing", "twins"]


def changing(network: Network) -> Network:
    """The same network, which is told how its inputs change and keeps its state."""
    return _sending(network, Encoding.CHANGE)


def twins(seed: int) -> tuple[Network, Network]:
    """A random network that settles and hears its past, sent anew and as changes."""
    made = settling_network(Seeded(seed), delays=True)
    return _sending(made, Encoding.ONCE), changing(made)


def _sending(network: Network, encoding: Encoding) -> Network:
    inputs = [
        replace(each, encoding=encoding, payload=Payload.GRADED, threshold=None, seed=None)
        for each in network.inputs
    ]
    modes = (Mode.SETTLE, Mode.COLLAPSED)
    return replace(network, inputs=tuple(inputs), modes=modes, max_steps=1)
