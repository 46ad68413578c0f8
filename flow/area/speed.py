"""What clock a plan may reach: rough, from what builds of such plans reached."""

from collections.abc import Sequence

from spikewright.golden.spec import Mode
from spikewright.hdl.config import CoreConfig

__all__ = ["estimate_fmax"]

# Hz, the middle of what nextpnr reported of the benchmarks in README.md and docs/results, by
# family: most plans; those whose cores all decide while rows go on; those with sums of delayed
# spikes in settle mode, whose comparison is long. Single builds were up to a fifth away.
_USUAL = {"ecp5": 106e6, "ice40": 34e6}
_OVERLAPPED = {"ecp5": 130e6, "ice40": 34e6}
_SUMMED = {"ecp5": 65e6, "ice40": 22e6}


def estimate_fmax(family: str, configs: Sequence[CoreConfig]) -> float:
    """An estimate in Hz; only place and route knows."""
    summed = any(
        port.connection.delay and config.mode is Mode.SETTLE
        for config in configs
        for port in config.ports
    )
    if summed:
        return _SUMMED[family]
    overlapped = all(config.overlaps for config in configs if config.fires)
    return (_OVERLAPPED if overlapped else _USUAL)[family]
