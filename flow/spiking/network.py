"""A spiking network to be trained by back-propagation through time."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import nir
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spikewright.flow.nir import Compare, Decay, Discretisation
from spikewright.flow.nir.dynamics import Dynamics, dynamics_of
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Reset

from .codes import Coded, coded
from .layers import Layer, Output
from .surrogate import Steps, run_steps

__all__ = ["RULES", "SpikingNetwork"]

RULES = {
    reset: Discretisation(dt=1.0, reset=reset, compare=Compare.REACHED, decay=Decay.EULER)
    for reset in (Reset.SUBTRACT, Reset.VALUE)
}
"""How the graph of a trained network goes in steps, by what a spike does to the membrane."""

SLOPE = 4.0
READOUT = "readout"


class SpikingNetwork(torch.nn.Module):
    """Layers of spiking neurons, each with all inputs of the one before, and what is read.

    ``forward`` takes samples [N, steps, *shape] and returns logits [N, classes]: membranes or
    counts. Its steps are those of ``graph()`` under ``rule``, so that it has one way to integers.

    Parameters
    ----------
    shape : of a step's input.
    layers : from the input on.
    output : what is read.
    weight_bits : train with weights of so many bits, 2 to 8, as conversion rounds them; None
        trains in floating point.
    reset : subtract the threshold, or go to the value 0.

    Raises
    ------
    ConfigurationError
        If a parameter is not legal.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        layers: Sequence[Layer],
        output: Output,
        *,
        weight_bits: int | None = None,
        reset: Reset = Reset.SUBTRACT,
    ) -> None:
        super().__init__()
        if reset not in RULES:
            raise ConfigurationError(
                f"must be one of {', '.join(RULES)}", found=repr(reset), where="reset"
            )
        if weight_bits is not None and weight_bits not in range(2, 9):
            raise ConfigurationError("must be 2 to 8", found=repr(weight_bits), where="weight_bits")
        if not shape or min(shape) < 1 or not layers:
            raise ConfigurationError(
                "an input must have values, and a network at least one layer",
                found=f"shape {list(shape)}, {len(layers)} layers",
            )
        self.shape, self.layers, self.output = tuple(shape), tuple(layers), output
        self.weight_bits, self.rule = weight_bits, RULES[reset]
        sizes = [prod(shape), *(each.neurons for each in layers), output.classes]
        self.forwards = torch.nn.ParameterList(
            torch.randn(pre, post) / pre**0.5 for pre, post in pairwise(sizes)
        )
        self.biases = torch.nn.ParameterList(torch.zeros(post) for post in sizes[1:])
        self.recurrents = torch.nn.ParameterDict(
            {
                str(k): torch.randn(each.neurons, each.neurons) * (0.5 / each.neurons**0.5)
                for k, each in enumerate(layers)
                if each.recurrent
            }
        )
        self._activity = torch.zeros(())

    def coded(self) -> list[Coded]:
        """Weights of every layer and of the readout, the recurrent ones last, in its own unit."""
        return [
            coded(
                [self.forwards[k], *([self.recurrents[str(k)]] if self._recurrent(k) else [])],
                self.biases[k],
                self.weight_bits,
            )
            for k in range(len(self.forwards))
        ]

    def _recurrent(self, k: int) -> bool:
        return str(k) in self.recurrents

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, classes]."""
        logits, spikes = self.run(x)
        self._activity = torch.stack([each.mean() for each in spikes[: len(self.layers)]]).mean()
        return logits

    def activity(self) -> Tensor:
        """Mean over layers of the spikes of a neuron in a step of the last batch."""
        return self._activity

    def run(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits [N, classes], and spikes [steps, N, neurons] of each population that fires."""
        values = x.flatten(2).transpose(0, 1).to(self.forwards[0].dtype).contiguous()
        found: list[Tensor] = []
        for k, part in enumerate(self.coded()):
            dynamics = self._dynamics(k, part)
            if k == len(self.layers) and not self.output.fires:
                return self._membrane(values, part, dynamics), found
            charge = torch.addmm(part.bias, values.flatten(0, 1), part.weights[0])
            values = run_steps(
                charge.reshape(*values.shape[:2], -1),
                part.weights[1] if self._recurrent(k) else None,
                self._steps(dynamics),
            )
            found.append(values)
        return values.sum(dim=0), found

    def _membrane(self, values: Tensor, part: Coded, dynamics: Dynamics) -> Tensor:
        """The last one: all steps at once, since nothing there is more than linear."""
        ages = torch.arange(len(values) - 1, -1, -1, dtype=values.dtype)
        left = torch.pow(dynamics.left_v, ages)
        heard = torch.tensordot(left, values, dims=1)
        logits: Tensor = part.unit * (heard @ part.weights[0] + left.sum() * part.bias)
        return logits

    def _steps(self, dynamics: Dynamics) -> Steps:
        assert dynamics.threshold is not None  # it fires
        return Steps(
            left_v=dynamics.left_v,
            left_i=dynamics.left_i,
            gain=float(dynamics.gain[0]),
            threshold=float(dynamics.threshold[0]),
            subtract=self.rule.reset is Reset.SUBTRACT,
            slope=SLOPE,
        )

    def _dynamics(self, k: int, part: Coded) -> Dynamics:
        return dynamics_of(self._node(k, part, 1), self.rule, f"layer {k}")

    def _node(self, k: int, part: Coded, n: int) -> nir.NIRNode:
        """The neurons as NIR has them, where an input counts once."""
        one = np.ones(n)
        reads = k == len(self.layers)
        leak = self.output.leak if reads else self.layers[k].leak
        current = None if reads else self.layers[k].current
        fires: dict[str, Any] = {"v_threshold": part.threshold * one, "v_reset": 0 * one}
        if reads and not self.output.fires:
            fires = {}
        if leak == 1.0:
            return nir.IF(r=one, **fires) if fires else nir.I(r=one)
        tau = self.rule.dt / (1 - leak) * one
        if current is not None:
            tau_syn = self.rule.dt / (1 - current) * one
            return nir.CubaLIF(
                tau_syn=tau_syn, tau_mem=tau, r=tau, w_in=tau_syn, v_leak=0 * one, **fires
            )
        kind = nir.LIF if fires else nir.LI
        return kind(tau=tau, r=tau, v_leak=0 * one, **fires)

    @torch.no_grad()
    def graph(self) -> nir.NIRGraph:
        """The network as it is, each population in its unit: then rounded weights are integers."""
        nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array(self.shape)})}
        edges: list[tuple[str, str]] = []
        source = "input"
        if len(self.shape) > 1:
            source = "flatten"
            nodes[source] = nir.Flatten({"input": np.array(self.shape)}, start_dim=0, end_dim=-1)
            edges.append(("input", source))
        for k, part in enumerate(self.coded()):
            name = READOUT if k == len(self.layers) else f"hidden{k + 1}"
            nodes[f"to_{name}"] = nir.Affine(
                weight=_array(part.weights[0].T), bias=_array(part.bias)
            )
            nodes[name] = self._node(k, part, len(part.bias))
            edges += [(source, f"to_{name}"), (f"to_{name}", name)]
            if self._recurrent(k):
                nodes[f"{name}_again"] = nir.Linear(weight=_array(part.weights[1].T))
                edges += [(name, f"{name}_again"), (f"{name}_again", name)]
            source = name
        n = np.array([self.output.classes])
        nodes["output"] = nir.Output({"output": n})
        return nir.NIRGraph(nodes=nodes, edges=[*edges, (source, "output")])


def _array(values: Tensor) -> npt.NDArray[np.float64]:
    return np.ascontiguousarray(values.detach().double().numpy())
