"""One connection into a core, in numbers."""

from dataclasses import dataclass

from amaranth.hdl import Shape

from spikewright.golden.spec import Connection, Delta, Interval

from .geometry import PortSchedule
from .product_schedule import SumRows
from .sparse_schedule import SparseSchedule
from .token import TokenLayout

__all__ = ["PortConfig", "ProductConfig"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ProductConfig:
    """What is summed for a product: tokens of ``keys`` and ``values``, as they are sent; the shape
    of a sum; and the rows.
    """

    keys: TokenLayout
    values: TokenLayout
    sums: Shape
    rows: SumRows


@dataclass(frozen=True, kw_only=True, eq=False)
class PortConfig:
    """One connection into one host.

    ``source`` are the tokens as they are sent, ``layout`` as the synapses see them: those of the
    target's own neurons behind a ``delta``, whose X stays within ``x``; ``serial``: bit by bit.
    ``sums`` : what the spikes of a neuron add up to in a sample, where a delay brings that.
    ``host`` counts within the core, whose slice of the target are ``channels``. The weights of a
    ``product`` are the sums of each step.
    """

    host: int
    channels: tuple[int, int]
    connection: Connection
    source: TokenLayout
    delta: Delta | None
    x: Interval
    sums: Interval
    layout: TokenLayout
    serial: bool
    schedule: PortSchedule | SparseSchedule
    queue_depth: int
    product: ProductConfig | None = None

    def members(self, index: int) -> tuple[str, ...]:
        """The streams of a core's port of that number, of all that the connection reads."""
        own = f"i_{index}"
        return (own,) if self.product is None else (own, f"keys_{index}", f"values_{index}")

    @property
    def dense(self) -> PortSchedule:
        """The schedule of a core whose rows have a weight for every lane."""
        assert isinstance(self.schedule, PortSchedule)  # whoever asks looked at the plan
        return self.schedule

    @property
    def sparse(self) -> SparseSchedule:
        """The schedule of a core with compressed rows."""
        assert isinstance(self.schedule, SparseSchedule)  # whoever asks looked at the plan
        return self.schedule
