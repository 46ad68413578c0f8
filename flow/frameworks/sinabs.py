"""Neurons of sinabs, read from the options of its layers; of release 3.1."""

from typing import Any

import nir
import torch

from spikewright.flow.nir import Compare, Discretisation
from spikewright.golden.spec import Reset

from .layers import linear_node
from .neuron import Neuron, Shape, Values, node_of, one_value, per_neuron, refuse

__all__ = ["Sinabs"]

PLAIN = ("IAF", "LIF", "ExpLeak")
RECURRENT = ("IAFRecurrent", "LIFRecurrent")
KINDS = tuple(f"{kind}{end}" for kind in (*PLAIN, *RECURRENT) for end in ("", "Squeeze"))


class Sinabs:
    """How sinabs' layers are told, read and reset."""

    name: str = "sinabs"
    kinds: tuple[str, ...] = KINDS

    @staticmethod
    def is_neuron(module: Any) -> bool:
        """Whether it has a state, known or not."""
        return any(
            each.__name__ == "StatefulLayer" and each.__module__.startswith("sinabs.layers")
            for each in type(module).__mro__
        )

    @staticmethod
    def check(module: Any, where: str) -> None:
        """What fires, what resets, and what comes back."""
        if module.spike_fn is not None:
            _rule(module, module.spike_threshold.detach().double().cpu().numpy(), where)
        elif module.min_v_mem is not None:
            raise refuse(where, "ExpLeak must have no min_v_mem", "one")
        _loop(module, where)

    @staticmethod
    def read(module: Any, shape: Shape, where: str) -> Neuron:
        """One of KINDS, in layers of ``shape``."""
        left_v = one_value(module.alpha_mem_calculated, "alpha_mem", where)
        # functional/lif.py, lif_forward_single: v = alpha_mem * v + (1 - alpha_mem) * i where
        # norm_input, and + i where not
        gain = 1 - left_v if module.norm_input else 1.0
        left_i = None
        if module.alpha_syn_calculated is not None:
            # likewise: i = alpha_syn * (i + input), so that an input counts alpha_syn times
            left_i = one_value(module.alpha_syn_calculated, "alpha_syn", where)
            gain *= left_i
        threshold, rule = None, Discretisation(dt=1.0)
        if module.spike_fn is not None:
            threshold = per_neuron(module.spike_threshold, shape, "spike_threshold", where)
            rule = _rule(module, threshold, where)
        node = node_of(shape, where, left_v=left_v, left_i=left_i, gain=gain, threshold=threshold)
        return Neuron(node=node, rule=rule, loop=_loop(module, where))

    @staticmethod
    def reset(module: Any, batch: int) -> None:
        """To the state before the first step; layers that join steps and batch learn the batch."""
        if module.is_state_initialised():
            trailing = module.v_mem.shape[1:]
            module.init_state_with_shape((batch, *trailing))
        if _joins(module):
            module.batch_size, module.num_timesteps = batch, -1

    @staticmethod
    def membrane(module: Any) -> tuple[Any, bool]:
        """As clipped, behind the reset."""
        return module.v_mem, False

    @staticmethod
    def is_sequence(module: Any) -> bool:
        """A call always takes all steps."""
        return True

    @staticmethod
    def forms(module: Any) -> tuple[str, ...]:
        """[batch * steps, ...] where a layer joins them, else [batch, steps, ...]."""
        return ("flat",) if any(_joins(each) for each in module.modules()) else ("batch",)


def _joins(module: Any) -> bool:
    return Sinabs.is_neuron(module) and type(module).__name__.endswith("Squeeze")


def _rule(module: Any, threshold: Values, where: str) -> Discretisation:
    """activation/spike_generation.py and reset_mechanism.py."""
    fires = getattr(module.spike_fn, "__name__", type(module.spike_fn).__name__)
    resets = type(module.reset_fn).__name__
    floor = None
    if module.min_v_mem is not None:
        # lif_forward_single clips behind the reset. What is reset lies above 0, so that to clip
        # before the threshold is looked at does the same.
        least = one_value(module.min_v_mem, "min_v_mem", where)
        if least > 0:
            raise refuse(where, "min_v_mem must not be above 0", f"{least:g}")
        floor = -least / one_value(threshold, "spike_threshold, where there is min_v_mem,", where)
    match fires, resets:
        case (("MultiSpike" | "MaxSpike" | "SingleSpike"), "MembraneSubtract"):
            bursts: int | None = 1
            if fires != "SingleSpike":
                bursts = getattr(module.spike_fn, "max_num_spikes_per_bin", None)
            amount = module.reset_fn.subtract_value
            if amount is not None and bool((threshold == float(amount)).all()):
                amount = None
            if amount is not None and (bursts != 1 or not 0 < amount <= threshold.min()):
                raise refuse(
                    where,
                    "subtract_value must be the threshold, or with SingleSpike below it",
                    f"{amount:g}",
                )
            return Discretisation(
                dt=1.0,
                reset=Reset.SUBTRACT,
                compare=Compare.REACHED,
                bursts=bursts,
                floor=floor,
                amount=None if amount is None else float(amount),
            )
        case "SingleSpike", "MembraneReset":
            value = float(module.reset_fn.reset_value)
            if value != 0:
                # MembraneReset adds it in every step, whether there was a spike or not
                raise refuse(where, "reset_value of MembraneReset must be 0", f"{value:g}")
            return Discretisation(dt=1.0, reset=Reset.VALUE, compare=Compare.REACHED, floor=floor)
    raise refuse(
        where,
        "a layer must have MultiSpike, MaxSpike or SingleSpike with MembraneSubtract, or "
        "SingleSpike with MembraneReset",
        f"{fires} with {resets}",
    )


def _loop(module: Any, where: str) -> nir.NIRNode | None:
    if not any(type(module).__name__.startswith(kind) for kind in RECURRENT):
        return None
    connect: Any = module.rec_connect
    # functional/lif.py, lif_recurrent: before the first step nothing comes back, not even a bias
    plain = isinstance(connect, torch.nn.Linear) and getattr(connect, "bias", None) is None
    if not plain:
        raise refuse(where, "rec_connect must be a Linear layer without bias", repr(connect))
    return linear_node(connect)
