"""What a user chooses about a conversion and about training."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

from spikewright.flow.convert.code import Code
from spikewright.flow.convert.method import Method, Negative
from spikewright.flow.convert.methods import method_named
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Encoding

__all__ = ["MOST_AUTOMATIC_BITS", "MOST_SHIFT", "ConvertConfig", "MaxPool", "TrainConfig"]

WEIGHT_BITS = (2, 8)
MOST_LEVELS = 255
MOST_SPIKE_BITS = 4
BURST_BITS = 2  # of methods whose spikes carry several
MOST_INPUT_LEVELS = 32767
MOST_FRACTION_BITS = 12
MOST_AUTOMATIC_BITS = 8
PERCENTILE = 99.9
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
    method : its name in ``methods``; it decides what follows where that is None, how neurons begin,
        fire and reset, and in which modes the network is valid.
    weight_bits : 2 to 8, for all layers or one entry per layer; codes are symmetric around 0.
    levels : largest net spike count of a hidden neuron, for all or one entry per hidden layer; a
        quantised activation keeps its own. Of one-hot levels each bit of it is one: 7 makes
        them 0, 1, 2 and 4. Where the input comes in every step it is one number: the steps that the
        network is made for, times the levels of a spike.
    spike_bits : of a spike of method ``bursts``, which carries levels of 2**bits - 1; None is 2.
    input_levels : largest level of an input; 1 makes the input binary (split at half its range).
    encoding : ``once`` (the whole value in step 0), ``spread`` (as evenly as possible) or ``phase``
        (bit by bit, the highest first: spikes are powers of two, and need no multiplier). Methods
        that repeat the input leave no choice.
    percentile : of the positive activations in calibration; what lies above is clipped. None is the
        method's, or 99.9.
    fraction_bits : extra bits of threshold and bias, for all layers or one entry per layer; None
        takes the fewest that keep the rounding of a threshold below 1/16 level, up to 8.
    max_steps : largest T of stepwise runs; every register is proven up to it. None is 64. One-hot
        levels, first spikes and patterns take as many steps as they need: max_steps, encoding and
        max_pool are not theirs to choose. Of corrective spikes it is the T of all runs, at least 8:
        thresholds depend on it.
    max_pool : ``exact``, or ``or``: cheaper, and meant for networks trained with it. Where a
        network has max pooling, ``or`` depends on when spikes come: it then runs stepwise only,
        its hidden neurons fire 0 or 1 and take no spike back, and it has no closed form that it
        could be held against.
    prune : share of the weights that every large Linear layer loses, the smallest; see
        ``prune_lanes``. They stay 0 in training.
    prune_lanes : lanes that all keep equally many weights of each input; layers of no more outputs
        are left as they are. Hardware of so many lanes then has the fewest sparse rows.
    variance : share of it that the channels keep which are left, of method ``st-pruning``; None is
        0.999.
    name : the network's name.
    """

    method: str = "st-bif"
    weight_bits: int | Sequence[int] = 4
    levels: int | Sequence[int] | None = None
    spike_bits: int | None = None
    input_levels: int = 15
    encoding: Encoding = Encoding.ONCE
    percentile: float | None = None
    fraction_bits: int | Sequence[int] | None = None
    max_steps: int | None = None
    max_pool: MaxPool = MaxPool.EXACT
    prune: float = 0.0
    prune_lanes: int = 16
    variance: float | None = None
    name: str = "network"

    def __post_init__(self) -> None:
        """Check every field by itself; sequences become tuples."""
        chosen = method_named(self.method)
        _require(
            chosen.percentile is None or self.percentile in (None, chosen.percentile),
            f"must be left out with method {chosen.name}",
            self.percentile,
            "percentile",
        )
        if self.percentile is None:
            usual = PERCENTILE if chosen.percentile is None else chosen.percentile
            object.__setattr__(self, "percentile", usual)
        if self.levels is None:
            object.__setattr__(self, "levels", chosen.levels)
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
        assert self.levels is not None and self.percentile is not None
        for level in _entries(self.levels):
            _require(1 <= level <= MOST_LEVELS, f"must be 1 to {MOST_LEVELS}", level, "levels")
            _require(
                level >= chosen.least_levels,
                f"must be at least {chosen.least_levels} of method {chosen.name}",
                level,
                "levels",
            )
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
        self._check_method(chosen)

    def _check_method(self, method: Method) -> None:
        """What the method decides is not chosen beside it."""
        fixed: dict[str, object] = {}
        if method.code is not Code.RATE:
            fixed = {"encoding": Encoding.ONCE, "max_pool": MaxPool.EXACT}
            if method.own_steps:
                fixed["max_steps"] = None
        elif method.repeats:
            fixed = {"encoding": Encoding.ONCE}
            if method.neuron.negative is not Negative.NEVER:
                fixed["max_pool"] = MaxPool.EXACT  # an OR may have passed on what is taken back
        if not method.bursts:
            fixed["spike_bits"] = None
        if not method.pruned:
            fixed["variance"] = None
        for name, usual in fixed.items():
            _require(
                getattr(self, name) == usual,
                f"must be left out with method {self.method}",
                getattr(self, name),
                name,
            )
        _require(
            self.most_steps >= method.least_steps or method.own_steps,
            f"must be at least {method.least_steps} with method {method.name}",
            self.max_steps,
            "max_steps",
        )
        if method.code is Code.PATTERN:
            assert self.levels is not None
            for level in _entries(self.levels):
                _require(
                    level & (level + 1) == 0,
                    "must be one less than a power of two with method pattern",
                    level,
                    "levels",
                )
        if self.variance is not None:
            share = _number(self.variance, "variance")
            _require(0 < share <= 1, "must be above 0 and at most 1", share, "variance")
        if self.spike_bits is not None:
            bits = _whole(self.spike_bits, "spike_bits")
            _require(
                1 <= bits <= MOST_SPIKE_BITS, f"must be 1 to {MOST_SPIKE_BITS}", bits, "spike_bits"
            )
        if method.repeats:
            _require(
                isinstance(self.levels, int),
                "must be one number where the input comes in every step",
                self.levels,
                "levels",
            )
            assert isinstance(self.levels, int)
            _require(
                self.levels % self.spike_levels == 0,
                f"must be a multiple of {self.spike_levels}, the levels of a spike",
                self.levels,
                "levels",
            )
            _require(
                self.most_steps >= self.steps,
                f"must be at least {self.steps}, the steps that the network is made for",
                self.most_steps,
                "max_steps",
            )

    @property
    def chosen(self) -> Method:
        """The method."""
        return method_named(self.method)

    @property
    def clipped_at(self) -> float:
        """The percentile of activations that is worth the highest level."""
        assert self.percentile is not None  # since it was made
        return self.percentile

    @property
    def spike_levels(self) -> int:
        """The largest level of a spike of a hidden neuron, where its levels are rates."""
        if not self.chosen.bursts:
            return 1
        return (1 << (BURST_BITS if self.spike_bits is None else self.spike_bits)) - 1

    @property
    def steps(self) -> int:
        """The T that a network is made for whose input comes in every step."""
        assert isinstance(self.levels, int)
        return self.levels // self.spike_levels

    @property
    def most_steps(self) -> int:
        """Largest T of stepwise runs, before codes of time take what they need."""
        if self.chosen.code is Code.ONEHOT:
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
        assert self.levels is not None  # since it was made
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
