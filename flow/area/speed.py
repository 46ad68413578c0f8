"""What clock a plan may reach: rough, from what builds of such plans reached."""

from collections.abc import Iterable

from spikewright.golden.spec import Mode
from spikewright.hdl.config import CoreConfig

__all__ = ["estimate_fmax"]

# Hz, the middle of what nextpnr reported of the benchmarks in README.md, by family: most plans; and
# those with sums of delayed spikes in settle mode, whose comparison is long. Single builds were up
# to a fifth away.
_USUAL = {"ecp5": 106e6, "ice40": 34e6}
_SUMMED = {"ecp5": 65e6, "ice40": 22e6}


def estimate_fmax(family: str, configs: Iterable[CoreConfig]) -> float:
    """An estimate in Hz; only place and route knows."""
    summed = any(
        port.connection.delay and config.mode is Mode.SETTLE
        for config in configs
        for port in config.ports
    )
    return (_SUMMED if summed else _USUAL)[family]
