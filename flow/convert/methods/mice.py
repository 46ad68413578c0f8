"""Clip and shift in the style of MiCE: Ho and Chang, IEEE JETCAS 2023.

Trained with min(relu(x), lambda), lambda learned (the trainable clipping layer of the same group),
and not quantised. Then lambda is what a spike is worth, and membranes begin at half of it::

    v += W (lambda s[t]) + b;   spike where v >= lambda;   v -= lambda      (lambda / 2 at first)

The abstract speaks of quantisation, clipping and timing errors together; how MiCE treats the last
could not be read. Here nothing does: ``st-bif`` is the network that has none.
"""

from dataclasses import replace

from spikewright.flow.convert.code import Cut
from spikewright.flow.convert.methods.qcfs import QCFS

__all__ = ["MICE"]

MICE = replace(
    QCFS,
    name="mice",
    title="trained with a learned clip; plain IF neurons of half a threshold",
    source="Ho, Chang, IEEE JETCAS 2023 (MiCE), after TCL, DAC 2021",
    cut=Cut.CLIP,
)
