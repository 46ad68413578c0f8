"""A network of few neurons whose integers follow from its floats without any rounding.

Two inputs 0 .. 3, hidden h (2 neurons) and g (1 neuron), two outputs::

    h0 =  x0 + 3 x1 - 6        g = 3 h0 - 3 h1 + 24        out0 = 3 g
    h1 = 2 x0 + 3 x1                                       out1 = -2 g + 24

Of the calibration samples (0, 0) and (3, 2) the largest activation of h is 12 (h = (3, 12)), that
of g is 24. Weights of 3 bits are -3 .. 3, and the largest of each neuron is 3, so that codes are
the weights themselves.
"""

import torch
from torch import nn

from spikewright.flow.convert import Conversion, ConvertConfig, convert
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode

__all__ = ["H", "G", "OUT", "calibration", "converted", "linear", "spikes", "tiny"]

H, G, OUT = "layer_0", "layer_2", "layer_4"


def linear(weight: list[list[float]], bias: list[float]) -> nn.Linear:
    """A layer with that weight [out][in] and bias."""
    layer = nn.Linear(len(weight[0]), len(weight))
    layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
    return layer


def tiny(second: tuple[float, float] = (3.0, -3.0)) -> nn.Sequential:
    """The network; ``second``: the weights of g."""
    return nn.Sequential(
        linear([[1.0, 3.0], [2.0, 3.0]], [-6.0, 0.0]), nn.ReLU(),
        linear([list(second)], [24.0]), nn.ReLU(),
        linear([[3.0], [-2.0]], [0.0, 24.0]),
    )  # fmt: skip


def calibration(copies: int = 1000) -> torch.Tensor:
    """Both samples so often that a percentile is a value of theirs."""
    return torch.tensor([[0.0, 0.0], [3.0, 2.0]]).repeat(copies, 1)


def converted(method: str, levels: int, module: nn.Module | None = None, **more) -> Conversion:
    """The network by ``method``, without fraction bits where ``more`` asks for none."""
    choices = {"weight_bits": 3, "input_levels": 3, "fraction_bits": 0} | more
    config = ConvertConfig(method=method, levels=levels, **choices)
    return convert(tiny() if module is None else module, calibration(), config)


def spikes(conversion: Conversion, sample: tuple[int, int], steps: int, mode: Mode = Mode.STEPWISE):
    """Levels [neuron][step] of h and g, and what is read, of one sample."""
    ran = Model(conversion.network).run(
        torch.tensor([sample]),
        mode=mode,
        steps=steps if mode is Mode.STEPWISE else None,
        trace=True,
    )
    found = ran.trace.spikes
    return found[H][:, 0].T.tolist(), found[G][:, 0].T.tolist(), ran.values[0].tolist()
