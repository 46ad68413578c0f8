"""What a NIR file leaves open: the time step, and what a neuron does in one."""

import enum
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from spikewright.flow.files import read_json
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Reset
from spikewright.golden.spec.soma import MAX_REFRACTORY

__all__ = [
    "PRESETS",
    "Compare",
    "Decay",
    "Discretisation",
    "Integral",
    "Order",
    "Start",
    "load_discretisation",
]


SHORTEST, LONGEST = 2.0**-17, 16.0
"""Of a step, in time constants: what leaks of m / 2**16 can tell from none, and from all."""


class Decay(enum.StrEnum):
    """What is left of a state after a step of a leak of time constant tau.

    ``euler``: 1 - dt / tau, and the input counts dt / tau times its gain. ``exponential``:
    exp(-dt / tau), and the input counts r times. ``once``: exp(-dt / tau), and the input counts
    once; r must be the tau * exp(-dt / tau) / dt that Rockpool writes. That of a current or of an
    LI counts exp(-dt / tau), since it decays in the step in which it comes.
    """

    EULER = "euler"
    EXPONENTIAL = "exponential"
    ONCE = "once"


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


class Start(enum.StrEnum):
    """The membrane before the first step: ``zero``; ``reset``, the file's v_reset; or ``rest``, its
    v_leak, which is 0 where nothing leaks.
    """

    ZERO = "zero"
    RESET = "reset"
    REST = "rest"


