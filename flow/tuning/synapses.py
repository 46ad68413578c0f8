"""Connections with a gradient: from the levels of a step to the charge they bring, exactly."""

from collections.abc import Mapping
from math import prod
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from spikewright.flow.tuning.shadows import Shadows
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.model.arithmetic import Arithmetic
from spikewright.golden.model.delta import DeltaSynapses
from spikewright.golden.model.product import ProductSynapses
from spikewright.golden.model.window import WindowSynapses
from spikewright.golden.spec import (
    Connection,
    Delta,
    DeltaFunction,
    Dense,
    Identity,
    IntArray,
    Interval,
    Network,
    Product,
    Window,
)

__all__ = ["Charge", "Synapses"]


class Charge(Protocol):
    """What a connection brings in one run."""

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_post] of levels [batch, n_pre], of all it reads side by side."""
        ...


class Synapses(torch.nn.Module):
    """One connection, whose weights are trained where it has any.

    Parameters
    ----------
    network, connection : what it computes.
    trains : whether its weights change.
    keep_zeros : whether weights of 0, which are no synapses, stay 0.
    """

    def __init__(
        self, network: Network, connection: Connection, *, trains: bool, keep_zeros: bool
    ) -> None:
        super().__init__()
        operator = connection.operator
        self.operator = operator
        self.reads = connection.reads
        self.source = network.node(connection.source)
        self.shapes = [network.node(name).shape for name in self.reads]
        self.target = network.population(connection.target)
        able = isinstance(operator, Dense | Window | Identity | Product) or (
            isinstance(operator, Delta) and operator.function is not DeltaFunction.TABLE
        )
        if not able:
            found = type(operator).__name__.lower()
            if isinstance(operator, Delta):
                found = f"{found} {operator.function}"
            raise UnsupportedError(
                "connections that are trained, or trained through, must be dense, window, "
                "identity, product or delta of a maximum or a clip",
                found=found,
                where=f"connection {connection.source!r} -> {connection.target!r}",
            )
        self.weights: Shadows | None = None
        if isinstance(operator, Dense | Window) and operator.weights is not None:
            largest = max(1, (1 << (operator.weight_bits - 1)) - 1)
            self.weights = Shadows(
                operator.weights,
                unit=largest,
                low=min(-largest, int(operator.weights.min())),
                high=largest,
                dtype=torch.float32,
                trains=trains,
                keep_zeros=keep_zeros,
            )

    @property
    def streams(self) -> bool:
        """Whether a step's charge depends on the steps before."""
        return isinstance(self.operator, Delta)

    def integers(self) -> IntArray | None:
        """The weights as they are now."""
        return None if self.weights is None else self.weights.integers()

    @torch.no_grad()
    def largest(self, codes: Tensor | None, steps: int, most: Mapping[str, float]) -> float:
        """A bound of |charge|, and of all sums on the way, of sources within +-most[name]."""
        return self._gain(codes, steps) * prod(most[name] for name in self.reads)

    def _gain(self, codes: Tensor | None, steps: int) -> float:
        """The bound for levels within +-1."""
        operator = self.operator
        if isinstance(operator, Delta):
            return 2.0 * steps
        scale = float(1 << operator.shift)
        if isinstance(operator, Product):
            (features, *_), (_, *tokens) = self.shapes[0], self.shapes[1]
            return scale * (features // operator.heads) * prod(tokens)
        if isinstance(operator, Identity):
            return scale
        if isinstance(operator, Dense):
            assert codes is not None  # it has weights
            return scale * float(codes.abs().sum(-2).max())
        assert isinstance(operator, Window)
        pooled = 1 if operator.pool is None else _taps(operator.pool)
        if codes is None:
            return scale * _taps(operator)
        # of a transposed one every tap may hit the same neuron, from every channel
        each = codes.abs().flatten(1).sum(1)
        transposed = operator.kind.value == "transposed"
        return scale * pooled * float(each.sum() if transposed else each.max())

    def charge(
        self, codes: Tensor | None, dtype: torch.dtype, steps: int, most: Mapping[str, float]
    ) -> Charge:
        """The connection with its weights as they are now, for samples from their start.

        Parameters
        ----------
        codes : its weights.
        dtype : of the charge; it holds every sum that there can be.
        steps, most : there are so many, of levels within +-most[name] of each source.
        """
        operator = self.operator
        exact = Arithmetic.FLOAT32 if dtype is torch.float32 else Arithmetic.FLOAT64
        match operator:
            case Dense():
                assert codes is not None
                return _Dense(codes.to(dtype) * float(1 << operator.shift))
            case Identity():
                return _Identity(operator, self.target.n, dtype)
            case Window():
                device = torch.device("cpu") if codes is None else codes.device
                window = WindowSynapses(
                    operator, self.source.shape, exact, dtype=dtype, device=device
                )
                return window if codes is None else window.weighing(codes.to(dtype))
            case Delta():
                largest = int(most[self.reads[0]] * steps)
                return DeltaSynapses(
                    operator,
                    self.source.shape,
                    Interval(-largest, largest),
                    dtype=dtype,
                    device=torch.device("cpu"),
                ).begin()
            case Product():  # of two sums, torch has the gradients
                return ProductSynapses(operator, self.shapes, exact, dtype=dtype)
        raise AssertionError(operator)  # refused by the constructor


class _Dense:
    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    def __call__(self, spikes: Tensor) -> Tensor:
        spikes = spikes.to(self.weights.dtype)
        if self.weights.ndim == 2:
            return spikes @ self.weights
        blocks = spikes.view(len(spikes), len(self.weights), -1)
        return torch.einsum("nbi,bio->nbo", blocks, self.weights).flatten(1)


class _Identity:
    def __init__(self, operator: Identity, n_target: int, dtype: torch.dtype) -> None:
        self.offset, self.n_target, self.dtype = operator.offset, n_target, dtype
        self.scale = float((-1 if operator.negative else 1) << operator.shift)

    def __call__(self, spikes: Tensor) -> Tensor:
        after = self.n_target - self.offset - spikes.shape[1]
        return functional.pad(spikes.to(self.dtype) * self.scale, (self.offset, after))


def _taps(window: Window) -> int:
    return prod(window.kernel)
