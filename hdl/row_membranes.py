"""What memories of membranes have in common that add rows by themselves: their ports."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

__all__ = ["RowMembranes"]


class RowMembranes(wiring.Component):
    """State words that rows are added to, and that a sweep reads and writes.

    When a word comes, and how often one may be asked for, is its kind's: ``BlockMembranes``,
    ``LargeMembranes``.

    Parameters
    ----------
    groups : words. width : bits of a word.

    Members
    -------
    valid, group : In, a row asks for a word, and will write it. before : Out, that word, and
    after : In, in the same cycle: what it becomes.
    sweep : In, the sweep reads instead: sweep_group, sweep_enable : In. word : Out, what it reads.
    sweep_writes : In, it writes as well: write_enable, write_group, write_word : In.

    Timing
    ------
    row_latency : cycles from ``valid`` to ``before``. read_latency : from ``sweep_group`` to
    ``word``. latency, write_latency : from a row, and from a sweep's write, to a ``sweep_group``
    that sees it. interval : from a row to the next.
    """

    latency: int
    write_latency: int
    read_latency: int
    row_latency: int
    interval: int

    def __init__(self, *, groups: int, width: int) -> None:
        if groups < 1 or width < 1:
            raise ConfigurationError(
                "there must be at least one group of one bit", found=f"{groups} of {width}"
            )
        self.groups = groups
        self.width = width
        super().__init__(
            {
                "valid": In(1),
                "group": In(range(groups)),
                "before": Out(width),
                "after": In(width),
                "sweep": In(1),
                "sweep_group": In(range(groups)),
                "sweep_enable": In(1),
                "word": Out(width),
                "sweep_writes": In(1),
                "write_enable": In(1),
                "write_group": In(range(groups)),
                "write_word": In(width),
            }
        )
