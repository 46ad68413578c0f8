"""What a connection does to a spike: dense, window, identity, product, delta."""

import enum
from dataclasses import dataclass
from types import NoneType

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec.normalise import (
    IntArray,
    boolean,
    choice,
    int_array,
    int_vector,
    integer,
    integers,
    member,
    put,
    text,
)

__all__ = [
    "Delta",
    "DeltaFunction",
    "Dense",
    "Identity",
    "Operator",
    "Product",
    "Window",
    "WindowKind",
]

MAX_SHIFT = 16


class WindowKind(enum.StrEnum):
    """What a window connection computes."""

    CONVOLUTION = "convolution"
    TRANSPOSED = "transposed"
    SUM_POOL = "sum_pool"


class DeltaFunction(enum.StrEnum):
    """The f of a delta connection: X += in; y = f(X); emit the change of y."""

    MAX = "max"
    TABLE = "table"
    CLIP = "clip"


@dataclass(frozen=True, kw_only=True, eq=False)
class Dense:
    """acc[post] += (weights[pre, post] << shift) * payload[pre].

    ``weights`` has shape [pre, post], or [blocks, pre, post] (block-diagonal). A zero weight is no
    synapse; how sparse rows are stored is the hardware plan's business.
    """

    weights: IntArray
    weight_bits: int
    shift: int = 0

    def __post_init__(self) -> None:
        put(
            self,
            weights=int_array(self.weights, "weights", "dense"),
            weight_bits=integer(self.weight_bits, "weight_bits", "dense"),
            shift=integer(self.shift, "shift", "dense", 0, MAX_SHIFT),
        )
        if self.weights.ndim not in (2, 3):
            raise ConfigurationError(
                "weights must have shape [pre, post] or [blocks, pre, post]",
                found=str(list(self.weights.shape)),
                where="dense",
            )

    @property
    def sources(self) -> int:
        """Number of source neurons that the weights are for."""
        blocks = self.weights.shape[0] if self.weights.ndim == 3 else 1
        return int(blocks * self.weights.shape[-2])

    @property
    def targets(self) -> int:
        """Number of target neurons that the weights are for."""
        blocks = self.weights.shape[0] if self.weights.ndim == 3 else 1
        return int(blocks * self.weights.shape[-1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """A sliding window over the last one or two dimensions, channels first.

    ``weights``: [out_channels, in_channels // groups, *kernel] (convolution), [in_channels,
    out_channels // groups, *kernel] (transposed), absent for ``sum_pool``, whose ``kernel`` says
    all. ``output_padding`` is for ``transposed`` only. ``pool`` is a ``sum_pool`` geometry of as
    many dimensions that sums the source first; the window then sees its sums, padded with zeros
    (an average in front of a convolution or of a whole plane, without its division).
    """

    kind: WindowKind
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    output_padding: tuple[int, ...]
    groups: int = 1
    weights: IntArray | None = None
    weight_bits: int = 1
    shift: int = 0
    pool: "Window | None" = None

    def __post_init__(self) -> None:
        lows = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}
        for name, low in lows.items():
            put(self, **{name: integers(getattr(self, name), name, "window", low)})
        put(
            self,
            kind=choice(WindowKind, self.kind, "kind", "window"),
            groups=integer(self.groups, "groups", "window", 1),
            weight_bits=integer(self.weight_bits, "weight_bits", "window"),
            shift=integer(self.shift, "shift", "window", 0, MAX_SHIFT),
        )
        if len(self.kernel) not in (1, 2):
            raise ConfigurationError(
                "kernel must have one or two dimensions", found=str(self.kernel), where="window"
            )
        for name in lows:
            if len(getattr(self, name)) != len(self.kernel):
                raise ConfigurationError(
                    f"{name} must have as many entries as kernel {self.kernel}",
                    found=str(getattr(self, name)),
                    where="window",
                )
        self._check_weights()
        self._check_output_padding()
        self._check_pool()

    def _check_weights(self) -> None:
        if self.kind is WindowKind.SUM_POOL:
            if self.weights is not None or self.groups != 1:
                raise ConfigurationError(
                    "sum_pool must have neither weights nor groups",
                    found="weights" if self.weights is not None else f"groups {self.groups}",
                    where="window",
                )
            return
        if self.weights is None:
            raise ConfigurationError(f"{self.kind} must have weights", found="None", where="window")
        weights = int_array(self.weights, "weights", "window")
        put(self, weights=weights)
        if weights.ndim != 2 + len(self.kernel) or weights.shape[2:] != self.kernel:
            raise ConfigurationError(
                f"weights must have two dimensions of channels and then kernel {self.kernel}",
                found=str(list(weights.shape)),
                where="window",
            )
        if weights.shape[0] % self.groups:
            raise ConfigurationError(
                f"groups {self.groups} must divide the first dimension of weights",
                found=str(weights.shape[0]),
                where="window",
                action="give weights of whole groups of channels, or other groups",
            )

    def _check_output_padding(self) -> None:
        for extra, stride, dilation in zip(
            self.output_padding, self.stride, self.dilation, strict=True
        ):
            most = max(stride, dilation) - 1 if self.kind is WindowKind.TRANSPOSED else 0
            if extra > most:
                raise ConfigurationError(
                    f"output_padding of this {self.kind} must be at most {most}",
                    found=str(extra),
                    where="window",
                )

    def _check_pool(self) -> None:
        member(self.pool, (Window, NoneType), "pool", "window")
        if self.pool is None:
            return
        if self.kind is WindowKind.SUM_POOL:
            raise ConfigurationError(
                "sum_pool must have no pool of its own", found="one", where="window"
            )
        _check_plain_pool(self.pool, "pool", "window")
        if len(self.pool.kernel) != len(self.kernel):
            raise ConfigurationError(
                f"pool must have as many dimensions as kernel {self.kernel}",
                found=f"kernel {self.pool.kernel}",
                where="window",
            )

    @property
    def in_channels(self) -> int | None:
        """Channels that the source must have; None where any number will do."""
        if self.weights is None:
            return None
        if self.kind is WindowKind.CONVOLUTION:
            return int(self.weights.shape[1]) * self.groups
        return int(self.weights.shape[0])

    def output_shape(self, source: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the target for a source of shape [channels, *space]."""
        if len(source) != 1 + len(self.kernel):
            raise ConfigurationError(
                f"a source of {1 + len(self.kernel)} dimensions is needed",
                found=str(source),
                where="window",
                action="give the source the shape (channels, *space)",
            )
        if self.in_channels not in (None, source[0]):
            raise ConfigurationError(
                f"a source of {self.in_channels} channels is needed",
                found=str(source[0]),
                where="window",
                action="give weights for as many channels as the source has",
            )
        if self.pool is not None:
            source = self.pool.output_shape(source)
        channels = source[0]
        if self.weights is not None and self.kind is WindowKind.CONVOLUTION:
            channels = int(self.weights.shape[0])
        elif self.weights is not None:
            channels = int(self.weights.shape[1]) * self.groups
        return (channels, *(self._output_size(axis, size) for axis, size in enumerate(source[1:])))

    def _output_size(self, axis: int, size: int) -> int:
        """Windows along one axis of the (pooled) source."""
        stride, padding = self.stride[axis], self.padding[axis]
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        if self.kind is WindowKind.TRANSPOSED:
            size = (size - 1) * stride - 2 * padding + reach + self.output_padding[axis]
            if size < 1:
                raise ConfigurationError(
                    "padding must leave a transposed window an output",
                    found=f"a size of {size} along axis {axis + 1}",
                    where="window",
                    action="take less padding",
                )
            return size
        if reach > size + 2 * padding:
            raise ConfigurationError(
                f"kernel with dilation must fit the padded source, {size + 2 * padding} along axis "
                f"{axis + 1}",
                found=str(reach),
                where="window",
                action="take a smaller kernel or dilation, or more padding",
            )
        return (size + 2 * padding - reach) // stride + 1


def _check_plain_pool(window: Window, name: str, where: str) -> None:
    """A geometry that only says what lies under a window: sum_pool without a shift."""
    if window.kind is not WindowKind.SUM_POOL:
        raise ConfigurationError(
            f"{name} must be a sum_pool geometry", found=str(window.kind), where=where
        )
    if window.shift:
        raise ConfigurationError(f"{name} must have no shift", found=str(window.shift), where=where)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Neuron j of the source feeds neuron offset + j of the target with weight sign * 2**shift.

    Skip connections, concatenation (``offset``) and fixed scaling.
    """

    offset: int = 0
    shift: int = 0
    negative: bool = False

    def __post_init__(self) -> None:
        put(
            self,
            offset=integer(self.offset, "offset", "identity", 0),
            shift=integer(self.shift, "shift", "identity", 0, MAX_SHIFT),
            negative=boolean(self.negative, "negative", "identity"),
        )


@dataclass(frozen=True, kw_only=True)
class Product:
    """Spikes times stored spikes, linear attention: q (k^T v), head by head.

    ::

        stored[h, e, d] = sum over tokens s of k[h, e, s] * v[h, d, s]
        acc[h, d, t] += (sum over e of q[h, e, t] * stored[h, e, d]) << shift

    The connection's source sends q; ``keys`` and ``values`` name the populations whose spikes of
    the step are stored. Shapes are (channels, *tokens) as those of a window, so that a window of
    kernel 1 in front shares its weights over tokens: ``heads`` splits the channels into blocks of
    neighbours, features of a head. q and k share one number of channels, v and the target the
    other; q and the target share the tokens, and so do k and v, which may have others.

    Integers make it equal to (q k^T) v. There is no softmax, and a fixed scale belongs into the
    target's threshold: spiking self-attention (Spikformer, arXiv 2209.15425), as SpikingJelly's
    ``SpikingSelfAttention`` computes it.
    """

    keys: str
    values: str
    heads: int
    shift: int = 0

    def __post_init__(self) -> None:
        put(
            self,
            keys=text(self.keys, "keys", "product"),
            values=text(self.values, "values", "product"),
            heads=integer(self.heads, "heads", "product", 1),
            shift=integer(self.shift, "shift", "product", 0, MAX_SHIFT),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Delta:
    """X += payload; y = f(X); the change of y is added to the target.

    ``max`` takes ``window`` (a sum_pool geometry) and yields the maximum over it, padding left
    out; ``table`` maps X - ``low`` to ``table``; ``clip`` bounds X to [low, high]. X starts at 0
    and y at f(0), so 0 must lie in the table, and within [low, high].
    """

    function: DeltaFunction
    window: Window | None = None
    table: IntArray | None = None
    low: int = 0
    high: int = 0

    def __post_init__(self) -> None:
        put(
            self,
            function=choice(DeltaFunction, self.function, "function", "delta"),
            low=integer(self.low, "low", "delta"),
            high=integer(self.high, "high", "delta"),
        )
        member(self.window, (Window, NoneType), "window", "delta")
        needs = {DeltaFunction.MAX: "window", DeltaFunction.TABLE: "table"}.get(self.function)
        for name in ("window", "table"):
            if (getattr(self, name) is not None) != (name == needs):
                have = "must have" if name == needs else "must not have"
                raise ConfigurationError(
                    f"{self.function} {have} a {name}",
                    found="none" if name == needs else "one",
                    where="delta",
                )
        if self.window is not None:
            _check_plain_pool(self.window, "window", "delta")
        if self.table is not None:
            put(self, table=int_vector(self.table, "table", "delta"))
        self._check_bounds()

    def _check_bounds(self) -> None:
        if self.function is DeltaFunction.MAX:
            if (self.low, self.high) != (0, 0):
                raise ConfigurationError(
                    "max must have no bounds", found=f"{self.low}..{self.high}", where="delta"
                )
            return
        high = self.high
        if self.table is not None:
            high = self.low + self.table.size - 1
            if self.high not in (0, high):
                raise ConfigurationError(
                    f"high must be left out, or be the end of the table, {high}",
                    found=str(self.high),
                    where="delta",
                )
            put(self, high=high)
        if not self.low <= 0 <= high:
            raise ConfigurationError(
                "0 must lie within low..high", found=f"{self.low}..{high}", where="delta"
            )


Operator = Dense | Window | Identity | Product | Delta
