"""The sums that a connection with a delay brings in settle mode."""

import numpy as np

from spikewright.flow.cosim.streams import TokenStream
from spikewright.hdl.token import TokenLayout

from .delays import Places
from .emission import Emission

__all__ = ["recall"]


def recall(
    stream: TokenStream, layout: TokenLayout, parts: tuple[int, int]
) -> tuple[Places, Emission]:
    """What is heard of a source that sends ``stream``, as ``hdl.sum_bank.SumBank`` sends it.

    ``parts`` : the least and the largest part of a sum that a spike carries.
    """
    stream = stream.recalled(layout.neurons, parts)
    samples = stream.starts.size - 1
    words = layout.encode(stream.address)
    sample = np.repeat(np.arange(samples), np.diff(stream.starts))
    order = np.lexsort((words, sample))
    emission = Emission(
        neurons=stream.address[order],
        payloads=stream.payload[order],
        firsts=np.arange(order.size),
    )
    places: Places = [[] for _ in range(samples)]
    if order.size:
        keys = np.stack([sample[order], words[order]])
        found, counts = np.unique(keys, axis=1, return_counts=True)
        for at, word, count in zip(*found.tolist(), counts.tolist(), strict=True):
            places[at].append((word, count))
    return places, emission
