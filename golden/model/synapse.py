"""Connections: from the spikes of one step to the charge they bring, never rounded.

A float matrix product carries integers exactly while no partial sum, in whatever order it is
made, can leave the mantissa. The bound is the largest sum over a target's weights of |w| * |p|,
with p the largest payload that the range analysis allows: it holds for every partial sum.
"""

import enum
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Connection, Dense, Identity, Interval

__all__ = ["Arithmetic", "Synapses", "arithmetic_for", "synapses"]


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
    connection: Connection, emitted: Interval, n_target: int, *, device: torch.device
) -> Synapses:
    """Build a connection whose source sends payloads of ``emitted``."""
    operator = connection.operator
    if isinstance(operator, Dense):
        return DenseSynapses(operator, emitted, device=device)
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
    emitted : every payload the source can send.
    device : where the weights live.
    arithmetic : what to compute with; chosen by the bound where it is not given.
    """

    def __init__(
        self,
        operator: Dense,
        emitted: Interval,
        *,
        device: torch.device,
        arithmetic: Arithmetic | None = None,
    ) -> None:
        weights = operator.weights
        blocks = weights if weights.ndim == 3 else weights[np.newaxis]
        payload = max(abs(emitted.low), abs(emitted.high))
        # in Python's integers: the bound of a bound must not overflow itself
        self.bound = payload * int(np.abs(blocks).sum(axis=1).max())
        self.arithmetic = arithmetic or arithmetic_for(self.bound)
        self.shift = operator.shift
        self.blocks = torch.tensor(blocks, dtype=torch.int64, device=device)
        # kept ready for the two types it may run with: see usable()
        self.weights = self.blocks.to(self.arithmetic.dtype)

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_post] of levels [batch, n_pre]."""
        arithmetic = usable(self.arithmetic, spikes.device)
        weights = self.weights.to(arithmetic.dtype)
        n_blocks, pre, _ = weights.shape
        with torch.autocast(spikes.device.type, enabled=False):
            if n_blocks == 1:
                charge = product(spikes.to(arithmetic.dtype), weights[0])
            else:
                parts = spikes.to(arithmetic.dtype).view(-1, n_blocks, pre).unbind(1)
                charge = torch.cat([product(p, w) for p, w in zip(parts, weights, strict=True)], 1)
        return charge.to(torch.int64) << self.shift


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


def usable(arithmetic: Arithmetic, device: torch.device) -> Arithmetic:
    """``arithmetic``, but not float32 where torch was told to round its products (TF32, bf16)."""
    if arithmetic is not Arithmetic.FLOAT32:
        return arithmetic
    rounds = torch.get_float32_matmul_precision() != "highest" or (
        device.type == "cuda" and torch.backends.cuda.matmul.allow_tf32
    )
    return Arithmetic.FLOAT64 if rounds else arithmetic


def product(spikes: Tensor, weights: Tensor) -> Tensor:
    """spikes @ weights; integer products are spelled out where the device has none."""
    if weights.dtype == torch.int64 and weights.device.type != "cpu":
        return torch.stack([(spikes * column).sum(dim=1) for column in weights.T], dim=1)
    return spikes @ weights
