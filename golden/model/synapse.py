"""Connections: from the spikes of one step to the charge they bring, never rounded."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from spikewright.golden.model.arithmetic import (
    INT8_WEIGHT,
    Arithmetic,
    arithmetic_for,
    fits_int8,
    has_int8,
    product,
    rounds_products,
)
from spikewright.golden.model.delta import DeltaSynapses
from spikewright.golden.model.product import ProductSynapses
from spikewright.golden.model.window import WindowSynapses
from spikewright.golden.spec import (
    Connection,
    Delta,
    Dense,
    Identity,
    Mode,
    Network,
    Product,
    Window,
    analyse,
    partial_sum_bound,
)

__all__ = ["DenseSynapses", "IdentitySynapses", "Synapses", "synapses"]


class Synapses(Protocol):
    """One connection, ready to run."""

    def begin(self) -> "Synapses":
        """One for a new batch of samples; itself where nothing is remembered between steps."""
        ...

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_post] of a step's levels [batch, n_pre], those of all that the
        connection reads side by side; integers in floats.
        """
        ...


def synapses(
    network: Network,
    connection: Connection,
    mode: Mode,
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> Synapses:
    """Build a connection of a network.

    Parameters
    ----------
    network, connection, mode : what is built, and how it is run, which says how large sums get.
    dtype : of the charge; it holds every sum that reaches the target.
    device : where the weights live.
    """
    operator = connection.operator
    source = network.node(connection.source)
    arithmetic = arithmetic_for(partial_sum_bound(network, connection, mode))
    match operator:
        case Dense():
            emitted = analyse(network, mode)[connection.source].emitted
            # What a delay brings may be a sum of payloads.
            small = fits_int8(emitted.low, emitted.high) and not connection.delay
            small &= int(np.abs(operator.weights).max()) << operator.shift <= INT8_WEIGHT
            small &= arithmetic is Arithmetic.FLOAT32 and device.type == "cpu" and has_int8()
            return DenseSynapses(operator, arithmetic, dtype=dtype, device=device, int8=small)
        case Window():
            return WindowSynapses(operator, source.shape, arithmetic, dtype=dtype, device=device)
        case Identity():
            n_target = network.population(connection.target).n
            return IdentitySynapses(operator, n_target, dtype=dtype)
        case Delta():
            total = analyse(network, mode)[connection.source].total
            return DeltaSynapses(operator, source.shape, total, dtype=dtype, device=device)
        case Product():
            shapes = [network.node(name).shape for name in connection.reads]
            return ProductSynapses(operator, shapes, arithmetic, dtype=dtype)


class DenseSynapses:
    """acc[post] += (weights[pre, post] << shift) * payload[pre], whole or block by block.

    Parameters
    ----------
    operator : weights and shift.
    arithmetic : what the products are computed with.
    dtype : of the charge.
    device : where the weights live.
    int8 : whether weights and payloads are so small that a product of int8, summed in int32, is
        exact; then it is taken.
    """

    def __init__(
        self,
        operator: Dense,
        arithmetic: Arithmetic,
        *,
        dtype: torch.dtype,
        device: torch.device,
        int8: bool = False,
    ) -> None:
        weights = operator.weights if operator.weights.ndim == 3 else operator.weights[np.newaxis]
        self.arithmetic = arithmetic
        self.dtype = dtype
        held = torch.int8 if int8 else arithmetic.dtype
        self.weights = (torch.tensor(weights, device=device) << operator.shift).to(held)

    def begin(self) -> "DenseSynapses":
        """Itself."""
        return self

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_post] of levels [batch, n_pre]."""
        weights = self.weights
        if weights.dtype == torch.float32 and rounds_products():
            weights = weights.double()
        levels = spikes.to(weights.dtype)
        if len(weights) == 1:
            charge = product(levels, weights[0])
        else:
            blocks = levels.chunk(len(weights), dim=1)
            charge = torch.cat([product(*pair) for pair in zip(blocks, weights, strict=True)], 1)
        if charge.dtype != self.dtype and charge.dtype.itemsize == self.dtype.itemsize:
            # In the same place: memory that is new costs more than the conversion.
            return charge.view(self.dtype).copy_(charge)
        return charge.to(self.dtype)


class IdentitySynapses:
    """acc[offset + j] += sign * 2**shift * payload[j].

    Parameters
    ----------
    operator : offset, shift and sign.
    n_target : neurons of the target.
    dtype : of the charge.
    """

    def __init__(self, operator: Identity, n_target: int, *, dtype: torch.dtype) -> None:
        self.offset = operator.offset
        self.scale = (-1 if operator.negative else 1) << operator.shift
        self.n_target = n_target
        self.dtype = dtype

    def begin(self) -> "IdentitySynapses":
        """Itself."""
        return self

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_target] of levels [batch, n_pre]."""
        charge = spikes.new_zeros(spikes.shape[0], self.n_target, dtype=self.dtype)
        torch.mul(
            spikes.to(self.dtype),
            self.scale,
            out=charge[:, self.offset : self.offset + spikes.shape[1]],
        )
        return charge
