"""One form for every neuron of NIR: what is left of its states, and what its input counts."""

from dataclasses import dataclass

import nir
import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Reset

from .discretisation import Decay, Discretisation, Integral, Start

__all__ = ["Dynamics", "dynamics_of"]

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Dynamics:
    """A population in steps, with x what its connections bring::

        i = left_i * i + x                      where there is a current
        v = left_v * v + gain * i + drift       gain * x without one
        fires where v exceeds threshold; reset

    Vectors are [neurons]. ``left_i`` None: no current. ``threshold`` None: it never fires.
    ``drift`` is what the leak towards another rest than 0 adds. ``start``: v before the first step.
    Where ``left_v`` is 0, v is x itself: a threshold without memory.
    """

    shape: tuple[int, ...]
    left_i: float | None
    left_v: float
    gain: Values
    drift: Values
    threshold: Values | None
    reset_value: Values
    start: Values


def dynamics_of(
    node: nir.NIRNode, rule: Discretisation, where: str, shape: tuple[int, ...] | None = None
) -> Dynamics:
    """The steps of a node; with a ``shape`` for one whose parameters have none.

    The current's own input gain, w_in and r are put together in ``gain``, since both states are
    linear in what comes in.

    Raises
    ------
    ConfigurationError
        If a time constant is not legal, or not the same for all neurons.
    """
    shape = tuple(_first(node).shape) if shape is None else shape

    def vector(value: object) -> Values:
        array = np.asarray(value, dtype=np.float64)
        return np.broadcast_to(array, shape).reshape(-1).copy()

    def tau(name: str) -> float:
        values = np.unique(vector(getattr(node, name)))
        if values.size != 1:
            raise ConfigurationError(
                f"{name} must be the same for all neurons of a population, which share a leak",
                found=f"{values.size} values from {values[0]:g} to {values[-1]:g}",
                where=where,
                action="split the population, or train with one time constant",
            )
        return float(values[0])

    left_i, left_v, rest = None, 1.0, np.zeros(int(np.prod(shape)))
    r, tau_v = vector(getattr(node, "r", 1.0)), 0.0
    gain = r
    if isinstance(node, nir.I | nir.IF) and rule.integral is Integral.TIME:
        gain = gain * rule.dt
    if not isinstance(node, nir.I | nir.IF | nir.Threshold):
        current = isinstance(node, nir.CubaLI | nir.CubaLIF)
        tau_v = tau("tau_mem" if current else "tau")
        left_v = rule.left(tau_v, where)
        gain = gain * rule.gain(tau_v)
        rest = vector(node.v_leak)
        if rule.decay is Decay.ONCE:
            gain = np.full_like(r, left_v if isinstance(node, nir.LI) else 1.0)
        if current:
            left_i = rule.left(tau("tau_syn"), where)
            gain = gain * vector(node.w_in) * rule.gain(tau("tau_syn"))
            if rule.decay is Decay.ONCE:
                gain = gain * left_i
    if rule.reset is Reset.SUBTRACT and np.any(vector(getattr(node, "v_reset", 0.0)) != 0):
        raise ConfigurationError(
            "v_reset must be 0 where a reset subtracts the threshold",
            found=f"{float(vector(node.v_reset).max()):g}",
            where=where,
            action="give --reset value, or the preset of the framework that exported it",
        )
    if np.any(gain <= 0):
        raise ConfigurationError(
            "r and w_in must be above 0", found=f"{float(gain.min()):g}", where=where
        )
    # Exporters write doubles or floats.
    once = left_v * tau_v / rule.dt
    if rule.decay is Decay.ONCE and tau_v and not np.allclose(r, once, rtol=1e-4, atol=0):
        raise ConfigurationError(
            "r must be tau * exp(-dt / tau) / dt where an input counts once, as Rockpool writes it",
            found=f"{r[np.argmax(np.abs(r - once))]:g}, not {once:g} for dt {rule.dt:g}",
            where=where,
            action="give the --dt of the network, or the preset of the framework that exported it",
        )
    threshold = None
    if isinstance(node, nir.Threshold):
        left_v, threshold = 0.0, vector(node.threshold)
    elif hasattr(node, "v_threshold"):
        threshold = vector(node.v_threshold)
        if not np.all(np.isfinite(threshold)) or np.any(threshold <= 0):
            raise ConfigurationError(
                "a threshold must be finite and above 0",
                found=f"{threshold.min():g}",
                where=where,
            )
    return Dynamics(
        shape=shape,
        left_i=left_i,
        left_v=left_v,
        gain=gain,
        drift=(1 - left_v) * rest,
        threshold=threshold,
        reset_value=vector(getattr(node, "v_reset", 0.0)),
        start=_start(rule, vector(getattr(node, "v_reset", 0.0)), rest),
    )


def _start(rule: Discretisation, reset_value: Values, rest: Values) -> Values:
    match rule.start:
        case Start.RESET:
            return reset_value
        case Start.REST:
            return rest
        case Start.ZERO:
            return np.zeros_like(rest)


def _first(node: nir.NIRNode) -> npt.NDArray[np.float64]:
    name = "threshold" if isinstance(node, nir.Threshold) else "r"
    return np.asarray(getattr(node, name), dtype=np.float64)
