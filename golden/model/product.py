"""Spikes times stored spikes of the same step: attention without a softmax."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from spikewright.golden.model.arithmetic import Arithmetic, rounds_products
from spikewright.golden.spec import Product

__all__ = ["ProductSynapses"]


class ProductSynapses:
    """acc[h, d, t] += (q[h, e, t] * stored[h, e, d]) << shift, where stored = k v^T over tokens.

    As spiking self-attention has it (Spikformer, arXiv 2209.15425), in the order and with the
    shapes of SpikingJelly's ``SpikingSelfAttention``: v k^T, then q, tokens last.

    Parameters
    ----------
    operator : heads and shift.
    shapes : of q, k and v.
    arithmetic : what the products are computed with.
    dtype : of the charge.
    """

    def __init__(
        self,
        operator: Product,
        shapes: Sequence[tuple[int, ...]],
        arithmetic: Arithmetic,
        *,
        dtype: torch.dtype,
    ) -> None:
        self.scale = 1 << operator.shift
        self.sizes = [prod(shape) for shape in shapes]
        self.blocks = [(operator.heads, shape[0] // operator.heads) for shape in shapes]
        self.arithmetic = arithmetic
        self.dtype = dtype

    def begin(self) -> "ProductSynapses":
        """Itself: what is stored is of one step."""
        return self

    def __call__(self, spikes: Tensor) -> Tensor:
        """The charge [batch, n_post] of the levels [batch, n] of q, k and v side by side."""
        dtype = self.arithmetic.dtype
        if self.arithmetic is Arithmetic.FLOAT32 and rounds_products():
            dtype = torch.float64
        parts = torch.split(spikes.to(dtype), self.sizes, dim=1)
        query, keys, values = (
            part.reshape(len(part), *block, -1)
            for part, block in zip(parts, self.blocks, strict=True)
        )
        stored = values @ keys.transpose(2, 3)  # [batch, head, d, e]
        charge: Tensor = (stored @ query) * self.scale
        return charge.flatten(1).to(self.dtype)
