"""Bits of weights that are the same in all rows: synthesis makes them constants."""

import numpy as np
import numpy.typing as npt

from spikewright.golden.spec import IntArray
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.plan import WeightStore
from spikewright.hdl.port_config import PortConfig

__all__ = ["kept_parts"]

_Parts = tuple[tuple[int, int], ...]


def kept_parts(config: CoreConfig, port: PortConfig, parts: _Parts) -> _Parts | None:
    """(rows, bits) that are left of each part of a core's initialised weights; None if all are."""
    if config.plan.weights is not WeightStore.BLOCK or config.loads_weights:
        return None
    if config.own_groups:
        sparse = port.sparse
        weights = sparse.weights & ((1 << sparse.weight_bits) - 1)
        varies = _varies(weights | sparse.groups << sparse.weight_bits, sparse.entry_bits)
    else:
        dense = port.dense
        assert dense.weights is not None  # there is a memory of them
        fields = dense.weights.reshape(len(dense.weights), -1)
        # Several spikes a cycle have a row of zeros.
        varies = _varies(fields, dense.weight_bits, zeros=config.plan.spikes > 1)
    if varies.all():
        return None
    ends = np.cumsum([bits for _, bits in parts])
    return tuple(
        (rows, int(varies[end - bits : end].sum()))
        for (rows, bits), end in zip(parts, ends, strict=True)
    )


def _varies(fields: IntArray, bits: int, *, zeros: bool = False) -> npt.NDArray[np.bool_]:
    """Which bits of a word are not the same in all rows, of which one may be zeros."""
    ones = np.bitwise_or.reduce(fields, axis=0)
    always = 0 if zeros else np.bitwise_and.reduce(fields, axis=0)
    found: npt.NDArray[np.bool_] = ((ones ^ always)[:, np.newaxis] >> np.arange(bits) & 1) != 0
    return found.reshape(-1)