@dataclass(frozen=True, kw_only=True)
class Discretisation:
    """NIR describes dynamics in continuous time; this is how they go in steps.

    Parameters
    ----------
    dt : seconds a step, in the file's unit of time.
    reset : subtract the threshold, go to the value v_reset, or none.
    reset_delay : whether a subtraction waits for the next step, behind its leak and input.
    compare : v > th or v >= th.
    decay : by Euler's method or the exponential.
    order : which current the membrane takes. integral : what an integrator adds.
    bursts : most spikes of a neuron in a step, of 1 + floor((v - th) / th); None: all of them.
    floor : the membrane's least value in units of the threshold, -floor * th; None where it has
        none.
    amount : what a subtraction takes off, in the file's unit of v; None is the threshold.
    refractory : steps after a spike in which the membrane stays as it is, without leak or input;
        the current goes on. start : the membrane before the first step.
    populations : those that have a discretisation of their own, with the same dt: by name, or by
        the kind of their node, such as IF, where the name has none.
    """

    dt: float
    reset: Reset = Reset.VALUE
    reset_delay: bool = False
    compare: Compare = Compare.ABOVE
    decay: Decay = Decay.EULER
    order: Order = Order.NEW
    integral: Integral = Integral.STEP
    bursts: int | None = 1
    floor: float | None = None
    amount: float | None = None
    refractory: int = 0
    start: Start = Start.ZERO
    populations: Mapping[str, "Discretisation"] = field(default_factory=dict)

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
        subtracts = self.reset is Reset.SUBTRACT
        many = self.bursts != 1
        for holds, must, found in (
            (_is_number(self.dt) and self.dt > 0, "dt must be a time above 0", self.dt),
            (
                type(self.reset_delay) is bool,
                "reset_delay must be true or false",
                self.reset_delay,
            ),
            (
                self.bursts is None or (type(self.bursts) is int and self.bursts >= 1),
                "bursts must be an integer of at least 1, or none",
                self.bursts,
            ),
            (
                self.floor is None or (_is_number(self.floor) and self.floor >= 0),
                "floor must be a number of at least 0, or none",
                self.floor,
            ),
            (
                self.amount is None or (_is_number(self.amount) and self.amount > 0),
                "amount must be a number above 0, or none",
                self.amount,
            ),
            (
                type(self.refractory) is int and 0 <= self.refractory <= MAX_REFRACTORY,
                f"refractory must be an integer from 0 to {MAX_REFRACTORY}",
                self.refractory,
            ),
            (subtracts or not self.reset_delay, "a reset with a delay must subtract", self.reset),
            (subtracts or self.amount is None, "amount must come with a subtraction", self.reset),
            (subtracts or not many, "several spikes a step must come with a subtraction", "none"),
            (
                not many or (self.amount is None and not self.reset_delay),
                "several spikes a step must each subtract the threshold, at once",
                f"amount {self.amount}, reset_delay {self.reset_delay}",
            ),
            (
                not self.refractory or not self.reset_delay,
                "refractory must come without reset_delay",
                self.refractory,
            ),
        ):
            if not holds:
                raise ConfigurationError(must, found=str(found), where="discretisation")

        for name, rule in self.populations.items():
            if rule.dt != self.dt or rule.populations:
                raise ConfigurationError(
                    "a population's own discretisation must have the dt of the others",
                    found=f"{rule.dt:g}, not {self.dt:g}",
                    where=f"discretisation of {name!r}",
                )

    def of(self, population: str, kind: str = "") -> "Discretisation":
        """What a population does, whose node is of that kind."""
        return self.populations.get(population, self.populations.get(kind, self))

    def everywhere(self, **changes: Any) -> "Discretisation":
        """The same with other values, in every population."""
        inner = {name: replace(rule, **changes) for name, rule in self.populations.items()}
        return replace(self, **changes, populations=inner)

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
        if not SHORTEST <= self.dt / tau <= LONGEST:
            raise ConfigurationError(
                "a step must be a share of the time constant that leaves something and takes some",
                found=f"dt {self.dt:g}, tau {tau:g}",
                where=where,
                action="give dt in the file's unit of time, which its exporter chose",
            )
        if self.decay is not Decay.EULER:
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
        """How often an input counts in a step of a leak, beside r or w_in."""
        return self.dt / tau if self.decay is Decay.EULER else 1.0

    def changed(self, name: str, **changes: Any) -> "Discretisation":
        """The same with other values for one population, on top of what all others do."""
        own = replace(self, populations={}, **changes)
        return replace(self, populations={**self.populations, name: own})

    def as_dict(self) -> dict[str, Any]:
        """As JSON; of populations what differs."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        inner = plain.pop("populations")
        plain["populations"] = {
            name: {key: value for key, value in each.items() if plain.get(key, value) != value}
            for name, each in inner.items()
        }
        for each in plain["populations"].values():
            each.pop("populations", None)
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: str) -> "Discretisation":
        """From JSON: the fields, or ``preset`` and changes; of ``populations`` what differs.

        Raises
        ------
        ConfigurationError
            If a key is unknown, or a value is not legal.
        """
        given = dict(data)
        inner = given.pop("populations", {})
        known = {each.name for each in fields(cls)}
        pieces = inner if isinstance(inner, Mapping) else {"populations": inner}
        for piece, more in ((given, {"preset"}), *((each, set()) for each in pieces.values())):
            if not isinstance(piece, Mapping):
                raise ConfigurationError(
                    "populations must have a mapping each, by name", found=repr(piece), where=where
                )
            allowed = (known if more else known - {"dt", "populations"}) | more
            unknown = sorted(set(piece) - allowed)
            if unknown:
                raise ConfigurationError(
                    f"a discretisation must have the keys {', '.join(sorted(allowed))}",
                    found=unknown[0],
                    where=where,
                )
        preset = given.pop("preset", None)
        if preset is None and "dt" not in given:
            raise ConfigurationError("dt must be given", found="none", where=where)
        try:
            whole = cls(**given) if preset is None else preset_of(preset).everywhere(**given)
            for name, each in inner.items():
                whole = whole.changed(name, **each)
            return whole
        except ConfigurationError as error:
            raise ConfigurationError(error.must, found=error.found, where=where) from error


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


_KINDS: Mapping[str, type[enum.StrEnum]] = {
    "reset": Reset,
    "compare": Compare,
    "decay": Decay,
    "order": Order,
    "integral": Integral,
    "start": Start,
}
# Each is what the framework's own reader of NIR makes of a file; tests hold them against that.
PRESETS: Mapping[str, Discretisation] = {
    # snntorch 1.0, import_nir.py: beta = 1 - dt / tau, mem > threshold, reset_mechanism "zero" with
    # reset_delay False, whatever the neurons were that were trained
    "snntorch": Discretisation(dt=1e-4),
    # norse 1.1, utils/import_nir.py: LIFBoxCell and IAFCell, Euler, v > v_th, reset to 0, which
    # begin at v_leak
    "norse": Discretisation(dt=1e-3, start=Start.REST),
    # sinabs 3.1, nir.py: tau in steps, alpha = exp(-1 / tau), v >= threshold, MultiSpike; only
    # IAFSqueeze gets min_v_mem = -threshold
    "sinabs": Discretisation(
        dt=1.0,
        reset=Reset.SUBTRACT,
        compare=Compare.REACHED,
        decay=Decay.EXPONENTIAL,
        bursts=None,
    ).changed("IF", floor=1.0),
    # spikingjelly 2.0, nir_exchange/from_nir.py: tau / dt steps, charge by Euler, v >= v_threshold,
    # hard reset to v_reset, where nodes also begin
    "spikingjelly": Discretisation(
        dt=1e-4, compare=Compare.REACHED, integral=Integral.TIME, start=Start.RESET
    ),
    # rockpool 3.1, nn/modules/torch/nir.py, lif_torch.py and lif_neuron_torch.py: exponential
    # decays, StepPWL fires as often as fits, subtraction
    "rockpool": Discretisation(
        dt=1e-3,
        reset=Reset.SUBTRACT,
        compare=Compare.REACHED,
        decay=Decay.ONCE,
        bursts=None,
    ),
    # lava, proc/lif/models.py, AbstractPyLifModelFloat: du = dt / tau_syn, dv = dt / tau_mem,
    # v > vth, v to 0
    "lava": Discretisation(dt=1e-4),
}


def load_discretisation(path: Path) -> Discretisation:
    """Read a side-car file, as ``Discretisation.from_dict`` has it.

    Raises
    ------
    FileError
        If it cannot be read.
    ConfigurationError
        If a key is unknown, or a value is not legal.
    """
    return Discretisation.from_dict(read_json(path), where=str(path))


def preset_of(name: str) -> Discretisation:
    """The preset of that name."""
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigurationError(
            f"the preset must be one of {', '.join(PRESETS)}", found=repr(name)
        )
    return PRESETS[name]
