"""Neurons of snnTorch, read from the options of its modules; of release 1.0."""

from typing import Any

import nir
import numpy as np
import torch

from spikewright.flow.nir import Compare, Discretisation
from spikewright.golden.spec import Reset

from .layers import convolution_node, linear_node
from .neuron import Neuron, Shape, node_of, one_value, per_neuron, refuse

__all__ = ["Snntorch"]

RESETS = ("subtract", "zero", "none")  # snntorch/_neurons/neurons.py: SpikingNeuron.reset_dict
KINDS = ("Leaky", "RLeaky", "Synaptic", "RSynaptic", "Lapicque")


class Snntorch:
    """How snnTorch's modules are told, read and reset."""

    name: str = "snntorch"
    kinds: tuple[str, ...] = KINDS

    @staticmethod
    def is_neuron(module: Any) -> bool:
        """Whether it is a layer of neurons, known or not."""
        names = {f"{cls.__module__}.{cls.__name__}" for cls in type(module).__mro__}
        return "snntorch._neurons.neurons.SpikingNeuron" in names or type(
            module
        ).__module__.startswith("snntorch._neurons.")

    @staticmethod
    def check(module: Any, where: str) -> None:
        """Options alone."""
        _check_options(module, where)
        _rule(module, where)

    @staticmethod
    def read(module: Any, shape: Shape, where: str) -> Neuron:
        """One of KINDS, in layers of ``shape``."""
        kind = type(module).__name__
        threshold = per_neuron(module.threshold, shape, "threshold", where)
        # leaky.py: _base_state_function, beta.clamp(0, 1) * mem + input, as in all the others
        left_v, gain = one_value(_clamped(module.beta), "beta", where), 1.0
        left_i = None
        if kind == "Lapicque":
            # lapicque.py: _base_state_function goes by time_step, R and C, and not by beta
            r, c, time = (
                one_value(getattr(module, name), name, where) for name in ("R", "C", "time_step")
            )
            left_v, gain = 1 - time / (r * c), time / c
        if kind in ("Synaptic", "RSynaptic"):
            # synaptic.py: _base_state_function, syn = alpha * syn + input; alpha 0 is no current
            left_i = one_value(_clamped(module.alpha), "alpha", where) or None
        node = node_of(shape, where, left_v=left_v, left_i=left_i, gain=gain, threshold=threshold)
        loop = _loop(module, shape, where) if kind in ("RLeaky", "RSynaptic") else None
        return Neuron(node=node, rule=_rule(module, where), loop=loop)

    @staticmethod
    def reset(module: Any, batch: int) -> None:
        """To the state before the first step."""
        module.reset_mem()

    @staticmethod
    def membrane(module: Any) -> tuple[Any, bool]:
        """As compared, but for ``reset_delay=False``; a subtraction comes a step later anyway."""
        late = bool(getattr(module, "reset_delay", True))
        return module.mem, late and RESETS[int(module.reset_mechanism_val)] == "zero"

    @staticmethod
    def is_sequence(module: Any) -> bool:
        """A call is a step."""
        return False

    @staticmethod
    def forms(module: Any) -> tuple[str, ...]:
        """A module takes a step, or goes over the steps itself."""
        return ("step", "time", "batch")


def _clamped(value: object) -> torch.Tensor:
    return torch.as_tensor(value, dtype=torch.float64).detach().clamp(0, 1)


def _rule(module: Any, where: str) -> Discretisation:
    kind = type(module).__name__
    reset = RESETS[int(module.reset_mechanism_val)]
    late = bool(getattr(module, "reset_delay", True))
    if kind == "RSynaptic" and not late:
        # rsynaptic.py: forward changes a local name then, and the membrane stays as it was
        raise refuse(where, "RSynaptic must have reset_delay=True", "False")
    match reset, late:
        case "none", _:
            return Discretisation(dt=1.0, reset=Reset.NONE)
        case "subtract", True:
            # leaky.py: _base_sub, less the threshold where the mem of the step before exceeds it
            return Discretisation(dt=1.0, reset=Reset.SUBTRACT, reset_delay=True)
        case "subtract", False:
            # leaky.py: forward takes off spk - reset, and compares a mem that reset has lowered:
            # two values of one membrane
            raise refuse(
                where,
                'reset_mechanism "subtract" must have reset_delay=True',
                "False",
                'train with reset_delay=True, or with reset_mechanism="zero"',
            )
    # leaky.py: _base_zero empties mem before the input of the next step comes; that of the others
    # empties it behind, and so loses this input. The current of synaptic.py goes on.
    lost = 1 if late and kind != "Leaky" else 0
    return Discretisation(dt=1.0, reset=Reset.VALUE, refractory=lost, compare=Compare.ABOVE)


def _check_options(module: Any, where: str) -> None:
    if module.state_quant:
        raise refuse(
            where,
            "state_quant must be off",
            "a quantised state",
            "leave it out: the state is quantised here",
        )
    if module.inhibition:
        raise refuse(where, "inhibition must be off", "True")
    factor = one_value(module.graded_spikes_factor, "graded_spikes_factor", where)
    if factor != 1:
        raise refuse(
            where,
            "graded_spikes_factor must be 1",
            f"{factor:g}",
            "multiply the weights of the next layer by it",
        )
    probe = torch.tensor([-1.0, -1e-6, 0.0, 1e-6, 1.0])
    with torch.no_grad():
        found = [float(each) for each in module.spike_grad(probe)]
    if found != [0, 0, 0, 1, 1]:
        raise refuse(where, "spike_grad must fire where mem > threshold, with a 1", found)


def _loop(module: Any, shape: Shape, where: str) -> nir.NIRNode:
    """rleaky.py: _base_state_function adds recurrent(spk) of the step before."""
    recurrent = module.recurrent
    if isinstance(recurrent, torch.nn.Linear):
        return linear_node(recurrent)
    if isinstance(recurrent, torch.nn.Conv2d):
        return convolution_node(recurrent, shape, where)
    return nir.Scale(scale=np.asarray(per_neuron(module.V, shape, "V", where)))
