"""The table of ``spikewright watch``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table

from spikewright.flow.host.counters import Counters
from spikewright.flow.host.device import Device

if TYPE_CHECKING:
    from spikewright.flow.cosim.manifest import Manifest
    from spikewright.flow.host.samples import Samples

__all__ = ["looks", "shown"]


def looks(device: Device, samples: "Samples", count: int, steps: int | None) -> Iterator[Table]:
    """A table for each ``count`` samples, round and round; counters are cleared in between."""
    target = device.target
    assert target is not None  # counters have names
    device.counters(clear=True)
    at = done = 0
    while True:
        part = samples.part(at, at + count)
        at = (at + len(part)) % len(samples)
        start = device.now()
        for _ in device.infer_levels(part, steps=steps):
            done += 1
        seconds = device.now() - start
        counters = device.counters(clear=True)
        line = device.statistics
        caption = (
            f"{done:,} samples; {len(part) / seconds if seconds else 0:,.0f} a second; line: "
            f"{line.bad} frames damaged, {line.again} sent again, {line.reconnects} reconnections"
        )
        yield shown(counters, target.manifest, len(part), seconds, caption)


def shown(
    counters: Counters, manifest: "Manifest", samples: int, seconds: float, caption: str
) -> Table:
    """What each core did for so many samples, in so many seconds."""
    columns = ("core", "spikes in", "spikes out", "out a second", "rows")
    table = Table(box=None, pad_edge=False, caption=caption, caption_justify="left")
    for index, column in enumerate((*columns, "busy", "stalled", "efficiency")):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    for core in manifest.cores:
        counts = counters.cores[core.name]
        busy, cycles = counts["busy"], counters.cycles
        table.add_row(
            core.name,
            *(f"{counts[name] / samples:,.1f}" for name in ("spikes_in", "spikes_out")),
            f"{counts['spikes_out'] / seconds if seconds else 0:,.0f}",
            f"{counts['rows'] / samples:,.1f}",
            _share(busy, cycles),
            _share(counts["stalls"], cycles),
            _share(counts["rows"], busy * core.rows_per_cycle),
        )
    for name, guard in counters.guards.items():
        table.add_row(f"{name}: {guard['losses']:,} spikes lost")
    return table


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
