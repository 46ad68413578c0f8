"""The same policy in spikes."""

import numpy as np
import numpy.typing as npt
import torch

from spikewright.flow.convert import encode_input
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode, Network

from .cart_pole import Floats

__all__ = ["SpikingPolicy"]


class SpikingPolicy:
    """Decides by the golden model of a network, each time from its initial state.

    What is seen becomes integer levels, a decision is a sample of its own (END resets the state),
    and the label is the action: the lowest index of the largest membrane. Hardware that equals the
    golden model decides the same.

    Parameters
    ----------
    network : of one input, that reads labels. mode, steps : how it runs.

    Attributes
    ----------
    decisions, events : how many were made, and spikes of all inputs and neurons in all of them.
    """

    def __init__(self, network: Network, *, mode: Mode, steps: int | None = None) -> None:
        self.mode = mode
        self.steps = steps
        self.decisions = 0
        self.events = 0
        self._model = Model(network)
        self._input = network.inputs[0]

    def __call__(self, seen: Floats) -> npt.NDArray[np.int64]:
        """Actions [n] for what is seen, [n, 4]."""
        levels = encode_input(self._input, torch.from_numpy(seen).float())
        found = self._model.run(levels, mode=self.mode, steps=self.steps)
        assert found.labels is not None  # a converted network reads labels
        self.decisions += len(seen)
        self.events += sum(int(each.sum()) for each in found.events.values())
        actions: npt.NDArray[np.int64] = found.labels.cpu().numpy()
        return actions
