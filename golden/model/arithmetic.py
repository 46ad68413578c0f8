"""What sums of products are computed with, so that none of them is ever rounded.

Floats carry integers exactly while no partial sum, in whatever order it is made, can leave the
mantissa. How large one can be is proven beforehand, by ``partial_sum_bound`` and ``analyse``.
Small weights and payloads go into a product of int8, summed in int32, which oneDNN computes several
times as fast.
"""

import enum
import os
import platform
from functools import cache
from operator import attrgetter

import torch
from torch import Tensor

__all__ = [
    "FLOAT32_END",
    "Arithmetic",
    "arithmetic_for",
    "fits_int8",
    "has_int8",
    "payload_type",
    "product",
    "rounds_products",
]

FLOAT32_END = 1 << 24  # below it float32 holds every integer
FLOAT64_END = 1 << 53
INT8_END = 1 << 7
# Processors without VNNI add pairs of products in 16 bits that saturate, with payloads moved to
# 0..255: 2 * 255 * 64 is below 2**15.
INT8_WEIGHT = 64
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


def fits_int8(low: int, high: int) -> bool:
    """Whether int8 holds all from ``low`` to ``high``."""
    return low >= -INT8_END and high < INT8_END


@cache
def has_int8() -> bool:
    """Whether torch has a product of int8 here that is fast, and right at its extremes.

    It is private to torch, and so may go; other processors' is a plain loop.
    """
    if platform.machine().lower() not in ("x86_64", "amd64") or not hasattr(torch, "_int_mm"):
        return False
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    ends = torch.tensor([-INT8_END, INT8_END - 1]).repeat(3, 33)
    weights = torch.tensor([[-INT8_WEIGHT, INT8_WEIGHT, 1]]).repeat(ends.shape[1], 1)
    found = torch._int_mm(ends.to(torch.int8), weights.to(torch.int8))
    return bool((found == ends @ weights).all())


def payload_type(low: int, high: int, device: torch.device) -> torch.dtype:
    """The fastest type for payloads, of at most 16 bits, from ``low`` to ``high``."""
    small = fits_int8(low, high) and device.type == "cpu" and has_int8()
    return torch.int8 if small else torch.float32


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
    if weights.dtype == torch.int8:
        return torch._int_mm(levels, weights)
    return levels @ weights
