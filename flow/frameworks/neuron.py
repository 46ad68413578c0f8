"""What a framework's neuron does in steps: a node of NIR, and its exact discretisation."""

from dataclasses import dataclass
from math import isfinite

import nir
import numpy as np
import numpy.typing as npt
import torch

from spikewright.flow.nir import Discretisation
from spikewright.golden.errors import ConfigurationError, UnsupportedError

__all__ = ["Neuron", "node_of", "one_value", "per_neuron", "refuse"]

Values = npt.NDArray[np.float64]
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Neuron:
    """A layer of neurons.

    Parameters
    ----------
    node : one of NIR, of which a step takes the time 1. rule : what it does in a step.
    loop : what its spikes of the step before come back through; None where they do not.
    """

    node: nir.NIRNode
    rule: Discretisation
    loop: nir.NIRNode | None = None


def node_of(
    shape: Shape,
    where: str,
    *,
    left_v: float,
    threshold: Values | None,
    left_i: float | None = None,
    gain: float = 1.0,
    rest: float = 0.0,
    reset_value: float = 0.0,
) -> nir.NIRNode:
    """The node whose Euler steps of time 1 are v = left_v * v + gain * x + (1 - left_v) * rest.

    With ``left_i``: i = left_i * i + x, and i in place of x. Shares of 1 leave all. ``threshold``
    [shape], None where it never fires.

    Raises
    ------
    UnsupportedError
        If NIR has no such node.
    """

    def full(value: float) -> Values:
        return np.full(shape, float(value))

    for name, share in (("membrane", left_v), ("current", left_i)):
        if share is not None and not 0 < share <= 1:
            raise refuse(where, f"a step must leave a share of the {name} above 0, up to 1", share)
    if gain == 0:
        raise refuse(where, "a neuron must take in what comes to it", "a gain of 0")
    if left_i == 1 or (left_i is not None and left_v == 1):
        raise refuse(where, "with a current, current and membrane must leak", "one that does not")
    fires = threshold is not None
    firing: dict[str, Values] = {}
    if threshold is not None:
        firing = {"v_threshold": threshold, "v_reset": full(reset_value)}
    if left_v == 1:
        return nir.IF(r=full(gain), **firing) if fires else nir.I(r=full(gain))
    # Euler leaves 1 - 1 / tau and takes in r / tau.
    tau = 1 / (1 - left_v)
    leak = {"r": full(tau * gain), "v_leak": full(rest)}
    if left_i is None:
        kind = nir.LIF if fires else nir.LI
        return kind(tau=full(tau), **leak, **firing)
    tau_i = 1 / (1 - left_i)
    kind = nir.CubaLIF if fires else nir.CubaLI
    return kind(tau_mem=full(tau), tau_syn=full(tau_i), w_in=full(tau_i), **leak, **firing)


def per_neuron(value: object, shape: Shape, what: str, where: str) -> Values:
    """A number or tensor as [shape], as torch broadcasts it.

    Raises
    ------
    ConfigurationError
        If it does not fit, or is not finite.
    """
    array = torch.as_tensor(value, dtype=torch.float64).detach().cpu()
    try:
        whole = torch.broadcast_to(array, shape).numpy().copy()
    except RuntimeError as error:
        raise ConfigurationError(
            f"{what} must fit the neurons' shape {shape}",
            found=f"shape {tuple(array.shape)}",
            where=where,
        ) from error
    if not np.isfinite(whole).all():
        raise ConfigurationError(f"{what} must be finite", found=str(whole.max()), where=where)
    return whole


def one_value(value: object, what: str, where: str) -> float:
    """What all neurons of a layer have alike; raises ConfigurationError where they have not."""
    values = torch.unique(torch.as_tensor(value, dtype=torch.float64).detach().cpu())
    if len(values) != 1 or not isfinite(float(values[0])):
        raise ConfigurationError(
            f"{what} must be one finite value for all neurons of a layer",
            found=f"{len(values)} values from {float(values[0]):g} to {float(values[-1]):g}",
            where=where,
            action="split the layer, or train with one value",
        )
    return float(values[0])


def refuse(where: str, must: str, found: object, action: str = "") -> UnsupportedError:
    """What is said of an option that no integer soma has."""
    return UnsupportedError(must, found=str(found), where=where, action=action)
