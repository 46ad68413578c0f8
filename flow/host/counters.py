"""What the device has counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spikewright.flow.cosim.manifest import COUNTER_NAMES, GUARD_NAMES, Manifest
from spikewright.golden.link import LINK_COUNTERS

__all__ = ["Counters"]


@dataclass(frozen=True, kw_only=True)
class Counters:
    """Counts since the last time that they were cleared, modulo 2**32.

    ``cores``: rows, synops, spikes in and out, stalls and busy cycles by core; ``guards``: losses
    and waits by input; ``link``: frames that were bad, missed or repeated at the device, which stop
    at 255.
    """

    cycles: int
    cores: Mapping[str, Mapping[str, int]]
    guards: Mapping[str, Mapping[str, int]]
    link: Mapping[str, int]

    @classmethod
    def named(cls, numbers: Sequence[int], manifest: Manifest) -> "Counters":
        """The numbers of a COUNTED frame by name, in the order of the manifest."""
        rest = iter(numbers)
        cycles = next(rest)
        cores = {core.name: {name: next(rest) for name in COUNTER_NAMES} for core in manifest.cores}
        guards = {
            guard.input: {name: next(rest) for name in GUARD_NAMES} for guard in manifest.guards
        }
        link = {name: next(rest) for name in LINK_COUNTERS}
        return cls(cycles=cycles, cores=cores, guards=guards, link=link)
