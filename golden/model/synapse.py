"""Connections: from the spikes of one step to the charge they bring, never rounded.

A float matrix product carries integers exactly while no partial sum, in whatever order it is
made, can leave the mantissa; ``partial_sum_bound`` proves how large one can be.
"""

import enum
from operator import attrgetter
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Connection, Dense, Identity

__all__ = ["Arithmetic", "Synapses", "arithmetic_for", "synapses"]


PRECISIONS = attrgetter(
    "fp32_precision", "mkldnn.matmul.fp32_precision", "cuda.matmul.fp32_precision"
)


class Arithmetic(enum.StrEnum):
    """What a matrix product computes with."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    INT64 = "int64"

    @property
    def dtype(self) -> torch.dtype:
        """The torch type of weights and spikes."""
        dtypes = {self.FLOAT32: torch.float32, self.FLOAT64: torch.float64}
        return dtypes.get(self, torch.int64)


class Synapses(Protocol):
    """One connection, ready to run."""

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_post], int64, of levels [batch, n_pre]."""
        ...


def arithmetic_for(bound: int) -> Arithmetic:
    """The cheapest arithmetic that is exact for sums of at most ``bound`` in magnitude."""
    if bound < 2**24:
        return Arithmetic.FLOAT32
    if bound < 2**53:
        return Arithmetic.FLOAT64
    return Arithmetic.INT64


def synapses(
    connection: Connection, bound: int, n_target: int, *, device: torch.device
) -> Synapses:
    """Build a connection none of whose partial sums exceeds ``bound`` in magnitude."""
    operator = connection.operator
    if isinstance(operator, Dense):
        return DenseSynapses(operator, arithmetic_for(bound), device=device)
    if isinstance(operator, Identity):
        return IdentitySynapses(operator, n_target)
    raise UnsupportedError(
        "the golden model runs connections of the kinds dense and identity",
        found=type(operator).__name__.lower(),
        where=f"connection {connection.source!r} -> {connection.target!r}",
    )


class DenseSynapses:
    """acc[post] += (weights[pre, post] << shift) * payload[pre], whole or block by block.

    Parameters
    ----------
    operator : weights and shift.
    arithmetic : what the products are computed with.
    device : where the weights live.
    """

    def __init__(self, operator: Dense, arithmetic: Arithmetic, *, device: torch.device) -> None:
        weights = operator.weights if operator.weights.ndim == 3 else operator.weights[np.newaxis]
        self.arithmetic = arithmetic
        self.weights = (torch.tensor(weights, device=device) << operator.shift).to(arithmetic.dtype)

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_post] of levels [batch, n_pre]."""
        weights = self.weights
        if self.arithmetic is Arithmetic.FLOAT32 and rounds_products():
            weights = weights.double()
        levels = spikes.to(weights.dtype)
        with torch.autocast(spikes.device.type, enabled=False):
            if len(weights) == 1:
                charge = product(levels, weights[0])
            else:
                blocks = levels.chunk(len(weights), dim=1)
                charge = torch.cat(
                    [product(*pair) for pair in zip(blocks, weights, strict=True)], 1
                )
        return charge.to(torch.int64)


class IdentitySynapses:
    """acc[offset + j] += sign * 2**shift * payload[j].

    Parameters
    ----------
    operator : offset, shift and sign.
    n_target : neurons of the target.
    """

    def __init__(self, operator: Identity, n_target: int) -> None:
        self.offset = operator.offset
        self.scale = (-1 if operator.negative else 1) << operator.shift
        self.n_target = n_target

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_target] of levels [batch, n_pre]."""
        charge = spikes.new_zeros(spikes.shape[0], self.n_target)
        charge[:, self.offset : self.offset + spikes.shape[1]] = spikes * self.scale
        return charge


def rounds_products() -> bool:
    """Whether someone told torch to compute float32 products with fewer bits (TF32, bf16)."""
    told = PRECISIONS(torch.backends)
    return any(precision not in ("none", "ieee") for precision in told)


def product(levels: Tensor, weights: Tensor) -> Tensor:
    """The matrix product; spelled out where the device has none of integers."""
    if weights.dtype == torch.int64 and weights.device.type != "cpu":
        return torch.stack([(levels * column).sum(dim=1) for column in weights.T], dim=1)
    return levels @ weights
