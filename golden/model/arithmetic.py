"""What sums of products are computed with, so that none of them is ever rounded.

Floats carry integers exactly while no partial sum, in whatever order it is made, can leave the
mantissa. How large one can be is proven beforehand, by ``partial_sum_bound`` and ``analyse``.
"""

import enum
import os
from operator import attrgetter

import torch
from torch import Tensor

__all__ = ["FLOAT32_END", "Arithmetic", "arithmetic_for", "product", "rounds_products"]

FLOAT32_END = 1 << 24  # below it float32 holds every integer
FLOAT64_END = 1 << 53
PRECISIONS = attrgetter(
    "fp32_precision",
    "mkldnn.matmul.fp32_precision",
    "mkldnn.conv.fp32_precision",
    "cuda.matmul.fp32_precision",
)
ONEDNN = "ONEDNN_DEFAULT_FPMATH_MODE"


class Arithmetic(enum.StrEnum):
    """What sums of products are computed with."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    INT64 = "int64"

    @property
    def dtype(self) -> torch.dtype:
        """The torch type of weights and spikes."""
        dtypes = {self.FLOAT32: torch.float32, self.FLOAT64: torch.float64}
        return dtypes.get(self, torch.int64)


def arithmetic_for(bound: int) -> Arithmetic:
    """The cheapest arithmetic that is exact for sums of at most ``bound`` in magnitude."""
    if bound < FLOAT32_END:
        return Arithmetic.FLOAT32
    if bound < FLOAT64_END:
        return Arithmetic.FLOAT64
    return Arithmetic.INT64


def rounds_products() -> bool:
    """Whether someone told torch to compute float32 products with fewer bits (TF32, bf16)."""
    told = PRECISIONS(torch.backends)
    if any(precision not in ("none", "ieee") for precision in told):
        return True
    return os.environ.get(ONEDNN, "STRICT").upper() != "STRICT"


def product(levels: Tensor, weights: Tensor) -> Tensor:
    """The matrix product; spelled out where the device has none of integers."""
    if weights.dtype == torch.int64 and weights.device.type != "cpu":
        return torch.stack([(levels * column).sum(dim=1) for column in weights.T], dim=1)
    return levels @ weights
