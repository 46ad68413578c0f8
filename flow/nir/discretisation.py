"""What a NIR file leaves open: the time step, and what a neuron does in one."""

import enum
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from spikewright.flow.files import read_json
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Reset

__all__ = [
    "PRESETS",
    "Compare",
    "Decay",
    "Discretisation",
    "Integral",
    "Order",
    "load_discretisation",
]


class Decay(enum.StrEnum):
    """What is left of a state after a step of a leak of time constant tau.

    ``euler``: 1 - dt / tau, and the input counts dt / tau times its gain. ``exponential``:
    exp(-dt / tau), and the input counts once.
    """

    EULER = "euler"
    EXPONENTIAL = "exponential"


class Compare(enum.StrEnum):
    """When a membrane fires: ``above`` its threshold, v > th, or ``reached``, v >= th."""

    ABOVE = "above"
    REACHED = "reached"


class Order(enum.StrEnum):
    """Which current a membrane takes in: that of this step, ``new``, or of the last, ``old``."""

    NEW = "new"
    OLD = "old"


class Integral(enum.StrEnum):
    """What an integrator without leak adds in a step: r * x, or r * x * dt."""

    STEP = "step"
    TIME = "time"


@dataclass(frozen=True, kw_only=True)
class Discretisation:
    """NIR describes dynamics in continuous time; this is how they go in steps.

    Parameters
    ----------
    dt : seconds a step, in the file's unit of time.
    reset : subtract the threshold, or go to the value v_reset.
    reset_delay : whether a subtraction waits for the next step, behind its leak and input.
    compare : v > th or v >= th.
    decay : by Euler's method or the exponential.
    order : which current the membrane takes. integral : what an integrator adds.
    bursts : most spikes of a neuron in a step, of 1 + floor((v - th) / th).
    floor : the membrane's least value in units of the threshold, -floor * th; None where it has
        none.
    """

    dt: float
    reset: Reset = Reset.VALUE
    reset_delay: bool = False
    compare: Compare = Compare.ABOVE
    decay: Decay = Decay.EULER
    order: Order = Order.NEW
    integral: Integral = Integral.STEP
    bursts: int = 1
    floor: float | None = None

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            try:
                object.__setattr__(self, name, kind(getattr(self, name)))
            except ValueError as error:
                raise ConfigurationError(
                    f"{name} must be one of {', '.join(kind)}",
                    found=repr(getattr(self, name)),
                    where="discretisation",
                ) from error
        if not (isinstance(self.dt, int | float) and math.isfinite(self.dt) and self.dt > 0):
            raise ConfigurationError(
                "dt must be a time above 0", found=repr(self.dt), where="discretisation"
            )
        if self.reset is Reset.NONE or (self.reset_delay and self.reset is not Reset.SUBTRACT):
            raise ConfigurationError(
                "a reset must subtract, also with a delay, or go to a value",
                found=f"reset {self.reset}, reset_delay {self.reset_delay}",
                where="discretisation",
            )
        if type(self.bursts) is not int or self.bursts < 1:
            raise ConfigurationError(
                "bursts must be an integer of at least 1",
                found=repr(self.bursts),
                where="discretisation",
            )

    def left(self, tau: float, where: str) -> float:
        """The share of a state that a step leaves.

        Raises
        ------
        ConfigurationError
            If tau is not a positive time, or the step is so long that nothing sensible is left.
        """
        if not (math.isfinite(tau) and tau > 0):
            raise ConfigurationError(
                "a time constant must be finite and above 0", found=f"{tau:g}", where=where
            )
        if self.decay is Decay.EXPONENTIAL:
            return math.exp(-self.dt / tau)
        if self.dt >= tau:
            raise ConfigurationError(
                "Euler's method must have a step shorter than the time constant",
                found=f"dt {self.dt:g}, tau {tau:g}",
                where=where,
                action="give the dt of the framework that trained it, or the exponential decay",
            )
        return 1 - self.dt / tau

    def gain(self, tau: float) -> float:
        """How often an input counts in a step of a leak."""
        return self.dt / tau if self.decay is Decay.EULER else 1.0

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


_KINDS: Mapping[str, type[enum.StrEnum]] = {
    "reset": Reset,
    "compare": Compare,
    "decay": Decay,
    "order": Order,
    "integral": Integral,
}
PRESETS: Mapping[str, Discretisation] = {
    # snntorch.import_nir and export_nir: beta = 1 - dt / tau, mem > threshold, reset at once
    "snntorch": Discretisation(dt=1e-4),
    # norse.torch.from_nir: LIFBoxCell and LIBoxCell, Euler, v > v_th, reset to a value
    "norse": Discretisation(dt=1e-3),
    # sinabs: tau in steps, alpha = exp(-1 / tau), v >= threshold, as many spikes as fit
    "sinabs": Discretisation(
        dt=1.0,
        reset=Reset.SUBTRACT,
        compare=Compare.REACHED,
        decay=Decay.EXPONENTIAL,
        bursts=15,
    ),
    # spikingjelly.nir_exchange: tau / dt steps, charge by Euler, v >= v_threshold, hard reset
    "spikingjelly": Discretisation(dt=1e-4, compare=Compare.REACHED, integral=Integral.TIME),
    # rockpool: exponential decays of current and membrane, as many spikes as fit, subtraction
    "rockpool": Discretisation(
        dt=1e-3,
        reset=Reset.SUBTRACT,
        compare=Compare.REACHED,
        decay=Decay.EXPONENTIAL,
        bursts=15,
    ),
    # lava-dl's and Lava's LIF: du = dt / tau_syn, dv = dt / tau_mem, v > vth, v to 0
    "lava": Discretisation(dt=1e-4),
}


def load_discretisation(path: Path) -> Discretisation:
    """Read a side-car file: JSON with the fields of ``Discretisation``, or a preset and changes.

    Raises
    ------
    FileError
        If it cannot be read.
    ConfigurationError
        If a key is unknown, or a value is not legal.
    """
    data = read_json(path)
    known = {field.name for field in fields(Discretisation)}
    unknown = sorted(set(data) - known - {"preset"})
    if unknown:
        raise ConfigurationError(
            f"a discretisation must have the keys {', '.join(sorted(known))}, or preset",
            found=unknown[0],
            where=str(path),
        )
    preset = data.pop("preset", None)
    if preset is None:
        if "dt" not in data:
            raise ConfigurationError("dt must be given", found="none", where=str(path))
        return Discretisation(**data)
    return replace(preset_of(preset), **data)


def preset_of(name: str) -> Discretisation:
    """The preset of that name."""
    if name not in PRESETS:
        raise ConfigurationError(
            f"the preset must be one of {', '.join(PRESETS)}", found=repr(name)
        )
    return PRESETS[name]
