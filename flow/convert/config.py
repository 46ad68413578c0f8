"""What a user chooses about a conversion and about training."""

from dataclasses import dataclass

from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Encoding

__all__ = ["ConvertConfig", "TrainConfig"]

WEIGHT_BITS = (2, 8)
MOST_LEVELS = 255
MOST_INPUT_LEVELS = 32767
MOST_FRACTION_BITS = 12


def _require(condition: bool, must: str, found: object, where: str) -> None:
    if not condition:
        raise ConfigurationError(must, found=str(found), where=where)


@dataclass(frozen=True, kw_only=True)
class ConvertConfig:
    """How a network becomes integers.

    Parameters
    ----------
    weight_bits : 2 to 8, for all layers or one entry per layer; codes are symmetric around 0.
    levels : largest net spike count of a hidden neuron, for all or one entry per hidden layer.
    input_levels : largest level of an input; 1 makes the input binary (split at half its range).
    encoding : ``once`` (the whole value in step 0) or ``spread`` (as evenly as possible).
    percentile : of the positive activations in calibration; what lies above is clipped.
    fraction_bits : extra bits of threshold and bias; None takes the fewest that keep the rounding
        of a threshold below 1/16 level, up to 8.
    max_steps : largest T of stepwise runs; every register is proven up to it.
    name : the network's name.
    """

    weight_bits: int | tuple[int, ...] = 4
    levels: int | tuple[int, ...] = 15
    input_levels: int = 15
    encoding: Encoding = Encoding.ONCE
    percentile: float = 99.9
    fraction_bits: int | None = None
    max_steps: int = 64
    name: str = "network"

    def __post_init__(self) -> None:
        """Check every field by itself."""
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
        if self.encoding not in (Encoding.ONCE, Encoding.SPREAD):
            raise UnsupportedError(
                "the encoding of a converted network must be once or spread",
                found=str(self.encoding),
                where="encoding",
            )
        _require(
            0 < self.percentile <= 100,
            "must be above 0 and at most 100",
            self.percentile,
            "percentile",
        )
        _require(
            self.fraction_bits is None or 0 <= self.fraction_bits <= MOST_FRACTION_BITS,
            f"must be 0 to {MOST_FRACTION_BITS}",
            self.fraction_bits,
            "fraction_bits",
        )
        _require(self.max_steps >= 1, "must be at least 1", self.max_steps, "max_steps")

    def layer_bits(self, n_layers: int) -> tuple[int, ...]:
        """Weight bits of each layer."""
        return _spread(self.weight_bits, n_layers, "weight_bits", "layers")

    def layer_levels(self, n_hidden: int) -> tuple[int, ...]:
        """Levels of each hidden layer."""
        return _spread(self.levels, n_hidden, "levels", "hidden layers")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training run: Adam, cosine learning rate, cross entropy, whole tensors in memory.

    Parameters
    ----------
    epochs, batch, learning_rate, weight_decay, smoothing : as usual; ``smoothing`` is of labels.
    sparsity : weight of the mean hidden level in the loss (quantised modules only).
    image : height and width of a sample seen as an image; needed for ``shift``.
    shift : augmentation by up to so many pixels in each direction.
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
    threads: int = 1

    def __post_init__(self) -> None:
        """Check every field by itself."""
        _require(self.epochs >= 1, "must be at least 1", self.epochs, "epochs")
        _require(self.batch >= 2, "must be at least 2", self.batch, "batch")
        _require(self.learning_rate > 0, "must be positive", self.learning_rate, "learning_rate")
        _require(self.threads >= 1, "must be at least 1", self.threads, "threads")
        _require(self.shift >= 0, "must not be negative", self.shift, "shift")
        _require(
            self.shift == 0 or self.image is not None, "must be given for shift", "None", "image"
        )


def _entries(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _spread(value: int | tuple[int, ...], n: int, where: str, of: str) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) * n
    _require(len(value) == n, f"must have one entry for each of the {n} {of}", len(value), where)
    return value
