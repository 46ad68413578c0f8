"""What a user chooses about a conversion and about training."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

from spikewright.flow.convert.code import LEAST_STEPS, Code
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Encoding

__all__ = ["MOST_AUTOMATIC_BITS", "MOST_SHIFT", "ConvertConfig", "MaxPool", "TrainConfig"]

WEIGHT_BITS = (2, 8)
MOST_LEVELS = 255
MOST_INPUT_LEVELS = 32767
MOST_FRACTION_BITS = 12
MOST_AUTOMATIC_BITS = 8
MAX_STEPS = 64  # unless more or fewer are asked for
MOST_SHIFT = 16  # of any connection


def _require(condition: bool, must: str, found: object, where: str) -> None:
    if not condition:
        raise ConfigurationError(must, found=str(found), where=where)


class MaxPool(enum.StrEnum):
    """How max pooling runs: the exact maximum of net counts, or an OR of the spikes of a step."""

    EXACT = "exact"
    OR = "or"


@dataclass(frozen=True, kw_only=True)
class ConvertConfig:
    """How a network becomes integers.

    Layers count in the order of the imported graph: one for each sum of branches with weights (a
    convolution and the one on its skip connection are one layer), and one hidden layer for each
    activation. Pooling and upsampling have neither weights nor levels of their own.

    Parameters
    ----------
    weight_bits : 2 to 8, for all layers or one entry per layer; codes are symmetric around 0.
    levels : largest net spike count of a hidden neuron, for all or one entry per hidden layer; a
        quantised activation keeps its own. Of code ``onehot`` each bit of it is a level: 7 makes
        them 0, 1, 2 and 4.
    input_levels : largest level of an input; 1 makes the input binary (split at half its range).
    encoding : ``once`` (the whole value in step 0), ``spread`` (as evenly as possible) or ``phase``
        (bit by bit, the highest first: spikes are powers of two, and need no multiplier).
    percentile : of the positive activations in calibration; what lies above is clipped.
    fraction_bits : extra bits of threshold and bias, for all layers or one entry per layer; None
        takes the fewest that keep the rounding of a threshold below 1/16 level, up to 8.
    code : how hidden neurons send their levels: ``rate``, ``onehot``, ``first-spike``, ``pattern``
        or ``corrective``. All but the first run stepwise only: encoding and max_pool are not theirs
        to choose, and max_steps only that of ``corrective``, which has no steps that it needs. A
        pattern has levels 1, 3, 7, 15 ..
    max_steps : largest T of stepwise runs; every register is proven up to it. None is 64. Of code
        ``corrective`` the T of its runs, at least 8: thresholds depend on it.
    max_pool : ``exact``, or ``or``: cheaper, and meant for networks trained with it. Where a
        network has max pooling, ``or`` depends on when spikes come: it then runs stepwise only,
        its hidden neurons fire 0 or 1 and take no spike back, and it has no closed form that it
        could be held against.
    prune : share of the weights that every large Linear layer loses, the smallest; see
        ``prune_lanes``. They stay 0 in training.
    prune_lanes : lanes that all keep equally many weights of each input; layers of no more outputs
        are left as they are. Hardware of so many lanes then has the fewest sparse rows.
    name : the network's name.
    """

    weight_bits: int | Sequence[int] = 4
    levels: int | Sequence[int] = 15
    input_levels: int = 15
    encoding: Encoding = Encoding.ONCE
    percentile: float = 99.9
    fraction_bits: int | Sequence[int] | None = None
    max_steps: int | None = None
    max_pool: MaxPool = MaxPool.EXACT
    code: Code = Code.RATE
    prune: float = 0.0
    prune_lanes: int = 16
    name: str = "network"

    def __post_init__(self) -> None:
        """Check every field by itself; sequences become tuples."""
        for name in ("weight_bits", "levels"):
            object.__setattr__(self, name, _whole_or_many(getattr(self, name), name))
        object.__setattr__(self, "input_levels", _whole(self.input_levels, "input_levels"))
        for name, read in (("fraction_bits", _whole_or_many), ("max_steps", _whole)):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, read(value, name))
        for name in ("percentile", "prune"):
            object.__setattr__(self, name, _number(getattr(self, name), name))
        object.__setattr__(self, "prune_lanes", _whole(self.prune_lanes, "prune_lanes"))
        _require(0 <= self.prune < 1, "must be at least 0 and below 1", self.prune, "prune")
        _require(self.prune_lanes >= 1, "must be at least 1", self.prune_lanes, "prune_lanes")
        low, high = WEIGHT_BITS
        for bits in _entries(self.weight_bits):
            _require(low <= bits <= high, f"must be {low} to {high}", bits, "weight_bits")
        for level in _entries(self.levels):
            _require(1 <= level <= MOST_LEVELS, f"must be 1 to {MOST_LEVELS}", level, "levels")
        _require(
            1 <= self.input_levels <= MOST_INPUT_LEVELS,
            f"must be 1 to {MOST_INPUT_LEVELS}",
            self.input_levels,
            "input_levels",
        )
        if self.encoding not in (Encoding.ONCE, Encoding.SPREAD, Encoding.PHASE):
            raise UnsupportedError(
                "the encoding of a converted network must be once, spread or phase",
                found=str(self.encoding),
                where="encoding",
            )
        _require(
            self.max_pool in tuple(MaxPool),
            f"must be one of {', '.join(MaxPool)}",
            self.max_pool,
            "max_pool",
        )
        object.__setattr__(self, "max_pool", MaxPool(self.max_pool))
        _require(
            0 < self.percentile <= 100,
            "must be above 0 and at most 100",
            self.percentile,
            "percentile",
        )
        for bits in () if self.fraction_bits is None else _entries(self.fraction_bits):
            _require(
                0 <= bits <= MOST_FRACTION_BITS,
                f"must be 0 to {MOST_FRACTION_BITS}",
                bits,
                "fraction_bits",
            )
        _require(self.most_steps >= 1, "must be at least 1", self.max_steps, "max_steps")
        _require(self.code in tuple(Code), f"must be one of {', '.join(Code)}", self.code, "code")
        object.__setattr__(self, "code", Code(self.code))
        if self.code is not Code.RATE:
            self._check_alone()
        if self.code is Code.CORRECTIVE:
            must = f"must be at least {LEAST_STEPS} with code corrective"
            _require(self.most_steps >= LEAST_STEPS, must, self.max_steps, "max_steps")
        if self.code is Code.PATTERN:
            for level in _entries(self.levels):
                must = "must be one less than a power of two with code pattern"
                _require(level & (level + 1) == 0, must, level, "levels")

    def _check_alone(self) -> None:
        """Other codes say themselves when spikes come."""
        for name, usual in (
            ("max_steps", None),
            ("encoding", Encoding.ONCE),
            ("max_pool", MaxPool.EXACT),
        ):
            if name == "max_steps" and self.code is Code.CORRECTIVE:
                continue
            _require(
                getattr(self, name) == usual,
                f"must be left out with code {self.code}",
                getattr(self, name),
                name,
            )

    @property
    def most_steps(self) -> int:
        """Largest T of stepwise runs, before codes of time take what they need."""
        if self.code is Code.ONEHOT:
            return 1
        return MAX_STEPS if self.max_steps is None else self.max_steps

    def layer_bits(self, n_layers: int) -> tuple[int, ...]:
        """Weight bits of each layer with weights."""
        return _spread(self.weight_bits, n_layers, "weight_bits", "layers")

    def layer_fractions(self, n_layers: int) -> tuple[int | None, ...]:
        """Fraction bits of each layer with weights; None where they are chosen."""
        if self.fraction_bits is None:
            return (None,) * n_layers
        return _spread(self.fraction_bits, n_layers, "fraction_bits", "layers")

    @property
    def most_exponent(self) -> int:
        """Largest power of two that a shift can hold beside the fraction bits, at most 8."""
        given = self.fraction_bits
        taken = MOST_AUTOMATIC_BITS if given is None else max(_entries(given))
        return min(MOST_AUTOMATIC_BITS, MOST_SHIFT - taken)

    def layer_levels(self, n_hidden: int) -> tuple[int, ...]:
        """Levels of each hidden layer, that is of each activation."""
        return _spread(self.levels, n_hidden, "levels", "hidden layers")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training run: Adam, cosine learning rate, cross entropy, whole tensors in memory.

    Parameters
    ----------
    epochs, batch, learning_rate, weight_decay, smoothing : as usual; ``smoothing`` is of labels.
    sparsity : weight of the mean hidden level in the loss (quantised and spiking modules).
    image : height and width of a sample seen as an image; needed for all augmentation.
    shift : augmentation by up to so many pixels in each direction.
    turn : augmentation by up to so many degrees, either way.
    stretch : augmentation by up to this share of width and of height, and as much shear.
    threads : torch threads while training, fixed because it changes the order of sums.
    """

    epochs: int = 10
    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    smoothing: float = 0.0
    sparsity: float = 0.0
    image: tuple[int, int] | None = None
    shift: int = 0
    turn: float = 0.0
    stretch: float = 0.0
    threads: int = 1

    def __post_init__(self) -> None:
        """Check every field by itself."""
        _require(self.epochs >= 1, "must be at least 1", self.epochs, "epochs")
        _require(self.batch >= 2, "must be at least 2", self.batch, "batch")
        _require(self.learning_rate > 0, "must be positive", self.learning_rate, "learning_rate")
        _require(self.threads >= 1, "must be at least 1", self.threads, "threads")
        _require(self.shift >= 0, "must not be negative", self.shift, "shift")
        _require(0 <= self.turn <= 180, "must be 0 to 180", self.turn, "turn")
        _require(0 <= self.stretch < 1, "must be at least 0 and below 1", self.stretch, "stretch")
        _require(
            not self.augments or self.image is not None,
            "must be given for augmentation",
            "None",
            "image",
        )

    @property
    def augments(self) -> bool:
        """Whether samples are changed at random."""
        return bool(self.shift or self.turn or self.stretch)


def _whole(value: object, where: str) -> int:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    _require(whole, "must be a whole number", repr(value), where)
    assert isinstance(value, Integral)
    return int(value)


def _number(value: object, where: str) -> float:
    number = isinstance(value, Real) and not isinstance(value, bool)
    _require(number, "must be a number", repr(value), where)
    assert isinstance(value, Real)
    return float(value)


def _whole_or_many(value: object, where: str) -> int | tuple[int, ...]:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(_whole(entry, where) for entry in value)
    return _whole(value, where)


def _entries(value: int | Sequence[int]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def _spread(value: int | Sequence[int], n: int, where: str, of: str) -> tuple[int, ...]:
    entries = _entries(value)
    if isinstance(value, int):
        return entries * n
    _require(
        len(entries) == n, f"must have one entry for each of the {n} {of}", len(entries), where
    )
    return entries
