"""Clip and shift in the style of MiCE: Ho and Chang, IEEE JETCAS 2023.

Trained with min(relu(x), lambda), lambda learned (the trainable clipping layer of the same group),
and not quantised. Then lambda is what a spike is worth, and membranes begin at half of it::

    v += W (lambda s[t]) + b;   spike where v >= lambda;   v -= lambda      (lambda / 2 at first)

Of MiCE the abstract alone could be read: it optimises quantisation, clipping and timing errors
jointly, and gives 95.74 % on CIFAR-10 and 79.02 % on CIFAR-100 for ResNet-20 in 8 steps; how it
does so is not said there. Of the clip the abstract is that of the same group's TCL (DAC 2021). What
stands above is this project's reading of both, and nothing here treats timing: ``st-bif`` is the
network that has no such error.
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
