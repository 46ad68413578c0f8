"""Sizes and grids of a quantised recurrent network."""

import enum
from dataclasses import dataclass
from math import inf

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import LIMITS

__all__ = ["Form", "Layer", "RecurrentConfig", "Rotations"]

LARGEST = 1 << 16


class Form(enum.StrEnum):
    """What is sent from one frame to the next.

    ``fresh``: each frame settles from the reset state, and hears x and the S of the frame before.
    ``delta``: membranes and S stay, and only what changes is sent, of x and of S. Either way the
    states are the same; which of the two sends less hangs on how fast x and S change.
    """

    FRESH = "fresh"
    DELTA = "delta"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Neurons of 0..levels behind those that remember, settled in the same frame.

    ``weight_bits`` : of every weight. ``threshold`` : weights are multiples of 1 / threshold of a
    level; behind a memory, of 1 / ``Rotations.unit`` of that.
    """

    neurons: int
    levels: int = 15
    weight_bits: int = 8
    threshold: int = 256

    def __post_init__(self) -> None:
        least = {"neurons": 1, "levels": 1, "weight_bits": 2, "threshold": 1}
        check_integers(self, least, {"weight_bits": LIMITS.weight})
        check_even(self.threshold)


@dataclass(frozen=True, kw_only=True)
class Rotations:
    """A linear memory: pairs of levels, each of which turns by a fixed angle every frame.

    ``turns`` : of each pair, in ``frames`` frames. ``threshold`` : a power of two, to which
    cosines and sines are rounded. ``unit`` : levels that count as one to what is behind.
    """

    turns: tuple[int, ...]
    frames: int
    threshold: int = 1024
    unit: int = 64

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", tuple(self.turns))
        check_integers(self, {"frames": 2, "threshold": 2, "unit": 1}, {"threshold": 1 << 14})
        if self.threshold & (self.threshold - 1):
            raise ConfigurationError(
                "must be a power of two", found=str(self.threshold), where="threshold"
            )
        wrong = [each for each in self.turns if type(each) is not int or each < 0]
        if wrong or not self.turns or len(set(self.turns)) != len(self.turns):
            raise ConfigurationError(
                "must be different whole numbers, at least one",
                found=str(self.turns),
                where="turns",
            )
        if max(self.turns) * 2 > self.frames:
            raise ConfigurationError(
                f"must be at most half of {self.frames} frames",
                found=str(max(self.turns)),
                where="turns",
            )


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig:
    """Sizes and grids of recurrent neurons, what is behind them, and the readout.

    Parameters
    ----------
    name : of the network. inputs, hidden, classes : neurons.
    levels : S stays within -levels..levels, as a hard tanh does, or 0..levels if not ``signed``.
    input_levels : inputs are integers from 0 to this. input_step : the real value of one of them;
        by default they are integers already.
    weight_bits : of every weight.
    threshold : weights are multiples of 1 / threshold of a level; those of the input of
        2 ** input_shift of them.
    form : what is sent from frame to frame.
    rotations : the recurrence is this memory, of one input, and not trained; by default it is
        dense and trained. Then ``threshold`` is that of the readout.
    layers : between the recurrent neurons and the readout.
    dropout : share of the levels of ``layers`` that training leaves out.
    """

    name: str = "rnn"
    inputs: int
    hidden: int
    classes: int
    levels: int = 7
    signed: bool = True
    input_levels: int = 1
    input_step: float | None = None
    weight_bits: int = 6
    threshold: int = 32
    input_shift: int = 3
    form: Form = Form.FRESH
    rotations: Rotations | None = None
    layers: tuple[Layer, ...] = ()
    dropout: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        least = {"inputs": 1, "hidden": 1, "classes": 2, "levels": 1, "input_levels": 1}
        least |= {"weight_bits": 2, "threshold": 1, "input_shift": 0}
        check_integers(self, least, {"weight_bits": LIMITS.weight})
        check_even(self.threshold)
        if self.form not in tuple(Form):
            raise ConfigurationError(
                f"must be one of {', '.join(Form)}", found=repr(self.form), where="form"
            )
        object.__setattr__(self, "form", Form(self.form))
        if self.input_step is not None and not 0 < self.input_step < inf:
            raise ConfigurationError(
                "must be above 0", found=str(self.input_step), where="input_step"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigurationError(
                "must be from 0 to below 1", found=str(self.dropout), where="dropout"
            )
        if self.rotations is not None:
            self._check_rotations(len(self.rotations.turns))

    def _check_rotations(self, pairs: int) -> None:
        for must, found, where in (
            (2 * pairs, self.hidden, "hidden"),
            (1, self.inputs, "inputs"),
            (True, self.signed, "signed"),
        ):
            if must != found:
                raise ConfigurationError(
                    f"must be {must} with a memory of {pairs} rotations",
                    found=str(found),
                    where=where,
                )

    @property
    def low(self) -> int:
        """The least S of the recurrent neurons."""
        return -self.levels if self.signed else 0


def check_integers(config: object, least: dict[str, int], most: dict[str, int]) -> None:
    """Refuse what is no integer from ``least`` to ``most`` (or 65536).

    Raises
    ------
    ConfigurationError
        If one is not.
    """
    for key, low in least.items():
        high = most.get(key, LARGEST)
        value = getattr(config, key)
        if type(value) is not int or not low <= value <= high:
            raise ConfigurationError(
                f"must be an integer from {low} to {high}", found=repr(value), where=key
            )


def check_even(threshold: int) -> None:
    """Refuse a threshold of which no integer is the half.

    Raises
    ------
    ConfigurationError
        If it is odd.
    """
    if threshold % 2:
        raise ConfigurationError(
            "must be even, so that half of it is an integer",
            found=str(threshold),
            where="threshold",
        )
