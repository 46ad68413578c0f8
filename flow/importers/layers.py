"""Layers that users may put into their own networks and that convert without calibration."""

import torch

from spikewright.golden.errors import ConfigurationError

__all__ = ["QuantisedReLU", "round_half_up"]


def round_half_up(x: torch.Tensor) -> torch.Tensor:
    """floor(x + 0.5), the neuron's own rounding, with the gradient of the identity."""
    return x + (torch.floor(x + 0.5) - x).detach()


class QuantisedReLU(torch.nn.Module):
    """step * clip(floor(x / step + 0.5), 0, levels), with a learned step.

    Parameters
    ----------
    levels : the largest level, at least 1; a spiking neuron emits at most as many net spikes.
    step : real value of one level, positive; a parameter that training may change.
    """

    def __init__(self, levels: int, step: float) -> None:
        super().__init__()
        if levels < 1:
            raise ConfigurationError("levels must be at least 1", found=str(levels))
        if not step > 0:
            raise ConfigurationError("step must be positive", found=str(step))
        self.levels = levels
        self.step = torch.nn.Parameter(torch.tensor(float(step)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Quantise ``x``."""
        step = self.step.abs()
        return step * round_half_up((x / step).clamp(0, self.levels))
