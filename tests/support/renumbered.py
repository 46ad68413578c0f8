"""Networks of the same shape with other numbers."""

from dataclasses import replace

import numpy as np

from spikewright.golden.spec import Dense, Network, Soma, Window

__all__ = ["renumbered"]


def renumbered(network: Network, seed: int) -> Network:
    """The same weights and parameters in other places, with the sign of some biases changed."""
    rng = np.random.default_rng(seed)

    def moved(values: np.ndarray) -> np.ndarray:
        return rng.permutation(values.reshape(-1)).reshape(values.shape)

    def operator(one):
        if isinstance(one, Dense | Window) and one.weights is not None:
            return replace(one, weights=moved(one.weights))
        return one

    def soma(one: Soma) -> Soma:
        changed = {"bias": moved(one.bias) * rng.choice((-1, 1))}
        # What is given together stays together: a threshold and what it is compared with.
        order = rng.permutation(one.threshold.size)
        for name in ("threshold", "threshold_negative", "reset_amount"):
            values = getattr(one, name)
            if values is not None and values.size == order.size:
                changed[name] = values[order]
        changed["initial_v"] = moved(one.initial_v)
        return replace(one, **changed)

    return Network(
        name=network.name,
        inputs=network.inputs,
        populations=tuple(replace(each, soma=soma(each.soma)) for each in network.populations),
        connections=tuple(
            replace(each, operator=operator(each.operator)) for each in network.connections
        ),
        readout=network.readout,
        modes=network.modes,
        max_steps=network.max_steps,
    )
