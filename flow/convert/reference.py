"""The closed form of a converted network, layer by layer, read from the integers alone.

Nothing here knows steps, spikes or membranes: this is the quantised network that every settled or
collapsed run has to equal.
"""

from itertools import pairwise

import numpy as np
import torch

from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Dense, Fire, Input, Mode, Network, Population

__all__ = ["Reference", "encode_input"]

EXACT_FLOAT64 = 2**53


def encode_input(source: Input, x: torch.Tensor) -> torch.Tensor:
    """Integer levels [N, n] of raw data: clip(floor(x / step + 0.5), low, high)."""
    flat = torch.as_tensor(x).flatten(1)
    if flat.shape[1] != source.n:
        raise ConfigurationError(
            f"a sample must have {source.n} values", found=str(flat.shape[1]), where=source.name
        )
    if source.step is not None:
        values = flat.to(torch.float64)
        if not bool(torch.isfinite(values).all()):
            raise ConfigurationError("data must be finite", found="NaN or inf", where=source.name)
        flat = torch.floor(values / source.step + 0.5)
    return flat.clamp(source.low, source.high).to(torch.int64)


class Reference(torch.nn.Module):
    """clip(floor(((x @ W << shift) + bias + v0) / th), s_min, s_max) per layer; logits last."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        _require_chain(network)
        self.input = network.inputs[0]
        self._layers: list[dict[str, torch.Tensor]] = []
        self._bounds: list[tuple[int, int] | None] = []
        largest = max(abs(self.input.low), abs(self.input.high))
        self._exact: list[bool] = []
        for population, connection in zip(network.populations, network.connections, strict=True):
            operator, soma = connection.operator, population.soma
            assert isinstance(operator, Dense)
            scaled = np.asarray(operator.weights) << operator.shift
            offset = population.per_neuron(soma.bias) + population.per_neuron(soma.initial_v)
            self._layers.append(
                {
                    "weights": torch.from_numpy(scaled.copy()),
                    "offset": torch.from_numpy(np.array(offset)),
                    "threshold": torch.from_numpy(np.array(population.per_neuron(soma.threshold))),
                }
            )
            self._exact.append(int(np.abs(scaled).sum(0).max()) * largest < EXACT_FLOAT64)
            self._bounds.append(_bounds(population))
            largest = max(abs(value) for value in self._bounds[-1] or (0, 0))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Integer input levels [N, n] of raw data."""
        return encode_input(self.input, x)

    def levels(self, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Net spike counts [N, n] of every hidden population, then the logits, as int64."""
        results = []
        current = values.to(torch.int64)
        for layer, bounds, exact in zip(self._layers, self._bounds, self._exact, strict=True):
            if exact:
                # Integers below 2**53 are exact in float64 in any order of summation.
                products = current.to(torch.float64) @ layer["weights"].to(torch.float64)
                charge = products.to(torch.int64)
            else:
                charge = current @ layer["weights"]
            current = charge + layer["offset"]
            if bounds is not None:
                current = torch.div(current, layer["threshold"], rounding_mode="floor")
                current = current.clamp(*bounds)
            results.append(current)
        return tuple(results)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Integer logits [N, classes] of integer input levels [N, n]."""
        return self.levels(values)[-1]

    @torch.no_grad()
    def classify(self, x: torch.Tensor) -> torch.Tensor:
        """Labels of raw data; the lowest index wins a tie."""
        return self.forward(self.encode(x)).argmax(1)


def _bounds(population: Population) -> tuple[int, int] | None:
    soma = population.soma
    if soma.fire is Fire.NONE:
        return None
    assert soma.s_min is not None and soma.s_max is not None
    return soma.s_min, soma.s_max


def _require_chain(network: Network) -> None:
    names = [network.inputs[0].name, *(population.name for population in network.populations)]
    chained = len(network.inputs) == 1 and [
        (connection.source, connection.target) for connection in network.connections
    ] == list(pairwise(names))
    dense = all(
        isinstance(c.operator, Dense) and c.operator.weights.ndim == 2 for c in network.connections
    )
    if not (chained and dense and Mode.COLLAPSED in network.modes):
        raise UnsupportedError(
            "a closed form needs one chain of dense layers that may run collapsed",
            found="another network",
            where=network.name,
        )
