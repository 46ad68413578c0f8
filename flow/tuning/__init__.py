"""Integer networks trained on in time, with surrogate gradients, as the integers they are."""

from spikewright.flow.tuning.module import Ran, Trainable
from spikewright.flow.tuning.shadows import Leaks
from spikewright.flow.tuning.tune import Tuned, fitting_scale, tune

__all__ = ["Leaks", "Ran", "Trainable", "Tuned", "fitting_scale", "tune"]
