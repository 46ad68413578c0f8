"""Neurons of SpikingJelly, read from the options of its modules; of release 2.0."""

import math
from typing import Any

import torch

from spikewright.flow.nir import Compare, Discretisation
from spikewright.flow.nir.discretisation import Start
from spikewright.golden.spec import Reset

from .neuron import Neuron, Shape, node_of, one_value, per_neuron, refuse

__all__ = ["Spikingjelly"]

KINDS = ("IFNode", "LIFNode", "ParametricLIFNode", "SimpleIFNode", "SimpleLIFNode")
BASES = ("MemoryModule", "NonSpikingBaseNode")  # what has a state
DROPS = ("Dropout", "Dropout2d")  # a state in training only


class Spikingjelly:
    """How SpikingJelly's modules are told, read and reset."""

    name: str = "spikingjelly"
    kinds: tuple[str, ...] = KINDS

    @staticmethod
    def is_neuron(module: Any) -> bool:
        """Whether it has a state, known or not."""
        names = [
            each.__name__
            for each in type(module).__mro__
            if each.__module__.startswith("spikingjelly.activation_based.")
        ]
        return any(base in names for base in BASES) and type(module).__name__ not in DROPS

    @staticmethod
    def check(module: Any, where: str) -> None:
        """The surrogate, whose forward pass may be another function."""
        _check_surrogate(module, where)

    @staticmethod
    def read(module: Any, shape: Shape, where: str) -> Neuron:
        """One of KINDS, in layers of ``shape``."""
        hard = module.v_reset is not None
        rest = float(module.v_reset) if hard else 0.0
        left, gain = _leak(module, where)
        threshold = None
        if module.v_threshold != math.inf:  # a node that never fires is read by its membrane
            threshold = per_neuron(module.v_threshold, shape, "v_threshold", where)
        node = node_of(
            shape,
            where,
            left_v=left,
            gain=gain,
            rest=rest,
            threshold=threshold,
            reset_value=rest,
        )
        # base_node.py: BaseNode registers v with v_reset, SimpleBaseNode with 0; both reset where
        # v - v_threshold >= 0 (surrogate.py: heaviside), to v_reset or by v_threshold
        begins_reset = hard and not type(module).__name__.startswith("Simple")
        rule = Discretisation(
            dt=1.0,
            reset=Reset.VALUE if hard else Reset.SUBTRACT,
            compare=Compare.REACHED,
            start=Start.RESET if begins_reset else Start.ZERO,
        )
        return Neuron(node=node, rule=rule)

    @staticmethod
    def reset(module: Any, batch: int) -> None:
        """To the state before the first step."""
        module.reset()

    @staticmethod
    def membrane(module: Any) -> tuple[Any, bool]:
        """Behind the reset."""
        return module.v, False

    @staticmethod
    def is_sequence(module: Any) -> bool:
        """Where step_mode is m, a call takes [steps, batch, ...]."""
        return bool(module.step_mode == "m")

    @staticmethod
    def forms(module: Any) -> tuple[str, ...]:
        """All steps at once where a node works so, or a frame that the module repeats itself."""
        many = any(getattr(each, "step_mode", "s") == "m" for each in module.modules())
        return ("time", "frame") if many else ("step", "time")


def _leak(module: Any, where: str) -> tuple[float, float]:
    """The share of v - v_reset that a step leaves, and what an input counts.

    functional/neuron.py, lif_step: v + (x - (v - v_reset)) / tau with decay_input, and x as it is
    without. plif.py has 1 / tau = sigmoid(w).
    """
    kind = type(module).__name__
    if kind in ("IFNode", "SimpleIFNode"):
        return 1.0, 1.0
    if kind == "ParametricLIFNode":
        share = one_value(torch.sigmoid(module.w.detach().double()), "w", where)
    else:
        share = 1 / one_value(module.tau, "tau", where)
    return 1 - share, share if module.decay_input else 1.0


def _check_surrogate(module: Any, where: str) -> None:
    probe = torch.tensor([-1.0, -1e-6, 0.0, 1e-6, 1.0])
    with torch.no_grad():
        found = [float(each) for each in module.surrogate_function(probe)]
    if found != [0, 0, 1, 1, 1]:
        raise refuse(where, "surrogate_function must fire where v >= v_threshold, with a 1", found)
