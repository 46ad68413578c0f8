"""One-hot M-LIF in one step: Abillama et al., IEEE Access 2025.

Trained with the nearest of 0, 1, 2, 4 .. 2**(S - 1) levels; then a neuron sends one spike, worth
the power of two, and synapses shift (the authors' CuPy kernel: 2**c th <= v < 2**(c + 1) th; their
torch code compares with > instead, and differs at v = 2**c th alone). With one step neither the
leak nor the reset of the paper's LIF matters. ``--levels`` has a bit for each power: 7 is S = 3.
"""

from spikewright.flow.convert.code import Code
from spikewright.flow.convert.method import Method

__all__ = ["ONE_HOT"]

ONE_HOT = Method(
    name="one-hot",
    title="one spike a neuron in one step, worth a power of two",
    source="Abillama et al., IEEE Access 2025 (M-LIF)",
    code=Code.ONEHOT,
    levels=7,
)
