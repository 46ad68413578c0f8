"""What the integers of a recurrent network must equal."""

import torch
from torch import Tensor

from spikewright.flow.sequences import run_samples
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode

from .module import RecurrentNetwork

__all__ = ["RecurrentReference"]

TRACED = 1 << 25  # levels of neurons and frames that are looked at at once


class RecurrentReference:
    """The recurrent network as it was trained, as what integers must equal.

    Parameters
    ----------
    module : it; it is put into evaluation mode.
    """

    steps = None  # it has none: settled and collapsed runs equal it

    def __init__(self, module: RecurrentNetwork) -> None:
        self.module = module.eval()

    @torch.no_grad()
    def __call__(self, values: Tensor) -> Tensor:
        """Integer scores [N, classes] of integers [N, frames, inputs]."""
        return self.module.scores(values.double()).long()

    def labels(self, scores: Tensor) -> Tensor:
        """Labels [N]; the lowest index wins a tie."""
        return torch.from_numpy(scores.numpy().argmax(1))

    def states_of(self, values: Tensor) -> int:
        """How many hidden states a run of these integers [N, frames, inputs] goes through."""
        return values.shape[0] * values.shape[1] * self.module.config.hidden

    @torch.no_grad()
    def equal_states(self, model: Model, values: Tensor, mode: Mode) -> int:
        """How many of the hidden states [N, frames, hidden] a run of the golden model equals.

        Of a network that sends changes a state is the sum of those of all frames so far.
        """
        neurons = sum(population.n for population in model.network.populations)
        size = max(1, TRACED // (values.shape[1] * neurons))
        starts = range(0, len(values), size)
        return sum(self._equal(model, values[start : start + size], mode) for start in starts)

    def _equal(self, model: Model, values: Tensor, mode: Mode) -> int:
        wanted = torch.stack(self.module.states(values.double()), 1).long()
        trace = run_samples(model, values, mode=mode, trace=True).trace
        assert trace is not None  # it was asked for
        found = trace.spikes["hidden"].sum(0).reshape(wanted.shape)
        if model.network.keeps_state:
            found = found.cumsum(1)
        return int((found == wanted).sum())
