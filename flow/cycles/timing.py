"""Latencies and costs, as the modules that are built say them."""

import numpy as np

from spikewright.hdl.bound import reached_groups
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.core import Core
from spikewright.hdl.overlapped import OverlappedCore
from spikewright.hdl.port_config import PortConfig
from spikewright.hdl.shell import CoreShell
from spikewright.hdl.sparse_synapses import SparseSynapses
from spikewright.hdl.touched import TouchedPlaces

from .cores import CoreTiming, PortCosts
from .emission import Emission
from .touched import TimedTouched

__all__ = ["costs_of", "timing_of", "touched_of", "whole_of"]


def timing_of(core: CoreShell) -> CoreTiming:
    """Its latencies."""
    config = core.config
    rows = max(synapses.latency for synapses in core.synapses)
    settled = 0
    if isinstance(core, OverlappedCore):
        read, close, defers, pace = core.read_latency, core.sums.latency, False, 1
        interval = core.sweep.interval
    else:
        assert isinstance(core, Core)  # there is no third kind
        read, close, defers = core.lanes.read_latency, None, core.control.defers
        settled = core.lanes.recent_cycles
        interval, pace = core.sweep.interval, core.lanes.interval
    return CoreTiming(
        mode=config.mode,
        rows=rows,
        settled=settled,
        pointers=_pointers(core),
        read=read,
        interval=interval,
        pace=pace,
        close=close,
        shows=config.shows,
        fires=config.fires,
        defers=defers,
        replays=config.replays,
    )


def _pointers(core: CoreShell) -> int | None:
    """Cycles that compressed rows are looked up ahead."""
    for synapses in core.synapses:
        if isinstance(synapses, SparseSynapses):
            return synapses.pointers.table.latency
    return None


def whole_of(parts: list[Emission]) -> Emission:
    """Slices of a population one after the other, as their tokens are counted."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(part.neurons.size for part in parts[:-1])])
    return Emission(
        neurons=np.concatenate([part.neurons for part in parts]),
        payloads=np.concatenate([part.payloads for part in parts]),
        firsts=np.concatenate(
            [part.firsts + start for part, start in zip(parts, starts, strict=True)]
        ),
    )


def touched_of(core: CoreShell) -> TimedTouched | None:
    """What its passes visit, where that is not all."""
    if not core.config.skips:
        return None
    assert isinstance(core, Core)  # no other one can
    sweep = core.sweep
    assert isinstance(sweep.places, TouchedPlaces)
    return TimedTouched(sweep.places, read=core.lanes.read_latency, each=sweep.interval)


def costs_of(config: CoreConfig, port: PortConfig, whole: Emission, *, bits: bool) -> PortCosts:
    """Cycles and rows of each token, which may be taken once for each of the payload's ``bits``."""
    rows = port.schedule.rows_per_neuron[whole.neurons]
    if port.source.slots > 1:
        return PortCosts(cycles=[1] * whole.firsts.size, rows=whole.cycles(rows))
    times = np.ones_like(rows)
    if bits:
        times = np.bitwise_count(np.abs(whole.payloads)).astype(np.int64)
    return PortCosts(
        cycles=whole.cycles(np.maximum(rows, 1) * times),
        rows=whole.cycles(rows * times),
        groups=_reached(config, port, whole) if config.skips else [],
    )


def _reached(config: CoreConfig, port: PortConfig, whole: Emission) -> list[int]:
    """The groups that each spike adds rows to, a bit each."""
    packed = np.packbits(reached_groups(config, port), axis=1, bitorder="little")
    groups = [int.from_bytes(each.tobytes(), "little") for each in packed]
    return [groups[neuron] for neuron in whole.neurons.tolist()]
